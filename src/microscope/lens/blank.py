"""Pictures with nothing on them, or with places taken out: what a picture is held against; knows no model."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import ImageDraw

from microscope.engine.pictures import image_to_picture, picture_to_image
from microscope.records import Box, Picture

# Processors centre their pixels about here, so it is the least that they can be told.
GREY = 128
# Edges that were computed end so close beside those of pixels.
TOUCHED = 1e-6


def blank(picture: Picture) -> Picture:
    """Return a picture of the same size that is grey all over."""
    return Picture(picture.width, picture.height, bytes([GREY]) * (3 * picture.width * picture.height))


def without_boxes(picture: Picture, boxes: Iterable[Box]) -> Picture:
    """Return the picture with boxes greyed, each with every pixel that it touches."""
    image = picture_to_image(picture)
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for box in boxes:
        right, bottom = _last(box.right * width), _last(box.bottom * height)
        draw.rectangle(
            (int(box.left * width), int(box.top * height), right, bottom),
            fill=(GREY, GREY, GREY),
        )
    return image_to_picture(image)


def _last(edge: float) -> int:
    """Return the last pixel that begins before an edge."""
    whole = int(edge)
    return whole if edge - whole > TOUCHED else whole - 1
