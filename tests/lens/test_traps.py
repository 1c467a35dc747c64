"""Where the library leads astray those who look inside a model, one test for each trap.

Each says that the trap is still there, so that it fails once it is gone, and that the lens is not caught in it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

from microscope.engine.generate import stream
from microscope.engine.pictures import image_to_picture
from microscope.engine.prompts import prepare
from microscope.engine.torchvision_repair import repair_torchvision
from microscope.lens.layout import image_positions
from microscope.lens.probe import Probe
from microscope.lens.relevancy import relevancy
from microscope.lens.rows import RowKeeper, taught
from microscope.lens.subject import Subject, across
from microscope.lens.vision import vision_attention
from tests.engine.conftest import Loaded
from tests.lens.looking import SETTINGS, Sight, Sights, answered, eager_copy
from tests.lens.preparing import QUESTION, SPEC, inputs_of, layout, noise

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NEAR = 1e-4
SIZE = (90, 70)


def kept(sight: Sight) -> torch.Tensor:
    crossing = across(sight.model) if sight.model.config.is_encoder_decoder else None
    keeper = RowKeeper(torch.tensor(sight.positions), crossing)
    with torch.no_grad(), Probe(sight.model, keeper).attached() as probe:
        list(probe.iterate(stream(sight.model, sight.inputs, SETTINGS)))
    return keeper.rows()


def scores(sight: Sight, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the answer's log-probabilities by plain code, of inputs with the answer at their end."""
    subject = sight.subject()
    with torch.no_grad():
        return subject.logprobs(sight.model(**inputs).logits[:, subject.target_rows])[0]


def test_sdpa_gives_no_attentions_and_says_so_only_once(sights: Sights) -> None:
    sight = sights("llava")
    with torch.no_grad():
        assert sight.model(**sight.inputs, output_attentions=True).attentions == ()
        options = {"output_attentions": True, "return_dict_in_generate": True, "max_new_tokens": 2}
        assert set(sight.model.generate(**sight.inputs, **options).attentions) == {()}
    # Ours are there, and the model attends as it did.
    assert kept(sight).shape[2:] == (4, len(sight.positions))
    assert sight.model.config._attn_implementation == "sdpa"


def test_attentions_cannot_be_asked_for_by_the_configuration_under_sdpa(sights: Sights) -> None:
    sight = sights("llava")
    with pytest.raises(ValueError, match="not supported when using the `attn_implementation` set to sdpa"):
        sight.model.config.output_attentions = True
    assert not sight.model.config.output_attentions
    assert len(kept(sight)) == len(sight.answer)


def test_softcaps_are_refused_by_sdpa(sights: Sights) -> None:
    sight = sights("paligemma2")
    with pytest.raises(ValueError, match="does not support an attention implementation"):
        copy.deepcopy(sight.model).set_attn_implementation("sdpa")
    # Ours goes by the model's own function, and bends as it does: without the cap, rows are others.
    with torch.no_grad():
        subject = sight.subject()
        eager = eager_copy(sight.model)(**subject.full, output_attentions=True).attentions
    rows = torch.stack([layer[0][:, subject.target_rows][..., subject.positions] for layer in eager])
    assert torch.allclose(taught(subject)[1], rows.permute(2, 0, 1, 3), atol=NEAR * float(rows.max()))
    found = subject.without(torch.ones(3, subject.cells, dtype=torch.bool))
    assert bool(found.isfinite().all())
    assert torch.allclose(found[0], found[2], atol=1e-6)


def test_what_qwen_2_5_calls_vision_attentions_are_outputs(sights: Sights) -> None:
    sight = sights("qwen2_5_vl")
    with torch.no_grad():
        given = sight.inputs["pixel_values"], sight.inputs["image_grid_thw"]
        found = eager_copy(sight.model).model.get_image_features(*given, output_attentions=True).attentions
    # Patches by width: no matrix of patches by patches.
    assert found[0].shape == (sight.inputs["pixel_values"].shape[0], 32)
    assert vision_attention(sight.subject(), sight.layout) is None
    assert vision_attention(sights("qwen3_vl").subject(), sights("qwen3_vl").layout) is not None


def test_sliding_layers_have_rows_of_the_latest_keys_alone(sights: Sights) -> None:
    sight = sights("sliding")
    prompt = sight.inputs["input_ids"].shape[1]
    options = {"output_attentions": True, "return_dict_in_generate": True, "max_new_tokens": 3, "do_sample": False}
    steps = eager_copy(sight.model).generate(**sight.inputs, **options).attentions
    assert [layer.shape[-1] for layer in steps[1]] == [8, prompt + 1, 8]
    # Taken for positions from the first on, the picture would seem to be seen.
    columns = torch.tensor(sight.positions)
    assert int(columns.min()) > 8
    keeper = RowKeeper(torch.arange(prompt))
    with torch.no_grad(), Probe(sight.model, keeper).attached() as probe:
        list(probe.iterate(stream(sight.model, sight.inputs, SETTINGS)))
    row = keeper.rows()[1, 0]
    assert float(row[:, : prompt - 7].abs().max()) == 0
    assert float(row[:, prompt - 7 :].min()) > 0


