"""The engine on ZeroGPU: what is packed, what a worker loads, what is downloaded when, and what is declared."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from spaces.zero.config import get_config
from spaces.zero.torch.patching import tensor_packs
from tqdm import tqdm

from microscope.engine.build import Engine
from microscope.engine.loading.gate import exclusive, loading
from microscope.records import AnswerRequest, GenerationSettings
from tests.zero.checkpoints import QUESTION, picture
from tests.zero.stage import Stage

# Long enough for several pieces.
LONG = GenerationSettings(max_new_tokens=100)
SHORT = GenerationSettings(max_new_tokens=12)
CALLS = 5
BLACKWELL_FACTOR = 1.5


def play(engine: Engine, stage: Stage) -> None:
    """Play all steps, after launch."""
    pack(engine, stage)
    declare(engine, stage)
    answer(engine, stage)
    recall(engine, stage)
    load_in_worker(engine, stage)
    fail_alone(engine, stage)
    answer_four(engine, stage)
    hold_locks(engine, stage)
    fork_in_parallel(engine, stage)
    leave_nothing_open(engine, stage)


def tell_usage(engine: Engine, stage: Stage) -> None:
    """Tell what the workers took until now, by task."""
    ledger = engine.answerer.door.ledger
    usage = {name: ledger.usage(name) for name in ledger.spent()}
    stage.report("usage", **{name: None if found is None else asdict(found) for name, found in usage.items()})


def pack(engine: Engine, stage: Stage) -> None:
    """Look at what was packed, and delete its files, as the platform does where it may look for them."""
    models = [loaded.resident.model for loaded in engine.models.cache._residents.values()]
    stage.report(
        "pack",
        bytes=sum(pack.total_size for pack in tensor_packs),
        engine_bytes=engine.packed_bytes,
        tied=[model.lm_head.weight is model.get_input_embeddings().weight for model in models],
    )
    for path in (stage.home / ".cache").rglob("*.safetensors"):
        path.resolve().unlink(missing_ok=True)


def declare(engine: Engine, stage: Stage) -> None:
    """Ask what calls would cost, before anything is measured."""
    keys = tuple(spec.key for spec in engine.catalog.specs if spec.key != "damaged")
    seconds = engine.quota_seconds
    stage.report(
        "declare",
        default=seconds(keys[:1], GenerationSettings()),
        four=seconds(keys[:4], GenerationSettings()),
        by_checkpoints=[seconds(keys[:count], LONG) for count in (1, 2, 3)],
        by_tokens=[seconds(keys[:1], GenerationSettings(max_new_tokens=count)) for count in (64, 256, 1024)],
    )


def answer(engine: Engine, stage: Stage) -> None:
    """Ask each packed checkpoint, and the first one again."""
    for key, factor in (("step-1", 1.0), ("step-2", 1.0), ("packed", BLACKWELL_FACTOR)):
        # By the card that the package finds.
        get_config()["duration_factor"] = factor
        announced = engine.quota_seconds((key,), LONG)
        stage.report(f"answer of {key}", **ask(engine, stage, (key,), LONG), announced=announced)
    get_config()["duration_factor"] = 1.0


def recall(engine: Engine, stage: Stage) -> None:
    """Ask again what is known already, once with leave to compute and once without."""
    stage.report("known", **ask(engine, stage, ("packed",), LONG))
    stage.report("recalled", **ask(engine, stage, ("packed", "step-1"), LONG, generate=False))
    stage.report("recalled in vain", **ask(engine, stage, ("late",), LONG, generate=False))


def load_in_worker(engine: Engine, stage: Stage) -> None:
    """Ask, twice, a checkpoint that is not packed and not even downloaded."""
    stage.report("first of late", **ask(engine, stage, ("late",), SHORT))
    stage.report("second of late", **ask(engine, stage, ("late",), LONG))


def fail_alone(engine: Engine, stage: Stage) -> None:
    """Ask a checkpoint that cannot be loaded beside one that can, and another one later."""
    stage.report("beside a failure", **ask(engine, stage, ("damaged", "step-1"), SHORT))
    stage.report("after a failure", **ask(engine, stage, ("step-2",), SHORT))


def answer_four(engine: Engine, stage: Stage) -> None:
    """Ask four checkpoints at once."""
    settings = GenerationSettings(max_new_tokens=13)
    stage.report("four", **ask(engine, stage, ("step-1", "step-2", "packed", "late"), settings))


def hold_locks(engine: Engine, stage: Stage) -> None:
    """Fork a worker while another thread leases a model and holds every lock that a load takes."""
    stage.api.cool()
    cache, holding, forked = engine.models.cache, threading.Event(), threading.Event()
    spec = engine.catalog.get("step-1")

    def hold() -> None:
        lease = engine.models.lease(engine.answerer.fetcher.fetch(spec))
        with lease, cache._guard, loading(), exclusive(), tqdm.get_lock():
            holding.set()
            forked.wait()

    thread = threading.Thread(target=hold, daemon=True)

    def take() -> None:
        # At the fork itself: preparing inputs passes the gate of the loads too.
        if not holding.is_set():
            thread.start()
            holding.wait()

    os.register_at_fork(before=take, after_in_parent=forked.set)
    stage.report(
        "forked beside locks", **ask(engine, stage, ("step-1", "spare"), GenerationSettings(max_new_tokens=14))
    )
    thread.join()


def fork_in_parallel(engine: Engine, stage: Stage) -> None:
    """Start two workers at the same time, each of which loads a model."""
    stage.api.cool()
    settings = [GenerationSettings(max_new_tokens=count) for count in (15, 16)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda one: ask(engine, stage, ("spare", "late"), one), settings)
    loaded = [[answer["loaded_in"] for answer in found["facts"].values()] for found in (first, second)]
    stage.report("forked in parallel", states=[first["states"], second["states"]], loaded_in=loaded)


def leave_nothing_open(engine: Engine, stage: Stage) -> None:
    """Count open files over several calls."""
    counts = []
    for number in range(CALLS):
        ask(engine, stage, ("step-1",), GenerationSettings(max_new_tokens=20 + number))
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    stage.report("open files", counts=counts)


def ask(
    engine: Engine, stage: Stage, keys: tuple[str, ...], settings: GenerationSettings, *, generate: bool = True
) -> dict[str, object]:
    """Ask one question and return what came of it: events, answers, calls to the platform, downloads."""
    calls, downloads = len(stage.api.calls()), len(stage.hub.requests)
    events = list(engine.answerer.stream(AnswerRequest(picture(), QUESTION, keys, settings), generate=generate))
    answers = {event.checkpoint: event.answer for event in events if event.answer is not None}
    made = stage.api.calls(since=calls)
    return {
        "states": [[event.checkpoint, event.state.value] for event in events],
        "messages": {event.checkpoint: event.message for event in events if event.message},
        "ids": {key: [token.id for token in answer.tokens] for key, answer in answers.items()},
        "logprobs": {key: [token.logprob for token in answer.tokens] for key, answer in answers.items()},
        "facts": {key: asdict(answer.facts) for key, answer in answers.items()},
        "computed": {key: answer.computed for key, answer in answers.items()},
        "calls": [[call.path, call.parameters] for call in made],
        "downloads_before_gpu": [call.counted - downloads for call in made if call.path == "/schedule"],
        "downloads": len(stage.hub.requests) - downloads,
        "main": os.getpid(),
    }
