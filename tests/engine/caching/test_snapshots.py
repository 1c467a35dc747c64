"""The picture of the cache is plain data, ordered by last use, in the time that people know."""

from __future__ import annotations

import time

from microscope.engine.caching.journal import Journal
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.snapshots import picture
from microscope.engine.caching.states import Kind, Progress, Want


def test_models_are_listed_by_last_use_with_who_waits_for_them() -> None:
    scheduler, journal, now = Scheduler(100, lanes=1), Journal(), time.monotonic()
    for number, model in enumerate("ab"):
        ticket, _ = scheduler.ask(Want(model, f"name of {model}", model.upper(), 30), now - 20 + number)
        scheduler.loaded(model, 30, now - 20 + number, mapped=20, device="cpu")
        scheduler.end(ticket, now - 20 + number)
    scheduler.ask(Want("a", "another name", "A", 30), now - 5)
    scheduler.ask(Want("c", "c", "C", 30), now)
    scheduler.ask(Want("a", "another name", "A", 30), now)
    journal.note(Kind.HIT, "A")
    seen = picture(scheduler, {"c": Progress(now, 10, 30)}, journal, 2.5)
    assert [(one.key, one.leases, one.waiting, one.loading) for one in seen.models] == [
        ("b", 0, 0, False),
        ("a", 1, 1, False),
        ("c", 0, 1, True),
    ]
    first, second, third = seen.models
    assert (first.label, first.bytes, first.mapped, first.device) == ("B", 30, 20, "cpu")
    assert second.names == {"name of a", "another name"}
    assert abs(time.time() - 19 - first.last_used) < 5
    assert third.progress == Progress(now, 10, 30)
    assert (seen.budget, seen.used, seen.waiting, seen.running, seen.longest_wait) == (100, 90, 2, 1, 2.5)
    assert seen.counts == (("hit", 1),)
