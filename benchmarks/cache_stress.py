"""Asks many checkpoints from many threads in too little memory, and checks every promise of the model cache.

Six embedded checkpoints, a budget for two, twenty-four threads. Each thread asks a random checkpoint a random
question, greedily or sampled, alone or in a comparison, and sometimes leaves in the middle. Every answer must be,
token for token, that of the checkpoint as plain transformers code gives it; bytes must never be over the budget; no
lease may be left at the end; no wait may be longer than its bound: the patience, what is under way, and of everybody
who was ahead a load and two uses.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers

from microscope.catalog.spec import ModelSpec
from microscope.engine.answering import Job, answer
from microscope.engine.caching.model_cache import ModelCache
from microscope.engine.caching.scheduler import Scheduler
from microscope.engine.caching.states import CacheEvent, Kind
from microscope.engine.files import Fetcher, LocalCheckpoint
from microscope.engine.generate import Finished, Piece
from microscope.engine.loader import Loader
from microscope.engine.models import Models
from microscope.engine.pictures import read_picture
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.engine.using import Ready
from microscope.records import GenerationSettings

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "assets" / "checkpoints"
PICTURES = ("scene-000.png", "scene-001.png")
QUESTIONS = ("how many objects are there?", "describe the image.", "is there a circle?")
SETTINGS = (GenerationSettings(max_new_tokens=12), GenerationSettings(max_new_tokens=12, temperature=0.8, seed=3))
PATIENCE = 5.0
LEAVES, TOGETHER = 0.2, 0.3

Question = tuple[int, int, int]


@dataclass
class Findings:
    """What was seen; changed under its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: int = 0
    left: int = 0
    wrong: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    over: int = 0
    waits: list[tuple[float, int]] = field(default_factory=list)
    runs: list[float] = field(default_factory=lambda: [0.0])
    loads: list[float] = field(default_factory=lambda: [0.0])
    kinds: Counter[str] = field(default_factory=Counter)

    def late(self) -> list[str]:
        """Return the waits that were longer than their bound."""
        load, run = max(self.loads), max(self.runs)
        bounds = [(wait, PATIENCE + load + run + (ahead + 1) * (load + 2 * run)) for wait, ahead in self.waits]
        return [f"waited {wait:.2f} s, at most {bound:.2f} s" for wait, bound in bounds if wait > bound]


