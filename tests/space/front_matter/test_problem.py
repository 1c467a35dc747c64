"""A problem as a line of text."""

from __future__ import annotations

from microscope.space.front_matter.problem import error, warning


def test_a_problem_is_told_with_its_place() -> None:
    assert error(7, "sdk", "sdk is 'x'; write gradio").told() == "README.md, line 7: sdk is 'x'; write gradio."


def test_a_question_keeps_its_mark() -> None:
    assert error(1, "sdk", "did you mean 'gradio'?").told("head.md") == "head.md, line 1: did you mean 'gradio'?"


def test_levels_are_apart() -> None:
    assert (error(1, "", "x").level, warning(1, "", "x").level) == ("error", "warning")
