"""LLaVA-NeXT's way with pictures of any resolution, which LLaVA-OneVision has too: the whole, then tiles of a canvas.

The picture is pasted into the middle of a canvas that is cut into tiles. What the vision tower made of them is put
together again, rid of most of the padding, perhaps shrunk, and each row of tokens ends with one that has no place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from transformers.image_processing_utils import select_best_resolution

from microscope.lens.families.family import NEWLINE, THUMBNAIL, TILES, Placement, Shown, View
from microscope.lens.families.grids import clip, edge, grid, hull, view_over
from microscope.records import Box

# Keeps sums of fractions from falling short of the whole number they are.
DIGITS = 9


@dataclass(frozen=True)
class Axis:
    """One axis of the canvas: its tiles, the picture on it, and the tokens that are left.

    `tile`, `patch`, `paste` (where the picture begins) and `length` (of the picture) are in pixels. Of the patches,
    those from `first` to before `last` are kept, and become `count` tokens.
    """

    tiles: int
    tile: int
    patch: int
    paste: int
    length: int
    first: int
    last: int
    count: int

    @property
    def side(self) -> int:
        """Return the number of patches along a tile."""
        return self.tile // self.patch

    def span(self, index: int) -> tuple[float, float]:
        """Return where a token begins and ends, in fractions of the picture."""
        step = (self.last - self.first) / self.count
        low, high = (round(self.first + k * step, DIGITS) for k in (index, index + 1))
        # A tile's last patch may end before the next tile begins.
        begins = self._pixel(low, math.floor(low / self.side))
        ends = self._pixel(high, math.ceil(high / self.side) - 1)
        return self._fraction(begins), self._fraction(ends)

    def shown(self, tile: int) -> tuple[float, float]:
        """Return where the patches of a tile begin and end, in fractions of the picture, padding included."""
        begins = tile * self.tile
        return self._fraction(begins), self._fraction(begins + self.side * self.patch)

    def tokens(self, tile: int) -> int:
        """Return how many tokens have their middle in a tile."""
        step = (self.last - self.first) / max(1, self.count)
        return sum((self.first + (k + 0.5) * step) // self.side == tile for k in range(self.count))

    def _pixel(self, at: float, tile: int) -> float:
        return tile * self.tile + (at - tile * self.side) * self.patch

    def _fraction(self, pixel: float) -> float:
        return (pixel - self.paste) / self.length


def anyres(shown: Shown, shrink: Callable[[int, int, int], tuple[int, int]] | None = None) -> Placement | None:
    """Return the placement; `shrink` tells how many rows and columns are left of rows and columns, given a tile's.

    None where the processor and the model do not agree on the tiles.
    """
    vision = shown.config.vision_config
    tile, used = vision.image_size, vision.image_size // shown.patch * shown.patch
    if not _agree(shown, tile):
        return None
    down, across = _axes(shown, tile)
    if shrink is not None:
        rows, columns = shrink(down.count, across.count, down.side)
        down, across = replace(down, count=rows), replace(across, count=columns)
    frame = (0.0, 0.0, used / tile, used / tile)
    cells: list[tuple[Box | None, str]] = [(box, THUMBNAIL) for box in grid(down.side, down.side, frame)]
    columns_at = [across.span(column) for column in range(across.count)]
    for row in range(down.count):
        top, bottom = down.span(row)
        cells += [(clip((left, top, right, bottom)), TILES) for left, right in columns_at]
        cells.append((None, NEWLINE))
    views = (View(THUMBNAIL, Box(*frame), down.side, down.side, used, used), *_tile_views(down, across, used))
    return Placement(tuple(cells), views, hull(view.box for view in views))


def _agree(shown: Shown, tile: int) -> bool:
    """Tell whether the processor cuts the tiles that the model expects."""
    settings = shown.processor.image_processor
    sides = [edge(settings.size, name) for name in ("height", "width", "shortest_edge")]
    if getattr(settings, "do_center_crop", None):
        sides += [edge(settings.crop_size, name) for name in ("height", "width")]
    pins = [[list(pin) for pin in one.image_grid_pinpoints] for one in (settings, shown.config)]
    return shown.pixels == (tile, tile) and {side for side in sides if side} == {tile} and pins[0] == pins[1]


def _axes(shown: Shown, tile: int) -> tuple[Axis, Axis]:
    """Return the canvas from top to bottom and from left to right, before any shrinking."""
    (width, height), side = shown.size, tile // shown.patch
    full_height, full_width = select_best_resolution((height, width), shown.config.image_grid_pinpoints)
    if full_width / width < full_height / height:
        new_width, new_height = full_width, min(math.ceil(height * full_width / width), full_height)
    else:
        new_width, new_height = min(math.ceil(width * (full_height / height)), full_width), full_height
    rows, columns = full_height // tile * side, full_width // tile * side
    trimmed_rows = trimmed_columns = 0
    # The model's own rounding: what is taken away need not be all of the padding.
    if width / height > columns / rows:
        trimmed_rows = (rows - int(round(height * (columns / width), 7))) // 2
    else:
        trimmed_columns = (columns - int(round(width * (rows / height), 7))) // 2
    down = _axis(full_height, tile, shown.patch, new_height, trimmed_rows)
    return down, _axis(full_width, tile, shown.patch, new_width, trimmed_columns)


def _axis(full: int, tile: int, patch: int, length: int, trimmed: int) -> Axis:
    tiles = full // tile
    last = tiles * (tile // patch) - trimmed
    return Axis(tiles, tile, patch, (full - length) // 2, length, trimmed, last, last - trimmed)


def _tile_views(down: Axis, across: Axis, used: int) -> list[View]:
    """Return the views of the tiles that tokens are left of, row by row, without their padding."""
    found: list[Any] = []
    for row in range(down.tiles):
        for column in range(across.tiles):
            tokens = (down.tokens(row), across.tokens(column))
            (top, bottom), (left, right) = down.shown(row), across.shown(column)
            if all(tokens):
                found.append(view_over(TILES, (left, top, right, bottom), tokens, (used, used)))
    return [view for view in found if view is not None]
