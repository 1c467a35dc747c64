"""Measures what the app adds to a plain `generate` loop, as ratios of times taken in turn in one run.

Every way answers the same question about the same picture, and their tokens must be the same. `bare` is what anyone
writes with transformers: chat template, processor, `generate`, decode. `engine` is the app's own path with the same
model objects, no answer in its store. `http` asks the served app through `gradio_client`, in a process of its own.
Rounds go through the ways in turn, each round in the opposite order, so that drift of the machine cancels.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import transformers
from gradio_client import Client, handle_file
from random_model import build_random, copies
from report import Row, compare, table

from microscope.catalog.build import build_catalog
from microscope.catalog.names import training_order
from microscope.engine.build import Engine, build_engine
from microscope.engine.pictures import picture_to_image, read_picture
from microscope.hardware import detect
from microscope.records import Answer, AnswerRequest, GenerationSettings, Picture
from microscope.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "assets" / "checkpoints"
PICTURE = ROOT / "assets" / "evalset" / "scene-000.png"
QUESTION = "Describe the image."
TOGETHER = (1, 4)
# About 60 million parameters: towers as (width, layers).
VISION, TEXT = (384, 8), (576, 10)
START_SECONDS = 120


@dataclass(frozen=True)
class Plan:
    """How to measure: rounds that count, rounds before them, most new tokens, threads of torch, whether to serve."""

    rounds: int = 30
    warm_up: int = 3
    new_tokens: int = 64
    threads: int = 1
    http: bool = True


@dataclass(frozen=True)
class Times:
    """Seconds to the first token and to the end of the last answer, and the answers' tokens."""

    first: float
    total: float
    tokens: tuple[tuple[int, ...], ...]


Way = Callable[[int], Times]


class Stamps(transformers.generation.streamers.BaseStreamer):
    """Notes when tokens reach the host: the prompt first, then one at a time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def put(self, value: torch.Tensor) -> None:  # noqa: ARG002  (the name is the interface's)
        """Note the time."""
        self.seconds.append(time.perf_counter())

    def end(self) -> None:
        """Do nothing; the caller sees the end by itself."""


@dataclass(frozen=True)
class Bench:
    """An engine, the models it holds with their processors, the picture, and the most new tokens."""

    engine: Engine
    held: tuple[tuple[transformers.PreTrainedModel, transformers.ProcessorMixin], ...]
    picture: Picture
    new_tokens: int

    def keys(self, count: int) -> list[str]:
        """Return the keys of the first checkpoints."""
        return [spec.key for spec in self.engine.catalog.specs[:count]]

    def bare(self, count: int, seed: int) -> Times:  # noqa: ARG002  (greedy decoding uses no seed)
        """Answer with the plain loop."""
        first, tokens, start = 0.0, [], time.perf_counter()
        for model, processor in self.held[:count]:
            stamps = Stamps()
            tokens.append(self._plain_answer(model, processor, stamps))
            first = first or stamps.seconds[1] - start
        return Times(first, time.perf_counter() - start, tuple(tokens))

    def in_engine(self, count: int, seed: int) -> Times:
        """Answer with the app's own path; a new seed makes the answer store miss, and changes no greedy token."""
        # A copy of the picture has not been hashed yet, as a visitor's has not.
        settings = GenerationSettings(self.new_tokens, seed=seed)
        request = AnswerRequest(replace(self.picture), QUESTION, tuple(self.keys(count)), settings)
        answers: list[Answer] = []
        first, start = 0.0, time.perf_counter()
        for event in self.engine.answerer.stream(request):
            first = first or (time.perf_counter() - start if event.tokens else 0.0)
            answers += [event.answer] if event.answer is not None and event.answer.computed == "now" else []
        total = time.perf_counter() - start
        return Times(first, total, tuple(tuple(token.id for token in answer.tokens) for answer in answers))

    def over_http(self, client: Client, count: int, seed: int) -> Times:
        """Answer through the served app, the upload of the picture included."""
        columns: list[dict] = []
        first, start = 0.0, time.perf_counter()
        job = client.submit(
            image=handle_file(str(PICTURE)),
            question=QUESTION,
            checkpoints=self.keys(count),
            max_new_tokens=self.new_tokens,
            temperature=0,
            seed=seed,
            api_name="/compare",
        )
        for columns in job:
            first = first or (time.perf_counter() - start if columns[0]["text"] else 0.0)
        total = time.perf_counter() - start
        answers = [column["answer"] for column in columns if (column["answer"] or {}).get("computed") == "now"]
        return Times(first, total, tuple(tuple(token["id"] for token in answer["tokens"]) for answer in answers))

    def _plain_answer(
        self, model: transformers.PreTrainedModel, processor: transformers.ProcessorMixin, stamps: Stamps
    ) -> tuple[int, ...]:
        messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
        prompt = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs = processor(images=[picture_to_image(self.picture)], text=[prompt], return_tensors="pt")
        inputs = inputs.to(model.device, model.dtype)
        output = model.generate(
            **inputs,
            max_new_tokens=self.new_tokens,
            do_sample=False,
            suppress_tokens=[model.config.image_token_id],
            streamer=stamps,
        )
        tokens = output[0, inputs["input_ids"].shape[1] :].tolist()
        processor.decode(tokens, skip_special_tokens=True)
        ends = np.ravel(model.generation_config.eos_token_id or [])
        return tuple(tokens[:-1] if tokens[-1] in ends else tokens)


