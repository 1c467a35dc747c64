"""Stacks are answered as each prompt would be alone, whatever runs out, does not fit or goes away meanwhile."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch

from microscope.engine.batch.asks import (
    ALONE,
    PREFIXED,
    SHARED,
    TOGETHER,
    WAYS,
    Answered,
    Done,
    Prompt,
    Proved,
    Stack,
    Unanswered,
    Update,
    Way,
)
from microscope.engine.batch.work import SCARCE, Caller, answer_stacks, pad_token
from microscope.engine.generate import Finished, Piece, Together, stream
from microscope.engine.models import Models
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.records import GenerationSettings
from tests.engine.batch.conftest import SETTINGS, Asking, answers_in, proved_in
from tests.engine.conftest import Loaded
from tests.families import FAMILIES
from tests.keeping import models_of

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAMPLED = replace(SETTINGS, temperature=0.8, top_p=0.9, top_k=50, seed=5)
Answers = Callable[..., Stack]


def updates_of(models: Models, *stacks: Stack) -> list[Update]:
    return [update for _, update in answer_stacks(models, stacks)]


def alone(one: Loaded, stack: Stack) -> list[tuple[tuple[int, ...], tuple[float, ...]]]:
    """Return what each prompt is answered by itself, in the way in which a person's question is."""
    found = []
    for number in range(len(stack.prompts)):
        pieces = [
            event for event in stream(one.model, stack.inputs(number), stack.settings) if isinstance(event, Piece)
        ]
        ids = tuple(token for piece in pieces for token in piece.ids)
        found.append((ids, tuple(logprob for piece in pieces for logprob in piece.logprobs)))
    return found


def texts(updates: Iterable[Update]) -> list[tuple[int, ...]]:
    return [answer.ids for answer in answers_in(updates)]


# Gemma's see a picture from both sides, and Florence-2 has an encoder.
GOES_ON = set(FAMILIES) - {"paligemma", "gemma3", "florence2"}


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, replace(SETTINGS, repetition_penalty=1.3), SAMPLED, replace(SAMPLED, seed=6, repetition_penalty=1.2)],
    ids=["greedy", "penalised", "sampled", "sampled and penalised"],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_those_of_each_prompt_alone(
    family: str,
    settings: GenerationSettings,
    asking: Callable[..., Asking],
    loaded: Callable[..., Loaded],
    kept: Models,
) -> None:
    stack = asking(family).stack(settings)
    expected = alone(loaded(family), stack)
    updates = updates_of(kept, stack)
    found = answers_in(updates)
    assert [answer.number for answer in found] == list(range(len(stack.prompts)))
    assert [answer.ids for answer in found] == [ids for ids, _ in expected]
    for answer, (_, logprobs) in zip(found, expected, strict=True):
        assert answer.logprobs == pytest.approx(logprobs, abs=1e-4)
        assert answer.end.reason in {"end", "length"}
    (proved,) = proved_in(updates)
    # The quickest way that there is for it; rows that are over are left out.
    assert proved.way.how == (PREFIXED if family in GOES_ON else SHARED)
    assert (proved.way.shrinks, proved.why) == (True, "")
    assert proved.way.lead < 1e-3
    # All but those that it was proved on.
    assert sum(answer.together > 1 for answer in found) == len(found) - 4
    assert isinstance(updates[-1], Done)


def test_what_was_proved_once_holds_for_the_stacks_that_follow(asking: Callable[..., Asking], kept: Models) -> None:
    stack = asking("idefics3").stack()
    first = updates_of(kept, stack)
    (proved,) = proved_in(first)
    again = updates_of(kept, replace(stack, way=proved.way))
    assert proved_in(again) == []
    assert texts(again) == texts(first)
    assert min(answer.together for answer in answers_in(again)) > 1


