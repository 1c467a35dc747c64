"""Kills an evaluation (SIGKILL) while it runs, and proves that nothing was lost, computed twice or changed by it.

The shipped set goes through two embedded checkpoints by the command line, in a process of its own. Once killed, the
same command runs again to the end. No answer may stand in the journals twice, what was kept must be taken up, and the
reports must be those of a run that nobody killed, but for the times they name.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from microscope.evaluation.reports import record_text
from microscope.evaluation.reports.markup import text
from microscope.storage.ledger import SUFFIX

CHECKPOINTS = Path(__file__).resolve().parents[1] / "assets" / "checkpoints"
KEYS = ("scenes-step-300", "scenes-step-6000")
# So many seconds between two looks at the journals.
LOOK = 0.01
SAID = re.compile(r"([\d,]+) answers computed, ([\d,]+) from the store")
RECORD, PAGE, TIMES = "report.json", "report.html", "times"
ALIKE = ("items.csv", "summary.csv", "items.parquet")


@dataclass(frozen=True)
class Child:
    """The command line in a process of its own; what it prints is in two files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def end(self) -> int:
        """Wait for its end, and return its exit status; of one that was killed it is minus the signal."""
        return self.process.wait()

    def counts(self) -> tuple[int, int]:
        """Return how many answers it said were computed, and how many came from the store."""
        found = SAID.search(self.err.read_text(encoding="utf-8"))
        if found is None:
            raise SystemExit(f"it did not come to its end; its last words:\n{self.err.read_text(encoding='utf-8')}")
        computed, reused = (int(number.replace(",", "")) for number in found.groups())
        return computed, reused


def started(arguments: Sequence[str | Path], variables: Mapping[str, str], said: Path) -> Child:
    """Start `microscope evaluate` with arguments and environment; what it prints goes beside the path `said`."""
    out, err = said.with_suffix(".out"), said.with_suffix(".err")
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603  (our own module, by the interpreter that runs this)
            [sys.executable, "-m", "microscope.cli", "evaluate", *arguments],
            env=dict(variables),
            stdout=output,
            stderr=errors,
        )
    return Child(process, out, err)


def kept(data: Path) -> list[str]:
    """Return the content address of every whole line in all journals of a data folder."""
    lines = (line for journal in data.rglob(f"*{SUFFIX}") for line in journal.read_bytes().splitlines(keepends=True))
    return [line[9:73].decode("ascii") for line in lines if _whole(line)]


def _whole(line: bytes) -> bool:
    return line.endswith(b"\n") and line[:8] == f"{zlib.crc32(line[9:-1]):08x}".encode("ascii")


def wait_for(child: Child, data: Path, answers: int) -> None:
    """Return as soon as so many answers are kept; a child that ends before that ends all of this."""
    while sum(journal.read_bytes().count(b"\n") for journal in data.rglob(f"*{SUFFIX}")) < answers:
        try:
            child.process.wait(LOOK)
        except subprocess.TimeoutExpired:
            continue
        raise SystemExit(f"it ended before anybody stopped it:\n{child.err.read_text(encoding='utf-8')}")


def differing(first: Path, second: Path) -> list[str]:
    """Return the reports in two folders that are not the same to the byte, the times that they name left out."""
    files = [name for name in ALIKE if (first / name).read_bytes() != (second / name).read_bytes()]
    records, pages = zip(*map(_timeless, (first, second)), strict=True)
    return files + [name for name, (one, other) in ((RECORD, records), (PAGE, pages)) if one != other]


def _timeless(folder: Path) -> tuple[str, str]:
    """Return the record without its times, and the page without those that the record has."""
    written = (folder / RECORD).read_text(encoding="utf-8")
    record = json.loads(written)
    if record_text(record) != written:
        raise SystemExit(f"{folder / RECORD} is not in its one form")
    times = record.pop(TIMES)
    page = (folder / PAGE).read_text(encoding="utf-8")
    for said in (times["made"], *times["ways"].values()):
        page = page.replace(f">{text(said)}<", "><")
    return record_text(record), page


def main() -> int:
    """Run, kill, run on, compare, print what was found, and return 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.4, help="kill it when this share of all answers is kept")
    parser.add_argument("--limit", type=int, default=750, help="only so many items")
    given = parser.parse_args()
    arguments = ["--set", "embedded", "--models", ",".join(KEYS), "--baseline", KEYS[0], "--limit", str(given.limit)]
    total = given.limit * len(KEYS)
    with TemporaryDirectory() as place:
        folder = Path(place)
        plain = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "MICROSCOPE_TRACKER": "none",
            "MICROSCOPE_MODELS": ",".join(str(CHECKPOINTS / key) for key in KEYS),
        }
        killed, whole = ({**plain, "MICROSCOPE_DATA": str(folder / name)} for name in ("killed", "whole"))
        first = started([*arguments, "--out", folder / "resumed"], killed, folder / "first")
        wait_for(first, folder / "killed", int(total * given.share))
        first.process.kill()
        status, held = first.end(), len(kept(folder / "killed"))
        print(f"items: {given.limit:,}, answers: {total:,}; killed at {held:,} (status {status})", flush=True)
        second = started([*arguments, "--out", folder / "resumed"], killed, folder / "second")
        second.end()
        (computed, reused), addresses = second.counts(), kept(folder / "killed")
        print(f"computed: {computed:,}, reused: {reused:,}", flush=True)
        twice = len(addresses) - len(set(addresses))
        print(f"duplicates: {twice:,} of {len(addresses):,} kept answers", flush=True)
        third = started([*arguments, "--out", folder / "whole-reports"], whole, folder / "third")
        third.end()
        alone, differ = third.counts(), differing(folder / "resumed", folder / "whole-reports")
        print(f"identical: {'no: ' + ', '.join(differ) if differ else 'yes'}", flush=True)
    right = (
        held < total
        and computed + reused == total == len(addresses)
        and reused >= held
        and alone == (total, 0)
        and not twice
        and not differ
    )
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
