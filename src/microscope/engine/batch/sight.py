"""Has each picture encoded once for all questions about it, whatever the family; knows no prompt.

While it is attached, the model's own `get_image_features` is asked only for pictures that were not encoded yet, and
what it gave for each is put together in the order of the batch. That a family's model works so is not taken for
granted: `proof` holds its answers against those without.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import signature
from typing import Any

import torch
from transformers import PreTrainedModel

from microscope.engine.batch.collate import Inputs, lay, saying, shape_of
from microscope.engine.generate import placed

METHOD = "get_image_features"
# What of the encoder's output the language model reads; the rest would only take memory.
READ = ("pooler_output", "deepstack_features")
# Lists in which each entry is a layer's, and not a picture's.
BY_LAYER = ("deepstack_features",)
MOST_BYTES = 2**29


class Sight:
    """One model's eyes for one run over pictures; holds the features of those seen last, within `most_bytes`."""

    def __init__(self, model: PreTrainedModel, pictures: Sequence[Inputs], most_bytes: int = MOST_BYTES) -> None:
        self._model, self._pictures, self._most = model, pictures, most_bytes
        self._seen: OrderedDict[int, Any] = OrderedDict()
        self._wanted: list[int] = []
        self.encoded = 0

    @staticmethod
    def possible(model: PreTrainedModel) -> bool:
        """Tell whether the model encodes pictures in a method of its own."""
        return _encoder(model) is not None

    def inputs(self, wanted: Sequence[int]) -> Inputs:
        """Return the pictures' part of a batch whose prompts are about these pictures, and expect it next.

        What says how large each is comes for every prompt; what they show comes once, and of those alone that were
        not encoded yet.
        """
        self._wanted = list(wanted)
        shown = lay([self._pictures[number] for number in self._missing() or self._wanted[:1]])
        return {**shown, **lay([saying(self._pictures[number]) for number in wanted])}

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Stand before the model's encoder."""
        module = _encoder(self._model)
        if module is None:
            raise ValueError("the model has no encoder of its own to stand before")
        original = getattr(module, METHOD)

        # `generate` reads the signature to know what to hand over.
        @wraps(original)
        def see(*args: object, **options: object) -> object:
            return self._see(original, args, options)

        setattr(module, METHOD, see)
        try:
            yield
        finally:
            delattr(module, METHOD)

    def _missing(self) -> list[int]:
        return [number for number in dict.fromkeys(self._wanted) if number not in self._seen]

    def _see(self, original: Any, args: tuple[object, ...], options: dict[str, object]) -> object:  # noqa: ANN401
        missing = self._missing()
        for group in _alike(missing, self._pictures):
            self._encode(original, args, options, group)
        merged = _merge([self._seen[number] for number in self._wanted])
        for number in dict.fromkeys(self._wanted):
            self._seen.move_to_end(number)
        held = sum(_bytes(part) for part in self._seen.values())
        while held > self._most and len(self._seen) > 1:
            held -= _bytes(self._seen.popitem(last=False)[1])
        return merged

    def _encode(self, original: Any, args: tuple[object, ...], options: dict[str, object], group: list[int]) -> None:  # noqa: ANN401
        self.encoded += len(group)
        own = {name: placed(value, self._model) for name, value in lay([self._pictures[one] for one in group]).items()}
        given = signature(original).bind(*args, **options).arguments
        # What it takes without naming it arrives as one more argument, which is a dict.
        extra = {name: value for value in given.values() if isinstance(value, dict) for name, value in value.items()}
        named = {name: value for name, value in given.items() if not isinstance(value, dict)}
        every = {name: own.get(name, value) for name, value in {**named, **extra}.items()}
        parts = _parts(original(**every), len(group))
        self._seen.update(zip(group, parts, strict=True))


def _encoder(model: PreTrainedModel) -> torch.nn.Module | None:
    """Return the innermost module that encodes pictures: those around it only pass the question on."""
    found = [module for module in model.modules() if hasattr(type(module), METHOD)]
    return found[-1] if found else None


def _alike(numbers: list[int], pictures: Sequence[Inputs]) -> list[list[int]]:
    """Group pictures of one shape: of each of them the encoder gives as much, so that they can be told apart."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number in numbers:
        groups.setdefault(shape_of(pictures[number]), []).append(number)
    return list(groups.values())


def _parts(found: Any, count: int) -> list[Any]:  # noqa: ANN401  (whatever an encoder gives)
    """Return what an encoder gave for each of so many pictures of one shape."""
    if isinstance(found, torch.Tensor):
        return list(found.chunk(count)) if found.shape[0] % count == 0 else _unequal(found.shape[0], count)
    if isinstance(found, list | tuple):
        if len(found) % count:
            return _unequal(len(found), count)
        each = len(found) // count
        return [type(found)(found[start * each : (start + 1) * each]) for start in range(count)]
    given = _fields(found)
    cut = {name: _by_layer(value, count) if name in BY_LAYER else _parts(value, count) for name, value in given}
    return [type(found)(**{name: values[number] for name, values in cut.items()}) for number in range(count)]


def _by_layer(layers: Sequence[torch.Tensor], count: int) -> list[list[torch.Tensor]]:
    cut = [_parts(layer, count) for layer in layers]
    return [[layer[number] for layer in cut] for number in range(count)]


def _merge(parts: list[Any]) -> Any:  # noqa: ANN401
    first = parts[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(parts)
    if isinstance(first, list | tuple):
        return type(first)(entry for part in parts for entry in part)
    merged = {
        name: [_merge(list(layer)) for layer in zip(*(getattr(part, name) for part in parts), strict=True)]
        if name in BY_LAYER
        else _merge([getattr(part, name) for part in parts])
        for name, _ in _fields(first)
    }
    return type(first)(**merged)


def _fields(found: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    if not is_dataclass(found):
        raise ValueError(f"an encoder gave {type(found).__name__}, which is not known")
    named = {field.name for field in fields(found)}
    return [(name, getattr(found, name)) for name in READ if name in named and getattr(found, name) is not None]


def _bytes(part: Any) -> int:  # noqa: ANN401
    if isinstance(part, torch.Tensor):
        return part.numel() * part.element_size()
    if isinstance(part, list | tuple):
        return sum(map(_bytes, part))
    return sum(_bytes(value) for _, value in _fields(part))


def _unequal(have: int, count: int) -> list[Any]:
    raise ValueError(f"an encoder gave {have} parts for {count} pictures of one shape")
