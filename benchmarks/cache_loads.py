"""Measures how the model cache changes models, against `from_pretrained` and against the memory's own speed.

Two checkpoints of one shape take turns. Every way ends with touching each page of every weight, for a mapped file is
read only then. Rounds go through the ways in turn, each round in the opposite order, so that drift of the machine
cancels; minimum and median are reported, and each way's median as a share of `from_pretrained`'s.

`plain`: `from_pretrained`, files in the page cache. `swap`: our load into a cached shell, the files mapped anew.
`pointer`: the same with the files still mapped. With a `-`: the same calls without the touching. `hit`: a lease of
what is in memory. `evict`: letting go of a model whose files stay mapped, as they do while the budget for them lasts;
`unmap`: of one whose files go as well; the interpreter's full collections meanwhile are counted. `floor`: the files'
bytes from the page cache into a warm buffer. On a GPU the loads end on it, and the floor is the copy of as many bytes
from pinned memory.
`cold`: our load with the files out of the page cache. `prefetched`: the same after a finished prefetch, which is not
counted. `cold_plain`: `from_pretrained`, cold.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import transformers
from random_model import build_random, negated

from microscope.catalog.spec import ModelSpec
from microscope.engine.caching.loads import Loaded
from microscope.engine.caching.model_cache import ModelCache
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import Want
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.engine.loader import Loader, Resident
from microscope.engine.pagecache import drop
from microscope.engine.prefetch import Prefetcher

# Towers as (width, layers): about 450 MB and 1.6 GB in bfloat16.
SHAPES = {"0.45 GB": ((768, 12), (960, 12)), "1.6 GB": ((1152, 20), (1536, 16))}
PAGE = 4096
RUNS = Path(__file__).resolve().parents[1] / "runs"
MIN_COLD, WARM_UP = 3, 2
FULL = 2
GB = 1e9


@dataclass
class Way:
    """What one way took, in seconds, round by round."""

    name: str
    seconds: list[float] = field(default_factory=list)

    @property
    def least(self) -> float:
        """Return the minimum."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """Return the median."""
        return float(np.median(self.seconds))


class Bench:
    """Two checkpoints of one shape and every way to change from one to the other."""

    def __init__(self, first: LocalCheckpoint, second: LocalCheckpoint, device: str) -> None:
        self.pair, self.device, self.turn = (first, second), device, 0
        self.size = sum(path.stat().st_size for path in first.weights)
        # Without a budget no file stays mapped.
        self.mapping, self.closing = Loader(device, 1 << 40), Loader(device, 0)
        self.buffer = bytearray(8 * 2**20)
        self.full_collections = 0
        self.evictions: dict[Loader, list[float]] = {self.mapping: [], self.closing: []}
        self.untouched: dict[str, list[float]] = {"plain": [], "shell": [], "pointer": []}

    def next(self) -> LocalCheckpoint:
        """Return the other checkpoint."""
        self.turn += 1
        return self.pair[self.turn % 2]

    def plain(self) -> float:
        """Load by the library alone."""
        local = self.next()
        start = time.perf_counter()
        model = transformers.AutoModelForImageTextToText.from_pretrained(local.folder, dtype="auto").to(self.device)
        self.untouched["plain"].append(time.perf_counter() - start)
        touch(model)
        seconds = time.perf_counter() - start
        del model
        return seconds

    def swap(self) -> float:
        """Load into a cached shell, mapping the files anew."""
        return self._load(self.closing)

    def pointer(self) -> float:
        """Load into a cached shell, the files being mapped already."""
        return self._load(self.mapping)

    def cold(self) -> float:
        """Load with the files out of the page cache."""
        for path in self.pair[(self.turn + 1) % 2].weights:
            drop(path)
        return self._load(self.closing)

    def cold_plain(self) -> float:
        """Load by the library alone, with the files out of the page cache."""
        for path in self.pair[(self.turn + 1) % 2].weights:
            drop(path)
        return self.plain()

    def prefetched(self) -> float:
        """Load after a finished prefetch, which is not counted."""
        local = self.pair[(self.turn + 1) % 2]
        for path in local.weights:
            drop(path)
        prefetch(local)
        return self._load(self.closing)

    def floor(self) -> float:
        """Read as many bytes from the page cache into a warm buffer; to a GPU, copy them from pinned memory."""
        if self.device != "cpu":
            return self._copy()
        start = time.perf_counter()
        for path in self.next().weights:
            with path.open("rb", buffering=0) as file:
                while file.readinto(self.buffer):
                    continue
        return time.perf_counter() - start

    def _copy(self) -> float:
        host = torch.empty(64 * 2**20, dtype=torch.uint8, pin_memory=True)
        there = torch.empty(host.numel(), dtype=torch.uint8, device=self.device)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(-(-self.size // host.numel())):
            there.copy_(host, non_blocking=True)
        torch.cuda.synchronize()
        return time.perf_counter() - start

    def _load(self, loader: Loader) -> float:
        local = self.next()
        start = time.perf_counter()
        resident = loader.load(local, "auto")
        self.untouched[resident.how].append(time.perf_counter() - start)
        touch(resident.model)
        seconds = time.perf_counter() - start
        with collections() as full:
            start = time.perf_counter()
            loader.release(resident)
            self.evictions[loader].append(time.perf_counter() - start)
        self.full_collections += len(full)
        return seconds


def touch(model: torch.nn.Module) -> None:
    """Read a byte of every page of every weight, or wait until all of them are on the GPU."""
    for weight in model.parameters():
        if weight.device.type == "cpu":
            weight.detach().flatten().view(torch.uint8)[::PAGE].sum(dtype=torch.int64)
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def prefetch(local: LocalCheckpoint) -> None:
    """Have the files read into the page cache as choosing the checkpoint in the page does, and wait for the end."""
    prefetcher = Prefetcher()
    prefetcher.want("bench", {local.spec.key: local.weights})
    while any(one.state in ("waiting", "reading") for one in prefetcher.snapshot()):
        time.sleep(0.01)
    prefetcher.close()


@contextmanager
def collections() -> Iterator[list[int]]:
    """Note the full collections that the interpreter makes meanwhile."""
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == FULL:
            seen.append(1)

    gc.callbacks.append(note)
    try:
        yield seen
    finally:
        gc.callbacks.remove(note)


def hits(local: LocalCheckpoint, count: int) -> list[float]:
    """Return the seconds that leases of a model in memory took."""
    resident = Resident(local, torch.nn.Linear(1, 1), 1, 0, 0.0, "")
    cache: ModelCache[Resident] = ModelCache(Scheduler(1 << 40, lanes=1), lambda _: None)
    want, seconds = Want("model", "model", "model", 1), []
    with cache.lease(want, lambda _: Loaded(resident, 1)):
        pass
    for _ in range(count):
        start = time.perf_counter()
        with cache.lease(want, lambda _: Loaded(resident, 1)):
            seconds.append(time.perf_counter() - start)
    return seconds


def measure(name: str, folder: Path, rounds: int, device: str) -> dict[str, object]:
    """Make the two checkpoints, go through the ways in turn, and return every figure."""
    locals_ = [local_of(build_random(folder / "a", *SHAPES[name], dtype=torch.bfloat16))]
    locals_.append(local_of(negated(locals_[0].folder, folder / "b")))
    bench = Bench(locals_[0], locals_[1], device)
    warm, cold = (
        (bench.plain, bench.swap, bench.pointer, bench.floor),
        (bench.cold, bench.prefetched, bench.cold_plain),
    )
    ways = {way.__name__: Way(way.__name__) for way in (*warm, *cold)}
    run(warm, ways, rounds)
    for way, how in (("plain -", "plain"), ("swap -", "shell"), ("pointer -", "pointer")):
        ways[way] = Way(way, bench.untouched[how][-rounds:])
    evictions = bench.evictions
    ways["evict"] = Way("evict", evictions[bench.mapping][WARM_UP:])
    ways["unmap"] = Way("unmap", evictions[bench.closing][WARM_UP:])
    # What is mapped stays in the page cache whatever is asked of the kernel, so the loader that keeps maps has to go.
    bench.mapping = bench.closing
    bench.evictions = {bench.closing: []}
    del evictions
    run(cold, ways, max(MIN_COLD, rounds // 3))
    ways["hit"] = Way("hit", hits(locals_[0], 2000))
    return {
        "name": name,
        "bytes": bench.size,
        "full_collections": bench.full_collections,
        "ways": [{**asdict(way), "least": way.least, "median": way.median} for way in ways.values()],
    }


def run(calls: tuple[Callable[[], float], ...], ways: dict[str, Way], rounds: int) -> None:
    """Go through the ways, each round in the opposite order, after some that do not count."""
    for number in range(rounds + WARM_UP):
        for call in calls if number % 2 else calls[::-1]:
            seconds = call()
            if number >= WARM_UP:
                ways[call.__name__].seconds.append(seconds)


def local_of(folder: Path) -> LocalCheckpoint:
    """Return the checkpoint in a folder as the app finds it."""
    return Fetcher().fetch(ModelSpec(folder.name, folder.name, str(folder), folder=True))


def table(found: dict[str, object]) -> str:
    """Return the figures of one size for people."""
    ways = {way["name"]: way for way in found["ways"]}  # type: ignore[attr-defined]
    plain, floor, size = ways["plain"], ways["floor"], found["bytes"]
    lines = [
        f"{found['name']} ({size / GB:.3f} GB), {len(plain['seconds'])} rounds",  # type: ignore[operator]
        f"{'way':<12} {'min ms':>9} {'median ms':>10} {'of plain: min':>14} {'median':>7} {'of floor':>9}",
    ]
    for name, way in ways.items():
        shares = (way["least"] / plain["least"], way["median"] / plain["median"], way["median"] / floor["median"])
        lines.append(
            f"{name:<12} {1e3 * way['least']:>9.3f} {1e3 * way['median']:>10.3f} "
            f"{shares[0]:>14.3f} {shares[1]:>7.3f} {shares[2]:>9.3f}"
        )
    cold = ways["cold"]["median"] / ways["prefetched"]["median"]
    lines.append(
        f"cold takes {cold:.1f} times as long as prefetched; full collections during evictions: "
        f"{found['full_collections']}"
    )
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure both sizes, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sizes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    print(f"{platform.machine()}, {device}, {versions}, one thread")
    found = []
    for name in given.sizes:
        # Beside the repository's own files: a temporary folder of the system's may be in memory.
        RUNS.mkdir(exist_ok=True)
        with TemporaryDirectory(dir=RUNS) as folder:
            found.append(measure(name, Path(folder), given.rounds, device))
        print(table(found[-1]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
