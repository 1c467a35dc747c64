"""Tasks through the door: where they run, how they end, and what each refusal of the platform becomes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextvars import copy_context
from dataclasses import asdict
from types import SimpleNamespace

from gradio.context import LocalContext
from starlette.datastructures import Headers

from microscope.engine.gpu import Door, Task
from microscope.engine.models import Models
from microscope.errors import UserError
from tests.keeping import models_of
from tests.zero.device_api import Mode
from tests.zero.stage import Stage, platform_token

DECLARED = 7
SPENT_SECONDS = 0.1
# Shared with the workers, which are forked.
GATE = multiprocessing.get_context("fork").Event()
VISITORS = {"no token": None, "anonymous": None, "free": "regular", "pro": "pro"}


def tell(_models: Models, count: int) -> Iterator[tuple[int, int]]:
    """Yield the number of the process and a count."""
    yield from ((os.getpid(), number) for number in range(count))


def endless(_models: Models, _payload: None) -> Iterator[int]:
    """Yield the number of the process for ever."""
    yield from itertools.repeat(os.getpid())


def busy(_models: Models, _payload: None) -> Iterator[int]:
    """Yield the number of the process, and then nothing until the gate opens, as during a long load."""
    yield os.getpid()
    GATE.wait()
    yield os.getpid()


def spend(_models: Models, _payload: None) -> Iterator[tuple[int, float]]:
    """Compute for a while and yield the number of the process and the seconds that it counted itself."""
    began = time.perf_counter()
    while time.perf_counter() - began < SPENT_SECONDS:
        pass
    yield os.getpid(), time.perf_counter() - began


def with_a_bug(_models: Models, _payload: None) -> Iterator[int]:
    """Yield the number of the process and fail."""
    yield os.getpid()
    raise ValueError("a detail that is nobody's business")


def with_a_sentence(_models: Models, _payload: None) -> Iterator[int]:
    """Yield the number of the process and fail with a sentence for people."""
    yield os.getpid()
    raise UserError("This is what to do.")


def play(stage: Stage) -> None:
    """Play all steps."""
    runs = (tell, endless, busy, spend, with_a_bug, with_a_sentence)
    tasks = tuple(
        Task(run.__name__, run, lambda _: DECLARED, lambda said: ("failed", said), lambda item: item != "failed")
        for run in runs
    )
    door = Door(models_of(dtype="bfloat16", device="cuda"), tasks)
    answer(door, stage)
    measure(door, stage)
    cancel(door, stage)
    fail(door, stage)
    kill(door, stage)
    refuse(door, stage)
    stage.report("ledger", spent={name: asdict(spent) for name, spent in door.ledger.spent().items()})


def answer(door: Door, stage: Stage) -> None:
    """Run a task twice: what is said to the platform, and in which process it runs."""
    seen = len(stage.api.calls())
    items = list(door.run("tell", 3))
    calls = [[call.path, call.parameters] for call in stage.api.calls(since=seen)]
    stage.report("plain", items=items, main=os.getpid(), calls=calls)
    again = worker(door)
    stage.report("warm", worker=items[0][0], again=again, allowed=len(stage.api.calls("/allow", seen)))


def measure(door: Door, stage: Stage) -> None:
    """Let a worker compute, and look at what the ledger of this process says of it."""
    began = time.perf_counter()
    ((pid, counted),) = door.run("spend", None)
    seconds = time.perf_counter() - began
    usage = door.ledger.usage("spend")
    told = None if usage is None else asdict(usage)
    stage.report("spend", worker=pid, main=os.getpid(), counted=counted, seconds=seconds, usage=told)


def cancel(door: Door, stage: Stage) -> None:
    """Close an endless task, and one that is busy between two steps."""
    for name in ("endless", "busy"):
        GATE.clear()
        pid, seen = worker(door), len(stage.api.calls())
        steps = door.run(name, None)
        next(steps)
        steps.close()
        closed = stage.api.paths(seen)
        GATE.set()
        stage.api.wait_for("/release", seen)
        stage.report(f"close {name}", closed=closed, paths=stage.api.paths(seen), worker=pid, again=worker(door))


def fail(door: Door, stage: Stage) -> None:
    """Let tasks raise."""
    for name in ("with_a_bug", "with_a_sentence"):
        pid, seen = worker(door), len(stage.api.calls())
        items = list(door.run(name, None))
        (release,) = stage.api.calls("/release", seen)
        stage.report(name, items=items, failed=release.parameters["fail"], worker=pid, again=worker(door))


def kill(door: Door, stage: Stage) -> None:
    """Kill the worker, at work and between two calls."""
    seen = len(stage.api.calls())
    steps = door.run("endless", None)
    pid = next(steps)
    os.kill(pid, signal.SIGKILL)
    said = sentence(steps)
    (release,) = stage.api.calls("/release", seen)
    stage.report("killed", sentence=said, failed=release.parameters["fail"], worker=pid, again=worker(door))

    (process,) = [child for child in multiprocessing.active_children() if child.pid == worker(door)]
    process.kill()
    while process.is_alive():
        process.join(0.01)
    stage.report("killed while idle", worker=process.pid, again=worker(door))


def refuse(door: Door, stage: Stage) -> None:
    """Let the platform answer in every way, to every kind of visitor."""
    before = door.ledger.spent()["tell"].calls
    for mode in Mode:
        for visitor, level in VISITORS.items():
            stage.api.mode, stage.api.level, seen = mode, level, len(stage.api.calls())
            context = copy_context()
            context.run(enter_request, None if visitor == "no token" else platform_token(visitor))
            said = context.run(sentence, door.run("tell", 1))
            (asked,) = stage.api.calls("/schedule", seen)
            facts = {"token": asked.parameters.get("token"), "paths": stage.api.paths(seen)}
            stage.report(f"{mode.value}, {visitor}", sentence=said, **facts)
    stage.api.mode, stage.api.level = Mode.GRANT, None
    stage.report("booked", calls=door.ledger.spent()["tell"].calls - before, visitors=len(VISITORS))
    stage.report("after refusals", items=list(door.run("tell", 2)))


def worker(door: Door) -> int:
    """Return the number of the process that a call runs in now."""
    ((pid, _),) = door.run("tell", 1)
    return pid


def sentence(steps: Iterator[object]) -> str:
    """Run the steps to their end and return the sentence of the `UserError` that ended them, if one did."""
    try:
        for _ in steps:
            pass
    except UserError as error:
        return str(error)
    return ""


def enter_request(token: str | None) -> None:
    """Put a request of the page into the context, as Gradio does."""
    headers = {"x-gradio-user": "app"} | ({} if token is None else {"x-ip-token": token})
    LocalContext.request.set(SimpleNamespace(headers=Headers(headers)))
