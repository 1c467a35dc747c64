"""The stream of tokens is what plain `generate` gives, token for token, and stops when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import zip_longest

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel

from microscope.engine.batch.rows import Company
from microscope.engine.generate import Finished, Piece, _leads, _standing, generate_together, image_tokens, stream
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


def twice(inputs: Inputs, count: int = 2) -> Inputs:
    """Return the same prompt several times, as a batch."""
    return {name: torch.cat([value] * count) for name, value in inputs.items() if name != "labels"}


@pytest.mark.parametrize("settings", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_each_row_of_a_batch_is_what_streams_alone(
    settings: GenerationSettings, loaded: Callable[..., Loaded]
) -> None:
    one = loaded("idefics3")
    inputs = inputs_of(one)
    *pieces, end = stream(one.model, inputs, settings)
    ids = tuple(token for piece in pieces for token in piece.ids)
    logprobs = [logprob for piece in pieces for logprob in piece.logprobs]
    for found in (
        *generate_together(one.model, twice(inputs, 3), settings),
        *generate_together(one.model, inputs, settings),
    ):
        assert found.ids == ids
        assert found.logprobs == pytest.approx(logprobs, abs=1e-4)
        assert found.end.reason == end.reason
        assert 0 < found.end.first_token_seconds < found.end.total_seconds
        assert len(found.leads) == len(ids)
        assert found.lead == min(found.leads) > 0


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_each_row_ends_where_it_ends_and_no_row_goes_on_for_another(
    share: float, loaded: Callable[..., Loaded], fresh: Callable[..., PreTrainedModel]
) -> None:
    one, model = loaded("llava"), fresh("llava")
    questions = ("what is in the image ?", "where is the cat ?", "a red square ?", "is it on the wall ?")
    prompts = [inputs_of(one, question) for question in questions]
    shortest = min(prompt["input_ids"].shape[1] for prompt in prompts)
    # Of one length, so that there is nothing to pad: the image comes first, and what goes is the last of the question.
    prompts = [
        {name: value[:, :shortest] if value.dim() == 2 else value for name, value in prompt.items()}
        for prompt in prompts
    ]
    whole = [ids_of(stream(model, prompt, GREEDY)) for prompt in prompts]
    end = max(
        {token for ids in whole for token in ids},
        key=lambda token: (len({_until(ids, token) for ids in whole}), token),
    )
    model.generation_config.eos_token_id = [2, end]
    lengths = [_until(ids, end) for ids in whole]
    assert len(set(lengths)) > 1
    rows: list[int] = []
    model.register_forward_hook(lambda *given: rows.append(len(given[2].logits)))
    batch = {name: torch.cat([prompt[name] for prompt in prompts]) for name in prompts[0]}
    found = generate_together(model, batch, GREEDY, Company(share))
    assert [list(answer.ids) for answer in found] == [ids[:length] for ids, length in zip(whole, lengths, strict=True)]
    for answer, length in zip(found, lengths, strict=True):
        ended = length < GREEDY.max_new_tokens
        assert answer.end.reason == ("end" if ended else "length")
        # The step that ended it had a lead as well.
        assert len(answer.leads) == length + ended
    assert len(rows) == min(max(lengths) + 1, GREEDY.max_new_tokens)
    assert (len(set(rows)) > 1) == (share == 1.0 or (share == 0.5 and _halved(lengths)))


def _until(ids: list[int], token: int) -> int:
    return ids.index(token) if token in ids else len(ids)


def _halved(lengths: list[int]) -> bool:
    """Tell whether a step is left when half of the rows are over, and not all."""
    return (
        sorted(lengths)[len(lengths) // 2 - 1] < max(lengths)
        and sorted(lengths)[len(lengths) // 2 - 1] + 1 < GREEDY.max_new_tokens
    )


def test_what_is_said_of_the_company_of_one_is_what_comes_alone(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    (found,) = generate_together(one.model, inputs_of(one), GREEDY, Company(1.0, (3,)))
    assert list(found.ids) == ids_of(stream(one.model, inputs_of(one), GREEDY))


def test_a_lead_is_that_of_the_scores(loaded: Callable[..., Loaded]) -> None:
    one = loaded("qwen3_vl")
    inputs = inputs_of(one)
    with torch.no_grad():
        logits = one.model(**inputs).logits[0, -1].float()
    logits[image_tokens(one.model)] = -math.inf
    first, second = logits.topk(2).values.tolist()
    (found,) = generate_together(one.model, inputs, GREEDY)
    assert found.leads[0] == pytest.approx(first - second, abs=1e-4)


@given(st.integers(0, 2**31), st.floats(0.1, 2.0), st.booleans())
def test_what_moves_scores_by_less_than_half_a_lead_changes_no_choice(
    seed: int,
    temperature: float,
    drawn: bool,  # noqa: FBT001
) -> None:
    random = torch.Generator().manual_seed(seed)
    scores = torch.randn(3, 40, generator=random) * 2

    def choose(moved: torch.Tensor) -> torch.Tensor:
        draws = [torch.Generator().manual_seed(seed + row) for row in range(3)] if drawn else None
        return _standing(moved / temperature if drawn else moved, draws)

    standing = choose(scores)
    leads = _leads(standing, drawn=drawn, unit=temperature if drawn else 1.0)
    noise = torch.rand(3, 40, generator=random) * 2 - 1
    near = scores + noise * torch.tensor(leads)[:, None] * 0.49
    assert torch.equal(choose(near).argmax(-1), standing.argmax(-1))
    # The next one needs no more than the lead to come first.
    second = standing.topk(2).indices[:, 1]
    far = scores.clone()
    far[range(3), second] += torch.tensor(leads) * 1.01 + 1e-4
    assert torch.equal(choose(far).argmax(-1), second)


@given(st.integers(0, 2**31), st.floats(0.1, 5.0))
def test_what_is_drawn_is_what_the_library_draws(seed: int, scale: float) -> None:
    scores = torch.randn(4, 50, generator=torch.Generator().manual_seed(seed)) * scale
    mine, theirs = ([torch.Generator().manual_seed(seed + row) for row in range(4)] for _ in range(2))
    for _ in range(3):
        expected = torch.cat(
            [
                torch.multinomial(row, 1, generator=generator)
                for row, generator in zip(scores.softmax(-1).split(1), theirs, strict=True)
            ]
        )
        assert torch.equal(_standing(scores, mine).argmax(dim=-1, keepdim=True), expected)
    assert all(torch.equal(one.get_state(), other.get_state()) for one, other in zip(mine, theirs, strict=True))


def test_where_one_word_alone_is_left_nothing_is_near(loaded: Callable[..., Loaded]) -> None:
    one = loaded("llava")
    (found,) = generate_together(one.model, inputs_of(one), replace(SAMPLED, top_k=1))
    assert found.lead == math.inf
    assert list(found.ids) == ids_of(stream(one.model, inputs_of(one), GREEDY))
