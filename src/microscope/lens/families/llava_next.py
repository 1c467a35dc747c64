"""LLaVA-NeXT: the whole, then the tiles of a canvas at full resolution."""

from __future__ import annotations

from microscope.lens.families.anyres import anyres
from microscope.lens.families.family import Family

FAMILY = Family(
    "LLaVA-NeXT",
    frozenset({"llava_next", "llava_next_video"}),
    frozenset({"LlavaNextImageProcessor"}),
    anyres,
)
