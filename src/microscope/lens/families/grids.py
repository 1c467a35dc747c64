"""The geometry that families share: grids of boxes, tiles, and where resizing and cropping put a picture.

A frame is a rectangle (left, top, right, bottom) in fractions of the original that may reach beyond it, into padding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from microscope.lens.families.family import THUMBNAIL, TILES, WHOLE, Placement, Shown, View
from microscope.records import Box

Frame = tuple[float, float, float, float]

FULL: Frame = (0.0, 0.0, 1.0, 1.0)


def clip(frame: Frame) -> Box | None:
    """Return the part of a frame that lies on the original; None where nothing of it does."""
    left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in frame)
    return Box(left, top, right, bottom) if left < right and top < bottom else None


def grid(rows: int, columns: int, frame: Frame = FULL) -> list[Box | None]:
    """Return the boxes of a uniform grid over a frame, row by row."""
    left, top, right, bottom = frame
    across, down = (right - left) / columns, (bottom - top) / rows
    return [
        clip((left + c * across, top + r * down, left + (c + 1) * across, top + (r + 1) * down))
        for r in range(rows)
        for c in range(columns)
    ]


def hull(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around all boxes."""
    every = list(boxes)
    return Box(
        min(box.left for box in every),
        min(box.top for box in every),
        max(box.right for box in every),
        max(box.bottom for box in every),
    )


def view_over(name: str, frame: Frame, grid_size: tuple[int, int], pixels: tuple[int, int]) -> View | None:
    """Return a view of rows and columns over a frame of height and width in pixels; padding is no part of it."""
    box = clip(frame)
    if box is None:
        return None
    left, top, right, bottom = frame
    height = round(pixels[0] * (box.bottom - box.top) / (bottom - top))
    width = round(pixels[1] * (box.right - box.left) / (right - left))
    return View(name, box, *grid_size, max(1, width), max(1, height))


def single(frame: Frame, grid_size: tuple[int, int], pixels: tuple[int, int]) -> Placement | None:
    """Return the placement of one picture with a uniform grid; the frame is that of the grid, padding included."""
    view = view_over(WHOLE, frame, grid_size, pixels)
    if view is None:
        return None
    return Placement(tuple((box, WHOLE) for box in grid(*grid_size, frame)), (view,), view.box)


def tiled(rows: int, columns: int, side: int, tile: tuple[int, int]) -> Placement:
    """Return the placement of a stretched picture that is cut into rows x columns tiles, its thumbnail last.

    Each is shown as side x side tokens. `tile` says how many of its pixels the tokens cover, and how many there are:
    what does not fill a patch is lost at the right and the bottom. No rows: the whole alone was shown.
    """
    used, total = tile
    cover = used / total
    frames: list[tuple[str, Frame]] = [
        (TILES, (c / columns, r / rows, (c + cover) / columns, (r + cover) / rows))
        for r in range(rows)
        for c in range(columns)
    ]
    frames.append((THUMBNAIL if frames else WHOLE, (0.0, 0.0, cover, cover)))
    cells = tuple((box, name) for name, frame in frames for box in grid(side, side, frame))
    views = tuple(View(name, Box(*frame), side, side, used, used) for name, frame in frames)
    return Placement(cells, views, hull(view.box for view in views))


def placed(shown: Shown) -> Frame | None:
    """Return which part of the original a plain processor's one picture shows; None for settings unknown here.

    Resizing to fixed sides or by the shortest edge, and cropping the centre, are known.
    """
    settings, (width, height) = shown.processor.image_processor, shown.size
    if getattr(settings, "do_resize", None):
        resized = _resized(settings.size, width, height)
        if resized is None:
            return None
        width, height = resized
    left = top = 0
    right, bottom = width, height
    if getattr(settings, "do_center_crop", None):
        crop_width, crop_height = edge(settings.crop_size, "width"), edge(settings.crop_size, "height")
        if crop_width is None or crop_height is None:
            return None
        # Half a pixel more or less, where the crop is the larger one, is the difference between two backends.
        left, top = _centred(width, crop_width), _centred(height, crop_height)
        right, bottom = left + crop_width, top + crop_height
    if (bottom - top, right - left) != shown.pixels:
        return None
    return left / width, top / height, right / width, bottom / height


def edge(size: Mapping[str, int] | Any, name: str) -> int | None:  # noqa: ANN401 - the library has a class of its own
    """Return one entry of an image processor's size, None where it has none."""
    return size.get(name) if isinstance(size, Mapping) else getattr(size, name, None)


def scaled(frame: Frame, down: float, across: float) -> Frame:
    """Return the upper left part of a frame: the given shares of its height and its width."""
    left, top, right, bottom = frame
    return left, top, left + (right - left) * across, top + (bottom - top) * down


def _resized(size: Mapping[str, int], width: int, height: int) -> tuple[int, int] | None:
    """Return the width and height that an image processor resizes to."""
    given = {name for name in ("height", "width", "longest_edge", "max_height", "max_width") if edge(size, name)}
    shortest = edge(size, "shortest_edge")
    if given == {"height", "width"} and not shortest:
        return edge(size, "width") or 0, edge(size, "height") or 0
    if given or not shortest:
        return None
    if width <= height:
        return shortest, int(shortest * height / width)
    return int(shortest * width / height), shortest


def _centred(length: int, crop: int) -> int:
    """Return where a centred crop begins; below zero where it is the longer one."""
    return (length - crop) // 2 if crop <= length else -((crop - length) // 2)
