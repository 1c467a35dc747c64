"""What is laid over a picture, as RGBA pixels: a map in colours, what is rejected, what is not seen; knows no method.

Colour is never the only sign: what is rejected, and what the model did not see, is hatched, each its own way.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from microscope.engine.pictures import picture_to_image
from microscope.lens.layout import Layout
from microscope.lens.raster import rasterise
from microscope.records import Picture

REJECTED, UNSEEN = (200, 30, 40), (110, 116, 124)
WASH, LINE = 0.42, 0.85
# Hatching is drawn for a picture of any size: lines stand this share of its shorter side apart.
APART, THINNEST = 0.035, 6


def heat_rgba(
    raster: np.ndarray, table: np.ndarray, opacity: float, limits: tuple[float, float] | None = None
) -> np.ndarray:
    """Return a map in the colours of a table of shape (256, 3), as uint8 of shape (height, width, 4).

    The lowest value is clear and the highest as opaque as `opacity`; NaN is clear. `limits` are the values at the ends
    of the table, else the map's own lowest and highest. A map that is the same everywhere shows nothing, and is clear.
    """
    low, high = limits or bounds(raster)
    share = np.clip((raster - low) / (high - low), 0, 1) if high > low else np.zeros(raster.shape)
    rows = np.rint(np.nan_to_num(share) * (len(table) - 1)).astype(np.intp)
    alpha = np.rint(255 * opacity * np.nan_to_num(share)).astype(np.uint8)
    return np.concatenate([table[rows], alpha[..., None]], axis=-1)


def rejected_rgba(layout: Layout, rejected: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """Return rejected cells in hatched red and what the model did not see in hatched grey, on a picture of a size.

    The size is width and height; the pixels are uint8 of shape (height, width, 4). Where cells overlap and only some
    are rejected, as a tile's and a thumbnail's, the red is as much weaker.
    """
    width, height = size
    chosen = np.zeros(len(layout.cells))
    chosen[list(rejected)] = 1
    share = rasterise(layout, chosen, width, height, fill=0)
    unseen = ~_seen(layout, width, height)
    rising, falling = _hatching(width, height)
    strength = share * np.where(rising, LINE, WASH)
    strength[unseen] = np.where(falling, LINE, WASH)[unseen]
    rgba = np.empty((height, width, 4), np.uint8)
    rgba[..., :3] = np.where(unseen[..., None], UNSEEN, REJECTED)
    rgba[..., 3] = np.rint(255 * strength)
    return rgba


def over(picture: Picture, rgba: np.ndarray) -> Image.Image:
    """Return the picture at the size of what is laid over it, in RGB; a picture that grows keeps its hard pixels."""
    image, layer = picture_to_image(picture), Image.fromarray(rgba)
    grows = layer.width >= image.width and layer.height >= image.height
    image = image.resize(layer.size, Image.Resampling.NEAREST if grows else Image.Resampling.LANCZOS).convert("RGBA")
    return Image.alpha_composite(image, layer).convert("RGB")


def bounds(raster: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest value that is not NaN; zeros where there is none."""
    values = raster[~np.isnan(raster)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _seen(layout: Layout, width: int, height: int) -> np.ndarray:
    """Return which pixels have their centre in what the model saw."""
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    seen = layout.seen
    return np.outer((seen.top <= y) & (y <= seen.bottom), (seen.left <= x) & (x <= seen.right))


def _hatching(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels are on lines that rise to the right, and on lines that fall."""
    apart = max(THINNEST, round(min(width, height) * APART))
    y, x = np.ogrid[:height, :width]
    return (x + y) % apart < apart // 3, (x - y) % apart < apart // 3
