"""A table's pictures as the kind of picture that a tracker's library has; knows no tracker."""

from __future__ import annotations

import io
from types import ModuleType

from PIL import Image

from microscope.tracking.base import Cell, Thumbnail


def drawn(library: ModuleType, cell: Cell) -> object:
    """Return a cell, its thumbnail as an `Image` of a library that takes Pillow's with a caption."""
    if isinstance(cell, Thumbnail):
        return library.Image(Image.open(io.BytesIO(cell.png)), caption=cell.caption)
    return cell
