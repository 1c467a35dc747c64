"""Writes and reads the shipped evaluation set: scenes of held-out digits with questions; knows no model or score."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np

from microscope.records import Box, Item
from microscope.tiny.draw import QUESTION_KINDS
from microscope.tiny.questions import NUMERALS, Question, ask
from microscope.tiny.scenes import Scene, sample_scene

IMAGES = 150
FEWEST, MOST = 4, 6
ITEMS_FILE = "items.jsonl"
README = """# Evaluation set

{images} scenes of coloured shapes and handwritten digits at 256 px with {items} questions in eight kinds, drawn by
`python -m microscope.tiny.evalset --seed {seed}`. No digit here took part in training.

`items.jsonl` holds one question a line: `id`, `image` (the file beside it), `question`, `answers` (each is right),
`kind`, and `evidence`, the boxes that prove the answer as `[left, top, right, bottom]` in fractions of the image's
width and height; no box where the answer is "no".

## Licence

Scenes and questions: Apache-2.0, as the rest of this repository. The handwritten digits in them: "Optical Recognition
of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository,
<https://doi.org/10.24432/C50P49>, licensed under CC BY 4.0 (<https://creativecommons.org/licenses/by/4.0/>); enlarged
and coloured here.
"""


def write_evalset(folder: Path, seed: int, images: int = IMAGES) -> tuple[Item, ...]:
    """Write images, items and README into `folder`, and return the items; the same seed gives the same set."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    asked: Counter[str] = Counter()
    items: list[Item] = []
    for number in range(images):
        scene = sample_scene(rng, "heldout")
        name = f"scene-{number:03d}.png"
        scene.image.save(folder / name, optimize=True)
        items += [_item(name, question) for question in _questions(rng, scene, asked)]
    lines = [json.dumps(_row(item)) + "\n" for item in items]
    (folder / ITEMS_FILE).write_text("".join(lines), encoding="utf-8")
    (folder / "README.md").write_text(README.format(images=images, items=len(items), seed=seed), encoding="utf-8")
    return tuple(items)


def read_evalset(folder: Path) -> tuple[Item, ...]:
    """Read the items of a set that `write_evalset` wrote, in order; `image` stays the file's name in `folder`."""
    rows = [json.loads(line) for line in (folder / ITEMS_FILE).read_text(encoding="utf-8").splitlines()]
    return tuple(
        Item(
            id=row["id"],
            image=row["image"],
            question=row["question"],
            answers=tuple(row["answers"]),
            kind=row["kind"],
            evidence=tuple(Box(*edges) for edges in row["evidence"]),
        )
        for row in rows
    )


def accepted_answers(answer: str) -> tuple[str, ...]:
    """Return the answer and its equals: in numerals, and in British spelling."""
    numerals = " ".join(NUMERALS.get(word, word) for word in answer.split())
    spellings = (answer, numerals, answer.replace("center", "centre"), numerals.replace("center", "centre"))
    return tuple(dict.fromkeys(spellings))


def _questions(rng: np.random.Generator, scene: Scene, asked: Counter[str]) -> list[Question]:
    """Ask a few questions of different kinds, those kinds first that the set has least of."""
    wanted = int(rng.integers(FEWEST, MOST + 1))
    ties = rng.permutation(len(QUESTION_KINDS))
    order = sorted(range(len(QUESTION_KINDS)), key=lambda kind: (asked[QUESTION_KINDS[kind]], ties[kind]))
    possible = [ask(rng, scene.objects, QUESTION_KINDS[kind]) for kind in order]
    chosen = [question for question in possible if question is not None][:wanted]
    asked.update(question.kind for question in chosen)
    return chosen


def _item(image: str, question: Question) -> Item:
    name = f"{Path(image).stem}-{question.kind}"
    return Item(name, image, question.text, accepted_answers(question.answer), question.kind, question.evidence)


def _row(item: Item) -> dict[str, object]:
    row = asdict(item)
    row["evidence"] = [[box.left, box.top, box.right, box.bottom] for box in item.evidence]
    return row


def main() -> None:
    """Parse the command line and write the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/evalset"))
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    write_evalset(given.out, given.seed)


if __name__ == "__main__":
    main()