def test_a_token_s_row_is_that_of_the_step_before_it(sights: Sights) -> None:
    sight = sights("llava")
    options = {"output_attentions": True, "return_dict_in_generate": True, "max_new_tokens": 3, "do_sample": False}
    steps = eager_copy(sight.model).generate(**sight.inputs, **options).attentions
    prompt = sight.inputs["input_ids"].shape[1]
    # The first step's rows are the whole prompt's, and its last is the first token's.
    assert [step[0].shape[2] for step in steps] == [prompt, 1, 1]
    subject = sight.subject()
    assert subject.target_rows[0] == prompt - 1
    expected = torch.stack([layer[0, :, -1, list(sight.positions)] for layer in steps[0]])
    assert torch.allclose(taught(subject)[1][0], expected, atol=NEAR)
    assert torch.allclose(kept(sight)[0], expected, atol=NEAR)


def test_a_model_may_answer_with_the_token_of_the_picture(sights: Sights, fresh: Callable[..., Any]) -> None:
    sight, model = sights("llava"), fresh("llava")
    image = model.config.image_token_id
    model.lm_head.bias = torch.nn.Parameter(torch.zeros(model.lm_head.out_features))
    model.lm_head.bias.data[image] = 100
    settings = {"max_new_tokens": 2, "do_sample": False}
    prompt = sight.inputs["input_ids"].shape[1]
    assert model.generate(**sight.inputs, **settings)[0, prompt:].tolist() == [image, image]
    # What then asks again with prompt and answer fails, for there is no picture for them.
    more = {"input_ids": torch.cat([sight.inputs["input_ids"], torch.tensor([[image]])], dim=1)}
    with pytest.raises(ValueError, match="Image features and image tokens do not match"):
        model(**more, pixel_values=sight.inputs["pixel_values"])
    ids = answered(model, sight.inputs)[0]
    assert ids
    assert image not in ids
    subject = Subject(model, sight.inputs, ids, torch.tensor(sight.positions))
    assert bool(relevancy(subject, [0]).carried.isfinite().all())
    assert bool(subject.without(torch.ones(1, subject.cells, dtype=torch.bool)).isfinite().all())


@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_kinds_of_tokens_must_grow_with_the_answer(name: str, sights: Sights) -> None:
    sight = sights(name)
    full = sight.subject().full
    with pytest.raises(IndexError, match="shape of the mask"):
        scores(sight, {**full, "mm_token_type_ids": sight.inputs["mm_token_type_ids"]})
    assert torch.allclose(scores(sight, full), torch.tensor(sight.logprobs), atol=NEAR)


def test_without_kinds_of_tokens_qwen_2_5_answers_otherwise_and_says_nothing(sights: Sights) -> None:
    sight = sights("qwen2_5_vl")
    full = sight.subject().full
    silent = scores(sight, {name: value for name, value in full.items() if name != "mm_token_type_ids"})
    assert not torch.allclose(silent, torch.tensor(sight.logprobs), atol=NEAR)
    assert torch.allclose(sight.subject().plain, torch.tensor(sight.logprobs), atol=NEAR)


@pytest.mark.parametrize(("name", "wrong"), [("paligemma", 0), ("gemma3", 1)])
def test_what_is_seen_both_ways_must_end_where_the_answer_begins(name: str, wrong: int, sights: Sights) -> None:
    sight = sights(name)
    full = sight.subject().full
    kinds = full["token_type_ids"].clone()
    kinds[0, -len(sight.answer) :] = wrong
    # Then the answer's tokens see those that come after them.
    assert not torch.allclose(
        scores(sight, {**full, "token_type_ids": kinds}), torch.tensor(sight.logprobs), atol=NEAR
    )
    assert torch.allclose(sight.subject().plain, torch.tensor(sight.logprobs), atol=NEAR)


def test_the_processor_of_gemma_3_calls_another_token_the_picture_s(
    sights: Sights, loaded: Callable[..., Loaded]
) -> None:
    sight, processor = sights("gemma3"), loaded("gemma3").processor
    assert processor.image_token_id != sight.model.config.image_token_id
    assert int((sight.inputs["input_ids"] == processor.image_token_id).sum()) == 1
    assert len(image_positions(sight.model.config, sight.inputs)) == len(sight.layout.cells) == 16


@pytest.mark.parametrize(("name", "more"), [("internvl", 2), ("idefics3", 25)])
def test_kinds_of_tokens_count_marks_around_the_picture_as_well(
    name: str, more: int, sights: Sights, loaded: Callable[..., Loaded]
) -> None:
    sight, processor = sights(name), loaded(name).processor
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    given = {"images": [noise(SIZE)], "text": [prompt], "return_tensors": "pt", "return_mm_token_type_ids": True}
    kinds = processor(**given)["mm_token_type_ids"]
    assert int((kinds == 1).sum()) == len(sight.positions) + more
    assert len(sight.positions) == len(sight.layout.cells)


