"""Every sentence names what answers, and what a person may do next."""

from __future__ import annotations

import pytest

from microscope.serve.hotswap import words
from microscope.serve.hotswap.record import KEPT, STAGED, SWITCHED, UNDONE, Judgement
from tests.serve.hotswap.samples import JUDGED, A, B, decision

NEW, OLD = "lab/run at bbbbbbb", "lab/run at aaaaaaa"
PACKED = f"it is packed and answers after the next restart; until then {OLD} goes on."


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (decision(SWITCHED, judgement=JUDGED), f"{NEW} answers now in place of {OLD}. Ours is worse."),
        (decision(SWITCHED, forced=True), f"{NEW} answers now by the word of ada in place of {OLD}."),
        (
            decision(KEPT, judgement=JUDGED),
            f"{OLD} goes on. Ours is worse. Switch to {NEW} by hand to have it all the same.",
        ),
        (
            decision(KEPT),
            f"{NEW} is there and was not evaluated; {OLD} goes on until you stage the new one.",
        ),
        (decision(STAGED, forced=True), f"{NEW} is staged by the word of ada: {PACKED}"),
        (decision(STAGED, judgement=JUDGED), f"{NEW} is staged: {PACKED} Ours is worse."),
        (decision(UNDONE, B, A), f"{OLD} answers again: {NEW} was taken back by ada."),
    ],
)
def test_a_decision_in_a_sentence(made: object, sentence: str) -> None:
    assert words.told(made) == sentence


def test_what_an_undone_switch_means_where_nothing_can_be_packed_again() -> None:
    undone = decision(UNDONE, B, A)
    assert words.goes_back(undone) == f"{OLD} answers again after the next restart; until then {NEW} does."
    assert words.dropped(undone) == f"{NEW} is not staged any more: {OLD} goes on."


def test_what_a_switch_means_to_what_answers_already() -> None:
    assert words.called_off(decision(STAGED)) == f"{NEW} goes on, after the next restart as well: {OLD} stays away."


def test_at_a_start_it_is_said_what_was_decided_when_and_by_whom() -> None:
    assert words.took_effect(decision(STAGED)) == f"{NEW} answers, staged on 2026-11-29 by ada."
    assert words.took_effect(decision(KEPT)) == f"{OLD} answers, held on to on 2026-11-29 by ada."
    assert words.took_effect(decision(UNDONE, B, A)) == f"{OLD} answers, gone back to on 2026-11-29 by ada."


def test_how_a_reload_ended() -> None:
    assert words.counted({"unchanged": 3}) == "Nothing newer was found."
    assert words.counted({"new": 2, "switched": 1, "unchanged": 1}) == "Reloaded: 2 new, 1 switched."
    assert words.nothing_read("").endswith("names no checkpoint for this hardware.")
    assert words.unchanged("The Hub is away.") == "Nothing was changed. The Hub is away."


def test_why_a_candidate_does_not_answer() -> None:
    assert words.goes_on(OLD, "The disk is full.") == f"{OLD} goes on. The disk is full."
    assert words.not_offered("A {b}", "It is {gated}.") == "A {b} is new and is not offered yet. It is {gated}."


def test_no_sentence_needs_a_judgement() -> None:
    assert words.told(decision(SWITCHED, judgement=Judgement())).endswith(f"in place of {OLD}.")
