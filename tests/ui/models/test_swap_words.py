"""What the page says of swaps: phases without numbers, numbers with their units, and names for every state."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.evaluation.analysis import EXITS, WORSE
from microscope.serve.hotswap.record import ACTIONS, Judgement
from microscope.serve.hotswap.standing import Row, State
from microscope.ui.models import swap_words as words
from tests.ui.models.swaps import BETTER_ONE, EVALUATING, FETCHING, ROWS, WORSE_ONE

FETCHED, EVALUATED = FETCHING.rows[0], EVALUATING.rows[0]


def test_every_state_action_and_outcome_has_a_name() -> None:
    assert set(words.STATES) == set(State)
    assert set(words.ACTIONS) == set(ACTIONS)
    assert set(words.OUTCOMES) == set(EXITS)


@pytest.mark.parametrize(
    ("row", "phase", "share"),
    [
        (FETCHED, "Fetching Small VLM.", "12.3 MB of 45.0 MB"),
        (replace(FETCHED, done=0, total=0), "Fetching Small VLM.", ""),
        (EVALUATED, "Evaluating Small VLM against what answers now.", "12 of 96 answers"),
        (replace(EVALUATED, done=1, total=1), "Deciding about Small VLM.", "1 of 1 answer"),
        (
            replace(EVALUATED, done=1200, total=9600),
            "Evaluating Small VLM against what answers now.",
            "1,200 of 9,600 answers",
        ),
        (FETCHING.rows[1], "", ""),
        (ROWS[1], "", ""),
    ],
)
def test_what_is_done_is_said_apart_from_how_far_it_is(row: Row, phase: str, share: str) -> None:
    assert words.under_way(row) == phase
    assert words.progress(row) == share


def test_what_an_evaluation_found_has_its_number_its_interval_and_its_count() -> None:
    assert dict(words.judged(WORSE_ONE)) == {
        "The new one is": "worse",
        "Difference": "\N{MINUS SIGN}6.1 points (\N{MINUS SIGN}9.0 to \N{MINUS SIGN}3.2)",
        "Asked": "600 questions about 150 images",
        "May be worse by": "2.0 points",
        "Set": "embedded set",
    }
    bare = replace(BETTER_ONE, low=None, high=None, margin=None, set="")
    assert dict(words.judged(bare)) == {
        "The new one is": "no worse",
        "Difference": "+1.3 points",
        "Asked": "600 questions about 150 images",
    }
    assert words.judged(Judgement()) == []
    assert words.judged(Judgement(outcome=WORSE)) == []


def test_the_button_says_what_it_does_here() -> None:
    by_key = {row.key: row for row in ROWS}
    assert words.by_hand(by_key["medium"], staging=False) == words.SWITCH
    assert words.by_hand(by_key["back"], staging=False) == words.AGAIN
    assert words.by_hand(by_key["medium"], staging=True) == words.STAGE


def test_a_moment_and_who_asked_are_said_plainly() -> None:
    when = words.moment("2026-11-29T07:12:05+00:00")
    assert when == "2026-11-29 07:12 UTC"
    assert words.looked("webhook", when) == "Asked for by webhook; the last reload ended 2026-11-29 07:12 UTC."


def test_what_stayed_is_named_in_one_sentence() -> None:
    assert words.unchanged([]) == ""
    assert words.unchanged(["A", "B", "C"]) == "Nothing newer is known of A, B and C."
