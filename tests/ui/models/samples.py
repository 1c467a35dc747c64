"""An overview with a checkpoint in every place, and a source that remembers what it was asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from microscope.engine.caching.states import CacheEvent, Kind
from microscope.engine.overview import ModelRow, Overview
from microscope.errors import UserError
from microscope.ui.models.events import Source

NOW = 1_000_000.0
GB = 10**9


def overview_of(rows: tuple[ModelRow, ...] = (), **changes: Any) -> Overview:
    """Return an overview of a CPU with 8 GB for weights that nobody uses."""
    plan = "cpu, 16 GB: 8 checkpoints resident."
    return replace(Overview(rows, 8 * GB, 0, 0, 0.0, "cpu", zero=False, plan=plan), **changes)


ROWS = (
    ModelRow("small", "SmolVLM 256M", "gpu", 512_000_000, leases=2, pinned=True, last_used=NOW - 3),
    ModelRow("medium", "SmolVLM 500M", "ram", 1_015_000_000, waiting=1, last_used=NOW - 75),
    ModelRow("step-300", "scenes, step 300", "mapped", 2_700_000, mapped=2_700_000, last_used=NOW - 7200),
    ModelRow("part", "scenes, step 6000", "mapped", 3_000_000, mapped=1_000_000),
    ModelRow("qwen", "Qwen3-VL 2B", "loading", 4_255_000_000, waiting=3, progress=0.43),
    ModelRow("lfm", "LFM2.5-VL 450M", "page cache", 901_000_000, progress=0.9),
    ModelRow("intern", "InternVL3 1B", "disk", 1_876_000_000, note="failed; tried again in 8 s"),
    ModelRow("gemma", "Gemma 3 4B", "hub", note="It needs a token that may read google/gemma-3-4b-it."),
    ModelRow("pack", "PaliGemma 2 3B mix", "packed", 6_000_000_000, leases=1, last_used=NOW),
)
EVENTS = (
    CacheEvent(NOW - 1, Kind.HIT, "SmolVLM 256M"),
    CacheEvent(NOW - 4, Kind.MISS, "Qwen3-VL 2B"),
    CacheEvent(NOW - 61, Kind.LOAD, "SmolVLM 500M", "1.0 GB in 0.40 s, 2.5 GB/s"),
    CacheEvent(NOW - 62, Kind.EVICTION, "LFM2.5-VL 450M", "evicted: room for SmolVLM 500M"),
    CacheEvent(NOW - 3700, Kind.OUT_OF_MEMORY, "Qwen3-VL 2B", "idle checkpoints were let go, and it was tried again"),
    CacheEvent(NOW - 3800, Kind.FAILURE, "InternVL3 1B", "its files are not complete"),
    CacheEvent(NOW - 90_000, Kind.REFUSAL, "Gemma 3 4B", "it needs 8.6 GB"),
)
SEEN = overview_of(ROWS, used=1_532_700_000, waiting=4, longest_wait=12.4, events=EVENTS)


@dataclass
class FakeEngine:
    """Shows `seen`, remembers what was asked, and refuses to unload what is in use."""

    seen: Overview = SEEN
    owner: bool = True
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def source(self) -> Source:
        """Return the functions that the tab takes."""
        return Source(lambda: self.seen, self.load, self.unload, self.pin, self.is_owner)

    def load(self, key: str) -> str:
        self.asked.append(("load", key))
        return f"{key} is loaded & ready."

    def unload(self, key: str) -> str:
        self.asked.append(("unload", key))
        raise UserError(f"{key} is in use; try again when it has answered.")

    def pin(self, key: str, on: bool) -> str:  # noqa: FBT001  (the engine's own shape)
        self.asked.append(("pin", key, on))
        return f"{key} stays." if on else f"{key} may go."

    def is_owner(self, _request: gr.Request, _profile: gr.OAuthProfile | None) -> bool:
        return self.owner


CHOICES = [(row.label, row.key) for row in ROWS]