class Stress:
    """The checkpoints, their reference answers, and the threads that ask them."""

    def __init__(self, threads: int, lanes: int) -> None:
        self.threads, self.findings = threads, Findings()
        fetcher, self.processors = Fetcher(), Processors()
        folders = sorted(path for path in CHECKPOINTS.iterdir() if path.is_dir())
        self.locals = [fetcher.fetch(ModelSpec(path.name, path.name, str(path), folder=True)) for path in folders]
        self.inputs = [[self._prepare(picture, question) for question in QUESTIONS] for picture in PICTURES]
        self.references = {
            (number, *asked): ids
            for number, local in enumerate(self.locals)
            for asked, ids in self._reference(local).items()
        }
        largest = max(local.bytes for local in self.locals)
        # Room for two, and not for three.
        self.scheduler = Scheduler(int(largest * 2.5), lanes=lanes, patience=PATIENCE)
        loader = Loader("cpu", largest * 3)
        self.cache = ModelCache(self.scheduler, loader.release)
        self.cache.journal.listen(self._watch)
        self.models = Models(self.cache, loader, "cpu", "auto")

    def _prepare(self, picture: str, question: str) -> dict[str, torch.Tensor]:
        local = self.locals[0]
        processor = self.processors.get(local)
        image = read_picture(ROOT / "assets" / "evalset" / picture)
        return prepare(processor, local.spec, image, question, None).inputs

    def _reference(self, local: LocalCheckpoint) -> dict[tuple[int, int, int], list[int]]:
        """Answer everything with the model alone, as anyone loads it, through the same decoding."""
        model = transformers.AutoModelForImageTextToText.from_pretrained(local.folder, dtype="auto").eval()
        found = {}
        for picture, row in enumerate(self.inputs):
            for question, inputs in enumerate(row):
                for number, settings in enumerate(SETTINGS):
                    torch.manual_seed(settings.seed)
                    options: dict[str, float] = {
                        "do_sample": not settings.greedy,
                        "max_new_tokens": settings.max_new_tokens,
                    }
                    if not settings.greedy:
                        options |= {"temperature": settings.temperature, "top_k": 0, "top_p": 1.0}
                    ids = model.generate(**inputs, **options)[0, inputs["input_ids"].shape[1] :].tolist()
                    ends = model.generation_config.eos_token_id
                    found[picture, question, number] = [one for one in ids if one != ends]
        return found

    def _watch(self, event: CacheEvent) -> None:
        """Look at the cache whenever anything happens in it; its lock is held."""
        self.findings.kinds[event.kind.value] += 1
        if event.kind is Kind.LOAD:
            self.findings.loads.append(event.seconds)
        if event.kind in (Kind.HIT, Kind.MISS) and self.scheduler.used() > self.scheduler.budget:
            self.findings.over += 1

    def run(self, seconds: float) -> None:
        """Ask from all threads until the time is over."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self._ask_on, args=(number, end)) for number in range(self.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 300)
        if any(thread.is_alive() for thread in threads):
            self.findings.failures.append("a thread never came back")

    def _ask_on(self, number: int, end: float) -> None:
        draw = random.Random(number)  # noqa: S311
        while time.monotonic() < end:
            together = draw.sample(range(len(self.locals)), 2 if draw.random() < TOGETHER else 1)
            asked = [(one, draw.randrange(2), draw.randrange(3), draw.randrange(2)) for one in together]
            self._ask(asked, leaves=draw.random() < LEAVES, after=draw.randrange(6))

    def _ask(self, asked: list[tuple[int, int, int, int]], *, leaves: bool, after: int) -> None:
        jobs = tuple(
            Job(self.locals[one], self.inputs[picture][question], SETTINGS[settings])
            for one, picture, question, settings in asked
        )
        ids: dict[int, list[int]] = {number: [] for number in range(len(jobs))}
        done: set[int] = set()
        steps = answer(self.models, jobs)
        since, ahead = self._now()
        try:
            for count, (number, update) in enumerate(steps):
                if leaves and count >= after:
                    break
                now, others = self._now()
                if isinstance(update, Piece):
                    ids[number].extend(update.ids)
                elif isinstance(update, Ready):
                    self.findings.waits.append((now - since, ahead))
                    since = now
                elif isinstance(update, Finished):
                    self.findings.runs.append(now - since)
                    done.add(number)
                    since, ahead = now, others
                elif hasattr(update, "message"):
                    self.findings.failures.append(update.message)
        finally:
            steps.close()  # type: ignore[attr-defined]
        with self.findings.lock:
            self.findings.left += leaves and len(done) < len(jobs)
            self.findings.answers += len(done)
            self.findings.wrong += [
                f"{self.locals[asked[number][0]].spec.key}: {ids[number]} is not {self.references[asked[number]]}"
                for number in done
                if ids[number] != self.references[asked[number]]
            ]

    def _now(self) -> tuple[float, int]:
        """Return the time, and how many wait or run."""
        snapshot = self.cache.snapshot()
        return time.monotonic(), snapshot.waiting + snapshot.running

    def leaks(self) -> list[str]:
        """Return what is left behind once nobody asks any more."""
        snapshot = self.cache.snapshot()
        found = [f"{model.label}: {model.leases} leases" for model in snapshot.models if model.leases]
        if snapshot.waiting or snapshot.running:
            found.append(f"{snapshot.waiting} wait and {snapshot.running} run")
        return found


def main() -> int:
    """Parse the command line, run, print the figures, and return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--threads", type=int, default=24)
    parser.add_argument("--lanes", type=int, default=1)
    given = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    stress = Stress(given.threads, given.lanes)
    started = time.monotonic()
    stress.run(given.seconds)
    found, leaks, late = stress.findings, stress.leaks(), stress.findings.late()
    print(
        f"{given.threads} threads, {len(stress.locals)} checkpoints, budget for two, {given.lanes} lanes, "
        f"{time.monotonic() - started:.0f} s: {found.answers} answers, {found.left} left in the middle"
    )
    print(f"events: {dict(sorted(found.kinds.items()))}")
    print(f"wrong answers: {len(found.wrong)}; failures: {len(found.failures)}; leases left: {leaks or 'none'}")
    longest, ahead = max(found.waits)
    print(
        f"bytes over budget: {found.over} times; longest wait {longest:.2f} s with {ahead} ahead; waits over their "
        f"bound: {len(late)} of {len(found.waits)}; longest load {max(found.loads):.2f} s, use {max(found.runs):.2f} s"
    )
    for line in (*found.wrong[:5], *found.failures[:5], *late[:5]):
        print(line)
    return 1 if found.wrong or found.failures or leaks or found.over or late else 0


if __name__ == "__main__":
    raise SystemExit(main())
