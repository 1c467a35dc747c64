"""The YAML itself: fields in order, and in which line it goes wrong."""

from __future__ import annotations

import pytest

from microscope.space.front_matter.block import Block, find_block
from microscope.space.front_matter.parse import parse


def block(text: str, before: str = "") -> Block:
    """Return the block of a README with this front matter."""
    found, _ = find_block(f"{before}---\n{text}\n---\n")
    assert found is not None
    return found


def test_fields_come_in_their_order() -> None:
    parsed = parse(block("b: 1\na: 2\nc:\n  d: 3"))
    assert parsed.values is not None
    assert list(parsed.values) == ["b", "a", "c"]
    assert parsed.problems == ()


@pytest.mark.parametrize("before", ["", "\n", "\r\n\r\n"])
def test_lines_are_those_of_the_readme(before: str) -> None:
    first = before.count("\n") + 2
    (problem,) = parse(block("a: 1\nb: 2\na: 3", before)).problems
    assert (problem.line, problem.key) == (first + 2, "a")
    assert f"line {first};" in problem.sentence
    (broken,) = parse(block("a: 1\nb: @x", before)).problems
    assert (broken.line, broken.key) == (first + 1, "b")


def test_a_key_three_times_is_told_once_with_its_first_line() -> None:
    problems = parse(block("a: 1\na: 2\na: 3")).problems
    assert [(one.key, one.line) for one in problems] == [("a", 4)]


def test_the_line_above_is_blamed_where_its_colon_has_no_space() -> None:
    (problem,) = parse(block("title:X\nemoji: y")).problems
    assert (problem.line, problem.key) == (2, "title")


def test_a_web_address_is_not_blamed_for_its_colon() -> None:
    (problem,) = parse(block("a: b\nthumbnail: https://x.org\nb: c: d")).problems
    assert (problem.line, problem.key) == (4, "b")


def test_too_deep_is_a_problem() -> None:
    (problem,) = parse(block("a: " + "[" * 5000)).problems
    assert problem.level == "error"


def test_anchors_are_told_once() -> None:
    problems = parse(block("a: &x 1\nb: *x\nc: *x")).problems
    assert [(one.level, one.line) for one in problems] == [("warning", 2)]
