"""The board shows what was written on it last, as a whole, and nothing is left under way that broke off."""

from __future__ import annotations

from dataclasses import replace

from microscope.serve.hotswap.board import SHOWN_DECISIONS, Board
from microscope.serve.hotswap.record import SWITCHED
from microscope.serve.hotswap.standing import Row, Standing, State
from tests.serve.hotswap.samples import decision

ROWS = (Row("one", "One", "lab/one"), Row("two", "Two", "lab/two", State.EVALUATING, done=3, total=9))


def test_an_empty_board_says_nothing() -> None:
    assert Board().standing() == Standing()
    assert Board(staging=True).standing().staging


def test_rows_are_changed_by_their_key_and_keep_their_order() -> None:
    board = Board()
    board.fill(ROWS)
    before = board.standing()
    board.change("one", state=State.FETCHING, done=1, total=2)
    board.put(replace(ROWS[1], state=State.KEPT))
    board.change("three", state=State.NEW)
    board.put(Row("four", "Four", "lab/four", State.NEW))
    rows = board.standing().rows
    assert [(row.key, row.state) for row in rows] == [
        ("one", State.FETCHING),
        ("two", State.KEPT),
        ("four", State.NEW),
    ]
    assert before.rows == ROWS
    assert board.counts() == {"fetching": 1, "kept": 1, "new": 1}


def test_it_is_busy_between_beginning_and_end() -> None:
    board = Board()
    board.begin("Reads.", "ada")
    now = board.standing()
    assert (now.busy, now.sentence, now.by, now.failed) == (True, "Reads.", "ada", False)
    board.end("Done.", finished="2026-11-29T06:00:00+00:00")
    board.begin("Switches.", "eve")
    board.end("Could not.", failed=True)
    now = board.standing()
    assert (now.busy, now.sentence, now.by, now.failed) == (False, "Could not.", "eve", True)
    assert now.finished == "2026-11-29T06:00:00+00:00"


def test_what_broke_off_on_the_way_failed() -> None:
    board = Board()
    board.fill((*ROWS, Row("three", "Three", "lab/three", State.WAITING)))
    board.end("A bug.", failed=True)
    rows = board.standing().rows
    assert [row.state for row in rows] == [State.UNCHANGED, State.FAILED, State.FAILED]
    assert (rows[1].sentence, rows[1].total) == ("A bug.", 0)


def test_decisions_are_shown_newest_first_and_not_all_of_them() -> None:
    board = Board()
    many = tuple(decision(when=str(number)) for number in range(SHOWN_DECISIONS + 5))
    board.decided((*many, decision(SWITCHED)))
    shown = board.standing().decisions
    assert len(shown) == SHOWN_DECISIONS
    assert shown[0].action == SWITCHED
    assert shown[1] is many[-1]
