"""Lets a CUDA-built torchvision import beside a CPU-built torch; knows nothing else.

Such a pair is what a plain install gives on a machine without a GPU. Importing torchvision then fails on two operator
schemas that its missing CUDA library would have defined, and with it every processor of transformers, the PIL ones
too. Defining the two schemas is enough: resizing, padding and normalising use no operator of that library.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def torchvision_is_for_cuda() -> bool:
    """Tell whether the installed torchvision is a CUDA build, without importing it."""
    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        return False
    version = Path(found.submodule_search_locations[0], "version.py").read_text()
    return re.search(r"__version__\s*=\s*['\"][^'\"]*\+cu\d+", version) is not None


@cache
def repair_torchvision() -> torch.library.Library | None:
    """Declare the two schemas where torch has no CUDA and torchvision wants it; do nothing elsewhere.

    Returns the library that holds the schemas. The cache keeps it alive: the schemas vanish with it.
    """
    if torch.version.cuda is not None or not torchvision_is_for_cuda():
        return None
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    return library
