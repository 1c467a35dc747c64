"""Qwen2-VL and those after it, and GLM-4V: one picture, stretched a little, with as many tokens as it needs.

The inputs tell the grid of patches; a square of them becomes one token.
"""

from __future__ import annotations

from microscope.lens.families.family import Family, Placement, Shown
from microscope.lens.families.grids import FULL, single


def _cells(shown: Shown) -> Placement | None:
    grids, merged = shown.inputs["image_grid_thw"], shown.processor.image_processor.merge_size
    if len(grids) != 1 or int(grids[0][0]) != 1:
        return None
    height, width = int(grids[0][1]), int(grids[0][2])
    patch = shown.processor.image_processor.patch_size
    return single(FULL, (height // merged, width // merged), (height * patch, width * patch))


FAMILY = Family(
    "Qwen-VL, GLM-4V",
    frozenset(
        {
            *("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe"),
            *("glm4v", "glm4v_moe", "glm46v", "glm_ocr"),
        }
    ),
    frozenset({"Qwen2VLImageProcessor", "Glm4vImageProcessor", "Glm46VImageProcessor"}),
    _cells,
)
