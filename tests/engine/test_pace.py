"""Estimates grow with the work, learn from what was measured, and are whole seconds with a margin where declared."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.engine.pace import COMPANY, LEAST_SECONDS, MARGIN, SPEEDS, WORKER_SECONDS, Pace, Work
from microscope.records import Answer, Facts

KINDS = sorted(SPEEDS)
FACTS = Facts("", 0, 0, 21, 1.0, 3.0, 0, "", "", "", None, "length")
ANSWER = Answer("a", "", (), FACTS, "")
WORK = Work("a", 10**9, load=False, new_tokens=64)


@pytest.mark.parametrize("kind", KINDS)
@given(size=st.integers(0, 10**11), tokens=st.integers(1, 4096), more=st.integers(1, 4096), load=st.booleans())
def test_more_work_takes_longer(kind: str, size: int, tokens: int, more: int, load: bool) -> None:  # noqa: FBT001
    pace = Pace(kind)
    work = Work("a", size, load=load, new_tokens=tokens)
    assert 0 < pace.seconds((work,)) < pace.seconds((replace(work, new_tokens=tokens + more),))
    assert pace.seconds((work,)) < pace.seconds((work, replace(work, key="b")))
    assert pace.seconds((replace(work, load=False),)) <= pace.seconds((replace(work, load=True),))
    assert pace.seconds((work,)) <= pace.seconds((replace(work, bytes=size * 2),))
    assert pace.declared((work,)) <= pace.declared((work, work))


def test_the_first_answer_replaces_the_prior() -> None:
    pace = Pace("cpu")
    pace.observe(ANSWER)
    assert pace.seconds((WORK,)) == pytest.approx(1.0 + 64 / 10)


def test_later_answers_move_the_estimate() -> None:
    pace = Pace("cpu")
    pace.observe(ANSWER)
    pace.observe(replace(ANSWER, facts=replace(FACTS, first_token_seconds=2.0, total_seconds=3.0)))
    assert pace.seconds((WORK,)) == pytest.approx(1.5 + 64 / 15)


def test_what_was_learned_holds_for_its_checkpoint_alone() -> None:
    pace = Pace("cpu")
    before = pace.seconds((replace(WORK, key="b"),))
    pace.observe(ANSWER)
    assert pace.seconds((replace(WORK, key="b"),)) == before


def test_an_answer_of_one_token_teaches_no_rate() -> None:
    pace = Pace("cpu")
    before = pace.seconds((WORK,)) - pace.seconds((replace(WORK, new_tokens=0),))
    pace.observe(replace(ANSWER, facts=replace(FACTS, tokens=1, total_seconds=1.0)))
    assert pace.seconds((WORK,)) - pace.seconds((replace(WORK, new_tokens=0),)) == pytest.approx(before)
    assert pace.seconds((replace(WORK, new_tokens=0),)) == 1.0


def test_the_declared_duration_is_the_estimate_with_a_margin_in_whole_seconds() -> None:
    pace = Pace("zero")
    work = (replace(WORK, bytes=4 * 10**9, load=True, new_tokens=512),)
    declared = pace.declared(work)
    assert isinstance(declared, int)
    expected = (WORKER_SECONDS + pace.seconds(work)) * MARGIN
    assert expected <= declared < expected + 1


def test_the_declared_duration_covers_the_stream_of_the_pack() -> None:
    pace = Pace("zero")
    work = (replace(WORK, bytes=10**9),)
    stream = 8 * 10**9 / SPEEDS["zero"].load_bytes_per_second
    assert pace.declared(work, 8 * 10**9) == pytest.approx(pace.declared(work) + stream * MARGIN, abs=1)


def test_a_small_answer_declares_a_small_duration_never_the_platforms_minute() -> None:
    tiny = Work("a", 3 * 10**6, load=False, new_tokens=64)
    assert LEAST_SECONDS <= Pace("zero").declared((tiny,)) <= 6
    assert Pace("zero").declared((tiny,) * 4) < 20


@pytest.mark.parametrize("kind", SPEEDS)
def test_more_passes_are_declared_by_the_weights_that_they_read(kind: str) -> None:
    pace = Pace(kind)
    small, large = Work("small", 10**9, load=False, new_tokens=8), Work("large", 4 * 10**9, load=False, new_tokens=8)
    assert pace.pass_seconds(large) == pytest.approx(4 * pace.pass_seconds(small))
    more = 100 * pace.pass_seconds(large)
    assert pace.declared((large,), 0, more) >= pace.declared((large,)) + more


def test_what_a_pass_took_replaces_the_prior_of_its_checkpoint() -> None:
    pace = Pace("cpu")
    work, other = Work("a", 10**9, load=False, new_tokens=8), Work("b", 10**9, load=False, new_tokens=8)
    before = pace.pass_seconds(other)
    pace.observe_pass("a", 0.5)
    assert pace.pass_seconds(work) == 0.5
    pace.observe_pass("a", 1.5)
    assert pace.pass_seconds(work) == 1.0
    assert pace.pass_seconds(other) == before


@pytest.mark.parametrize("kind", SPEEDS)
def test_an_answer_among_many_is_expected_to_be_quicker_than_one_alone(kind: str) -> None:
    pace = Pace(kind)
    work = replace(WORK, load=True)
    assert pace.item_seconds(work) == pytest.approx(pace.seconds((replace(WORK, load=False),)) / COMPANY)
    assert pace.item_seconds(work) < pace.item_seconds(replace(work, new_tokens=1000))


def test_what_answers_took_together_replaces_the_prior_of_its_checkpoint() -> None:
    pace = Pace("cpu")
    before = pace.item_seconds(replace(WORK, key="b"))
    pace.observe_items("a", 100, 20.0)
    assert pace.item_seconds(WORK) == 0.2
    pace.observe_items("a", 10, 4.0)
    assert pace.item_seconds(WORK) == pytest.approx(0.3)
    # Where nothing was answered, nothing is learned.
    pace.observe_items("a", 0, 9.0)
    assert pace.item_seconds(WORK) == pytest.approx(0.3)
    assert pace.item_seconds(replace(WORK, key="b")) == before
    # One alone is another matter.
    assert pace.seconds((WORK,)) == Pace("cpu").seconds((WORK,))


def test_a_load_takes_its_bytes_time_and_nothing_where_the_model_is_in_memory() -> None:
    pace = Pace("cpu")
    loading = replace(WORK, load=True)
    assert pace.load_seconds(WORK) == 0
    assert pace.load_seconds(loading) == WORK.bytes / SPEEDS["cpu"].load_bytes_per_second
    assert pace.seconds((loading,)) == pytest.approx(pace.seconds((WORK,)) + pace.load_seconds(loading))
    assert pace.declared((), 0, 10.0) >= 10