@pytest.mark.parametrize("how", WAYS)
def test_each_way_gives_the_same(
    how: str, asking: Callable[..., Asking], loaded: Callable[..., Loaded], kept: Models
) -> None:
    stack = asking("llava_next").stack(way=Way(how, shrinks=True))
    updates = updates_of(kept, stack)
    assert texts(updates) == [ids for ids, _ in alone(loaded("llava_next"), stack)]
    assert {answer.together for answer in answers_in(updates)} == ({1} if how == ALONE else {3, 6})


def test_one_prompt_is_answered_and_proves_nothing(asking: Callable[..., Asking], kept: Models) -> None:
    stack = asking("llava").stack()
    one = replace(stack, prompts=stack.prompts[:1])
    ready, answered, done = (update for update in updates_of(kept, one) if not isinstance(update, Loading | Queued))
    assert isinstance(ready, Ready)
    assert isinstance(answered, Answered)
    assert (answered.number, answered.together) == (0, 1)
    assert isinstance(done, Done)


def test_prompts_too_long_to_go_together_go_alone(
    asking: Callable[..., Asking], kept: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = asking("llava").stack()
    expected = texts(updates_of(kept, stack))
    monkeypatch.setattr("microscope.engine.batch.asks.BATCH_TOKENS", 100)
    updates = updates_of(kept, stack)
    assert texts(updates) == expected
    assert {answer.together for answer in answers_in(updates)} == {1}
    # The next stack's may be shorter.
    assert proved_in(updates) == []


# What is as likely as something else.


def test_what_hangs_on_rounding_is_made_again_alone(
    asking: Callable[..., Asking], loaded: Callable[..., Loaded], kept: Models
) -> None:
    stack = asking("llava").stack(way=Way(SHARED, lead=1e9, shrinks=True))
    updates = updates_of(kept, stack)
    assert texts(updates) == [ids for ids, _ in alone(loaded("llava"), stack)]
    assert {answer.together for answer in answers_in(updates)} == {1}


def test_two_words_that_are_as_likely_as_each_other_are_a_tie(asking: Callable[..., Asking], models: Models) -> None:
    stack = asking("llava").stack()
    with models.lease(stack.local) as lease:
        caller = Caller(lease.resident.model, stack)
        first = caller.alone(0).ids[0]
        weight = lease.resident.model.get_output_embeddings().weight.data
        tied = (first + 1) % len(weight)
        weight[tied] = weight[first]
        assert caller.alone(0).leads[0] == 0
    updates = updates_of(models, replace(stack, way=Way(SHARED, lead=1e-6, shrinks=True)))
    assert sorted(answer.number for answer in answers_in(updates)) == list(range(len(stack.prompts)))
    hung = [answer.number for answer in answers_in(updates) if answer.together == 1]
    assert 0 in hung
    with models.lease(stack.local) as lease:
        caller = Caller(lease.resident.model, stack)
        singles = [caller.alone(number) for number in range(len(stack.prompts))]
    assert texts(updates) == [one.ids for one in singles]
    assert hung == [number for number, one in enumerate(singles) if one.lead < 1e-6]


def test_the_last_row_of_a_batch_is_no_tie_for_being_the_last(asking: Callable[..., Asking], models: Models) -> None:
    """Left alone, it has as much of a lead as it has in company."""
    stack = asking("qwen2_5_vl").stack(replace(SETTINGS, max_new_tokens=10), Way(SHARED, lead=1e-6, shrinks=True))
    rows: list[int] = []
    with models.lease(stack.local) as lease:
        model = lease.resident.model
        said = [Caller(model, stack).alone(number).ids for number in range(len(stack.prompts))]
        # With this one as an end, answers end after the most different numbers of tokens.
        tokens = sorted({token for ids in said for token in ids})
        end = max(tokens, key=lambda token: len({_ends(ids, token) for ids in said}))
        model.generation_config.eos_token_id = [2, end]
        model.register_forward_hook(lambda *given: rows.append(len(given[2].logits)))
    until = [_ends(ids, end) for ids in said]
    # Those that end early, and one that does not.
    chosen = [number for number, count in enumerate(until) if count < 8] + [until.index(max(until))]
    found = answers_in(updates_of(models, replace(stack, prompts=tuple(stack.prompts[number] for number in chosen))))
    assert [answer.ids for answer in found] == [said[number][: until[number]] for number in chosen]
    assert len({until[number] for number in chosen}) >= 3
    assert (rows[0], rows[-1]) == (len(chosen), 1)
    assert rows == sorted(rows, reverse=True)
    assert {answer.together for answer in found} == {len(chosen)}


def _ends(ids: tuple[int, ...], token: int) -> int:
    return ids.index(token) if token in ids else len(ids)


def test_a_batch_that_does_not_fit_together_is_answered_one_by_one(
    asking: Callable[..., Asking], loaded: Callable[..., Loaded], models: Models
) -> None:
    """The way was proved on prompts of another kind."""
    stack = asking("llava").stack(way=Way(SHARED))
    _hook(models, stack, lambda rows: ValueError("odd shapes") if rows > 1 else None)
    updates = updates_of(models, stack)
    assert texts(updates) == [ids for ids, _ in alone(loaded("llava"), stack)]
    assert {answer.together for answer in answers_in(updates)} == {1}


# Memory that runs out.


def _hook(models: Models, stack: Stack, fault: Callable[[int], Exception | None]) -> list[int]:
    """Have a model's forward passes raise as their number of rows has it; return those numbers as they come."""
    rows: list[int] = []

    def look(_module: object, _args: object, given: dict[str, Any]) -> None:
        rows.append(len(given["input_ids"]))
        if error := fault(rows[-1]):
            raise error

    with models.lease(stack.local) as lease:
        lease.resident.model.register_forward_pre_hook(look, with_kwargs=True)
    return rows


def exhausted() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("room", [1, 2, 3, 5, 8])
def test_where_memory_runs_out_fewer_go_at_once(
    room: int, asking: Callable[..., Asking], loaded: Callable[..., Loaded], models: Models
) -> None:
    once = asking("llava").stack()
    stack = replace(once, prompts=(*once.prompts, *once.prompts[:6]))
    _hook(models, stack, lambda rows: exhausted() if rows > room else None)
    updates = updates_of(models, stack)
    found = answers_in(updates)
    assert [answer.number for answer in found] == list(range(len(stack.prompts))), "each once"
    assert [answer.ids for answer in found] == [ids for ids, _ in alone(loaded("llava"), stack)]
    # It is halved, until there is room.
    assert room // 2 < max(answer.together for answer in found) <= room
    assert not any(isinstance(update, Unanswered | Failed) for update in updates)
    if room >= 4:
        assert sum(answer.together == 1 for answer in found) < 2 * 4, "it is proved once"
    way = proved_in(updates)[-1].way
    assert (way.how == ALONE) == (way.why == SCARCE) == (room == 1)
    # The next stack begins where this one ended.
    again = updates_of(models, replace(stack, way=way))
    assert texts(again) == texts(updates)
    assert not any(isinstance(update, Restarted | Proved) for update in again)


def test_one_that_memory_runs_out_for_alone_is_told_and_the_others_are_answered(
    asking: Callable[..., Asking], loaded: Callable[..., Loaded], models: Models
) -> None:
    stack = asking("llava").stack()
    longest = max(prompt.length for prompt in stack.prompts)

    def look(_module: object, _args: object, given: dict[str, Any]) -> None:
        if given["input_ids"].shape[1] == longest:
            raise exhausted()

    with models.lease(stack.local) as lease:
        lease.resident.model.register_forward_pre_hook(look, with_kwargs=True)
    updates = updates_of(models, stack)
    refused = [number for number, prompt in enumerate(stack.prompts) if prompt.length == longest]
    told = [update for update in updates if isinstance(update, Unanswered)]
    assert sorted(update.number for update in told) == refused
    assert all("llava-0 ran out of memory on cpu" in update.message for update in told)
    expected = [ids for ids, _ in alone(loaded("llava"), stack)]
    found = answers_in(updates)
    assert {answer.number: answer.ids for answer in found} == {
        number: ids for number, ids in enumerate(expected) if number not in refused
    }
    assert isinstance(updates[-1], Done)
    assert sum(model.leases for model in models.cache.snapshot().models) == 0


@pytest.mark.parametrize("how", [SHARED, ALONE])
@pytest.mark.parametrize("number", [0, 4, 8])
def test_the_one_that_memory_runs_out_for_is_the_one_that_is_told(
    number: int, how: str, asking: Callable[..., Asking], models: Models
) -> None:
    stack = asking("llava").stack(way=Way(how))
    # The same is asked about other pictures.
    prompts = tuple(_marked(prompt, 10 + place) for place, prompt in enumerate(stack.prompts))
    marked = prompts[number].text["input_ids"][0]

    def look(_module: object, _args: object, given: dict[str, Any]) -> None:
        if any(torch.equal(row[-len(marked) :], marked) for row in given["input_ids"]):
            raise exhausted()

    with models.lease(stack.local) as lease:
        lease.resident.model.register_forward_pre_hook(look, with_kwargs=True)
    updates = updates_of(models, replace(stack, prompts=prompts))
    assert [update.number for update in updates if isinstance(update, Unanswered)] == [number]
    assert [answer.number for answer in answers_in(updates)] == [one for one in range(len(prompts)) if one != number]


def _marked(prompt: Prompt, word: int) -> Prompt:
    """Return a prompt with a last word of its own."""
    ids = prompt.text["input_ids"].clone()
    ids[0, -1] = word
    return replace(prompt, text={**prompt.text, "input_ids": ids})


def test_what_was_answered_before_memory_ran_out_is_not_answered_again(
    asking: Callable[..., Asking], models: Models
) -> None:
    stack = replace(asking("llava").stack(way=Way(SHARED)), most=3)
    expected = texts(updates_of(models, stack))
    left = [1]
    passes = _hook(models, stack, lambda _rows: exhausted() if len(passes) == 8 and left.pop() else None)
    updates = updates_of(models, stack)
    assert texts(updates) == expected
    begun = next(number for number, update in enumerate(updates) if isinstance(update, Restarted))
    assert len(answers_in(updates[:begun])) == 3
    assert len(answers_in(updates[begun:])) == 6
    # Once the others had gone there was room.
    assert proved_in(updates) == []


def test_a_model_that_is_too_large_is_not_loaded_again_and_again(
    asking: Callable[..., Asking], monkeypatch: pytest.MonkeyPatch
) -> None:
    models, loads = models_of(), []

    def load(*_: object, **__: object) -> object:
        loads.append(1)
        raise exhausted()

    monkeypatch.setattr(models.loader, "load", load)
    failed = updates_of(models, asking("llava").stack())[-1]
    assert isinstance(failed, Failed)
    assert "needs 0.00 GB for its weights, and memory ran out" in failed.message
    assert len(loads) == 2, "the second time once everything else was let go"
    (refused,) = updates_of(models_of(1000), asking("llava").stack())
    assert isinstance(refused, Failed)
    assert "choose a smaller checkpoint" in refused.message


# Several stacks, and an end.


def test_stacks_are_answered_one_after_another_and_one_that_fails_leaves_the_others(
    asking: Callable[..., Asking], models: Models
) -> None:
    first, second, third = (asking(family).stack() for family in ("llava", "gemma3", "internvl"))
    beyond = second.prompts[4].text["input_ids"] + 10_000
    strange = replace(second.prompts[4], text={**second.prompts[4].text, "input_ids": beyond})
    odd = replace(second, prompts=(*second.prompts[:4], strange, *second.prompts[5:]))
    updates = list(answer_stacks(models, (first, odd, third)))
    numbers = [number for number, _ in updates]
    assert numbers == sorted(numbers)
    last = [[update for number, update in updates if number == one][-1] for one in range(3)]
    assert isinstance(last[0], Done)
    assert isinstance(last[1], Failed)
    assert "its tokenizer knows more tokens than its model" in last[1].message
    assert isinstance(last[2], Done)
    # None of its prompts reached the model.
    assert not any(number == 1 and isinstance(update, Answered) for number, update in updates)
    assert len(answers_in(update for number, update in updates if number == 2)) == len(third.prompts)


def test_a_processor_of_another_model_is_told(asking: Callable[..., Asking], kept: Models) -> None:
    model, other = asking("gemma3"), asking("paligemma")
    mixed = replace(other.stack(), local=model.local)
    failed = updates_of(kept, mixed)[-1]
    assert isinstance(failed, Failed)
    assert "gemma3-0 and its processor do not fit" in failed.message


def test_closing_stops_after_the_batch_and_frees_the_model(asking: Callable[..., Asking], models: Models) -> None:
    stack = replace(asking("llava").stack(way=Way(SHARED)), most=2)
    passes = _hook(models, stack, lambda _rows: None)
    updates = answer_stacks(models, (stack, asking("gemma3").stack()))
    while not isinstance(next(updates)[1], Answered):
        pass
    assert sum(model.leases for model in models.cache.snapshot().models) == 1
    assert len(passes) == SETTINGS.max_new_tokens
    updates.close()  # type: ignore[attr-defined]
    assert len(passes) == SETTINGS.max_new_tokens
    snapshot = models.cache.snapshot()
    assert (sum(model.leases for model in snapshot.models), snapshot.waiting) == (0, 0)
    # It answers whoever comes next.
    assert len(answers_in(updates_of(models, stack))) == len(stack.prompts)


def test_what_goes_in_and_out_is_plain_data(asking: Callable[..., Asking], kept: Models) -> None:
    stack = asking("llava").stack()
    copied = pickle.loads(pickle.dumps(stack))  # noqa: S301  (our own bytes)
    updates = updates_of(kept, copied)
    assert [type(update) for update in updates if isinstance(update, Proved | Done)] == [Proved, Done]
    for update in updates:
        assert pickle.loads(pickle.dumps(update)) == update  # noqa: S301  (our own bytes)


def test_an_answers_times_are_its_batchs(asking: Callable[..., Asking], kept: Models) -> None:
    found = answers_in(updates_of(kept, asking("llava").stack(way=Way(TOGETHER))))
    assert len({answer.end for answer in found}) == 1
    end = found[0].end
    assert 0 < end.first_token_seconds < end.total_seconds
    assert isinstance(end, Finished)


# How prompts are laid out.


def test_a_decoder_goes_on_from_the_end_of_its_prompt_and_an_encoder_reads_from_its_start(
    asking: Callable[..., Asking], loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, torch.Tensor]] = []

    def look(_model: object, inputs: dict[str, torch.Tensor], *_: object) -> tuple[Together, ...]:
        given.append(inputs)
        return ()

    monkeypatch.setattr("microscope.engine.batch.work.generate_together", look)
    for family in ("llava", "florence2"):
        stack = asking(family).stack()
        Caller(loaded(family).model, stack).call([0, 2], Way(TOGETHER))
        ids, mask = given[-1]["input_ids"], given[-1]["attention_mask"]
        short, long = (stack.prompts[number].text["input_ids"][0] for number in (0, 2))
        assert torch.equal(ids[1], long)
        padding = len(long) - len(short)
        assert padding > 0
        where = slice(padding, None) if family == "llava" else slice(None, len(short))
        assert torch.equal(ids[0, where], short)
        assert mask[0, where].all()
        assert mask[0].sum() == len(short)
        assert set(ids[0].tolist()) == {*short.tolist(), pad_token(loaded(family).model)}


@pytest.mark.parametrize(("own", "expected"), [(7, 7), (None, 0), (-1, 0)])
def test_any_token_pads_but_a_models_own_comes_first(
    own: int | None, expected: int, loaded: Callable[..., Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded("llava").model
    monkeypatch.setattr(model.generation_config, "pad_token_id", own)
    monkeypatch.setattr(model.config.get_text_config(), "pad_token_id", None)
    assert pad_token(model) == expected
