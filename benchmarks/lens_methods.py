"""Holds every attribution method of the lens against evidence that is known, on an embedded checkpoint.

Items are held-out questions with evidence boxes that the checkpoint answered right; each method maps the whole answer.
`pointing`: the best cell's centre lies in an evidence box. `mass`: the share of the map inside the boxes. `deletion`
and `keep`: the areas under the badge's curves, of the probability that stays when the best patches are taken away
(lower is better) or are all that is left (higher is better); `keep 20 %`: with a fifth of the patches left. Passes and
times (of the processor, by one thread, so that what else runs does not count) are beyond the answer itself and the
pass with a blank picture, which every look does. `memory` is the most that tensors took at once, by torch's own
allocator, of three items.

Two heads of the text model were taught in training where the evidence is, so rows with those heads' attention set to
zero stand beside the methods that read attention as it is, and they alone can be called best: no lens may take credit
for what was taught. Relevance and gradient read those heads too, weighed by what the answer takes from them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

# Methods bring it in at their first use, which would count as their time.
import captum.attr  # noqa: F401
import numpy as np
import torch
import transformers
from lens_items import Answered, Bench, questions
from lens_report import figures, machine, methods_table, peak_memory, steps_table, verdicts

from microscope.lens.faithful import Judge
from microscope.lens.methods import METHODS, find_method
from microscope.lens.methods.base import Context, Method
from microscope.lens.raster import mass_in, pointing
from microscope.tiny.evaluate import checkpoint_folders, training_step

CHECKPOINTS = Path(__file__).resolve().parents[1] / "assets" / "checkpoints"
LAST = CHECKPOINTS / "scenes-step-6000"
# What reads attention, and so may be told what those heads look at.
READERS = ("attention", "heads")
DEFAULT, CONTROL = "relevance", "random"
# Those followed along training.
STEP_METHODS = ("relevance", "windows")
MEMORY_ITEMS = 3
MEASURES = ("pointing", "mass", "deletion", "keep", "keep 20 %", "seconds", "forwards", "backwards", "vision")
JUDGED = {"pointing": 1, "mass": 1, "deletion": -1, "keep": 1}
AIM_BEST, AIM_DEFAULT = 0.80, 0.55


@dataclass(frozen=True)
class Way:
    """A row of the table: a method, and whether it is denied the heads that were taught."""

    method: Method
    untaught: bool = False

    @property
    def name(self) -> str:
        """Return what the row is called."""
        return f"{self.method.key} without taught heads" if self.untaught else self.method.key


def ways(keys: Sequence[str]) -> list[Way]:
    """Return the rows of the table for methods, by key."""
    found = []
    for key in keys:
        found += [Way(find_method(key), untaught) for untaught in (False, True)[: 1 + (key in READERS)]]
    return found


def scores(answered: Answered, way: Way, judge: Judge) -> list[float]:
    """Return every measure of one way for one answer, in the order of MEASURES."""
    context, subject = answered.context(untaught=way.untaught), answered.subject
    before, start = (subject.forwards, subject.backwards, subject.vision), time.process_time()
    values = mapped(way, context)
    seconds = time.process_time() - start
    after = (subject.forwards, subject.backwards, subject.vision)
    passes = [float(now - then) for now, then in zip(after, before, strict=True)]
    found, badge = values.float().numpy(), judge.badge(values, None)
    boxes = answered.question.evidence
    pointed = float(pointing(answered.layout, found, boxes))
    mass = mass_in(answered.layout, found, boxes)
    return [pointed, mass, *badge.areas(), badge.kept()[0], seconds, *passes]


def mapped(way: Way, context: Context) -> torch.Tensor:
    """Return a method's map of the whole answer once all is in it."""
    *_, last = way.method.maps(context, None)
    return last.values.detach()


def chance(answered: Answered) -> list[float]:
    """Return what hits the evidence without looking: the share of cells whose middle, and whose area, is in it."""
    layout, boxes = answered.layout, answered.question.evidence
    each = np.eye(len(layout.cells))[list(layout.boxed)]
    return [float(np.mean([pointing(layout, one, boxes) for one in each])), mass_in(layout, each.sum(0), boxes)]