def measure(model: str, folders: tuple[Path, ...], plan: Plan) -> list[Row]:
    """Measure the checkpoints in some folders, one alone and four together (or as many as there are)."""
    torch.set_num_threads(plan.threads)
    with TemporaryDirectory() as data, ExitStack() as stack:
        environ = {"MICROSCOPE_MODELS": ",".join(map(str, folders)), "MICROSCOPE_DATA": data, "HF_HUB_OFFLINE": "1"}
        bench = stack.enter_context(opened(environ, plan.new_tokens))
        client = stack.enter_context(served(environ, plan.threads)) if plan.http else None
        rows, seeds = [], itertools.count()
        for count in sorted({min(count, len(folders)) for count in TOGETHER}):
            ways: dict[str, Way] = {"bare": partial(bench.bare, count), "engine": partial(bench.in_engine, count)}
            if client is not None:
                ways["http"] = partial(bench.over_http, client, count)
            taken = in_turn(ways, plan, seeds)
            rows += [row(bench, (model, count, way), taken) for way in list(ways)[1:]]
    return rows


@contextmanager
def opened(environ: dict[str, str], new_tokens: int) -> Iterator[Bench]:
    """Build the engine as the app does, load all its models, and hold them."""
    settings = Settings.from_environment(environ)
    machine = detect(settings.platform)
    engine = build_engine(settings, machine, build_catalog(settings, machine))
    held = []
    for spec in engine.catalog.specs:
        local = engine.answerer.fetcher.fetch(spec)
        with engine.models.lease(local) as lease:
            # All fit, so none goes; a lease that lasted would keep the engine from answering.
            engine.models.cache.pin(engine.models.key(local), on=True)
            held.append((lease.resident.model, engine.answerer.processors.get(local)))
    yield Bench(engine, tuple(held), read_picture(PICTURE), new_tokens)


def in_turn(ways: dict[str, Way], plan: Plan, seeds: Iterator[int]) -> dict[str, list[Times]]:
    """Go through the ways round by round, every other round backwards, and check that their tokens are the same."""
    times: dict[str, list[Times]] = {way: [] for way in ways}
    for number in range(plan.warm_up + plan.rounds):
        taken = {way: ways[way](next(seeds)) for way in (list(ways) if number % 2 else list(ways)[::-1])}
        if len({one.tokens for one in taken.values()}) != 1:
            raise RuntimeError(f"the answers differ: { {way: one.tokens for way, one in taken.items()} }")
        if number >= plan.warm_up:
            for way, one in taken.items():
                times[way].append(one)
    return times


