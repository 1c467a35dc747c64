"""Measures a run over the evaluation set: the app's own, the plain loop's and lmms-eval's, in turn in one run.

All answer the same questions about the same pictures with the same checkpoint (float32 on the CPU, greedy, as many
threads), and their scores must be the same, item by item. Models are loaded and lmms-eval has started before a clock
runs. `loop` opens the picture, renders the template, calls the processor and `generate`, one item after another.
`lmms-eval` is its own evaluator and batching in a process of its own, asked for by `--lmms-python`, else found in
`.venv-lmms` or `.venv-oracles`, else left out; `answering` leaves out how it makes requests and scores answers. `app`
is the app's own run with nothing in its store. `processor` is the processor's time, of all threads. Rounds go through
the ways in turn, each round in the opposite order, so that drift of the machine cancels. Seconds are reported and
never judged; ratios have aims.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers
from evaluate_app import opened
from evaluate_loop import Loop, Subject, Taken
from evaluate_process import interpreter, started
from overhead import machine
from report import Ratio, compare, shown
from tqdm import tqdm

from microscope.engine.batch.asks import MOST_TOGETHER
from microscope.evaluation.scoring.exact import exact_match
from microscope.records import Item
from microscope.tiny.evalset import read_evalset

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINT = ROOT / "assets" / "checkpoints" / "scenes-step-6000"
EVALSET = ROOT / "assets" / "evalset"
LOOP, LMMS, APP = "loop", "lmms-eval", "app"
# The faster way, the slower one, and how many times as fast it should be (None: only for the record).
PAIRS = ((APP, LOOP, 3.0), (APP, LMMS, 2.0), (LMMS, LOOP, None))

# What is timed of a way, by the names that `Taken` has for it.
WHOLE, ANSWERING, PROCESSOR = PARTS = ("seconds", "answering", "processor")

Way = Callable[[], Taken]
Score = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Plan:
    """How to measure: rounds that count, rounds before them, items (None: all), threads of torch, items in a batch."""

    rounds: int = 5
    warm_up: int = 1
    items: int | None = None
    threads: int = 1
    batch: int = MOST_TOGETHER


@dataclass(frozen=True)
class Speed:
    """A way's medians for the set: seconds of all, of answering, and of the processor; how many answers are right."""

    way: str
    seconds: float
    answering: float
    processor: float
    items_per_second: float
    right: float


@dataclass(frozen=True)
class Gain:
    """How many times as fast one way is as another, by `part` of the other's time, and what is aimed at."""

    fast: str
    slow: str
    part: str
    times: Ratio
    aim: float | None


@dataclass(frozen=True)
class Found:
    """All figures of a run, how many items differ in text though not in score, and what lmms-eval ran on."""

    items: int
    speeds: tuple[Speed, ...]
    gains: tuple[Gain, ...]
    texts_differ: int
    lmms: Mapping[str, str]


def measure(plan: Plan, lmms_python: Path | None) -> tuple[Found, dict[str, tuple[str, ...]]]:
    """Measure every way there is, and return the figures and each way's texts."""
    torch.set_num_threads(plan.threads)
    subject = Subject(read_evalset(EVALSET)[: plan.items], EVALSET, CHECKPOINT)
    score = partial(scores_of, subject.items)
    with ExitStack() as stack:
        ways: dict[str, Way] = {LOOP: Loop(subject).answer_all}
        versions: Mapping[str, str] = {}
        if lmms_python is not None:
            lmms = stack.enter_context(started(lmms_python, subject, plan.batch, plan.threads))
            ways[LMMS], versions = lmms.answer_all, lmms.versions
        ways[APP] = stack.enter_context(opened(subject)).answer_all
        taken = in_turn(ways, plan, score)
    texts = {way: times[0].texts for way, times in taken.items()}
    differ = sum(len({text.strip() for text in said}) > 1 for said in zip(*texts.values(), strict=True))
    speeds = tuple(speed(way, times, score) for way, times in taken.items())
    return Found(len(subject.items), speeds, tuple(gains(taken)), differ, versions), texts


def in_turn(ways: Mapping[str, Way], plan: Plan, score: Score) -> dict[str, list[Taken]]:
    """Go through the ways round by round, every other round backwards, and check that their scores are the same."""
    times: dict[str, list[Taken]] = {way: [] for way in ways}
    for number in tqdm(range(plan.warm_up + plan.rounds), desc="rounds", disable=None):
        taken = {way: ways[way]() for way in (list(ways) if number % 2 else list(ways)[::-1])}
        check(taken, score)
        if number >= plan.warm_up:
            for way, one in taken.items():
                times[way].append(one)
    return times


