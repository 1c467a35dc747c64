"""LLaVA-OneVision: the whole, then the tiles of a canvas, shrunk where they hold more than a number of tiles may."""

from __future__ import annotations

import math

from microscope.lens.families.anyres import anyres
from microscope.lens.families.family import Family, Placement, Shown

PREFIX = "anyres_max_"
# The model leaves a grid that is hardly too large as it is.
TOLERATED = 1.1


def _cells(shown: Shown) -> Placement | None:
    most = str(shown.config.vision_aspect_ratio).removeprefix(PREFIX)
    if not most.isdigit() or int(most) == 0:
        return None

    def shrink(rows: int, columns: int, side: int) -> tuple[int, int]:
        ratio = math.sqrt(rows * columns / (int(most) * side**2))
        return (int(rows // ratio), int(columns // ratio)) if ratio > TOLERATED else (rows, columns)

    return anyres(shown, shrink)


FAMILY = Family(
    "LLaVA-OneVision",
    frozenset({"llava_onevision"}),
    frozenset({"LlavaOnevisionImageProcessor"}),
    _cells,
)
