"""The command line, `microscope ...`: what the page does, without a browser."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microscope import __version__
from microscope.errors import UserError
from microscope.hardware import detect
from microscope.records import AnswerRequest, GenerationSettings
from microscope.settings import REPOSITORY, Settings, read_settings

if TYPE_CHECKING:
    from microscope.engine.build import Engine


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 not (the sentence is on standard error), 2 misused."""
    given = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
        return given.run(given, settings)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="microscope", description="Compare vision-language checkpoints.")
    parser.add_argument("--version", action="version", version=f"microscope {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_answer(commands)
    _add_explain(commands)
    _add_models(commands)
    _add_examples(commands)
    _add_tables(commands)
    _add_tiny(commands)
    return parser


def _add_answer(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("answer", help="ask one question about one image")
    _add_request(command, "print tokens and facts as JSON")
    command.set_defaults(run=_answer)


def _add_request(command: argparse.ArgumentParser, as_json: str) -> None:
    """Add what decides answers."""
    command.add_argument("--image", type=Path, required=True)
    command.add_argument("--question", required=True)
    command.add_argument("--models", required=True, help="keys of the catalogue, separated by commas")
    command.add_argument("--json", action="store_true", help=as_json)
    for part in fields(GenerationSettings):
        command.add_argument(_flag(part.name), metavar="NUMBER", help="by default the catalogue's")


def _request(given: argparse.Namespace, engine: Engine) -> AnswerRequest:
    """Return what is asked, checked."""
    from microscope.engine.pictures import read_picture
    from microscope.engine.questions import check_question

    keys = tuple(key.strip() for key in given.models.split(",") if key.strip())
    if not keys:
        raise UserError("Name at least one checkpoint with --models; microscope models lists them.")
    generation = replace(engine.catalog.settings, **_chosen(given))
    return AnswerRequest(read_picture(given.image), check_question(given.question), keys, generation)


def _answer(given: argparse.Namespace, settings: Settings) -> int:
    # Imported here, as in every command: torch and transformers take seconds, `--help` and the light commands none.
    from microscope.storage.records_json import answer_to_json

    engine = _engine(settings)
    request = _request(given, engine)
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


def _add_explain(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "explain", help="which patches an answer rests on, and what it is without the others"
    )
    _add_request(command, "print everything that was found as JSON")
    command.add_argument("--method", default="relevance", help="how the map is made; by default relevance")
    command.add_argument("--token", type=int, help="an answer token, numbered from 0; by default the whole answer")
    command.add_argument("--keep", type=float, metavar="SHARE", help="answer again with this share of the patches")
    command.add_argument("--rule", default="map", help="which patches are kept: map, vision or random")
    command.add_argument("--png", type=Path, help="write the maps over the image into this file")
    command.set_defaults(run=_explain)


def _explain(given: argparse.Namespace, settings: Settings) -> int:
    from microscope.lens.build import build_lens
    from microscope.lens.inquiry import Inquiry, inquire
    from microscope.ui.lens.printed import as_json, as_lines, check_png, write_png

    if given.png is not None:
        check_png(given.png)
    engine = _engine(settings)
    request = _request(given, engine)
    inquiry = Inquiry(given.method, given.token, given.keep, given.rule, request.settings.seed)
    last = {event.checkpoint: event for event in inquire(build_lens(engine, settings), request, inquiry)}
    if given.png is not None:
        write_png(given.png, request, tuple(last.values()), inquiry)
    print(as_json(request, tuple(last.values())) if given.json else as_lines(tuple(last.values()), inquiry))
    return 0 if all(not event.event.message for event in last.values()) else 1


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _chosen(given: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names; one out of its bounds is a `UserError`."""
    from microscope.ui.compare.link import RANGES

    chosen: dict[str, Any] = {}
    for name, bounds in RANGES.items():
        value = getattr(given, name)
        if value is None:
            continue
        try:
            chosen[name] = bounds.read(value)
        except ValueError as error:
            raise UserError(f"{_flag(name)} is {value!r}; it must be {bounds}.") from error
    return chosen


def _add_models(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser(
        "models", help="list the checkpoints this machine offers, and what is wrong with others"
    )
    command.set_defaults(run=_models)


def _models(given: argparse.Namespace, settings: Settings) -> int:
    from microscope.catalog.build import build_catalog

    catalog = build_catalog(settings, detect(settings.platform))
    for spec in catalog.specs:
        print(f"{spec.key}\t{spec.label}\t{spec.source}\t{spec.revision or ''}")
    for entry in catalog.bad:
        print(f"not available: {entry.name}: {entry.reason}", file=sys.stderr)
    return 0


def _add_examples(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("examples", help="compute the answers to the page's examples ahead")
    command.add_argument("--out", type=Path, default=REPOSITORY / "assets" / "examples" / "answers.json")
    command.set_defaults(run=_examples)


def _examples(given: argparse.Namespace, settings: Settings) -> int:
    from microscope.engine.pictures import read_picture
    from microscope.storage.example_answers import ExampleAnswer, write_example_answers
    from microscope.tiny.examples import read_examples

    if not given.out.parent.is_dir():
        raise UserError(f"There is no folder {given.out.parent} to write the answers into; make it, or name another.")
    folder, engine, entries = REPOSITORY / "assets" / "examples", _engine(settings), []
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


def _add_tables(commands: argparse._SubParsersAction) -> None:
    command = commands.add_parser("tables", help="the generated parts of README.md")
    choice = command.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", action="store_true", help="rewrite them")
    choice.add_argument("--check", action="store_true", help="fail where they are stale")
    command.set_defaults(run=_tables)


def _tables(given: argparse.Namespace, settings: Settings) -> int:
    from microscope.documentation import endpoints_table, families_table, methods_table, render, tables
    from microscope.lens.families import FAMILIES
    from microscope.lens.methods import METHODS
    from microscope.ui.app import build

    readme = REPOSITORY / "README.md"
    current = readme.read_text(encoding="utf-8")
    parts = {
        **tables(REPOSITORY),
        "endpoints": endpoints_table(build(settings).demo.get_api_info()),
        "methods": methods_table(METHODS),
        "families": families_table(FAMILIES),
    }
    fresh = render(current, parts)
    if given.check and fresh != current:
        raise UserError("The generated parts of README.md are stale; run make tables and commit what it changes.")
    if given.write:
        readme.write_text(fresh, encoding="utf-8")
    return 0


def _add_tiny(commands: argparse._SubParsersAction) -> None:
    tiny = commands.add_parser("tiny", help="the embedded checkpoints").add_subparsers(
        required=True, metavar="COMMAND"
    )
    command = tiny.add_parser("evaluate", help="score them on questions about scenes")
    command.add_argument(
        "--split", choices=("heldout", "train"), default="heldout", help="whose digits are in the scenes"
    )
    command.add_argument("--n", type=int, default=1000, help="how many questions")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--folder", type=Path, default=REPOSITORY / "assets" / "checkpoints")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_tiny_evaluate)
    command = tiny.add_parser("train", help="train them again, from a seed")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, default=REPOSITORY / "assets" / "checkpoints")
    command.add_argument("--log", type=Path, default=REPOSITORY / "runs" / "tiny" / "log.jsonl")
    command.set_defaults(run=_tiny_train)


def _tiny_evaluate(given: argparse.Namespace, settings: Settings) -> int:
    import microscope.engine  # noqa: F401  (repairs torchvision before transformers looks for it)
    from microscope.tiny.evaluate import run, to_json

    if given.n < 1:
        raise UserError(f"--n is {given.n}; ask at least one question.")
    found = run(given.split, given.n, given.seed, given.folder)
    if not found:
        raise UserError(f"There are no checkpoints in {given.folder}; run make train, or name another folder.")
    if given.json:
        print(to_json(found))
        return 0
    kinds = list(found[0].by_kind)
    print("\t".join(["checkpoint", "all", *kinds]))
    rows = [
        ("always the most frequent", None, found[0].baseline),
        *((one.checkpoint, one.exact_match, one.by_kind) for one in found),
    ]
    for name, overall, by_kind in rows:
        print(
            "\t".join([name, "" if overall is None else f"{overall:.3f}", *(f"{by_kind[kind]:.3f}" for kind in kinds)])
        )
    return 0


def _tiny_train(given: argparse.Namespace, settings: Settings) -> int:
    import microscope.engine  # noqa: F401  (repairs torchvision before transformers looks for it)
    from microscope.tiny.train import Plan, train

    train(Plan(seed=given.seed), given.out, given.log)
    return 0


def _engine(settings: Settings) -> Engine:
    from microscope.catalog.build import build_catalog
    from microscope.engine.build import build_engine
    from microscope.lens.task import lens_task

    machine = detect(settings.platform)
    return build_engine(settings, machine, build_catalog(settings, machine), (lens_task,))


if __name__ == "__main__":
    sys.exit(main())
