"""Boxes in fractions and pixels, against the picture's size."""

from __future__ import annotations

import pytest

from microscope.evaluation.items.boxes import fit_boxes, read_boxes
from microscope.evaluation.items.cells import CellError
from microscope.records import Box

EDGES = (10.0, 20.0, 30.0, 60.0)


@pytest.mark.parametrize(
    "value",
    [
        [10, 20, 30, 60],
        [[10, 20, 30, 60]],
        "[10, 20, 30, 60]",
        "10, 20, 30, 60",
        {"x": 10, "y": 20, "w": 20, "h": 40},
        [{"x": 10, "y": 20, "width": 20, "height": 40}],
        '{"x1": 10, "y1": 20, "x2": 30, "y2": 60}',
        {"xmin": 10, "ymin": 20, "xmax": 30, "ymax": 60},
        {"bbox": [[10, 20, 30, 60]]},
        [{"bbox": [10, 20, 30, 60], "label": "cat"}],
    ],
)
def test_a_box_is_written_in_many_ways(value: object) -> None:
    assert read_boxes(value) == (EDGES,)


@pytest.mark.parametrize("value", [None, "", [], "[]"])
def test_no_box_is_none(value: object) -> None:
    assert read_boxes(value) == ()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "here",
            [1, 2, 3],
            [[1, 2, 3, "x"]],
            {"x": 1},
            7,
            [1, 2, 3, True],
            [1, 2, 3, float("nan")],
            [1, 2, 3, 10**400],
        ),
        {"x": "1", "y": 2, "w": 3, "h": 4},
    ],
)
def test_what_is_no_box_is_said(value: object) -> None:
    with pytest.raises(CellError, match="is no box"):
        read_boxes(value)


def test_too_many_boxes_are_said() -> None:
    with pytest.raises(CellError, match="101 boxes"):
        read_boxes([[0, 0, 1, 1]] * 101)


def test_pixels_become_fractions_and_fractions_stay() -> None:
    assert fit_boxes((EDGES,), 100, 200).boxes == (Box(0.1, 0.1, 0.3, 0.3),)
    assert fit_boxes(((0.1, 0.2, 0.3, 1.0005),), 100, 200).boxes == (Box(0.1, 0.2, 0.3, 1.0),)
    # One box in pixels makes all of the cell pixels.
    assert fit_boxes(((0, 0, 1, 1), EDGES), 100, 200).boxes[0] == Box(0, 0, 0.01, 0.005)


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        ((10, 20, 102, 60), "outside the picture of 100 x 200"),
        ((-5, 20, 30, 60), "outside the picture"),
        ((30, 20, 10, 60), "no area"),
        ((100, 0, 101, 60), "no area"),
        ((0.5, 0.5, 0.5, 0.6), "no area"),
    ],
)
def test_a_box_that_cannot_be_is_left_out_with_a_note(box: tuple[float, float, float, float], sentence: str) -> None:
    found = fit_boxes((box,), 100, 200)
    assert found.boxes == ()
    assert sentence in found.notes[0]


def test_a_pixel_beyond_the_edge_is_rounding() -> None:
    assert fit_boxes(((0, 0, 101, 200),), 100, 200).boxes == (Box(0, 0, 1, 1),)
