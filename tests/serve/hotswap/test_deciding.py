"""A candidate takes over where it is shown to be no worse, or by the owner's word; and nobody asks twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.evaluation.analysis import BETTER, NOT_WORSE, UNCLEAR, WORSE
from microscope.serve.hotswap.deciding import decide, has_yet_to_come, known_answer
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Judgement
from tests.serve.hotswap.samples import JUDGED, A, B, C, at_commit, decision

SAME = ("digest", 0.05)


@pytest.mark.parametrize(
    ("outcome", "action"), [(BETTER, SWITCHED), (NOT_WORSE, SWITCHED), (UNCLEAR, KEPT), (WORSE, KEPT), ("", KEPT)]
)
def test_only_what_is_shown_to_be_no_worse_takes_over(outcome: str, action: str) -> None:
    assert decide(Judgement(outcome), forced=False, staging=False) == action
    assert decide(Judgement(outcome), forced=True, staging=False) == SWITCHED


def test_where_nothing_can_be_packed_again_the_owner_stages() -> None:
    assert decide(Judgement(), forced=False, staging=True) == KEPT
    assert decide(Judgement(), forced=True, staging=True) == STAGED


def test_what_was_judged_by_the_same_question_is_not_judged_again() -> None:
    judged = decision(KEPT, judgement=JUDGED)
    assert known_answer(judged, at_commit(B), SAME) is judged
    assert known_answer(judged, at_commit(C), SAME) is None
    assert known_answer(judged, at_commit(B), ("other set", 0.05)) is None
    assert known_answer(judged, at_commit(B), ("digest", 0.02)) is None
    assert known_answer(judged, at_commit(B), None) is judged


def test_what_was_kept_without_a_judgement_is_judged_where_that_can_be() -> None:
    assert known_answer(decision(KEPT), at_commit(B), SAME) is None
    assert known_answer(decision(KEPT), at_commit(B), None) is not None


def test_what_was_undone_stays_so_until_another_commit_comes() -> None:
    undone = decision(UNDONE, current=B, candidate=A)
    assert known_answer(undone, at_commit(B), ("other set", 0.1)) is undone
    assert known_answer(undone, at_commit(C), SAME) is None


def test_what_is_staged_stays_so_and_a_switch_answers_nothing() -> None:
    staged = decision(STAGED)
    assert known_answer(staged, at_commit(B), None) is staged
    assert known_answer(replace(staged, action=SWITCHED), at_commit(B), SAME) is None
    assert known_answer(None, at_commit(B), SAME) is None


@pytest.mark.parametrize(
    ("action", "current", "candidate", "here", "waits"),
    [
        (STAGED, A, B, A, True),
        (STAGED, A, B, B, False),
        (UNDONE, B, A, B, True),
        (UNDONE, B, A, A, False),
        (UNDONE, A, A, A, False),
        (KEPT, A, B, A, False),
        (SWITCHED, A, B, A, False),
    ],
)
def test_only_what_was_staged_or_undone_and_does_not_answer_yet_waits_for_a_restart(
    action: str,
    current: str,
    candidate: str,
    here: str,
    waits: bool,  # noqa: FBT001
) -> None:
    assert has_yet_to_come(decision(action, current, candidate), at_commit(here)) is waits
