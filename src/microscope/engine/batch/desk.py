"""Prepares many prompts of one checkpoint: each picture is processed once for all questions about it."""

from __future__ import annotations

from collections import OrderedDict
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature, ProcessorMixin

from microscope.catalog.spec import ModelSpec
from microscope.engine.batch.asks import Prompt
from microscope.engine.batch.collate import MISFITS, Inputs, split
from microscope.engine.files import LocalCheckpoint
from microscope.engine.pictures import picture_to_image
from microscope.engine.prompts import (
    Planned,
    image_places,
    process,
    processing_settings,
    render_prompt,
    resized,
    shrunk,
)
from microscope.errors import UserError
from microscope.records import Picture

# Questions and sizes of pictures come again and again.
KEPT = 4096
# Pixels that are kept to be asked about again.
KEPT_BYTES = 2**28


@dataclass
class Desk:
    """Prepares for one checkpoint; used by one thread at a time."""

    local: LocalCheckpoint
    processor: ProcessorMixin
    _prompts: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _settings: dict[tuple[int, int], str] = field(default_factory=dict)
    _once: _Once | None = None
    _works: bool | None = None

    @property
    def spec(self) -> ModelSpec:
        """Return the checkpoint's specification."""
        return self.local.spec

    def plan(self, size: tuple[int, int], question: str, budget: int | None) -> Planned:
        """Return what `prompts.plan` does, having done it once for each question and each size."""
        prompt = self._prompts.get(question)
        if prompt is None:
            prompt = self._prompts[question] = render_prompt(self.processor, self.spec, question)
            while len(self._prompts) > KEPT:
                self._prompts.popitem(last=False)
        given = shrunk(size, budget or self.spec.image_budget)
        processing = self._settings.get(given)
        if processing is None:
            processing = self._settings[given] = processing_settings(self.processor, given)
        return Planned(prompt, given, processing)

    def prepare(self, picture: Picture, planned: Planned, number: int) -> tuple[Prompt, Inputs]:
        """Return a prompt about the picture of that number, and the picture's tensors.

        A `UserError` says what the processor refuses.
        """
        inputs = self._inputs(picture, planned)
        parts = split(inputs, frozenset() if self._once is None else self._once.names)
        places = image_places(self.processor, inputs)
        end = int(places[-1]) + 1 if len(places) else 0
        return Prompt(parts.text, number, len(places), end), parts.picture

    def _inputs(self, picture: Picture, planned: Planned) -> Inputs:
        if self._works is None:
            plain = self._plain(picture, planned)
            self._works = self._tried(picture, planned, plain)
            return plain
        return self._at_once(picture, planned) if self._works else self._plain(picture, planned)

    def _plain(self, picture: Picture, planned: Planned) -> Inputs:
        return process(self.processor, self.spec, _image(picture, planned), planned.prompt)

    def _at_once(self, picture: Picture, planned: Planned) -> Inputs:
        """Return the same, the picture looked at only where it was not yet."""
        if self._once is None:
            self._once = _Once(self.processor)
        seen = self._once.expect((picture.digest, planned.size))
        image = Image.new("RGB", planned.size) if seen else _image(picture, planned)
        return process(self._once.processor, self.spec, image, planned.prompt)

    def _tried(self, picture: Picture, planned: Planned, plain: Inputs) -> bool:
        """Tell whether the processor gives the same for a picture that it looks at once."""
        try:
            return all(_same(plain, self._at_once(picture, planned)) for _ in range(2))
        except (UserError, *MISFITS):
            return False


class _Once:
    """Stands in for a processor's image processor, and has it look at each picture once."""

    def __init__(self, processor: ProcessorMixin) -> None:
        self._original = processor.image_processor
        self._seen: OrderedDict[object, BatchFeature] = OrderedDict()
        self._expected: object = None
        self._held = 0
        self.names: frozenset[str] = frozenset()
        # A processor of its own: whoever else prepares shares the other one.
        self.processor = copy(processor)
        self.processor.image_processor = self

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._original, name)

    def expect(self, picture: object) -> bool:
        """Expect a picture next, and tell whether it was seen: then it is not looked at again."""
        self._expected = picture
        return picture in self._seen

    def __call__(self, *args: Any, **options: Any) -> BatchFeature:  # noqa: ANN401
        found = self._seen.get(self._expected)
        if found is None:
            found = self._seen[self._expected] = self._original(*args, **options)
            self.names |= frozenset(found)
            self._held += _bytes(found)
            while self._held > KEPT_BYTES and len(self._seen) > 1:
                self._held -= _bytes(self._seen.popitem(last=False)[1])
        self._seen.move_to_end(self._expected)
        # Processors take what they need out of it.
        return BatchFeature(dict(found))


def _image(picture: Picture, planned: Planned) -> Image.Image:
    return resized(picture_to_image(picture), planned.size)


def _same(one: Inputs, other: Inputs) -> bool:
    return one.keys() == other.keys() and all(
        value.dtype == other[name].dtype and torch.equal(value, other[name]) for name, value in one.items()
    )


def _bytes(seen: BatchFeature) -> int:
    return sum(value.numel() * value.element_size() for value in seen.values() if isinstance(value, torch.Tensor))
