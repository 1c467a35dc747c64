"""The generated parts of the manual are fresh, and a stale one is said."""

from __future__ import annotations

from tests.cli.commands import ran


def test_the_generated_parts_of_the_readme_are_fresh() -> None:
    found = ran("tables", "--check")
    assert (found.status, found.err) == (0, "")
