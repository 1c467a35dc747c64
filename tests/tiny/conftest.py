"""What the tests of the embedded model share: a marked set of digits, an independent solver, and one micro run.

Transformers is imported only where it is used: after the repair that its processors need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from microscope.engine.torchvision_repair import repair_torchvision
from microscope.records import Box
from microscope.tiny import scenes
from microscope.tiny.questions import ASKERS, NUMERALS
from microscope.tiny.scenes import COLOURS, DIGIT_NAMES, KINDS, SceneObject

if TYPE_CHECKING:
    from transformers import Idefics3Processor

repair_torchvision()

CHECKPOINTS = Path(__file__).parents[2] / "assets" / "checkpoints"
GRID = (
    ("top left", "top center", "top right"),
    ("middle left", "center", "middle right"),
    ("bottom left", "bottom center", "bottom right"),
)


def seen_place(thing: SceneObject) -> str:
    """Name the third of the image that the centre of an object's box lies in."""
    row, column = (thing.box.top + thing.box.bottom) / 2 * 3, (thing.box.left + thing.box.right) / 2 * 3
    return GRID[int(row)][int(column)]


def _named(text: str, objects: tuple[SceneObject, ...]) -> list[list[SceneObject]]:
    """Return the objects that each `colour kind` of the text names, in its order."""
    pairs = re.findall(rf"\b({'|'.join(COLOURS)}) ({'|'.join(KINDS)})\b", text)
    return [[thing for thing in objects if (thing.colour, thing.kind) == pair] for pair in pairs]


def solve_question(kind: str, text: str, objects: tuple[SceneObject, ...]) -> tuple[str, tuple[Box, ...]]:
    """Read a question and answer it from the objects; fails where the question has no single answer.

    Returns the answer and the boxes that could prove it.
    """
    names = {numeral: name for name, numeral in NUMERALS.items()}
    text = re.sub(r"\d", lambda found: names[found[0]], text.lower())
    words = re.findall(r"\w+", text)
    things, answer = list(objects), ""
    if kind in ("colour", "where"):
        (wanted,) = [word for word in words if word in KINDS]
        (thing,) = things = [thing for thing in objects if thing.kind == wanted]
        answer = thing.colour if kind == "colour" else seen_place(thing)
    elif kind == "name":
        (wanted,) = [word for word in words if word in COLOURS]
        (thing,) = things = [thing for thing in objects if thing.colour == wanted]
        answer = thing.kind
    elif kind == "at":
        place = max((place for row in GRID for place in row if place in text), key=len)
        (thing,) = things = [thing for thing in objects if seen_place(thing) == place]
        answer = f"a {thing.colour} {thing.kind}"
    elif kind == "exists":
        (things,) = _named(text, objects)
        answer = "yes" if things else "no"
    elif kind == "left":
        (first,), (second,) = _named(text, objects)
        assert seen_place(first).split()[-1] != seen_place(second).split()[-1]
        things = [first, second]
        winner = min(things, key=lambda thing: thing.box.left)
        answer = f"the {winner.colour} {winner.kind}"
    elif kind == "count":
        answer = DIGIT_NAMES[len(objects)]
    elif kind == "describe":
        answer = " and ".join(f"a {thing.colour} {thing.kind} at the {seen_place(thing)}" for thing in objects)
    return answer, tuple(thing.box for thing in things)


@pytest.fixture(scope="session")
def solve() -> Callable[[str, str, tuple[SceneObject, ...]], tuple[str, tuple[Box, ...]]]:
    """Give the independent solver: (kind, text, objects) to (answer, boxes)."""
    return solve_question


@pytest.fixture
def marked_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace the digits by marks that tell the splits apart: training ones ink the top half, others the bottom."""
    images = np.zeros((1797, 8, 8), np.uint8)
    images[:1400, :4] = 16
    images[1400:, 4:] = 16
    np.savez(tmp_path / "marked.npz", images=images, labels=np.arange(1797) % 10)
    monkeypatch.setattr(scenes, "DIGITS_FILE", tmp_path / "marked.npz")
    scenes.digits.cache_clear()
    yield
    scenes.digits.cache_clear()


def split_shown(image: np.ndarray, box: Box, colour: str) -> str:
    """Tell which split a marked digit in a `(256, 256, 3)` image came from: by the half of its box with the ink."""
    left, top, right, bottom = (round(edge * 256) for edge in (box.left, box.top, box.right, box.bottom))
    near = np.abs(image[top:bottom, left:right].astype(int) - COLOURS[colour]).max(axis=-1) <= 12
    upper, lower = np.array_split(near.mean(axis=1), 2)
    return "train" if upper.mean() > lower.mean() else "heldout"


@pytest.fixture(scope="session")
def which_split() -> Callable[[np.ndarray, Box, str], str]:
    """Give the reader of marked digits: (image, box, colour) to the split."""
    return split_shown


@pytest.fixture(scope="session")
def processor() -> Idefics3Processor:
    """Build the processor once."""
    from microscope.tiny.model import build_processor

    return build_processor()


@pytest.fixture(scope="session")
def micro_train() -> Callable[[Path], Path]:
    """Give a function that runs a whole plan of a few steps into a folder with `checkpoints` and `log.jsonl`."""
    from microscope.tiny.packing import Recipe
    from microscope.tiny.train import Plan, train

    recipe = Recipe(images=4, questions=3, fresh=2, weights=dict.fromkeys(ASKERS, 1.0))
    plan = Plan(seed=5, vision_steps=2, language_steps=3, save_at=(1, 3), recipe=recipe)

    def run(folder: Path) -> Path:
        train(plan, folder / "checkpoints", folder / "log.jsonl")
        return folder

    return run


@pytest.fixture(scope="session")
def micro_run(micro_train: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train one micro run for all tests that only read it."""
    return micro_train(tmp_path_factory.mktemp("micro"))


@pytest.fixture(scope="session")
def shipped_checkpoints() -> Path:
    """Give the folder of the shipped checkpoints; skips where they are not there yet."""
    if not list(CHECKPOINTS.glob("*/config.json")):
        pytest.skip("assets/checkpoints is empty: run `make train` first")
    return CHECKPOINTS
