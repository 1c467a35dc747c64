"""What happened is kept, counted, logged and told."""

from __future__ import annotations

import logging

import pytest

from microscope.engine.caching.journal import KEPT, Journal
from microscope.engine.caching.states import CacheEvent, Kind


def test_a_load_is_noted_with_its_rate(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="microscope")
    journal = Journal()
    journal.loaded("A", 900_000_000, 0.3, "shell")
    (event,) = journal.recent
    assert (event.kind, event.label, event.bytes, event.seconds) == (Kind.LOAD, "A", 900_000_000, 0.3)
    assert event.detail == "900.0 MB in 0.30 s, 3.0 GB/s (into a kept module)"
    assert "load: A: 900.0 MB in 0.30 s" in caplog.text
    journal.loaded("B", 1_600_000_000, 0.0, "otherwise")
    assert journal.recent[0].detail == "1.60 GB in 0.00 s (otherwise)"


def test_the_newest_come_first_and_old_ones_go() -> None:
    journal = Journal()
    for number in range(KEPT + 5):
        journal.note(Kind.EVICTION, str(number))
    assert [event.label for event in journal.recent[:2]] == [str(KEPT + 4), str(KEPT + 3)]
    assert len(journal.recent) == KEPT


def test_hits_are_counted_and_not_listed() -> None:
    journal = Journal()
    for kind in (Kind.HIT, Kind.HIT, Kind.MISS, Kind.EVICTION):
        journal.note(kind, "A")
    assert dict(journal.counts) == {"hit": 2, "miss": 1, "eviction": 1}
    assert [event.kind for event in journal.recent] == [Kind.EVICTION]
    assert journal.last_use("A") is not None
    assert journal.last_use("B") is None


def test_listeners_are_told_everything() -> None:
    journal, told = Journal(), list[CacheEvent]()
    journal.listen(told.append)
    journal.note(Kind.HIT, "A")
    journal.note(Kind.FAILURE, "A", "The file is damaged.")
    assert [(event.kind, event.detail) for event in told] == [(Kind.HIT, ""), (Kind.FAILURE, "The file is damaged.")]
