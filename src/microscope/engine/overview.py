"""Tells what every checkpoint of the catalogue is doing in memory, and lets the owner move them; draws nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from microscope.catalog.spec import ModelSpec
from microscope.engine.build import Engine, expected_bytes, plan
from microscope.engine.caching.states import CachedModel, CacheEvent
from microscope.engine.pagecache import cached_fraction
from microscope.engine.prefetch import Warming
from microscope.errors import UserError

# As much of its files in the page cache counts as all.
WARM = 0.9
LOOK_SECONDS, PATIENCE_SECONDS = 0.1, 60.0


@dataclass(frozen=True)
class ModelRow:
    """One checkpoint of the catalogue: where it is, its bytes (of these `mapped` are pages of files), and its use.

    `place` is `packed`, `gpu`, `ram`, `mapped` (in memory as pages of its files), `loading`, `page cache`, `disk` or
    `hub` (not downloaded). `last_used` is in seconds since the epoch, `progress` from 0 to 1.
    """

    key: str
    label: str
    place: str
    bytes: int = 0
    mapped: int = 0
    leases: int = 0
    waiting: int = 0
    pinned: bool = False
    last_used: float | None = None
    progress: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Overview:
    """All rows, the memory they share, who waits (seconds), and what happened last, the newest first."""

    rows: tuple[ModelRow, ...]
    budget: int
    used: int
    waiting: int
    longest_wait: float
    device: str
    zero: bool
    plan: str
    events: tuple[CacheEvent, ...] = ()


class NoRoomError(UserError):
    """A model was not loaded, for what is in use leaves it no room; nothing is known against it."""


def overview(engine: Engine) -> Overview:
    """Return what there is to see; asks the file system where files are, and no network."""
    snapshot = engine.models.cache.snapshot()
    warming = {one.key: one for one in engine.models.prefetcher.snapshot()}
    return Overview(
        rows=tuple(_row(engine, spec, snapshot.models, warming) for spec in engine.catalog.specs),
        budget=snapshot.budget,
        used=snapshot.used,
        waiting=snapshot.waiting,
        longest_wait=snapshot.longest_wait,
        device=engine.models.device,
        zero=engine.zero,
        plan=plan(engine),
        events=snapshot.events,
    )


def _row(engine: Engine, spec: ModelSpec, models: tuple[CachedModel, ...], warming: dict[str, Warming]) -> ModelRow:
    held = next((model for model in models if _holds(engine, spec, model)), None)
    if held is not None:
        return _held(engine, spec, held)
    paths = engine.answerer.fetcher.weights(spec)
    size = expected_bytes(spec, engine.models.dtype)
    if not paths:
        return ModelRow(spec.key, spec.label, "disk" if spec.folder else "hub", size)
    under_way = warming.get(spec.key)
    reading = under_way is not None and under_way.state == "reading"
    return ModelRow(
        key=spec.key,
        label=spec.label,
        place="page cache" if all(map(_is_warm, paths)) else "disk",
        bytes=size,
        last_used=engine.models.cache.journal.last_use(spec.label),
        progress=under_way.bytes_done / max(1, under_way.bytes_total) if under_way is not None and reading else None,
        note=_failure(engine, spec),
    )


def _holds(engine: Engine, spec: ModelSpec, model: CachedModel) -> bool:
    """Tell whether a model is this checkpoint's, and not that of the revision which it had before."""
    local = engine.answerer.fetcher.known(spec)
    if local is None:
        return spec.key in model.names
    # Of the adapters on one base, each is there once it was used.
    return model.key == engine.models.key(local) and (local.adapter is None or spec.key in model.names)


def _held(engine: Engine, spec: ModelSpec, model: CachedModel) -> ModelRow:
    progress = model.progress
    return ModelRow(
        key=spec.key,
        label=spec.label,
        place=_place(engine, model),
        bytes=model.bytes,
        mapped=model.mapped,
        leases=model.leases,
        waiting=model.waiting,
        pinned=model.pinned,
        last_used=model.last_used,
        progress=progress.done / max(1, progress.total) if progress is not None else None,
    )


def _place(engine: Engine, model: CachedModel) -> str:
    if model.loading:
        return "loading"
    if engine.zero and model.placed:
        return "packed"
    if not model.device.startswith("cpu"):
        return "gpu"
    return "mapped" if model.mapped * 2 > model.bytes else "ram"


def _failure(engine: Engine, spec: ModelSpec) -> str:
    """Return why a checkpoint is not loaded just now, empty where nothing is wrong with it."""
    local = engine.answerer.fetcher.known(spec)
    return "" if local is None else engine.models.cache.failure(engine.models.key(local)) or ""


def _is_warm(path: Path) -> bool:
    fraction = cached_fraction(path)
    return fraction is not None and fraction >= WARM


def load_model(engine: Engine, key: str) -> str:
    """Load a checkpoint's model as soon as nobody is in the way, and say so; downloads it where that is needed.

    Raises NoRoomError where somebody stays in the way, and any other UserError where it does not load.
    """
    spec = _spec(engine, key)
    local = engine.answerer.fetcher.fetch(spec)
    if engine.models.holds(local):
        return f"{spec.label} is in memory already."
    end = time.monotonic() + PATIENCE_SECONDS
    with engine.models.request(local, eager=False) as ticket:
        while not engine.models.holds(local):
            # A refusal is raised here.
            ticket.ready(LOOK_SECONDS)
            status = ticket.status()
            if time.monotonic() > end and (status is None or not status.loading):
                raise NoRoomError(f"{spec.label} finds no room beside what is in use or waited for; try again later.")
    return f"{spec.label} is in memory."


def unload_model(engine: Engine, key: str) -> str:
    """Let go of a checkpoint's model where nobody uses it, and say so."""
    spec = _spec(engine, key)
    models = engine.models
    held = [model.key for model in models.cache.snapshot().models if _holds(engine, spec, model)]
    if not held:
        return f"{spec.label} is not in memory."
    gone = [models.cache.unload(one, "by the owner") for one in held]
    if not all(gone):
        raise UserError(f"{spec.label} is in use or was placed for good; try again when nobody uses it.")
    return f"{spec.label} was let go of; its files stay."


def pin_model(engine: Engine, key: str, *, on: bool) -> str:
    """Keep a checkpoint's model in memory whatever comes, or no longer, and say so."""
    spec = _spec(engine, key)
    held = [model for model in engine.models.cache.snapshot().models if _holds(engine, spec, model)]
    if not held:
        raise UserError(f"{spec.label} is not in memory; load it first.")
    if any(model.placed for model in held):
        raise UserError(f"{spec.label} was placed before launch and stays in any case.")
    for model in held:
        engine.models.cache.pin(model.key, on=on)
    return f"{spec.label} stays in memory until it is unpinned." if on else f"{spec.label} may be let go of again."


def _spec(engine: Engine, key: str) -> ModelSpec:
    spec = engine.catalog.get(key)
    if spec is None:
        raise UserError(f"There is no checkpoint {key!r} in the catalogue; choose one of the list.")
    if engine.zero:
        raise UserError(
            "On ZeroGPU models are placed before launch, and none can be moved; restart the Space instead."
        )
    return spec
