"""What is known before a run, and what is told while it goes on; plain data."""

from __future__ import annotations

from dataclasses import dataclass

from microscope.evaluation.results import Results


@dataclass(frozen=True)
class Plan:
    """What a run would be: how much is left to compute, what it costs, and what it could see.

    `known` answers of `answers` are kept already. `seconds` is the expected time of the rest; `quota_seconds` what
    ZeroGPU is asked for in all (None elsewhere). `detectable` is the smallest difference between two checkpoints that
    the set sees with 80 % power, assuming that they disagree on `disagreement` of the items and a design effect of
    `design_effect`. `warnings` say what else a person should know before they start.
    """

    items: int
    images: int
    arms: int
    answers: int
    known: int
    seconds: float
    quota_seconds: int | None
    detectable: float
    disagreement: float
    design_effect: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """Where a run stands. `done` of `total` answers are there, `reused` of them from the store, `left` seconds remain.

    `arm` is the key of the arm at work (empty: none); `message` says what it waits for, or why an arm failed.
    `results` come from time to time, and with the last one, which is `over`; they hold the items that every arm that
    was begun has answered. `stopped_early` says why no more items were needed (empty: they were). `computed` answers
    are new in this run.
    """

    done: int
    total: int
    reused: int
    left: float | None = None
    arm: str = ""
    message: str = ""
    results: Results | None = None
    over: bool = False
    stopped_early: str = ""
    computed: int = 0
