"""Florence-2: one squashed picture; the first token is the mean of all places, the others are a square grid."""

from __future__ import annotations

import math

from microscope.lens.families.family import SUMMARY, Family, Placement, Shown
from microscope.lens.families.grids import placed, single


def _cells(shown: Shown) -> Placement | None:
    frame, side, (height, width) = placed(shown), math.isqrt(shown.count - 1), shown.pixels
    if frame is None or height != width or side < 1:
        return None
    body = single(frame, (side, side), (height, width))
    return body and Placement(((None, SUMMARY), *body.cells), body.views, body.seen)


FAMILY = Family(
    "Florence-2",
    frozenset({"florence2"}),
    frozenset({"CLIPImageProcessor"}),
    _cells,
)
