"""Starts lmms-eval in a process of its own and asks it to run a set; knows nothing of what it does there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from evaluate_loop import NEW_TOKENS, Subject, Taken

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "evaluate_lmms.py"
ENVIRONMENTS = (".venv-lmms", ".venv-oracles")


@dataclass(frozen=True)
class Lmms:
    """lmms-eval, ready to run the set; `versions` are of its packages, and it is asked and heard through two files."""

    versions: Mapping[str, str]
    asked: IO[str]
    heard: IO[str]

    def answer_all(self) -> Taken:
        """Have it run the set once."""
        self.asked.write("run\n")
        self.asked.flush()
        said = listen(self.heard)
        return Taken(**{**said, "texts": tuple(said["texts"])})


@contextmanager
def started(python: Path, subject: Subject, batch: int, threads: int) -> Iterator[Lmms]:
    """Start lmms-eval with its interpreter, and yield it when it is ready; it ends with its input."""
    with TemporaryDirectory() as place, Path(place, "log").open("wb") as log:
        rows = Path(place, "rows.jsonl")
        rows.write_text("".join(json.dumps(row) + "\n" for row in rows_of(subject)), encoding="utf-8")
        own = {
            "PYTHONPATH": str(ROOT / "src"),
            "OMP_NUM_THREADS": str(threads),
            "HF_HOME": place,
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
        }
        options = ("--batch", batch, "--threads", threads, "--new-tokens", NEW_TOKENS)
        # What is started is our own script, by the interpreter that was named.
        process = subprocess.Popen(  # noqa: S603
            [python, SCRIPT, rows, subject.checkpoint, *map(str, options)],
            env={**os.environ, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the process has no input or output")
            try:
                yield Lmms(listen(process.stdout), process.stdin, process.stdout)
            except EOFError as error:
                said = Path(place, "log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"lmms-eval stopped; its last words:\n{said}") from error


def rows_of(subject: Subject) -> list[dict[str, object]]:
    """Return the items as lmms-eval's task reads them."""
    return [
        {
            "id": item.id,
            "image": str(subject.folder / item.image),
            "question": item.question,
            "answers": list(item.answers),
        }
        for item in subject.items
    ]


def listen(heard: IO[str]) -> dict:
    """Return the next line that the process says; where there is none it has ended."""
    line = heard.readline()
    if not line:
        raise EOFError
    return json.loads(line)


def interpreter(named: Path | None) -> Path | None:
    """Return the interpreter to run lmms-eval with: the one named, or that of an environment beside the code."""
    found = [ROOT / name for name in ENVIRONMENTS]
    able = [place / "bin" / "python" for place in found if any(place.glob("lib/python*/site-packages/lmms_eval"))]
    return named or next(iter(able), None)
