"""The quickest way that answers the same is found on a checkpoint's own prompts, and a wrong one is found out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from microscope.engine.batch.asks import ALONE, SHARED, TOGETHER, Proved, Stack, Way
from microscope.engine.batch.collate import Inputs, pad
from microscope.engine.batch.proof import MARGIN, MOST_DRIFT, REASONS, ROUNDINGS, prove, tried
from microscope.engine.batch.rows import COMPANY, Company
from microscope.engine.batch.sight import METHOD, Sight, _encoder
from microscope.engine.batch.work import Caller
from microscope.engine.generate import Finished, Together
from tests.engine.batch.conftest import QUESTIONS, SETTINGS, Asking

# Three pictures, of which the first is asked about twice: the second time at greater length.
NUMBERS = [0, len(QUESTIONS) - 1, len(QUESTIONS), 2 * len(QUESTIONS)]
Fresh = Callable[..., PreTrainedModel]


@pytest.fixture
def llava(asking: Callable[..., Asking], fresh: Fresh) -> Caller:
    """Return a caller whose model is the test's own, of prompts that nobody knows the end of the picture in."""
    stack = asking("llava").stack()
    unknown = tuple(replace(prompt, image_end=0) for prompt in stack.prompts)
    return Caller(fresh("llava"), replace(stack, prompts=unknown))


def proof(caller: Caller, numbers: list[int] | None = None) -> Proved:
    numbers = numbers or NUMBERS
    return prove(caller, numbers, [caller.alone(number) for number in numbers])


def change_encoder(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, change: Callable[[torch.Tensor, int], torch.Tensor]
) -> None:
    """Have features changed with the number of pictures that are encoded at once."""
    kind = type(_encoder(caller.model))
    real = getattr(kind, METHOD)

    def see(self: torch.nn.Module, pixel_values: torch.Tensor, **named: Any) -> object:
        found = real(self, pixel_values, **named)
        features = found.pooler_output
        count = len(pixel_values)
        found.pooler_output = (
            type(features)(change(one, count) for one in features)
            if isinstance(features, list | tuple)
            else change(features, count)
        )
        return found

    monkeypatch.setattr(kind, METHOD, see)


def test_a_model_that_is_right_shares_and_leaves_rows_out(llava: Caller) -> None:
    proved = proof(llava)
    rounding = ROUNDINGS * torch.finfo(torch.float32).eps
    assert (proved.way.how, proved.way.shrinks, proved.why) == (SHARED, True, "")
    assert rounding <= proved.way.lead < 100 * rounding
    assert proved.way.most == llava.stack.most


