"""Held-out questions with evidence, answered by an embedded checkpoint and ready to be explained; knows no method.

Two heads of the text model were taught in training where the evidence is. A context may be denied them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher
from microscope.engine.generate import Piece, stream
from microscope.engine.pictures import image_to_picture, read_picture
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.evaluation.scoring import exact_match
from microscope.lens.blank import blank
from microscope.lens.layout import Layout, lay_out
from microscope.lens.methods.base import Context
from microscope.lens.probe import Probe
from microscope.lens.rows import RowKeeper
from microscope.lens.subject import Subject
from microscope.records import Box, GenerationSettings, Picture
from microscope.tiny.draw import draw_items
from microscope.tiny.evalset import accepted_answers, read_evalset

EVALSET = Path(__file__).resolve().parents[1] / "assets" / "evalset"
SETTINGS = GenerationSettings(max_new_tokens=48)
# The layer and the heads of it that were taught where the evidence is.
TAUGHT_LAYER, TAUGHT_HEADS = 2, (0, 1)
# Questions that may be drawn where the evaluation set has too few.
DRAWN = 4000


@dataclass(frozen=True)
class Question:
    """A question about a picture, its right answers, and the boxes that prove them; `image` names the picture."""

    picture: Picture
    image: str
    text: str
    answers: tuple[str, ...]
    evidence: tuple[Box, ...]


@dataclass
class Untaught(Context):
    """A context in which the heads that were taught attend to nothing."""

    def rows_of(self, tokens: Sequence[int]) -> torch.Tensor:
        """Return attention rows without those heads."""
        return silenced(super().rows_of(tokens))

    def blank_rows_of(self, tokens: Sequence[int]) -> torch.Tensor:
        """Return attention rows with a blank picture, without those heads."""
        return silenced(super().blank_rows_of(tokens))


@dataclass(frozen=True)
class Answered:
    """A question that was answered right: what methods need to explain the answer."""

    question: Question
    subject: Subject
    blank: dict[str, torch.Tensor]
    layout: Layout
    rows: torch.Tensor
    seed: int

    def context(self, *, untaught: bool = False) -> Context:
        """Return a context of its own for a method, the passes that every look does already done."""
        kind = Untaught if untaught else Context
        context = kind(self.subject, self.blank, self.layout, self.rows, seed=self.seed)
        context.prior.sum()
        return context


class Bench:
    """A checkpoint that answers questions under the probe; `asked` counts them."""

    def __init__(self, folder: Path) -> None:
        self.local = Fetcher().fetch(ModelSpec(folder.name, folder.name, str(folder), folder=True))
        self.processor = Processors().get(self.local)
        self.model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        self.asked = 0

    def right(self, questions: Iterator[Question], count: int) -> Iterator[Answered]:
        """Ask until so many were answered right, or until there is no more question."""
        found = 0
        while found < count and (question := next(questions, None)) is not None:
            self.asked += 1
            answered = self.answer(question)
            if answered is not None:
                found += 1
                yield answered

    def answer(self, question: Question) -> Answered | None:
        """Answer one question; None where the answer is wrong."""
        spec = self.local.spec
        asked = prepare(self.processor, spec, question.picture, question.text, None)
        layout = lay_out(self.model.config, self.processor, asked.size, asked.inputs)
        if layout is None:
            raise RuntimeError(f"no family knows the layout of {spec.key}")
        positions = torch.tensor(layout.positions)
        keeper = RowKeeper(positions)
        ids: list[int] = []
        with Probe(self.model, keeper).attached() as probe:
            for update in probe.iterate(stream(self.model, asked.inputs, SETTINGS)):
                ids += update.ids if isinstance(update, Piece) else ()
        text = self.processor.tokenizer.decode(ids, skip_special_tokens=True)
        if not ids or not exact_match(text, question.answers):
            return None
        nothing = prepare(self.processor, spec, blank(question.picture), question.text, None).inputs
        subject = Subject(self.model, asked.inputs, tuple(ids), positions)
        return Answered(question, subject, nothing, layout, keeper.rows()[: len(ids)], self.asked)


def questions(seed: int) -> Iterator[Question]:
    """Yield held-out questions that have evidence: those of the evaluation set in random order, and then new ones."""
    items = [item for item in read_evalset(EVALSET) if item.evidence]
    for number in np.random.default_rng(seed).permutation(len(items)).tolist():
        one = items[number]
        yield Question(read_picture(EVALSET / one.image), one.image, one.question, one.answers, one.evidence)
    for number, drawn in enumerate(draw_items("heldout", DRAWN, seed)):
        asked = drawn.question
        if asked.evidence:
            picture, answers = image_to_picture(drawn.scene.image), accepted_answers(asked.answer)
            yield Question(picture, f"drawn-{number}", asked.text, answers, asked.evidence)


def silenced(rows: torch.Tensor) -> torch.Tensor:
    """Return attention rows without those of the heads that were taught."""
    rows = rows.clone()
    rows[:, TAUGHT_LAYER, list(TAUGHT_HEADS)] = 0
    return rows
