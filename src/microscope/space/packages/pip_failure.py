"""Why pip would install nothing, read from what it wrote; runs nothing.

pip says the same, "No matching distribution", of a name that does not exist, of versions that nobody made, and of a
network that is down: what else it wrote tells which it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from packaging.utils import canonicalize_name

from microscope.space.causes import clean
from microscope.space.child import Ended

MOST_SIDES = 6
MOST_VERSIONS = 5
LONGEST_SAID = 300


class Reason(str, Enum):
    """What kept pip from installing."""

    CONFLICT = "conflict"
    NO_MATCH = "no match"
    UNREADABLE = "unreadable"
    NETWORK = "network"
    TIME = "time"
    OTHER = "other"


@dataclass(frozen=True)
class Failure:
    """The reason, what happened, and what to do.

    `missing` is the package that has nothing to install, where that is the reason, and `known` its versions.
    """

    reason: Reason
    told: str
    advice: str
    missing: str = ""
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.told.rstrip('.')}. {self.advice}"


# pip goes on without an index that it cannot reach: the last of its retries tells, and its remark on a certificate.
_NETWORK = re.compile(
    r"Retrying \(Retry\(total=0\b|Could not fetch URL .*ssl certificate|Temporary failure in name resolution"
)
# What an index answers that has trouble of its own, or wants to be asked less.
_TROUBLE = re.compile(
    r"Could not fetch URL \S+: (?:429|5\d\d) |too many \d+ error responses|HTTP error (?:429|5\d\d) while getting"
)
_REFUSED = re.compile(r"Could not fetch URL \S+/(?P<name>[^/\s]+)/: (?P<status>\d+) ")
FORBIDDEN = "403"
_MATCH = re.compile(r"No matching distribution found for (?P<wanted>(?P<name>[A-Za-z0-9][\w.-]*).*?)(?: \(from .*)?$")
_VERSIONS = re.compile(r"Could not find a version that satisfies .*\(from versions: (?P<versions>.*)\)")
_SIDE = re.compile(r"^\s{4}(?P<side>(?:The user requested|\S.* depends on) .*)$")
_CONFLICT = re.compile(r"ResolutionImpossible|conflicting dependencies")
_ERROR = re.compile(r"^(?:ERROR|error): (?P<said>.*)")
_PYTHON = re.compile(r"Ignored the following versions that require a different python")


def failure_of(ended: Ended, seconds: float, detail: Iterable[str] = ()) -> Failure:
    """Return why pip ended as it did; `seconds` is how long it had, `detail` lines that it writes to its log alone."""
    logged = tuple(detail)
    lines = [clean(line) for line in ended.lines]
    if ended.status is None:
        told = f"pip found nothing that fits together within {seconds:.0f} seconds"
        return Failure(Reason.TIME, told, "Narrow the versions in requirements.txt, or try again on a faster network.")
    index = _index_failure(lines, logged)
    if index is not None:
        return index
    if any(_CONFLICT.search(line) for line in lines):
        advice = "Change one of these lines in requirements.txt; what a Space installs beside it cannot be changed."
        return Failure(Reason.CONFLICT, _conflict(lines), advice)
    match = next((found for line in reversed(lines) if (found := _MATCH.search(line))), None)
    if match is not None:
        failure = _no_match(match, lines)
        return failure if failure.known or not _is_forbidden(failure.missing, logged) else _refused()
    said = next((found["said"] for line in lines if (found := _ERROR.match(line))), "")
    if said.startswith(("Invalid requirement", "Could not open requirements file")) or "Invalid" in said:
        return Failure(Reason.UNREADABLE, f"pip cannot read it: {_short(said)}", "Correct that line.")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
    advice = "Run the same line by hand to see all that pip says."
    return Failure(Reason.OTHER, f"pip failed: {_short(said or last)}", advice)


def _index_failure(lines: Sequence[str], logged: Sequence[str]) -> Failure | None:
    """Return that no index answers, or that one has trouble, or None."""
    if any(_NETWORK.search(line) for line in lines):
        told = "The package index cannot be reached"
        return Failure(Reason.NETWORK, told, "Check the network, or leave this out with --offline.")
    return _refused() if any(_TROUBLE.search(line) for line in (*lines, *logged)) else None


def _conflict(lines: Sequence[str]) -> str:
    """Return both sides of a conflict, as pip lists them."""
    sides = list(dict.fromkeys(found["side"] for line in lines if (found := _SIDE.match(line))))
    if not sides:
        return "The requirements contradict each other"
    more = len(sides) - MOST_SIDES
    return "; ".join(sides[:MOST_SIDES]) + (f"; and {more} more" if more > 0 else "")


def _refused() -> Failure:
    advice = "Try again in a few minutes, or leave this out with --offline."
    return Failure(Reason.NETWORK, "The package index does not give what it is asked for", advice)


def _is_forbidden(package: str, logged: Sequence[str]) -> bool:
    """Tell whether a package was kept from us and none said that there is none.

    An index beside the first may refuse, instead of missing, all that it has not.
    """
    found = [match for line in logged if (match := _REFUSED.search(line))]
    return {match["status"] for match in found if match["name"] == canonicalize_name(package)} == {FORBIDDEN}


def _no_match(match: re.Match[str], lines: Sequence[str]) -> Failure:
    wanted, name = match["wanted"], match["name"]
    listed = next((found["versions"] for line in reversed(lines) if (found := _VERSIONS.search(line))), "none")
    known = () if listed == "none" else tuple(listed.split(", "))
    if known:
        told = f"No version of {name} satisfies {wanted}; the newest are {', '.join(known[-MOST_VERSIONS:])}"
    elif any(_PYTHON.search(line) for line in lines):
        told = f"No version of {wanted} is for this Python"
    else:
        told = f"There is nothing to install for {wanted}"
    return Failure(Reason.NO_MATCH, told, "Correct its name or versions in requirements.txt.", name, known)


def _short(said: str) -> str:
    return said if len(said) <= LONGEST_SAID else f"{said[: LONGEST_SAID - 1]}…"
