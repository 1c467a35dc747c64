"""Idefics3 and SmolVLM: a stretched picture in square tiles, row by row, and the whole as the last; or that alone.

Of a tile, only whole groups of patches become tokens: of 384 pixels with patches of 14, the first 378.
"""

from __future__ import annotations

import re

from microscope.lens.families.family import Family, Placement, Shown
from microscope.lens.families.grids import tiled


def _cells(shown: Shown) -> Placement | None:
    pictures, total = int(shown.inputs["pixel_values"].shape[1]), shown.pixels[1]
    scale = shown.config.scale_factor
    side = total // shown.patch // scale
    rows, columns = (0, 0) if pictures == 1 else _tiles(shown)
    if rows * columns + 1 != pictures:
        return None
    return tiled(rows, columns, side, (side * scale * shown.patch, total))


def _tiles(shown: Shown) -> tuple[int, int]:
    """Return the rows and columns of tiles, which the inputs tell in the prompt alone: by a mark before each."""
    ids = shown.inputs["input_ids"][0]
    image = ids == shown.config.image_token_id
    last = int(image.nonzero()[-1])
    # What a person wrote comes after the picture.
    text = shown.processor.tokenizer.decode(ids[: last + 1][~image[: last + 1]])
    marks = [(int(row), int(column)) for row, column in re.findall(r"<row_(\d+)_col_(\d+)>", text)]
    if not marks:
        return 0, 0
    return max(row for row, _ in marks), max(column for _, column in marks)


FAMILY = Family(
    "Idefics3, SmolVLM",
    frozenset({"idefics3", "smolvlm"}),
    frozenset({"Idefics3ImageProcessor", "SmolVLMImageProcessor"}),
    _cells,
)
