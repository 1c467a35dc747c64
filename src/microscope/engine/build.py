"""Builds the engine from settings and machine: device, budgets, door, and the plan in one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from microscope.catalog.hub import hub_client
from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.answering import Job, answer
from microscope.engine.answers import ANSWER, EVERY_JOB, Answerer
from microscope.engine.caching.model_cache import ModelCache
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.engine.generate import Finished
from microscope.engine.gpu import Door, Task
from microscope.engine.loader import Loader
from microscope.engine.models import Models
from microscope.engine.offered import Offered
from microscope.engine.pace import SPEEDS, Pace, Work
from microscope.engine.processors import Processors
from microscope.engine.using import Failed, waits
from microscope.engine.weights import FLOATS, resident_bytes, weight_files
from microscope.errors import UserError
from microscope.hardware import RAM_SHARE, Machine, weights_budget, working_budget
from microscope.records import GenerationSettings
from microscope.settings import Settings
from microscope.storage.answers import AnswerStore

log = logging.getLogger("microscope")

DEVICES = {"cpu": "cpu", "cuda": "cuda", "zero": "cuda", "mps": "mps"}
UNKNOWN_BYTES = 4 * 10**9
# Where nobody knows how much memory there is, nothing can be refused for want of it.
UNBOUNDED = 1 << 62
NAMED = 4
# Less is told in MB.
LEAST_GB = 10**8


@dataclass(frozen=True)
class Engine:
    """Everything a page or a command line needs to answer: made once, before launch."""

    offered: Offered
    machine: Machine
    models: Models
    answerer: Answerer
    pace: Pace
    packed_bytes: int

    @property
    def catalog(self) -> Catalog:
        """Return what is offered now."""
        return self.offered.catalog

    def offering(self, catalog: Catalog) -> Engine:
        """Return the same engine with a catalogue of its own, for work that is not to notice what is offered since."""
        answerer = self.answerer.offering(catalog)
        return replace(self, offered=answerer.offered, answerer=answerer)

    @property
    def zero(self) -> bool:
        """Tell whether calls go to ZeroGPU and are charged to the visitor's quota."""
        return self.answerer.door.zero

    def seconds(self, keys: tuple[str, ...], settings: GenerationSettings, passes: float = 0) -> float:
        """Return the expected seconds until all of these checkpoints have answered, and done more passes each."""
        work = self._work(keys, settings)
        return self.pace.seconds(work) + self._more(work, passes)

    def quota_seconds(self, keys: tuple[str, ...], settings: GenerationSettings, passes: float = 0) -> int:
        """Return the seconds that ZeroGPU will be asked for, which is what it compares with the visitor's quota."""
        work = self._work(keys, settings)
        return self.answerer.door.asks(self.pace.declared(work, self.packed_bytes, self._more(work, passes)))

    def _more(self, work: tuple[Work, ...], passes: float) -> float:
        return sum(passes * self.pace.pass_seconds(part) for part in work)

    def _work(self, keys: tuple[str, ...], settings: GenerationSettings) -> tuple[Work, ...]:
        specs = [spec for spec in (self.catalog.get(key) for key in keys) if spec is not None]
        held = (model for model in self.models.cache.snapshot().models if not model.loading)
        resident = {name for model in held for name in model.names}
        return tuple(
            Work(spec.key, expected_bytes(spec, self.models.dtype), spec.key not in resident, settings.max_new_tokens)
            for spec in specs
        )

    def warm(self, visitor: str, keys: tuple[str, ...]) -> None:
        """Have the files of checkpoints that a visitor chose read into the page cache, when nobody is in the way.

        What is in memory, or not on this disk, is left as it is; choosing others ends it.
        """
        held = {name for model in self.models.cache.snapshot().models for name in model.names}
        specs = [spec for spec in (self.catalog.get(key) for key in keys if key not in held) if spec is not None]
        files = {spec.key: self.answerer.fetcher.weights(spec) for spec in specs}
        self.models.prefetcher.want(visitor, {key: paths for key, paths in files.items() if paths})

    def forget(self, visitor: str) -> None:
        """End what is done for a visitor who left."""
        self.models.prefetcher.forget(visitor)


@dataclass(frozen=True)
class Workshop:
    """What tasks of other rooms are made from; `packed` are the bytes that every new worker is sent."""

    models: Models
    processors: Processors
    pace: Pace
    packed: int

    def work(self, local: LocalCheckpoint, new_tokens: int) -> Work:
        """Return a checkpoint's share of a call."""
        return Work(local.spec.key, local.bytes, not self.models.holds(local), new_tokens)


TaskMaker = Callable[[Workshop], Task]


def build_engine(settings: Settings, machine: Machine, catalog: Catalog, tasks: Sequence[TaskMaker] = ()) -> Engine:
    """Build the engine; loads no model, except on ZeroGPU, where the default preset is placed before launch.

    `tasks` make what other rooms have done at the accelerator.
    """
    budget = settings.cache_bytes or machine.weights_budget_bytes or UNBOUNDED
    zero = machine.kind == "zero"
    # On ZeroGPU the budget bounds what is packed; a worker may load more into the card it is lent.
    room = weights_budget("local-cuda", machine.vram_bytes, machine.ram_bytes) if zero else budget
    models = _models(settings, machine, room)
    fetcher = Fetcher(Downloads(None if settings.offline else hub_client(), largest=room, dtype=models.dtype))
    processors = Processors()
    packed = _place(models, fetcher, processors, catalog, budget) if zero else 0
    pace = Pace(machine.kind)
    shop = Workshop(models, processors, pace, packed)
    door = Door(models, (answer_task(shop), *(make(shop) for make in tasks)))
    store = AnswerStore(settings.data / "answers", settings.answers_bytes)
    offered = Offered(catalog)
    answerer = Answerer(offered, fetcher, processors, models, door, store, pace)
    return Engine(offered, machine, models, answerer, pace, packed)