def row(bench: Bench, name: tuple[str, int, str], taken: dict[str, list[Times]]) -> Row:
    """Return the row of a way; its name is (model, number of checkpoints, way)."""
    model, count, way = name
    first, total = (
        compare([getattr(one, part) for one in taken["bare"]], [getattr(one, part) for one in taken[way]])
        for part in ("first", "total")
    )
    parameters = sum(parameter.numel() for parameter in bench.held[0][0].parameters())
    return Row(model, parameters, count, sum(map(len, taken[way][0].tokens)), way, first, total)


@contextmanager
def served(environ: dict[str, str], threads: int) -> Iterator[Client]:
    """Serve the app in a process of its own, with as many threads, and yield a client of it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as data:
        own = {"MICROSCOPE_DATA": data, "GRADIO_SERVER_PORT": str(port), "OMP_NUM_THREADS": str(threads)}
        # What is started is our own app, by our own interpreter.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, ROOT / "app.py"], env={**os.environ, **environ, **own}, stdout=sys.stderr
        )
        try:
            wait_for(port, process)
            yield Client(f"http://127.0.0.1:{port}", verbose=False)
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int, process: subprocess.Popen) -> None:
    """Wait until a process listens on a port."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the app does not start; run app.py by hand to see why")


def embedded() -> tuple[Path, ...]:
    """Return the embedded checkpoints, the last of the run first."""
    folders = [path.parent for path in CHECKPOINTS.glob("*/model.safetensors")]
    return tuple(sorted(folders, key=lambda folder: training_order(folder.name), reverse=True))


def machine() -> str:
    """Return what the figures depend on: processor or card, Python, and packages."""
    device = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} {platform.machine()} cores"
    )
    versions = (f"{name} {version(name)}" for name in ("torch", "transformers", "gradio"))
    return f"{device}, Python {platform.python_version()}, {', '.join(versions)}"


def conditions(plan: Plan) -> str:
    """Return how the figures were taken, and where."""
    rounds = f"{plan.rounds} rounds after {plan.warm_up} of warm-up"
    return f"{rounds}; torch threads: {plan.threads}; {machine()}"


def read_plan(arguments: list[str]) -> tuple[Plan, bool]:
    """Return the plan that the command line asks for, and whether to print JSON."""
    default = Plan()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=default.rounds, help="rounds that count (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=default.warm_up, help="rounds before them (%(default)s)")
    parser.add_argument("--new-tokens", type=int, default=default.new_tokens, help="most new tokens (%(default)s)")
    parser.add_argument("--threads", type=int, default=default.threads, help="threads of torch (%(default)s)")
    parser.add_argument("--no-http", action="store_true", help="leave out the served app")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    given = parser.parse_args(arguments)
    return Plan(given.rounds, given.warm_up, given.new_tokens, given.threads, not given.no_http), given.json


def main(arguments: list[str]) -> None:
    """Measure the embedded checkpoints and a random model of 60 million parameters, and print the result."""
    plan, as_json = read_plan(arguments)
    transformers.utils.logging.disable_progress_bar()
    with TemporaryDirectory() as place:
        random = copies(build_random(Path(place, "random"), VISION, TEXT), max(TOGETHER))
        kinds = {"embedded": embedded()[: max(TOGETHER)], "random": random}
        rows = [one for model, folders in kinds.items() if folders for one in measure(model, folders, plan)]
    if as_json:
        print(
            json.dumps({"machine": machine(), "plan": asdict(plan), "rows": [asdict(one) for one in rows]}, indent=2)
        )
    else:
        print(table(rows, conditions(plan)))


if __name__ == "__main__":
    main(sys.argv[1:])
