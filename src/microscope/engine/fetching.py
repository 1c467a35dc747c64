"""Fetches a checkpoint's files while whoever waits hears how far it is; knows no request."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from typing import TypeVar

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher, LocalCheckpoint

T = TypeVar("T")

LOOK_EVERY_SECONDS = 0.2


def fetching(fetcher: Fetcher, spec: ModelSpec, tell: Callable[[int, int], T]) -> Generator[T, None, LocalCheckpoint]:
    """Yield `tell(bytes done, bytes in all)` while a download runs, if there is one; return the local checkpoint.

    Closing the generator leaves the download alone: the next who asks finds it further on.
    """
    if spec.folder and spec.base is None and spec.processor_from is None:
        return fetcher.fetch(spec)
    progress = [0, 0]

    def count(done: int, total: int) -> None:
        progress[:] = done, total

    pool = ThreadPoolExecutor(1)
    try:
        future = pool.submit(fetcher.fetch, spec, count)
        while True:
            try:
                return future.result(timeout=LOOK_EVERY_SECONDS)
            except StillRunning:
                if future.done():
                    raise
                yield tell(*progress)
    finally:
        pool.shutdown(wait=False)
