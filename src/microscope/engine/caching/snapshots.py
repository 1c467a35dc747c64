"""Pictures the cache at one moment as plain data that anybody may keep; changes nothing."""

from __future__ import annotations

import time
from collections import Counter

from microscope.engine.caching.journal import Journal
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import CachedModel, Progress, Snapshot


def picture(scheduler: Scheduler, loads: dict[str, Progress], journal: Journal, longest_wait: float) -> Snapshot:
    """Return the snapshot, its models the least recently used first."""
    # The scheduler's clock has no beginning that means anything to people.
    offset = time.time() - time.monotonic()
    waiting = Counter(ask.want.model for ask in scheduler.waiting.eager())
    models = tuple(
        CachedModel(
            key=record.key,
            label=record.label,
            bytes=record.bytes,
            leases=record.leases,
            pinned=record.pinned,
            names=frozenset(record.names),
            mapped=record.mapped,
            waiting=waiting[record.key],
            loading=record.loading,
            abandoned=record.abandoned,
            last_used=record.last_used + offset,
            progress=loads.get(record.key),
            device=record.device,
            placed=record.placed,
        )
        for record in sorted(scheduler.models.values(), key=lambda record: (record.last_used, record.key))
    )
    return Snapshot(
        models=models,
        budget=scheduler.budget,
        used=scheduler.used(),
        waiting=sum(waiting.values()),
        running=len(scheduler.running),
        longest_wait=longest_wait,
        counts=journal.counts,
        events=journal.recent,
    )