def test_every_pass_encodes_the_picture_again(sights: Sights) -> None:
    sight, encoded = sights("idefics3"), list[int]()
    hook = sight.model.model.vision_model.register_forward_hook(lambda *_: encoded.append(1))
    try:
        subject = sight.subject()
        for _ in range(2):
            scores(sight, subject.full)
        assert len(encoded) == 2
        encoded.clear()
        subject.without(torch.zeros(20, subject.cells, dtype=torch.bool))
        # Once, for the plain pass.
        assert len(encoded) == 1
    finally:
        hook.remove()


def test_an_encoding_that_is_handed_over_gives_what_starting_behind_it_gives(sights: Sights) -> None:
    # Its form is each family's own; who starts at the language model need not know it.
    sight = sights("llava")
    subject = sight.subject()
    with torch.no_grad():
        features = sight.model.get_image_features(sight.inputs["pixel_values"])
        text = {name: value for name, value in subject.full.items() if name != "pixel_values"}
        logits = sight.model(**text, mm_encoder_outputs={"image": features}).logits
    assert torch.allclose(subject.logprobs(logits[:, subject.target_rows])[0], subject.plain, atol=NEAR)
    assert torch.allclose(
        subject.without(torch.zeros(1, subject.cells, dtype=torch.bool))[0], subject.plain, atol=NEAR
    )


def test_processors_need_torchvision_and_it_is_repaired(loaded: Callable[..., Loaded]) -> None:
    # Without it, or with one that does not fit, these cannot even be named.
    repair_torchvision()
    for name in ("smolvlm", "qwen2_5_vl", "llava_onevision", "internvl"):
        assert loaded(name).processor.video_processor is not None


def test_processors_by_pil_have_names_of_their_own(loaded: Callable[..., Loaded]) -> None:
    one = loaded("idefics3")
    processor = copy.deepcopy(one.processor)
    processor.image_processor = transformers.Idefics3ImageProcessorPil(**one.processor.image_processor.to_dict())
    assert type(processor.image_processor).__name__ != type(one.processor.image_processor).__name__
    other = Loaded(one.folder, one.model, processor)
    assert layout(other, SIZE) == layout(one, SIZE)
    assert layout(other, SIZE) is not None


def test_bounds_in_pixels_are_no_longer_arguments_of_a_call(loaded: Callable[..., Loaded]) -> None:
    one = loaded("qwen2_5_vl")
    given = {"images": [noise(SIZE)], "text": ["<|vision_start|><|image_pad|><|vision_end|>"], "return_tensors": "pt"}
    with pytest.warns(FutureWarning, match="deprecated"):
        one.processor(**given, max_pixels=2048)
    # Ours shrinks the picture before, for all families alike.
    taken = image_to_picture(noise(SIZE))
    few, many = (prepare(one.processor, SPEC, taken, QUESTION, budget) for budget in (2500, None))
    assert few.image_tokens < many.image_tokens
    assert few.size[0] * few.size[1] <= 2500
    positions = image_positions(one.model.config, few.inputs)
    assert len(positions) == few.image_tokens


def test_a_thumbnail_becomes_many_tiles(loaded: Callable[..., Loaded]) -> None:
    one = loaded("smolvlm")
    inputs = inputs_of(one.processor, noise((20, 20)))
    assert inputs["pixel_values"].shape[1] == 10
    found = layout(one, (20, 20))
    assert found is not None
    # All of them are laid out; none is taken for the picture as it was.
    assert len(found.views) == 10
    assert len(found.cells) == len(image_positions(one.model.config, inputs))


def test_paligemma_s_processor_brings_labels_along(loaded: Callable[..., Loaded]) -> None:
    one = loaded("paligemma")
    given = one.processor(images=[noise(SIZE)], text=["answer en x"], return_tensors="pt")
    assert "labels" in given
    assert "labels" not in inputs_of(one.processor, noise(SIZE))


def test_an_auto_class_of_old_examples_is_gone() -> None:
    assert not hasattr(transformers, "AutoModelForVision2Seq")
    assert hasattr(transformers, "AutoModelForImageTextToText")


def test_one_part_is_switched_and_the_other_stays(sights: Sights) -> None:
    model = copy.deepcopy(sights("llava").model)
    model.set_attn_implementation("eager")
    # A plain name is meant for all parts.
    assert model.config.vision_config._attn_implementation == "eager"
    with Probe(sights("llava").model).attached():
        assert sights("llava").model.config.vision_config._attn_implementation == "sdpa"


def test_the_step_that_ended_an_answer_has_a_row_too(sights: Sights) -> None:
    sight = sights("florence2")
    assert len(sight.answer) < SETTINGS.max_new_tokens
    rows, expected = kept(sight), taught(sight.subject())[1]
    assert len(rows) == len(sight.answer) + 1
    # What explains the answer's tokens are those before it.
    assert torch.allclose(rows[:-1], expected, atol=NEAR)
    assert not torch.allclose(rows[1:], expected, atol=NEAR)
