"""What a new checkpoint does on ZeroGPU, where nothing can be packed again: it is staged, and says so."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from microscope.ui import text
from microscope.ui.models import swap_words as words
from tests.zero.played import Played, play

pytestmark = [
    pytest.mark.zero,
    pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone"),
]


@pytest.fixture(scope="module")
def lives(furnished: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Play the app twice over one home: until something is staged, and after the restart."""
    home = tmp_path_factory.mktemp("swapping")
    shutil.copytree(furnished, home, dirs_exist_ok=True)
    play(home, "swapping")
    return play(home, "swapping")


def shown(facts: dict[str, Any]) -> tuple[str, str, str]:
    """Return what the page says, what it shows of the checkpoint, and its record."""
    part, _, _, said, rows, record = facts["page"]
    assert part["visible"] is True
    return said, rows, record


def test_a_visitor_is_refused_and_told_nothing(lives: Played) -> None:
    facts = lives["swap, visitor"]
    assert (facts["status"], facts["error"]) == (500, text.NOT_OWNER)
    part, _, _, *told = facts["page"]
    assert part["visible"] is False
    assert told == ["", "", ""]


def test_a_newer_commit_is_fetched_and_spends_nobodys_quota(lives: Played) -> None:
    facts = lives["swap, found"]
    assert facts["calls"] == []
    _, rows, record = shown(facts)
    assert 'data-state="kept"' in rows
    for commit in (facts["old"], facts["new"]):
        assert f'<code title="{commit}">{commit[:7]}</code>' in rows
    assert f">{words.STAGE}</button>" in rows
    assert f"{words.RECORD} (1)" in record


def test_the_owner_stages_it_and_the_page_says_when_it_answers(lives: Played) -> None:
    facts = lives["swap, staged"]
    _, rows, record = shown(facts)
    assert 'data-state="staged"' in rows
    assert "answers after the next restart" in rows
    assert f">{words.UNDO}</button>" in rows
    assert 'data-action="staged"' in record
    assert "Packed, ada" in record
    assert len(facts["calls"]) == 1


@pytest.mark.parametrize("step", ["swap, found and asked", "swap, staged and asked"])
def test_until_then_the_packed_one_answers(lives: Played, step: str) -> None:
    facts, before = lives[step], lives["swap, before"]
    assert (facts["state"], facts["message"]) == ("done", "")
    assert facts["revision"] == before["revision"] == lives["swap, found"]["old"]
    assert facts["text"].startswith(before["text"])
    assert facts["calls"]
    # Packed: it was not loaded in the worker.
    assert facts["loaded_in"] is None


def test_after_the_restart_the_staged_one_is_packed_and_answers(lives: Played) -> None:
    facts = lives["swap, restarted"]
    assert (facts["state"], facts["message"]) == ("done", "")
    assert facts["revision"] == lives["swap, found"]["new"]
    assert facts["text"] != lives["swap, before"]["text"]
    assert facts["loaded_in"] is None
    assert lives["start"]["packed"] == ["packed"]
    _, rows, record = shown(lives["swap, restarted page"])
    assert 'data-state="switched"' in rows
    assert f"{words.RECORD} (2)" in record
