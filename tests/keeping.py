"""Model caches for tests: the real scheduler, cache and loader on the CPU."""

from __future__ import annotations

from typing import Any

from microscope.engine.caching.model_cache import ModelCache
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.loader import Loader
from microscope.engine.models import Models

HOST_BUDGET = 10**9


def models_of(budget: int = 10**9, dtype: str = "float32", device: str = "cpu", **limits: Any) -> Models:
    """Return models within a budget in bytes, one use at a time unless the limits say otherwise."""
    loader = Loader(device, HOST_BUDGET)
    cache = ModelCache(Scheduler(budget, **{"lanes": 1, **limits}), loader.release)
    return Models(cache, loader, device, dtype)
