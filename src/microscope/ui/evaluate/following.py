"""Follows work that tells how far it is, from another thread, while whoever waits is told; knows no work."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from typing import TypeVar

T = TypeVar("T")
Tell = Callable[[int, int], None]

LOOK_EVERY_SECONDS = 0.25


def following(work: Callable[[Tell], T]) -> Generator[tuple[int, int], None, T]:
    """Yield (done, total) while the work runs, and return what it returns; its errors are raised here.

    Work that is over at once yields nothing. Closing the generator leaves the work to end by itself.
    """
    told = [0, 0]

    def tell(done: int, total: int) -> None:
        told[:] = done, total

    pool = ThreadPoolExecutor(1)
    try:
        future = pool.submit(work, tell)
        while True:
            try:
                return future.result(timeout=LOOK_EVERY_SECONDS)
            except StillRunning:
                if future.done():
                    raise
                yield told[0], told[1]
    finally:
        pool.shutdown(wait=False)
