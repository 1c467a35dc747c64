"""What was found by looking at one thing of a Space, and what to do about it; data alone, and its table as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Status(str, Enum):
    """How a thing stands; only FAILED keeps a deploy from going on."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One line of a table of findings: what was looked at, how it stands, what was seen.

    `advice` is one sentence that says what to do next; empty only where nothing is to be done. `value` is text to
    copy, such as a line for a settings page, empty where there is none.
    """

    subject: str
    status: Status
    detail: str
    advice: str = ""
    value: str = ""


def worst(findings: Sequence[Finding]) -> Status:
    """Return FAILED where anything failed, else WARNING where there is one, else OK."""
    found = {finding.status for finding in findings}
    return next((status for status in (Status.FAILED, Status.WARNING) if status in found), Status.OK)
