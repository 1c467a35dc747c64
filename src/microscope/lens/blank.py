"""Pictures with nothing on them, or with places taken out: what a picture is held against; knows no model."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from microscope.records import Box, Picture

# Processors centre their pixels about here, so it is the least that they can be told.
GREY = 128
# Edges that were computed end so close beside those of pixels.
TOUCHED = 1e-6


def blank(picture: Picture) -> Picture:
    """Return a picture of the same size that is grey all over."""
    return Picture(picture.width, picture.height, bytes([GREY]) * (3 * picture.width * picture.height))


def without_boxes(picture: Picture, boxes: Iterable[Box], kept: Iterable[Box] = ()) -> Picture:
    """Return the picture with boxes greyed, but where a box that is kept lies over them.

    A pixel belongs to a box that has its middle.
    """
    shape = picture.height, picture.width
    pixels = np.frombuffer(picture.rgb, np.uint8).reshape(*shape, 3).copy()
    pixels[_covered(boxes, shape) & ~_covered(kept, shape)] = GREY
    return Picture(picture.width, picture.height, pixels.tobytes())


def _covered(boxes: Iterable[Box], shape: tuple[int, int]) -> np.ndarray:
    """Return which pixels have their middle in a box, bool of shape (height, width)."""
    height, width = shape
    found = np.zeros(shape, bool)
    for box in boxes:
        rows = slice(_first(box.top * height), _first(box.bottom * height))
        found[rows, _first(box.left * width) : _first(box.right * width)] = True
    return found


def _first(edge: float) -> int:
    """Return the first pixel whose middle is not before an edge; edges that were computed end a little beside."""
    return math.ceil(edge - 0.5 - TOUCHED)
