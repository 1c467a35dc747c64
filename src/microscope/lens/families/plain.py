"""LLaVA 1.5, VipLLaVA and PaliGemma: one picture, a token for each patch; what the processor crops is never seen."""

from __future__ import annotations

from microscope.lens.families.family import Family, Placement, Shown
from microscope.lens.families.grids import placed, scaled, single


def _cells(shown: Shown) -> Placement | None:
    frame, (height, width), patch = placed(shown), shown.pixels, shown.patch
    rows, columns = height // patch, width // patch
    if frame is None or rows * columns != shown.count:
        return None
    # What does not fill a patch is lost at the right and the bottom.
    used = (rows * patch, columns * patch)
    return single(scaled(frame, used[0] / height, used[1] / width), (rows, columns), used)


FAMILY = Family(
    "LLaVA, PaliGemma",
    frozenset({"llava", "vipllava", "paligemma"}),
    frozenset({"CLIPImageProcessor", "SiglipImageProcessor"}),
    _cells,
)