def _models(settings: Settings, machine: Machine, room: int) -> Models:
    """Return the models of the machine; on an own accelerator, with those on the CPU to fall back to."""
    device, ram = DEVICES[machine.kind], machine.ram_bytes
    spare = None
    # On Apple's chips both are the same memory.
    if machine.kind == "cuda":
        spare = _on("cpu", machine.dtype, _scheduler(settings, weights_budget("local-cpu", 0, ram), 0, ram), ram)
    scheduler = _scheduler(settings, room, machine.vram_bytes, ram)
    return _on(device, machine.dtype, scheduler, ram, spare)


def _on(device: str, dtype: str, scheduler: Scheduler, ram: int, spare: Models | None = None) -> Models:
    # Mapped files cost no memory of our own, so as much may stay mapped as the kernel can keep in its page cache.
    loader = Loader(device, int(ram * RAM_SHARE) or UNBOUNDED)
    return Models(ModelCache(scheduler, loader.release), loader, device, dtype, spare=spare)


def _scheduler(settings: Settings, room: int, vram: int, ram: int) -> Scheduler:
    return Scheduler(
        room,
        working=working_budget(vram, ram, room),
        most=settings.cache_models,
        # One answer at a time on one device: two would each take twice as long.
        lanes=1,
        most_waiting=settings.queue_size,
    )


def answer_task(shop: Workshop) -> Task:
    """Return the task that answers, with its estimate."""

    def seconds(jobs: tuple[Job, ...]) -> int:
        work = tuple(shop.work(job.local, job.settings.max_new_tokens) for job in jobs)
        return shop.pace.declared(work, shop.packed)

    def finishes(item: tuple[int, object]) -> bool:
        return isinstance(item[1], Finished)

    return Task(ANSWER, answer, seconds, lambda message: (EVERY_JOB, Failed(message)), finishes, waits)


def expected_bytes(spec: ModelSpec, dtype: str) -> int:
    """Return what a checkpoint's weights will take, of an adapter its base's: from headers, or from parameters.

    0 for a folder that cannot be loaded.
    """
    source = Path(spec.base or spec.source)
    if source.is_absolute():
        try:
            return resident_bytes(weight_files(source, spec.label), dtype if spec.dtype == "auto" else spec.dtype)
        except (UserError, OSError):
            return 0
    if spec.parameters is not None and spec.base is None:
        return spec.parameters * FLOATS.get(dtype, 2)
    return UNKNOWN_BYTES


def _place(models: Models, fetcher: Fetcher, processors: Processors, catalog: Catalog, budget: int) -> int:
    """Place checkpoints on the accelerator in catalogue order while they fit the budget; return their bytes.

    Their processors are loaded as well: a worker forked while this process imports one would wait for it for ever.
    """
    packed = 0
    for spec in catalog.specs:
        if packed + expected_bytes(spec, models.dtype) > budget:
            continue
        try:
            local = fetcher.fetch(spec)
            packed += models.place(local)
            fetcher.keep(local)
            processors.get(local)
        except UserError as error:
            # The Space starts all the same: this checkpoint says the reason again when it is asked.
            log.warning("%s is not placed before launch: %s", spec.key, error)
    return packed


def plan(engine: Engine) -> str:
    """Return the plan in one sentence: device, memory, who stays in memory, who takes turns, and why."""
    machine, budget, total = engine.machine, engine.models.cache.budget, len(engine.catalog.specs)
    memory = f"{machine.memory_bytes / 1e9:.0f} GB" if machine.memory_bytes else "memory unknown"
    if machine.kind == "zero":
        placed = engine.models.cache.snapshot().models
        return (
            f"ZeroGPU: {len(placed)} of {total} checkpoints placed before launch ({engine.packed_bytes / 1e9:.2f} GB, "
            "streamed into every worker), the others load inside the call; nothing is evicted, for a packed model is "
            "streamed into every worker whether it is dropped or not."
        )
    sizes = {spec.label: expected_bytes(spec, engine.models.dtype) for spec in engine.catalog.specs}
    kept = dict(_fitting(sizes, budget, engine.models.cache.most))
    of_budget = "" if budget == UNBOUNDED else f" of a budget of {_size(budget)}"
    size = f"{_size(sum(kept.values()))}{of_budget}"
    text = f"{machine.kind}, {memory}: {_named(list(kept), total)} resident ({size})"
    swapped = [label for label in sizes if label not in kept]
    if not swapped:
        return f"{text}, each loaded when it is first asked."
    seconds = max(sizes[label] for label in swapped) / SPEEDS[machine.kind].load_bytes_per_second
    return f"{text}; {_named(swapped, total)} take turns, at most about {max(1, round(seconds))} s a load."


def _size(count: int) -> str:
    """Return bytes as people read them."""
    return f"{count / 1e9:.1f} GB" if count >= LEAST_GB else f"{count / 1e6:.1f} MB"


def _named(labels: list[str], total: int) -> str:
    """Return the names of a few checkpoints, or how many there are."""
    if len(labels) == total:
        return f"{total} checkpoints"
    return " + ".join(labels) if len(labels) <= NAMED else f"{len(labels)} of {total} checkpoints"


def _fitting(sizes: dict[str, int], budget: int, most: int | None) -> Iterator[tuple[str, int]]:
    used = count = 0
    for label, size in sizes.items():
        if used + size <= budget and (most is None or count < most):
            used, count = used + size, count + 1
            yield label, size
