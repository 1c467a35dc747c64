"""Why a Space does not run, picked from the lines of its logs, and what to do about it; asks no network.

A log of a failed build is hundreds of lines of which one is the cause. To know one more cause, add a row to CAUSES:
the first row that any line matches is told, and of its lines the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TAIL_LINES = 60
LONGEST_SAID = 300

_TOKEN = re.compile(r"\b(?:hf_[A-Za-z0-9_.\-]{8,}|gh[pousr]_[A-Za-z0-9]{16,}|eyJ[\w\-]{8,}\.[\w\-]+\.[\w\-]+)")
_LOGIN = re.compile(r"://[^/\s]+@")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failure|NotFound)\b(?::.*)?$")


@dataclass(frozen=True)
class Cause:
    """What a log says went wrong, in its own words, and one sentence that says what to do next."""

    said: str
    advice: str

    def __str__(self) -> str:
        return f"{self.said.rstrip('.')}: {self.advice}" if self.said else self.advice


CHECK = "run microscope space check, which resolves the same requirements here"
MEMORY = (
    "offer smaller checkpoints (MICROSCOPE_PRESET, MICROSCOPE_CACHE_BYTES) or ask for larger hardware with microscope "
    "space configure --hardware."
)
GPU_NEEDED = (
    "on ZeroGPU the app has to declare a GPU function before it starts: deploy app.py and src/ unchanged, or ask for "
    "other hardware with microscope space configure --hardware."
)
LATE = (
    "the app did not answer in time: look in the log for what it waits for, and set startup_duration_timeout in the "
    "head of README.md where checkpoints take longer to download."
)
UNBUILT = (
    "a package has no wheel for this Python and could not be built: choose a version that has one, or add what "
    "building it needs to packages.txt."
)
GATED = (
    "accept the checkpoint's licence on its page, then give the Space a token of that account with microscope space "
    "configure --secret HF_TOKEN."
)

CAUSES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (r"No @spaces\.GPU function detected", GPU_NEEDED),
        (r"not healthy after|[Ll]aunch timed out", LATE),
        (r"[Mm]emory limit exceeded|OOMKilled|[Ee]xit code: 137|out of memory|OutOfMemoryError", MEMORY),
        (
            r"not enough hardware capacity|[Ss]cheduling failure",
            "the platform has no such hardware free: deploy again later, or ask for other hardware.",
        ),
        (
            r"[Nn]o space left on device|[Ss]torage limit (?:reached|exceeded)",
            "the disk is full: offer fewer or smaller checkpoints, or ask for hardware with a larger disk.",
        ),
        # The line of pip that names both sides of a conflict tells more than its last one, ResolutionImpossible.
        (r"ERROR: Cannot install .*conflicting dependencies", f"change one of the two in requirements.txt; {CHECK}."),
        (r"ResolutionImpossible", f"requirements.txt contradicts itself or what a Space installs beside it; {CHECK}."),
        (
            r"ERROR: (?:No matching distribution|Could not find a version|Ignored the following)",
            f"correct that line of requirements.txt; {CHECK}.",
        ),
        (r"Read timed out|ConnectionResetError|Temporary failure in name resolution", "deploy again in a minute."),
        (
            r"error: subprocess-exited-with-error|[Ff]ailed (?:building wheel|to build)",
            UNBUILT,
        ),
        (r"E: (?:Unable to locate package|Package .* has no installation candidate)", "correct packages.txt."),
        (
            r"GatedRepoError|gated repo|Access to model .* is restricted",
            GATED,
        ),
    )
)

UNTOLD = {
    "CONFIG_ERROR": "correct the head of README.md: microscope space check says what is wrong with it.",
    "NO_APP_FILE": "the Space has no app file: let app_file in the head of README.md name app.py.",
    "BUILD_ERROR": "read the build log below, and in full on the Space's page.",
    "RUNTIME_ERROR": "read the run log below, and in full on the Space's page.",
}
PIP_SAID = re.compile(r"^ERROR: .*")
NOT_INSTALLED = re.compile(r"^(?:\w+\.)*(?:ModuleNotFoundError|ImportError)\b")
TRACED = "mend what raised it (its traceback is in the log below), and deploy again."


def cause_of(lines: Sequence[str], stage: str, error: str = "") -> Cause:
    """Return the cause of a failure, from the lines of a log, oldest first, and what the Hub itself says.

    What the Hub says is looked at as one more line, the last. Where no known cause is found, the last line of the
    last traceback is it, then what the Hub says.
    """
    cleaned = [clean(line) for line in lines]
    told = [*cleaned, clean(error)]
    for pattern, advice in CAUSES:
        said = next((line for line in reversed(told) if pattern.search(line)), None)
        if said is not None:
            return Cause(_short(said), advice)
    # An app logs lines that begin with ERROR as well, and goes on.
    refused = [line for line in cleaned if stage == "BUILD_ERROR" and PIP_SAID.match(line)]
    if refused:
        return Cause(_short(refused[-1]), f"correct requirements.txt; {CHECK}.")
    raised = last_raised(cleaned)
    if raised:
        missing = NOT_INSTALLED.match(raised)
        return Cause(_short(raised), "add what is missing to requirements.txt." if missing else TRACED)
    return Cause(_short(clean(error)), UNTOLD.get(stage, UNTOLD["RUNTIME_ERROR"]))


def last_raised(lines: Sequence[str]) -> str:
    """Return the last line of the last traceback, such as `ValueError: no`, or nothing where there is none."""
    start = max((at for at, line in enumerate(lines) if "Traceback (most recent call last)" in line), default=None)
    if start is None:
        return ""
    return next(_raised_lines(lines[start + 1 :]), "")


def _raised_lines(lines: Sequence[str]) -> Iterator[str]:
    """Yield what stands at the margin and looks like an error, the end of a traceback."""
    yield from (line.strip() for line in lines if line[:1].strip() and _RAISED.match(line))


def tail(lines: Sequence[str], most: int = TAIL_LINES) -> tuple[str, ...]:
    """Return the last lines of a log that say anything, safe to print."""
    said = [line for line in map(clean, lines) if line.strip()]
    return tuple(said[-most:])


def clean(line: str) -> str:
    """Return a line of a log without its end, colours and bells, and with tokens and logins made unreadable."""
    return _LOGIN.sub("://[a login]@", _TOKEN.sub("[a token]", _TERMINAL.sub("", line.rstrip())))


def _short(said: str) -> str:
    said = said.strip()
    return said if len(said) <= LONGEST_SAID else f"{said[: LONGEST_SAID - 1]}…"
