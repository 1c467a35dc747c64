"""Processors and tokenizers, kept in the main process; they need no GPU and no weights."""

from __future__ import annotations

import json
import os
import threading
import weakref
from collections import OrderedDict
from pathlib import Path

from transformers import AutoImageProcessor, AutoProcessor, ProcessorMixin

from microscope.engine.architectures import register_architecture
from microscope.engine.files import LocalCheckpoint
from microscope.engine.torchvision_repair import repair_torchvision
from microscope.errors import UserError

KEPT = 16
LARGEST_SIDE = 8192
# The settings that decide how large an image becomes.
SIZES = ("size", "crop_size", "pad_size", "max_image_size")


class Processors:
    """Loads each checkpoint's processor once and keeps the most recently used; safe from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, ProcessorMixin] = OrderedDict()
        self._lock = threading.Lock()
        renew = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (renewed := renew()) and renewed())

    def get(self, local: LocalCheckpoint) -> ProcessorMixin:
        """Return the processor of a checkpoint; one that is missing or unusable is a `UserError`."""
        with self._lock:
            key = local.cache_key
            if key not in self._kept:
                self._kept[key] = _load(local)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _after_fork(self) -> None:
        # Another thread of the parent may have held it.
        self._lock = threading.Lock()


def _load(local: LocalCheckpoint) -> ProcessorMixin:
    repair_torchvision()
    label, folder = local.spec.label, local.processor
    register_architecture(local.spec.architecture)
    options = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = AutoProcessor.from_pretrained(folder, **options)
        if _saved_by_pil(folder):
            # The library forgets it, and its other backend resizes to slightly different pixels.
            processor.image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **options)
    except (ValueError, OSError, KeyError, ImportError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"{label} has no usable processor in {folder.name} ({reason}); name a model that has one as "
            "processor_from in models.yaml."
        ) from error
    if not isinstance(processor, ProcessorMixin) or not hasattr(processor, "image_processor"):
        raise UserError(
            f"{label} has a tokenizer but no image processor; name a model that has one as processor_from in "
            "models.yaml."
        )
    _check_size(processor, label)
    return processor


def _saved_by_pil(folder: Path) -> bool:
    """Tell whether the settings name a PIL image processor, which must be asked for by name."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        if (folder / name).exists():
            saved = json.loads((folder / name).read_text(encoding="utf-8"))
            return str(saved.get("image_processor", saved).get("image_processor_type", "")).endswith("Pil")
    return False


def _check_size(processor: ProcessorMixin, label: str) -> None:
    """Refuse a processor that would blow a small image up without bound."""
    settings = processor.image_processor.to_dict()
    for size in (settings[name] for name in SIZES if isinstance(settings.get(name), dict)):
        # Where both edges are given, they are numbers of pixels in some families: Qwen's, and those after it.
        edges = ("height", "width") if size.get("shortest_edge") else ("height", "width", "longest_edge")
        side = max((size.get(name) or 0 for name in edges), default=0)
        area = max(size.get(name) or 0 for name in ("shortest_edge", "longest_edge", "max_pixels"))
        if side > LARGEST_SIDE or area > LARGEST_SIDE**2:
            raise UserError(
                f"{label} asks for images of {side or round(area**0.5)} px a side and {LARGEST_SIDE} px is the most "
                "allowed; lower the size in its preprocessor_config.json."
            )
