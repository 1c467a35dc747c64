"""Gemma 3 and ShieldGemma 2: the picture squashed into a square, its patches pooled into a grid of tokens.

With pan and scan, crops side by side along the longer edge follow the whole.
"""

from __future__ import annotations

import math

from microscope.lens.families.family import THUMBNAIL, TILES, Family, Placement, Shown, View
from microscope.lens.families.grids import FULL, Frame, edge, grid, hull, placed, scaled, single, view_over


def _cells(shown: Shown) -> Placement | None:
    pictures, (height, width), config = int(shown.inputs["pixel_values"].shape[0]), shown.pixels, shown.config
    side = math.isqrt(config.mm_tokens_per_image)
    patches = config.vision_config.image_size // shown.patch
    if side * side * pictures != shown.count or height != width:
        return None
    used = side * (patches // side) * shown.patch
    if pictures == 1:
        frame = placed(shown)
        return frame and single(scaled(frame, used / height, used / width), (side, side), (used, used))
    settings = shown.processor.image_processor
    if (edge(settings.size, "height"), edge(settings.size, "width")) != (height, width):
        return None
    frames = [(name, scaled(frame, used / height, used / width)) for name, frame in _pictures(shown.size, pictures)]
    found = (view_over(name, frame, (side, side), (used, used)) for name, frame in frames)
    views: tuple[View, ...] = tuple(view for view in found if view is not None)
    cells = tuple((box, name) for name, frame in frames for box in grid(side, side, frame))
    return Placement(cells, views, hull(view.box for view in views))


def _pictures(size: tuple[int, int], pictures: int) -> list[tuple[str, Frame]]:
    """Return the frames of the whole and of the crops; the last crop is the smaller one where they do not fit."""
    width, height = size
    crops, longest = pictures - 1, max(width, height)
    crop = math.ceil(longest / crops)
    spans = [(k * crop / longest, min(1.0, (k + 1) * crop / longest)) for k in range(crops)]
    frames: list[Frame] = [(low, 0.0, high, 1.0) if width >= height else (0.0, low, 1.0, high) for low, high in spans]
    return [(THUMBNAIL, FULL), *((TILES, frame) for frame in frames)]


FAMILY = Family(
    "Gemma 3",
    frozenset({"gemma3", "shieldgemma2"}),
    frozenset({"Gemma3ImageProcessor"}),
    _cells,
)
