"""InternVL: a stretched picture in square tiles, row by row, and its thumbnail last where there is more than one."""

from __future__ import annotations

from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

from microscope.lens.families.family import Family, Placement, Shown
from microscope.lens.families.grids import edge, tiled


def _cells(shown: Shown) -> Placement | None:
    pictures, total = int(shown.inputs["pixel_values"].shape[0]), shown.pixels[1]
    shrunk = shown.config.downsample_ratio
    side = int(total // shown.patch * shrunk)
    rows, columns = (0, 0) if pictures == 1 else _tiles(shown)
    if (rows * columns or 1) + (rows * columns > 1) != pictures:
        return None
    return tiled(rows, columns, side, (round(side / shrunk) * shown.patch, total))


def _tiles(shown: Shown) -> tuple[int, int]:
    """Return the rows and columns of tiles that the processor chose for the picture's shape."""
    settings, (width, height) = shown.processor.image_processor, shown.size
    tile = (edge(settings.size, "height"), edge(settings.size, "width"))
    columns, rows = get_optimal_tiled_canvas((height, width), tile, settings.min_patches, settings.max_patches)
    return rows, columns


FAMILY = Family(
    "InternVL, Qianfan-OCR",
    frozenset({"internvl", "qianfan_ocr"}),
    frozenset({"GotOcr2ImageProcessor"}),
    _cells,
)
