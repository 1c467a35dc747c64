"""Decisions are appended and read again as they were, whatever happened to the file meanwhile."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.serve.hotswap.places import Place
from microscope.serve.hotswap.record import FILE, KEPT, STAGED, SWITCHED, UNDONE, Record, last_of, switch_of
from tests.serve.hotswap.samples import ASKED, JUDGED, A, B, at_commit, decision


def test_what_is_added_is_read_again_in_its_order(tmp_path: Path) -> None:
    made = (decision(SWITCHED, judgement=JUDGED, sentence="Größer."), decision(UNDONE, B, A, forced=True))
    for one in made:
        Record(tmp_path / "new").add(one)
    assert Record(tmp_path / "new").decisions() == made
    lines = (tmp_path / "new" / FILE).read_text().splitlines()
    assert json.loads(lines[0])["judgement"]["n"] == 60


def test_before_the_first_decision_there_is_none(tmp_path: Path) -> None:
    assert Record(tmp_path / "nowhere").decisions() == ()


def test_half_a_line_costs_that_line_and_no_other(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.add(decision())
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole + whole[: len(whole) // 2])
    record.add(decision(SWITCHED))
    assert [one.action for one in record.decisions()] == [KEPT, SWITCHED]


@pytest.mark.parametrize("line", ["", "null", "{}", '{"action": 1}', "\xff"])
def test_a_damaged_line_is_passed_over(line: str, tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.add(decision())
    with (tmp_path / FILE).open("a", encoding="latin-1") as file:
        file.write(line + "\n")
    record.add(decision(STAGED))
    assert [one.action for one in record.decisions()] == [KEPT, STAGED]


def test_an_action_that_nobody_knows_is_passed_over(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.add(decision("dreamt"))
    assert record.decisions() == ()


@pytest.mark.skipif(os.name == "nt", reason="there are no such folders")
def test_what_cannot_be_recorded_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^The decision cannot be recorded .*MICROSCOPE_DATA\.$"):
        Record(tmp_path / "file" / "under").add(decision())


def test_a_decision_says_what_stands_and_what_is_refused() -> None:
    assert (decision(KEPT).stands, decision(KEPT).refused) == (at_commit(A), at_commit(B))
    for action in (SWITCHED, STAGED):
        assert (decision(action).stands, decision(action).refused) == (at_commit(B), None)
    undone = decision(UNDONE, current=B, candidate=A)
    assert (undone.stands, undone.refused) == (at_commit(A), at_commit(B))


def test_the_last_decision_holds_while_the_catalogue_asks_for_the_same() -> None:
    first, other, second = decision(KEPT), replace(decision(), key="other"), decision(SWITCHED)
    assert last_of((first, second, other), "ours", ASKED) is second
    assert last_of((first, second, other), "ours", Place("lab/run", "v2")) is None
    assert last_of((other,), "ours", ASKED) is None


def test_the_last_switch_can_be_undone_whatever_was_left_as_it_was_since() -> None:
    switched, kept = decision(SWITCHED), decision(KEPT, B, "c" * 40)
    assert switch_of((switched, kept, kept, replace(switched, key="other")), "ours", ASKED) is switched
    assert switch_of((decision(STAGED), kept), "ours", ASKED) is not None
    assert switch_of((switched, decision(UNDONE, B, A)), "ours", ASKED) is None
    assert switch_of((kept,), "ours", ASKED) is None
    assert switch_of((switched,), "ours", Place("lab/run", "v2")) is None
    assert switch_of((switched, replace(kept, asked=Place("lab/run", "v2"))), "ours", ASKED) is None
