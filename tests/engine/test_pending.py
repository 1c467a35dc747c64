"""An answer in the making turns updates into events, and begins again where it has to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from microscope.engine.answering import Exhausted
from microscope.engine.generate import Finished, Piece
from microscope.engine.pending import AGAIN, MOST_SHRUNK, Origin, Pending, package_versions
from microscope.engine.processors import Processors
from microscope.engine.prompts import Prepared
from microscope.engine.using import Failed, Loading, Queued, Ready, Restarted
from microscope.records import AnswerEvent, GenerationSettings, State
from tests.families import local_of

READY = Ready(0.5, "cuda:0", "bfloat16", "sdpa")


@pytest.fixture
def pending(checkpoint: Callable[..., Path]) -> Pending:
    local = local_of(checkpoint("idefics3"))
    inputs = {"input_ids": torch.zeros(1, 5, dtype=torch.long)}
    prepared = Prepared(inputs, "what?", 5, 4, "{}", (400, 300))
    return Pending("a", local, Processors().get(local), prepared, "address", GenerationSettings())


def test_what_waits_says_where_it_stands(pending: Pending) -> None:
    assert pending.take(Queued(2, 7.5)) == AnswerEvent("a", State.QUEUED, ahead=2, seconds=7.5)
    assert pending.take(Loading(100, 40, 1, 2.0)) == AnswerEvent(
        "a", State.LOADING, bytes_done=40, bytes_total=100, ahead=1, seconds=2.0
    )


def test_a_finished_answer_has_its_facts(pending: Pending) -> None:
    for update in (READY, Piece((20, 21), (-0.5, -1.0))):
        assert pending.take(update).state is State.GENERATING
    event = pending.take(Finished("end", 0.1, 0.4))
    assert pending.over
    answer = event.answer
    assert answer is not None
    assert [(token.id, token.logprob) for token in answer.tokens] == [(20, -0.5), (21, -1.0)]
    facts = answer.facts
    assert (facts.loaded_in, facts.device, facts.dtype, facts.fallback) == (0.5, "cuda:0", "bfloat16", "")
    assert (facts.prompt_tokens, facts.image_tokens, facts.versions) == (5, 4, package_versions())


def test_one_that_answered_elsewhere_says_so(pending: Pending) -> None:
    pending.take(Ready(0.5, "cpu", "bfloat16", "sdpa"))
    answer = pending.take(Finished("end", 0.1, 0.4), "cuda").answer
    assert answer is not None
    assert answer.facts.fallback == "on the CPU, for memory ran out on cuda"


def test_one_that_begins_again_forgets_what_it_had(pending: Pending) -> None:
    pending.take(Piece((20,), (-0.5,)))
    assert pending.take(Restarted()) == AnswerEvent("a", State.QUEUED, message=AGAIN)
    assert (pending.ids, pending.logprobs, pending.over) == ([], [], False)


def test_one_that_memory_ran_out_for_is_over_without_an_answer(pending: Pending) -> None:
    pending.take(Piece((20,), (-0.5,)))
    event = pending.take(Exhausted("It ran out."))
    assert (event.state, event.message, event.answer) == (State.QUEUED, "It ran out.", None)
    assert pending.over
    assert not pending.done


def test_a_failure_keeps_what_was_written(pending: Pending) -> None:
    pending.take(Piece((20,), (-0.5,)))
    event = pending.take(Failed("It is damaged."))
    assert (event.state, event.text, event.message) == (State.FAILED, pending.text, "It is damaged.")


def test_a_picture_shrinks_only_so_often_and_so_far(pending: Pending) -> None:
    assert pending.job.may_shrink
    pending.shrunk = MOST_SHRUNK
    assert not pending.job.may_shrink
    pending.shrunk, pending.prepared = 0, Prepared({}, "", 0, 0, "", (64, 64))
    assert not pending.job.may_shrink


def test_half_a_character_waits_for_its_other_half(pending: Pending) -> None:
    halves = pending.processor.tokenizer.encode(" é", add_special_tokens=False)
    pending.ids = halves[:-1]
    assert pending.growing_text == ""
    assert pending.text == "\ufffd", "an answer that ends there says so"
    pending.ids = halves
    assert pending.growing_text == pending.text == "é"


def test_an_answer_of_a_batch_says_how_many_were_made_at_once(pending: Pending) -> None:
    for update in (READY, Piece((20, 21), (-0.5, -1.0))):
        pending.take(update)
    alone = pending.take(Finished("end", 0.1, 0.4)).answer
    assert alone is not None
    assert alone.facts.together == 1
    origin = Origin("a", pending.local, pending.processor, "what?", 5, 4, "address", GenerationSettings())
    end = Finished("end", 0.1, 0.4)
    assert origin.answer((20, 21), (-0.5, -1.0), end, READY) == alone
    batched = origin.answer((20, 21), (-0.5, -1.0), end, READY, together=12)
    assert batched == replace(alone, facts=replace(alone.facts, together=12))


def test_an_answer_without_tokens_is_empty(pending: Pending) -> None:
    origin = Origin(
        "a", pending.local, pending.processor, "what?", 5, 4, "address", GenerationSettings(seed=9), "small"
    )
    answer = origin.answer((), (), Finished("end", 0.1, 0.1), READY)
    assert (answer.text, answer.tokens, answer.address, answer.checkpoint) == ("", (), "address", "a")
    assert (answer.facts.tokens, answer.facts.seed, answer.facts.fallback) == (0, 9, "small")