def check(taken: Mapping[str, Taken], score: Score) -> None:
    """Raise where two ways score differently at an item, or a way's own mean is not that of its scores."""
    scores = {way: score(one.texts) for way, one in taken.items()}
    first = next(iter(scores.values()))
    apart = {way: int((one != first).sum()) for way, one in scores.items() if (one != first).any()}
    if apart:
        raise RuntimeError(f"scores differ from those of {next(iter(scores))}, in items: {apart}")
    for way, one in taken.items():
        if one.mean is not None and not np.isclose(one.mean, scores[way].mean(), rtol=0, atol=1e-9):
            raise RuntimeError(f"{way} reports a mean of {one.mean}, and its answers have {scores[way].mean()}")


def scores_of(items: Sequence[Item], texts: Sequence[str]) -> np.ndarray:
    """Return which answers are right, shape (n,)."""
    return np.array([exact_match(text, item.answers) for text, item in zip(texts, items, strict=True)])


def speed(way: str, times: Sequence[Taken], score: Score) -> Speed:
    """Return a way's medians over the rounds."""
    seconds, answering, processor = (float(np.median(seconds_of(times, part))) for part in PARTS)
    scores = score(times[0].texts)
    return Speed(way, seconds, answering, processor, len(scores) / seconds, float(scores.mean()))


def gains(taken: Mapping[str, Sequence[Taken]]) -> Iterator[Gain]:
    """Yield the gains of the ways there are; all of the faster's time is held against the other's answering too."""
    for fast, slow, aim in PAIRS:
        if fast in taken and slow in taken:
            for part in PARTS if slow == LMMS else (WHOLE, PROCESSOR):
                own = seconds_of(taken[fast], WHOLE if part == ANSWERING else part)
                judged = None if part == PROCESSOR else aim
                yield Gain(fast, slow, part, compare(own, seconds_of(taken[slow], part)), judged)


def seconds_of(times: Sequence[Taken], part: str) -> list[float]:
    """Return a part's seconds in each round."""
    return [float(getattr(one, part)) for one in times]


def conditions(plan: Plan, found: Found) -> str:
    """Return how the figures were taken, and where."""
    rounds = f"{found.items} items, {plan.rounds} rounds after {plan.warm_up} of warm-up"
    lmms = ", ".join(f"{name} {number}" for name, number in found.lmms.items())
    note = (
        f"lmms-eval ran on {lmms}, {plan.batch} items in a batch (the app: up to {MOST_TOGETHER})"
        if lmms
        else "lmms-eval was left out"
    )
    return f"{rounds}; torch threads: {plan.threads}; {machine()}; {note}"


def table(found: Found, head: str) -> str:
    """Return the figures for people, below a line that says under what conditions they were taken."""
    lines = [head, f"scores are the same item by item; texts differ in {found.texts_differ} items", ""]
    lines.append(f"{'way':<12} {'seconds':>9} {'answering':>9} {'processor':>9} {'items/s':>9} {'right':>7}")
    lines += [
        f"{one.way:<12} {one.seconds:9.2f} {one.answering:9.2f} {one.processor:9.2f} {one.items_per_second:9.1f} "
        f"{one.right:7.3f}"
        for one in found.speeds
    ]
    lines += ["", "times as fast: ratio of the medians with its bootstrap 95 % interval"]
    for one in found.gains:
        aim = "" if one.aim is None else f"  aim {one.aim:.1f}: {'met' if one.times.ratio >= one.aim else 'missed'}"
        lines.append(f"{f'{one.fast} as {one.slow}, {one.part}':<32} {shown(one.times):>23}{aim}")
    return "\n".join(lines)


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Return what the command line asks for; `plan` is the plan."""
    default = Plan()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=default.rounds, help="rounds that count (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=default.warm_up, help="rounds before them (%(default)s)")
    parser.add_argument("--items", type=int, help="how many items (all)")
    parser.add_argument("--threads", type=int, default=default.threads, help="threads of torch (%(default)s)")
    parser.add_argument("--batch", type=int, default=default.batch, help="items in a batch (%(default)s)")
    parser.add_argument("--lmms-python", type=Path, help="the interpreter that has lmms-eval")
    parser.add_argument("--answers", type=Path, help="a file to write each way's answers to, as JSON")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    given = parser.parse_args(arguments)
    given.plan = Plan(given.rounds, given.warm_up, given.items, given.threads, given.batch)
    return given


def main(arguments: list[str]) -> None:
    """Measure the embedded checkpoint on the shipped evaluation set, and print the result."""
    given = read_arguments(arguments)
    transformers.utils.logging.disable_progress_bar()
    found, texts = measure(given.plan, interpreter(given.lmms_python))
    if given.answers is not None:
        given.answers.write_text(json.dumps(texts, indent=2), encoding="utf-8")
    head = conditions(given.plan, found)
    print(json.dumps({"conditions": head, **asdict(found)}, indent=2) if given.json else table(found, head))


if __name__ == "__main__":
    main(sys.argv[1:])
