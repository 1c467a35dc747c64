"""Findings, and which of them keeps a deploy from going on."""

from __future__ import annotations

import pytest

from microscope.space.findings import Finding, Status, worst


@pytest.mark.parametrize(
    ("stati", "expected"),
    [
        ([], Status.OK),
        ([Status.OK, Status.SKIPPED], Status.OK),
        ([Status.OK, Status.WARNING], Status.WARNING),
        ([Status.WARNING, Status.FAILED, Status.OK], Status.FAILED),
    ],
)
def test_the_worst_counts(stati: list[Status], expected: Status) -> None:
    assert worst([Finding("a", status, "seen") for status in stati]) is expected
