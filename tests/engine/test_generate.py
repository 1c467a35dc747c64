"""The stream of tokens is what plain `generate` gives, token for token, and stops when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import zip_longest

import pytest
import torch
from transformers import PreTrainedModel

from microscope.engine.generate import Finished, Piece, image_tokens, stream
from microscope.engine.pictures import picture_to_image
from microscope.records import GenerationSettings
from tests.engine.conftest import Loaded
from tests.families import FAMILIES, picture

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Inputs = dict[str, torch.Tensor]

GREEDY = GenerationSettings(max_new_tokens=12)
SAMPLED = GenerationSettings(max_new_tokens=12, temperature=0.8, top_p=0.9, top_k=50, seed=5)


def inputs_of(one: Loaded, question: str = "what is in the image ?") -> Inputs:
    processor = one.processor
    # Florence-2's processor puts the image tokens there by itself.
    prompt = question if one.model.config.is_encoder_decoder else f"{processor.image_token} {question}"
    if processor.chat_template is not None:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    return dict(processor(images=[picture_to_image(picture())], text=[prompt], return_tensors="pt"))


def plain(model: PreTrainedModel, inputs: Inputs, settings: GenerationSettings) -> list[int]:
    """Generate as anyone would; the tokens that stand for pixels are the one thing that we add."""
    options = {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": settings.top_k}
    torch.manual_seed(settings.seed)
    output = model.generate(
        **inputs,
        max_new_tokens=settings.max_new_tokens,
        do_sample=not settings.greedy,
        repetition_penalty=settings.repetition_penalty,
        suppress_tokens=image_tokens(model),
        **({} if settings.greedy else options),
    )
    # A decoder of its own begins with a token of its own, not with the prompt.
    begins = 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    return without_end(model, output[0, begins:].tolist())


def without_end(model: PreTrainedModel, ids: list[int]) -> list[int]:
    ends = model.generation_config.eos_token_id
    return ids[:-1] if ids and ids[-1] in (ends if isinstance(ends, list) else [ends]) else ids


def ids_of(events: Iterator[Piece | Finished]) -> list[int]:
    return [token for event in events if isinstance(event, Piece) for token in event.ids]


@pytest.mark.parametrize(
    "settings",
    [GREEDY, replace(GREEDY, repetition_penalty=1.3), SAMPLED, replace(SAMPLED, seed=6, repetition_penalty=1.2)],
    ids=["greedy", "penalised", "sampled", "sampled and penalised"],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_tokens_are_those_of_plain_code(
    family: str, settings: GenerationSettings, loaded: Callable[..., Loaded]
) -> None:
    one = loaded(family)
    inputs = inputs_of(one)
    assert ids_of(stream(one.model, inputs, settings)) == plain(one.model, inputs, settings)


# Of a model with an encoder, the prompt is no part of what is decoded.
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "florence2"])
def test_log_probabilities_are_those_of_one_forward_pass(family: str, loaded: Callable[..., Loaded]) -> None:
    one = loaded(family)
    inputs = inputs_of(one)
    pieces = [event for event in stream(one.model, inputs, replace(SAMPLED, top_k=0)) if isinstance(event, Piece)]
    ids = [token for piece in pieces for token in piece.ids]
    length = inputs["input_ids"].shape[1]
    # In PaliGemma a prompt sees all of itself, and 1 marks what follows it; elsewhere 0 is text.
    kinds = {"attention_mask": 1, "token_type_ids": int(family == "paligemma"), "mm_token_type_ids": 0}
    longer = {name: extended(value, ids, kinds.get(name)) for name, value in inputs.items() if name != "labels"}
    longer["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1)
    with torch.no_grad():
        logits = one.model(**longer).logits[0, length - 1 : -1].float()
    expected = logits.log_softmax(dim=-1)[range(len(ids)), ids]
    found = torch.tensor([logprob for piece in pieces for logprob in piece.logprobs])
    assert len(ids) >= 8
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)


def extended(value: torch.Tensor, ids: list[int], kind: int | None) -> torch.Tensor:
    """Lengthen what has one entry for each token of the prompt by as many entries as the answer has tokens."""
    return value if kind is None else torch.cat([value, value.new_full((1, len(ids)), kind)], dim=1)


def test_image_tokens_are_never_answered(loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]) -> None:
    one, model = loaded("idefics3"), fresh("idefics3")
    inputs = inputs_of(one)
    likeliest = plain(model, inputs, replace(GREEDY, max_new_tokens=1))[0]
    image = model.config.image_token_id
    rows = model.lm_head.weight.data
    rows[[image, likeliest]] = rows[[likeliest, image]]
    unhindered = model.generate(**inputs, max_new_tokens=1, do_sample=False)[0, -1]
    assert unhindered == image, "the model must want to answer with the image token"
    answered = ids_of(stream(model, inputs, GREEDY)) + ids_of(stream(model, inputs, SAMPLED))
    assert answered
    assert image not in answered


@pytest.mark.parametrize("family", ["qwen2_5_vl", "gemma3"])
def test_the_marks_around_an_image_count_as_image_tokens(family: str, loaded: Callable[..., Loaded]) -> None:
    model = loaded(family).model
    marks = {"qwen2_5_vl": ("vision_start_token_id", "vision_end_token_id"), "gemma3": ("boi_token_index",)}[family]
    assert {getattr(model.config, name) for name in marks} < set(image_tokens(model))


def test_tokens_that_the_checkpoint_suppresses_stay_suppressed(
    loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    one, model = loaded("idefics3"), fresh("idefics3")
    inputs = inputs_of(one)
    first = ids_of(stream(model, inputs, GREEDY))[0]
    model.generation_config.suppress_tokens = [first]
    assert first not in ids_of(stream(model, inputs, GREEDY))


def test_a_checkpoint_that_asks_for_beams_is_streamed_with_one(
    loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    one, model = loaded("idefics3"), fresh("idefics3")
    inputs = inputs_of(one)
    expected = ids_of(stream(one.model, inputs, GREEDY))
    model.generation_config.num_beams = 3
    assert ids_of(stream(model, inputs, GREEDY)) == expected


def test_closing_stops_within_one_token_and_leaves_the_model_usable(loaded: Callable[..., Loaded]) -> None:
    one = loaded("idefics3")
    inputs = inputs_of(one)
    expected = ids_of(stream(one.model, inputs, GREEDY))
    calls = []
    hook = one.model.register_forward_hook(lambda *_: calls.append(1))
    events = stream(one.model, inputs, replace(GREEDY, max_new_tokens=1000))
    first = next(events)
    events.close()
    hook.remove()
    assert isinstance(first, Piece)
    assert first.ids == tuple(expected[:1])
    assert len(calls) == 1
    assert ids_of(stream(one.model, inputs, GREEDY)) == expected


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_no_more_than_max_new_tokens_come(limit: int, loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    *pieces, end = stream(one.model, inputs_of(one), replace(GREEDY, max_new_tokens=limit))
    assert sum(len(piece.ids) for piece in pieces) == limit
    assert end.reason == "length"


def test_greedy_decoding_is_the_same_to_the_bit_in_every_run(loaded: Callable[..., Loaded]) -> None:
    one = loaded("qwen3_vl")
    inputs = inputs_of(one)
    runs = [list(stream(one.model, inputs, GREEDY))[:-1] for _ in range(3)]
    # Pieces are cut by time: what is in them must be equal.
    flat = [[pair for piece in run for pair in zip(piece.ids, piece.logprobs, strict=True)] for run in runs]
    assert flat[0] == flat[1] == flat[2]


def test_any_of_several_end_tokens_ends_the_answer_and_is_not_in_it(
    loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    one, model = loaded("idefics3"), fresh("idefics3")
    inputs = inputs_of(one)
    ids = ids_of(stream(model, inputs, GREEDY))
    end = next(token for token in ids[1:] if token != ids[0])
    model.generation_config.eos_token_id = [2, end]
    *pieces, finished = stream(model, inputs, GREEDY)
    assert [token for piece in pieces for token in piece.ids] == ids[: ids.index(end)]
    assert finished.reason == "end"
    assert without_end(model, plain(model, inputs, GREEDY)) == ids[: ids.index(end)]


def test_an_answer_that_ends_at_once_is_empty(
    loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    one, model = loaded("idefics3"), fresh("idefics3")
    inputs = inputs_of(one)
    model.generation_config.eos_token_id = ids_of(stream(model, inputs, GREEDY))[0]
    (finished,) = stream(model, inputs, GREEDY)
    assert finished.reason == "end"
    assert 0 < finished.first_token_seconds <= finished.total_seconds


def test_a_seed_means_the_same_alone_and_in_company(loaded: Callable[..., Loaded]) -> None:
    first, second = loaded("idefics3"), loaded("llava_next")
    alone = [ids_of(stream(one.model, inputs_of(one), SAMPLED)) for one in (first, second)]
    together: list[list[int]] = [[], []]
    torch.manual_seed(99)
    streams = [stream(one.model, inputs_of(one), SAMPLED) for one in (first, second)]
    for events in zip_longest(*streams):
        for ids, event in zip(together, events, strict=True):
            ids.extend(event.ids if isinstance(event, Piece) else ())
    assert together == alone
    assert ids_of(stream(first.model, inputs_of(first), replace(SAMPLED, seed=6))) != alone[0]


def test_sampling_leaves_the_random_numbers_of_others_alone(loaded: Callable[..., Loaded]) -> None:
    one = loaded("idefics3")
    before = torch.get_rng_state()
    list(stream(one.model, inputs_of(one), SAMPLED))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_first_token_comes_at_once_and_times_are_in_order(loaded: Callable[..., Loaded]) -> None:
    one = loaded("gemma3")
    first, *_, end = stream(one.model, inputs_of(one), GREEDY)
    assert len(first.ids) == 1
    assert 0 < end.first_token_seconds < end.total_seconds