def test_sharing_that_changes_answers_is_given_up(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    # Four questions about three pictures: only where they share it are three encoded at once.
    change_encoder(llava, monkeypatch, lambda features, count: -features if count == 3 else features)
    proved = proof(llava)
    assert (proved.way.how, proved.way.shrinks) == (TOGETHER, True)
    assert proved.why == proved.way.why == REASONS[SHARED]


def test_a_sight_that_mixes_pictures_up_is_given_up(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Sight.inputs
    monkeypatch.setattr(Sight, "inputs", lambda self, wanted: real(self, wanted[::-1]))
    assert proof(llava).way.how == TOGETHER


def test_a_sight_that_does_not_fit_is_given_up(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    change_encoder(llava, monkeypatch, lambda features, count: features[:, 1:] if count == 3 else features)
    proved = proof(llava)
    assert (proved.way.how, proved.why) == (TOGETHER, REASONS[SHARED])


def test_batches_that_change_answers_are_given_up(llava: Caller) -> None:
    def shift(_module: object, _given: object, output: Any) -> None:
        if len(output.logits) > 1:
            output.logits = output.logits.roll(1, dims=-1)

    llava.model.register_forward_hook(shift)
    proved = proof(llava)
    assert (proved.way.how, proved.why) == (ALONE, REASONS[TOGETHER])


def test_batches_that_lose_their_padding_are_given_up(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts of one length would not show it: the shortest and the longest are in the proof."""

    def attend_to_all(texts: list[Inputs], values: dict[str, int], *, left: bool) -> Inputs:
        padded = pad(texts, values, left=left)
        return {**padded, "attention_mask": torch.ones_like(padded["attention_mask"])}

    monkeypatch.setattr("microscope.engine.batch.work.pad", attend_to_all)
    assert proof(llava).way.how == ALONE
    same_length = [number for number in range(9) if number % 3 == 0]
    assert proof(llava, same_length).way.how == SHARED


@pytest.mark.parametrize("error", [ValueError("odd"), RuntimeError("shapes"), IndexError(3), TypeError("what")])
def test_batches_that_do_not_fit_are_given_up(llava: Caller, error: Exception) -> None:
    def refuse(_module: object, _args: object, given: dict[str, Any]) -> None:
        if len(given["input_ids"]) > 1:
            raise error

    llava.model.register_forward_pre_hook(refuse, with_kwargs=True)
    assert proof(llava).way.how == ALONE


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])
def test_memory_that_runs_out_is_nobodys_fault(llava: Caller, error: Exception) -> None:
    def run_out(_module: object, _args: object, given: dict[str, Any]) -> None:
        if len(given["input_ids"]) > 1:
            raise error

    llava.model.register_forward_pre_hook(run_out, with_kwargs=True)
    with pytest.raises(type(error)):
        proof(llava)


def test_rows_stay_where_leaving_them_out_changes_answers(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "microscope.engine.generate.rows_of",
        lambda _model, passed_on, rows, count: {
            name: value[: len(rows)] if isinstance(value, torch.Tensor) and len(value) == count else value
            for name, value in passed_on.items()
        },
    )
    proved = proof(llava)
    assert (proved.way.how, proved.way.shrinks, proved.why) == (SHARED, False, "")


def test_the_last_row_that_is_left_counts_as_well(llava: Caller) -> None:
    """Alone in what was a batch, it is still held against the answer that it gave alone."""
    passes: list[int] = []

    def spoil(_module: object, _given: object, output: Any) -> None:
        passes.append(len(output.logits))
        if passes[-2:] == [1, 1] and max(passes) > 1:
            output.logits = output.logits.roll(1, dims=-1)

    alone = [llava.alone(number) for number in NUMBERS]
    llava.model.register_forward_hook(spoil)
    found = prove(llava, NUMBERS, alone)
    assert not found.way.shrinks
    assert 1 in passes


def test_a_model_that_encodes_nowhere_goes_together(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sight, "possible", staticmethod(lambda _model: False))
    proved = proof(llava)
    assert (proved.way.how, proved.why) == (TOGETHER, "")


def answer(ids: str, leads: float | dict[int, float] = 1.0, moved: float = 0.0) -> Together:
    """Return an answer of one token a letter, which is over after the last one."""
    each = leads if isinstance(leads, dict) else dict.fromkeys(range(len(ids) + 1), leads)
    return Together(
        tuple(map(ord, ids)),
        tuple(-1.0 + moved for _ in ids),
        tuple(each.get(place, 1.0) for place in range(len(ids) + 1)),
        Finished("end", 0.1, 0.2),
    )


class Told:
    """Says what it is told to in each way, to whoever asks."""

    def __init__(self, stack: Stack, shared: list[Together], dtype: torch.dtype = torch.float32) -> None:
        self.stack, self._shared = stack, shared
        self.model: Any = SimpleNamespace(dtype=dtype, modules=list)

    def possible(self, how: str) -> bool:
        return how == TOGETHER

    def scarce(self, _how: str) -> bool:
        return False

    def call(self, _batch: list[int], _way: Way, company: Company | None = None) -> tuple[Together, ...]:
        limits = (*(company or COMPANY).limits, *(None for _ in self._shared))
        return tuple(
            replace(one, ids=one.ids[:limit], logprobs=one.logprobs[:limit], leads=one.leads[:limit] or one.leads)
            for one, limit in zip(self._shared, limits, strict=False)
        )


@pytest.fixture
def stack(asking: Callable[..., Asking]) -> Stack:
    return asking("llava").stack()


@pytest.mark.parametrize(
    ("found", "how"),
    [
        (answer("abcd"), TOGETHER),
        (answer("abxd"), ALONE),
        # Where they part, the two were as likely as each other.
        (answer("abxd", {2: 1e-9}), TOGETHER),
        # They were elsewhere: that is no excuse.
        (answer("abxd", {1: 1e-9, 3: 1e-9}), ALONE),
        (answer("ab"), ALONE),
        (answer("ab", {2: 1e-9}), TOGETHER),
        (answer("abcde", {4: 1e-9}), TOGETHER),
        (answer("abcd", moved=0.001), TOGETHER),
        (answer("abcd", moved=0.01), ALONE),
        # What moved by so much may part where one is ahead by a little.
        (answer("abxd", {2: 0.005}, moved=0.001), TOGETHER),
        (answer("abxd", {2: 0.009}, moved=0.001), ALONE),
    ],
)
def test_answers_may_part_only_where_two_tokens_are_as_likely(stack: Stack, found: Together, how: str) -> None:
    alone = [answer("wxyz"), answer("abcd")]
    proved = prove(Told(stack, [alone[0], found]), [0, 1], alone)
    assert proved.way.how == how


def test_the_lead_is_what_moved_with_a_margin_and_never_less_than_rounding(stack: Stack) -> None:
    alone = [answer("wxyz"), answer("abcd")]
    moved = prove(Told(stack, [alone[0], answer("abcd", moved=0.001)]), [0, 1], alone)
    assert moved.way.lead == pytest.approx(MARGIN * 0.001)
    coarse = prove(Told(stack, alone, torch.bfloat16), [0, 1], alone)
    assert coarse.way.lead == ROUNDINGS * torch.finfo(torch.bfloat16).eps
    further = prove(Told(stack, [alone[0], answer("abcd", moved=0.1)], torch.bfloat16), [0, 1], alone)
    assert further.way.lead == pytest.approx(MARGIN * 0.1)
    farthest = prove(Told(stack, [alone[0], answer("abcd", moved=MOST_DRIFT + 0.1)], torch.bfloat16), [0, 1], alone)
    assert farthest.way.how == ALONE


def test_what_is_not_finite_is_no_drift(stack: Stack) -> None:
    alone = [replace(answer("ab"), logprobs=(-math.inf, -1.0)), answer("cd")]
    assert prove(Told(stack, alone), [0, 1], alone).way.how == TOGETHER


def test_what_does_not_fit_is_none_and_a_bug_is_a_bug(llava: Caller) -> None:
    assert tried(llava, [99], Way(TOGETHER)) is None
    llava.model.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tried(llava, [0, 1], Way(TOGETHER))


def test_answers_of_a_few_tokens_prove_as_much(llava: Caller) -> None:
    short = Caller(llava.model, replace(llava.stack, settings=replace(SETTINGS, max_new_tokens=1)))
    assert proof(short).way.how == SHARED
