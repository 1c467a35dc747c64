"""Runs commands in this process, over the embedded checkpoints and parts of their set."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import microscope.engine  # noqa: F401  (repairs torchvision before the tests import transformers)
from microscope.cli import main
from microscope.settings import REPOSITORY, VARIABLES
from microscope.tiny.evaluate import checkpoint_folders

IMAGE = str(REPOSITORY / "assets" / "examples" / "colour.png")
EVALSET = REPOSITORY / "assets" / "evalset"
FOLDERS = checkpoint_folders(REPOSITORY / "assets" / "checkpoints")
KEYS = [folder.name for folder in FOLDERS]
ASK = ["answer", "--image", IMAGE, "--question", "What colour is the nine?", "--max-new-tokens", "4"]
EXPLAIN = ["explain", "--image", IMAGE, "--question", "What colour is the nine?", "--models"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What a command returned and printed."""

    status: int
    out: str
    err: str


def environment(data: Path) -> dict[str, str | None]:
    """Return the variables of a laptop without a GPU and a network, with its stores in a folder; None: not set."""
    unset = {variable.name: None for variable in VARIABLES if variable.name != "HF_HOME"}
    return {
        **unset,
        "MICROSCOPE_DATA": str(data),
        "MICROSCOPE_PRESET": "cpu-basic",
        "ACCELERATOR": "none",
        "HF_HUB_OFFLINE": "1",
        "MICROSCOPE_TRACKER": "none",
    }


def ran(*arguments: str | Path) -> Ran:
    """Run a command; what is no `UserError` comes out as it is."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Ran(status, out.getvalue(), err.getvalue())


def shipped_rows(count: int) -> list[Row]:
    """Return the first rows of the shipped set, about five questions about each picture."""
    lines = (EVALSET / "items.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    return [json.loads(line) for line in lines]


def write_set(folder: Path, rows: Sequence[Mapping[str, Any] | str]) -> Path:
    """Write rows (a text stands as it is) as a set with copies of their pictures beside it, and return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {row["image"] for row in rows if not isinstance(row, str) and "image" in row}
    for name in names:
        if (EVALSET / str(name)).is_file():
            shutil.copyfile(EVALSET / str(name), folder / str(name))
    path = folder / "items.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
