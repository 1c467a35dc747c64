"""`microscope examples`: the answers to the page's examples, computed ahead."""

from __future__ import annotations

import argparse
from pathlib import Path

from microscope.cli.asking import engine_of
from microscope.errors import UserError
from microscope.records import AnswerRequest
from microscope.settings import REPOSITORY, Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser("examples", help="compute the answers to the page's examples ahead")
    command.add_argument("--out", type=Path, default=REPOSITORY / "assets" / "examples" / "answers.json")
    command.set_defaults(run=examples)


def examples(given: argparse.Namespace, settings: Settings) -> int:
    """Compute the answers and write them."""
    from microscope.engine.pictures import read_picture
    from microscope.storage.example_answers import ExampleAnswer, write_example_answers
    from microscope.tiny.examples import read_examples

    if not given.out.parent.is_dir():
        raise UserError(f"There is no folder {given.out.parent} to write the answers into; make it, or name another.")
    folder, engine, entries = REPOSITORY / "assets" / "examples", engine_of(settings), []
    keys = tuple(spec.key for spec in engine.catalog.specs)
    for example in read_examples(folder):
        request = AnswerRequest(read_picture(folder / example.file), example.question, keys, engine.catalog.settings)
        for event in engine.answerer.stream(request):
            if event.message:
                raise UserError(f"{event.checkpoint} has no answer to {example.id}: {event.message}")
            if event.answer is not None:
                entries.append(ExampleAnswer(example.id, example.question, request.settings, event.answer))
    write_example_answers(given.out, tuple(entries))
    print(f"{len(entries)} answers in {given.out}")
    return 0
