"""Answers to the example questions, computed ahead and shipped with the page; knows no model and no page."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from microscope.records import Answer, GenerationSettings
from microscope.storage.records_json import answer_from_json, answer_to_json


@dataclass(frozen=True)
class ExampleAnswer:
    """One answer to one example's question, with the settings it was computed with."""

    example: str
    question: str
    settings: GenerationSettings
    answer: Answer


class ExampleAnswers:
    """Finds shipped answers; an answer whose revision is not the checkpoint's own is never given out."""

    def __init__(self, entries: tuple[ExampleAnswer, ...] = ()) -> None:
        self._entries = {(entry.example, entry.question, entry.answer.checkpoint): entry for entry in entries}

    def find(self, example: str, question: str, checkpoint: str, revision: str | None) -> ExampleAnswer | None:
        """Return the answer, marked as computed ahead; `revision` None accepts the one it was computed with."""
        entry = self._entries.get((example, question, checkpoint))
        if entry is None or (revision is not None and entry.answer.facts.revision != revision):
            return None
        return replace(entry, answer=replace(entry.answer, computed="example"))


def read_example_answers(file: Path) -> ExampleAnswers:
    """Read the shipped answers; without the file there are none."""
    if not file.exists():
        return ExampleAnswers()
    rows = json.loads(file.read_text(encoding="utf-8"))
    return ExampleAnswers(
        tuple(
            ExampleAnswer(
                row["example"], row["question"], GenerationSettings(**row["settings"]), answer_from_json(row["answer"])
            )
            for row in rows
        )
    )


def write_example_answers(file: Path, entries: tuple[ExampleAnswer, ...]) -> None:
    """Write the answers, one object an entry."""
    rows = [
        {
            "example": entry.example,
            "question": entry.question,
            "settings": asdict(entry.settings),
            "answer": answer_to_json(entry.answer),
        }
        for entry in entries
    ]
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
