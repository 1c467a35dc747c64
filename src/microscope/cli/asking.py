"""What commands that ask checkpoints share: the flags, what they ask for, and the engine."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microscope.errors import UserError
from microscope.hardware import detect
from microscope.records import AnswerRequest, GenerationSettings
from microscope.settings import Settings

if TYPE_CHECKING:
    from microscope.engine.build import Engine

KEYS = "keys of the catalogue, separated by commas"


def add_request(command: argparse.ArgumentParser, as_json: str) -> None:
    """Add what decides answers to one question about one image."""
    command.add_argument("--image", type=Path, required=True)
    command.add_argument("--question", required=True)
    command.add_argument("--models", required=True, help=KEYS)
    command.add_argument("--json", action="store_true", help=as_json)
    add_settings(command)


def add_settings(command: argparse.ArgumentParser) -> None:
    """Add the generation settings."""
    for part in fields(GenerationSettings):
        command.add_argument(flag(part.name), metavar="NUMBER", help="by default the catalogue's")


def request_of(given: argparse.Namespace, engine: Engine) -> AnswerRequest:
    """Return what is asked, checked."""
    from microscope.engine.pictures import read_picture
    from microscope.engine.questions import check_question

    keys, generation = keys_of(given.models), settings_of(given, engine)
    return AnswerRequest(read_picture(given.image), check_question(given.question), keys, generation)


def keys_of(text: str) -> tuple[str, ...]:
    """Return the checkpoints that are named, each once; naming none is a `UserError`."""
    keys = tuple(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))
    if not keys:
        raise UserError("Name at least one checkpoint with --models; microscope models lists them.")
    return keys


def settings_of(given: argparse.Namespace, engine: Engine) -> GenerationSettings:
    """Return the catalogue's generation settings with those that the command line names."""
    return replace(engine.catalog.settings, **chosen(given))


def flag(name: str) -> str:
    """Return a setting's flag."""
    return f"--{name.replace('_', '-')}"


def chosen(given: argparse.Namespace) -> dict[str, Any]:
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
            raise UserError(f"{flag(name)} is {value!r}; it must be {bounds}.") from error
    return chosen


def engine_of(settings: Settings) -> Engine:
    """Build the engine with everything that other rooms have done at the accelerator."""
    from microscope.catalog.build import build_catalog
    from microscope.engine.build import build_engine
    from microscope.evaluation.task import evaluation_task
    from microscope.lens.task import lens_task

    machine = detect(settings.platform)
    return build_engine(settings, machine, build_catalog(settings, machine), (lens_task, evaluation_task))
