"""The field for checkpoints: it hands over whatever was chosen, and Gradio draws it as its own."""

from __future__ import annotations

from typing import Any

import pytest

from microscope.catalog.spec import ModelSpec
from microscope.ui import text
from microscope.ui.checkpoints import Checkpoints, checkpoints


@pytest.fixture
def field() -> Checkpoints:
    specs = (ModelSpec("a", "First", "org/a"), ModelSpec("b", "Second", "org/b"))
    return checkpoints(specs, ["b"], "Choose some.", "choice")


def test_checkpoints_are_offered_by_their_labels(field: Checkpoints) -> None:
    assert field.choices == [("First", "a"), ("Second", "b")]
    assert (field.value, field.label, field.info, field.elem_id) == (["b"], text.CHECKPOINTS, "Choose some.", "choice")


@pytest.mark.parametrize(
    ("posted", "chosen"),
    [
        (["a", "b"], ["a", "b"]),
        (["came since"], ["came since"]),
        ("a", ["a"]),
        (None, []),
        ([], []),
        ([3, {"a": 1}], ["3", "{'a': 1}"]),
        ({"a": 1}, ["{'a': 1}"]),
    ],
)
def test_what_was_posted_comes_through_as_keys(field: Checkpoints, posted: Any, chosen: list[str]) -> None:
    assert field.preprocess(posted) == chosen


def test_gradio_draws_it_as_its_own_group(field: Checkpoints) -> None:
    assert field.get_block_name() == "checkboxgroup"


def test_programs_are_told_keys_and_bound_to_none(field: Checkpoints) -> None:
    told = field.api_info()
    assert (told["type"], told["items"]) == ("array", {"type": "string"})
    assert told["description"].endswith(": a, b")
