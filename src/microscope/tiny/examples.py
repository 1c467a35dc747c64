"""Writes and reads the example images of the page, each with its question; knows no model and no page."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from microscope.records import Box
from microscope.tiny.drawings import bar_chart, eye_card
from microscope.tiny.scenes import Scene, sample_scene

INDEX_FILE = "examples.json"
LICENCE = "Apache-2.0; handwritten digits by E. Alpaydin and C. Kaynak (UCI, 1998), CC BY 4.0"
README = f"""# Example images

Drawn by `python -m microscope.tiny.examples`; `{INDEX_FILE}` lists them with question, right answer, title and a
description for screen readers. No digit here took part in training.

Licence: {LICENCE} (<https://creativecommons.org/licenses/by/4.0/>); source of the digits:
<https://doi.org/10.24432/C50P49>, enlarged and coloured here.
"""


@dataclass(frozen=True)
class Example:
    """One image file with a question about it and the right answer.

    `kind` is a question kind of the scenes, `read` or `chart`. `alt` describes the image to people who do not see it.
    `evidence` are the boxes that prove the answer, none where it is on no place.
    """

    id: str
    file: str
    kind: str
    question: str
    answer: str
    title: str
    alt: str
    licence: str = LICENCE
    evidence: tuple[Box, ...] = ()


@dataclass(frozen=True)
class _Sketch:
    """A scene to draw: the seed that gives it, and what to ask about it."""

    id: str
    seed: int
    kind: str
    question: str
    answer: str
    title: str


ABOUT_ALL = ("count", "describe")
SKETCHES = (
    _Sketch("colour", 50, "colour", "What colour is the nine?", "green", "Find a digit, name its colour"),
    _Sketch("where", 68, "where", "Where is the two?", "bottom center", "Find a digit, name its place"),
    _Sketch("count", 37, "count", "How many objects are there?", "four", "Count"),
    _Sketch("exists", 77, "exists", "Is there a red triangle?", "no", "Something that is not there"),
    _Sketch(
        "left",
        58,
        "left",
        "Which is further left, the red two or the blue triangle?",
        "the red two",
        "Compare two places",
    ),
    _Sketch(
        "describe",
        24,
        "describe",
        "Describe the image.",
        "a blue triangle at the top right and a red three at the center and a red square at the middle right",
        "Describe everything",
    ),
)
CARD = Example(
    id="card",
    file="card.png",
    kind="read",
    question="Read the digits, row by row.",
    answer="4, 7 2, 0 9 6, 3 8 1 5",
    title="Eye test of handwritten digits (for larger models)",
    alt="A pale card with four rows of handwritten digits, smaller from row to row: 4; 7, 2; 0, 9, 6; 3, 8, 1, 5.",
)
CHART = Example(
    id="chart",
    file="chart.png",
    kind="chart",
    question="On which day were the most birds seen?",
    answer="Thursday",
    title="A small bar chart (for larger models)",
    alt="A bar chart, Birds at the feeder: Monday 4, Tuesday 7, Wednesday 3, Thursday 9 in orange, Friday 6.",
)


def write_examples(folder: Path) -> tuple[Example, ...]:
    """Draw the images into `folder` with their index and licence note, and return the examples in display order."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [*(_draw(sketch) for sketch in SKETCHES), (CARD, eye_card()), (CHART, bar_chart())]
    for example, image in drawn:
        image.save(folder / example.file, optimize=True)
    examples = tuple(example for example, _ in drawn)
    index = json.dumps([asdict(example) for example in examples], indent=2, ensure_ascii=False)
    (folder / INDEX_FILE).write_text(index + "\n", encoding="utf-8")
    (folder / "README.md").write_text(README, encoding="utf-8")
    return examples


def read_examples(folder: Path) -> tuple[Example, ...]:
    """Read what `write_examples` wrote, in display order; `file` stays the file's name in `folder`."""
    rows = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    return tuple(Example(**{**row, "evidence": tuple(Box(**box) for box in row["evidence"])}) for row in rows)


def _draw(sketch: _Sketch) -> tuple[Example, Image.Image]:
    scene = sample_scene(np.random.default_rng(sketch.seed), "heldout")
    example = Example(
        id=sketch.id,
        file=f"{sketch.id}.png",
        kind=sketch.kind,
        question=sketch.question,
        answer=sketch.answer,
        title=sketch.title,
        alt=_alt(scene),
        evidence=_evidence(sketch, scene),
    )
    return example, scene.image


def _evidence(sketch: _Sketch, scene: Scene) -> tuple[Box, ...]:
    """Return the boxes of the things that a question names, or of all where it is about all."""
    words = sketch.question.lower()
    return tuple(
        thing.box
        for thing in scene.objects
        if sketch.kind in ABOUT_ALL or f"the {thing.kind}" in words or f"{thing.colour} {thing.kind}" in words
    )


def _alt(scene: Scene) -> str:
    things = [f"a {thing.colour} {thing.kind} at the {thing.place}" for thing in scene.objects]
    return f"On a dark background: {', '.join(things)}.".replace("center", "centre")


def main() -> None:
    """Parse the command line and draw the examples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/examples"))
    given = parser.parse_args()
    write_examples(given.out)


if __name__ == "__main__":
    main()
