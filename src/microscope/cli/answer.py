"""`microscope answer`: one question about one image."""

from __future__ import annotations

import argparse
import json

from microscope.cli.asking import add_request, engine_of, request_of
from microscope.settings import Settings


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    command = commands.add_parser("answer", help="ask one question about one image")
    add_request(command, "print tokens and facts as JSON")
    command.set_defaults(run=answer)


def answer(given: argparse.Namespace, settings: Settings) -> int:
    """Answer, print, and return 1 where a checkpoint has no answer."""
    # Imported here, as in every command: torch and transformers take seconds, `--help` and the light commands none.
    from microscope.storage.records_json import answer_to_json

    engine = engine_of(settings)
    request = request_of(given, engine)
    last = {event.checkpoint: event for event in engine.answerer.stream(request)}
    answered = {key: event.answer for key, event in last.items() if event.answer is not None}
    if given.json:
        rows = [
            {
                "checkpoint": key,
                "state": event.state.value,
                "message": event.message,
                "answer": answer_to_json(event.answer) if event.answer is not None else None,
            }
            for key, event in last.items()
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for key, event in last.items():
            print(f"{key}: {event.answer.text if event.answer is not None else event.message}")
    return 0 if len(answered) == len(last) else 1
