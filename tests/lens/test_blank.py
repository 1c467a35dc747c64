"""Pictures with nothing on them, and with boxes taken out."""

from __future__ import annotations

import numpy as np

from microscope.lens.blank import GREY, blank, without_boxes
from microscope.records import Box, Picture
from tests.families import picture


def pixels(taken: Picture) -> np.ndarray:
    return np.frombuffer(taken.rgb, np.uint8).reshape(taken.height, taken.width, 3)


def test_a_blank_picture_is_grey_and_as_large() -> None:
    empty = blank(picture(7, 5))
    assert (empty.width, empty.height) == (7, 5)
    assert (pixels(empty) == GREY).all()


def test_a_box_is_greyed_and_nothing_else() -> None:
    whole = picture(8, 8)
    taken = pixels(without_boxes(whole, [Box(0.25, 0.5, 0.5, 1.0)]))
    assert (taken[4:8, 2:4] == GREY).all()
    rest = np.ones((8, 8), bool)
    rest[4:8, 2:4] = False
    assert (taken[rest] == pixels(whole)[rest]).all()


def test_a_pixel_belongs_to_the_box_that_has_its_middle() -> None:
    taken = pixels(without_boxes(picture(3, 3), [Box(0.0, 0.0, 0.55, 0.34)]))
    assert (taken[:1, :2] == GREY).all()
    assert not (taken[1:] == GREY).all(axis=-1).any()


def test_what_a_kept_box_covers_stays() -> None:
    whole = picture(8, 8)
    taken = pixels(without_boxes(whole, [Box(0, 0, 1, 0.5)], [Box(0.5, 0, 1, 1)]))
    assert (taken[:4, :4] == GREY).all()
    assert (taken[:, 4:] == pixels(whole)[:, 4:]).all()


def test_boxes_side_by_side_leave_no_seam() -> None:
    thirds = [Box(column / 3, 0.0, (column + 1) / 3, 1.0) for column in range(3)]
    assert (pixels(without_boxes(picture(10, 4), thirds)) == GREY).all()


def test_the_original_stays_as_it_was() -> None:
    whole = picture(4, 4)
    before = whole.rgb
    without_boxes(whole, [Box(0, 0, 1, 1)])
    assert whole.rgb == before