def measure(folder: Path, keys: Sequence[str], count: int, seed: int) -> dict[str, object]:
    """Return the table of methods for one checkpoint, as plain data."""
    bench, rows = Bench(folder), ways(keys)
    taken: dict[str, list[list[float]]] = {way.name: [] for way in rows}
    memory: dict[str, list[int]] = {way.name: [] for way in rows}
    images: list[str] = []
    by_chance: list[list[float]] = []
    for number, answered in enumerate(bench.right(questions(seed), count)):
        images.append(answered.question.image)
        by_chance.append(chance(answered))
        judge = Judge(answered.context())
        # The first badge does what all share.
        judge.badge(torch.zeros(answered.subject.cells), None)
        # Each item begins at another method, so that none has the caches to itself.
        for way in rows[number % len(rows) :] + rows[: number % len(rows)]:
            taken[way.name].append(scores(answered, way, judge))
            if number < MEMORY_ITEMS:
                context = answered.context(untaught=way.untaught)
                memory[way.name].append(peak_memory(partial(mapped, way, context)))
    arrays = {name: np.array(one) for name, one in taken.items()}
    tiers = {way.name: way.method.tier for way in rows}
    table = [
        {
            "name": name,
            "tier": tiers[name],
            "measures": dict(zip(MEASURES, map(asdict, figures(one, images)), strict=True)),
            "memory": max(memory[name]),
        }
        for name, one in arrays.items()
    ]
    return {
        "checkpoint": folder.name,
        "asked": bench.asked,
        "items": len(images),
        "images": len(set(images)),
        "chance": dict(zip(MEASURES, map(asdict, figures(np.array(by_chance), images)), strict=False)),
        "rows": table,
        "best": {one: best({name: arrays[name] for name in fair(arrays)}, images, one) for one in JUDGED},
    }


def fair(names: Iterable[str]) -> list[str]:
    """Return the rows that may be called best: those that do not live on heads that were taught."""
    return [name for name in names if name not in READERS]


def best(arrays: dict[str, np.ndarray], images: Sequence[str], measure: str) -> dict[str, object]:
    """Return the way that is best by one measure, and those that this many items do not tell from it, paired."""
    column = MEASURES.index(measure)
    values = {name: JUDGED[measure] * one[:, column] for name, one in arrays.items()}
    winner = max(values, key=lambda name: float(values[name].mean()))
    others = [name for name in values if name != winner]
    gaps = {name: figures((values[winner] - values[name])[:, None], images)[0] for name in others}
    return {"name": winner, "not told from it": [name for name, gap in gaps.items() if not gap.low > 0]}


def along(keys: Sequence[str], count: int, seed: int) -> list[dict[str, object]]:
    """Return the pointing of some methods at each embedded checkpoint, on as many items that it answered right."""
    found: list[dict[str, object]] = []
    for folder in checkpoint_folders(CHECKPOINTS):
        bench, hits, images = Bench(folder), [], []
        for answered in bench.right(questions(seed), count):
            boxes, layout = answered.question.evidence, answered.layout
            maps = [mapped(Way(find_method(key)), answered.context()).float().numpy() for key in keys]
            hits.append([*(float(pointing(layout, one, boxes)) for one in maps), chance(answered)[0]])
            images.append(answered.question.image)
        pairs = zip((*keys, "chance"), figures(np.array(hits), images) if hits else (), strict=False)
        row = {"step": training_step(folder), "asked": bench.asked, "items": len(images)}
        found.append({**row, "pointing": {name: asdict(one) for name, one in pairs}})
    return found


def aims(found: dict) -> str:
    """Return the aims beside what was measured."""
    pointed = {row["name"]: row["measures"]["pointing"]["mean"] for row in found["rows"]}
    first = max(fair(pointed), key=pointed.__getitem__)
    lines = [f"best pointing: {first}, {pointed[first]:.3f} (aim: at least {AIM_BEST:.2f})"]
    if DEFAULT in pointed:
        lines.append(f"{DEFAULT}, shown first: {pointed[DEFAULT]:.3f} (aim: at least {AIM_DEFAULT:.2f})")
    if CONTROL in pointed:
        lines.append(f"{CONTROL}: {pointed[CONTROL]:.3f} (aim: about {found['chance']['pointing']['mean']:.3f})")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, and print the tables."""
    keys = [method.key for method in METHODS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=300, help="items answered right (%(default)s)")
    parser.add_argument("--only", default=",".join(keys), help="methods, by key (%(default)s)")
    parser.add_argument("--step-items", type=int, default=60, help="the same for each training step (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    found = measure(LAST, given.only.split(","), given.items, given.seed)
    print(f"{found['checkpoint']} in float32; {found['items']} items answered right of {found['asked']} asked")
    print(f"{found['images']} images, by which the 95 % intervals are clustered; {machine()}\n")
    print(methods_table(found), aims(found), verdicts(found), sep="\n\n", flush=True)
    found["steps"] = along(STEP_METHODS, given.step_items, given.seed)
    print(f"\npointing along training\n{steps_table(found['steps'])}")
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), **found}, indent=2))


if __name__ == "__main__":
    main()
