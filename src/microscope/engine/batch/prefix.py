"""Has each picture read once by the whole model: what all questions about it begin with is computed once for them.

The prompt up to the picture's last token is the same for every question about it. Its keys and values are computed
once, and a batch of questions goes on from there. That a family's model allows it is not taken for granted: some see
the picture from both sides, others count positions in a way of their own. `proof` holds the answers against those
without.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from copy import copy
from inspect import signature
from typing import Any

import torch
from transformers import Cache, PreTrainedModel

from microscope.engine.batch.asks import Stack
from microscope.engine.batch.collate import Inputs, lay, shape_of
from microscope.engine.batch.rows import kept_inside
from microscope.engine.generate import placed
from microscope.engine.loading.gate import undisturbed
from microscope.engine.past import CACHE

# Pictures that are read at once, and the bytes of those that are kept.
TOGETHER, MOST_BYTES = 16, 2**29
# Below so many questions about a picture, reading it apart costs more than it saves.
FEWEST_QUESTIONS = 1.5
BOTH_WAYS = "token_type_ids"

Layers = list[tuple[torch.Tensor, torch.Tensor]]
Key = tuple[int, tuple[int, ...]]


class Prefixes:
    """What one model has read of a stack's pictures; holds those asked about last, within `most_bytes`."""

    def __init__(self, model: PreTrainedModel, stack: Stack, most_bytes: int = MOST_BYTES) -> None:
        self._model, self._stack, self._most = model, stack, most_bytes
        self._read: OrderedDict[Key, Layers] = OrderedDict()
        # What else the model itself keeps of each, to count positions from.
        self._inside: dict[Key, list[tuple[torch.nn.Module, str, torch.Tensor]]] = {}
        # A cache as the model itself makes it, by how many tokens it has.
        self._forms: dict[int, Cache] = {}
        self.reads = 0

    @staticmethod
    def possible(model: PreTrainedModel, stack: Stack) -> bool:
        """Tell whether it may be done, and there is anything to gain: several questions about a picture.

        Where tokens are told apart by type, some of them see what comes after them: what a prompt begins with would
        not be the same without the rest.
        """
        pictures = {prompt.picture for prompt in stack.prompts}
        known = all(prompt.image_end and BOTH_WAYS not in prompt.text for prompt in stack.prompts)
        several = len(stack.prompts) >= FEWEST_QUESTIONS * len(pictures)
        return known and several and not model.config.is_encoder_decoder

    @property
    def scarce(self) -> bool:
        """Tell whether not all pictures of a stack can be kept, so that questions should come picture by picture."""
        if not self._read:
            return False
        return _bytes(next(iter(self._read.values()))) * len(self._stack.pictures) > self._most

    def cache(self, batch: Sequence[int]) -> Cache:
        """Return a cache for prompts whose prefixes are equally long, one row each, reading what was not read yet.

        Raises what tensors and models raise where a cache is of another form than any known.
        """
        keys = [self._key(number) for number in batch]
        missing = dict(zip(keys, batch, strict=True))
        self._read_all([number for key, number in missing.items() if key not in self._read])
        length = self._stack.prompts[batch[0]].image_end
        form = copy(self._forms[length])
        form.layers = [copy(layer) for layer in form.layers]
        for depth, layer in enumerate(form.layers):
            layer.keys = torch.cat([self._read[key][depth][0] for key in keys])
            layer.values = torch.cat([self._read[key][depth][1] for key in keys])
        for kept in zip(*(self._inside[key] for key in keys), strict=True):
            module, name, _ = kept[0]
            setattr(module, name, torch.cat([value for _, _, value in kept]))
        for key in keys:
            self._read.move_to_end(key)
        held = sum(map(_bytes, self._read.values()))
        while held > self._most and len(self._read) > 1:
            held -= _bytes(self._read.popitem(last=False)[1])
        return form

    def _key(self, number: int) -> Key:
        prompt = self._stack.prompts[number]
        return prompt.picture, tuple(prompt.text["input_ids"][0, : prompt.image_end].tolist())

    def _read_all(self, numbers: list[int]) -> None:
        groups: dict[object, list[int]] = {}
        for number in numbers:
            groups.setdefault(shape_of(self._stack.pictures[self._stack.prompts[number].picture]), []).append(number)
        for group in groups.values():
            for start in range(0, len(group), TOGETHER):
                self._read_some(group[start : start + TOGETHER])

    def _read_some(self, numbers: list[int]) -> None:
        prompts = [self._stack.prompts[number] for number in numbers]
        length = prompts[0].image_end
        texts = [{name: value[:, :length] for name, value in prompt.text.items()} for prompt in prompts]
        inputs: Inputs = {**lay(texts), **lay([self._stack.pictures[prompt.picture] for prompt in prompts])}
        found = _forward(self._model, {name: placed(value, self._model) for name, value in inputs.items()})
        self.reads += len(numbers)
        inside = kept_inside(self._model, len(numbers))
        for row, number in enumerate(numbers):
            key = self._key(number)
            self._inside[key] = [(module, name, value[row : row + 1].clone()) for module, name, value in inside]
            self._read[key] = [
                (layer.keys[row : row + 1].clone(), layer.values[row : row + 1].clone()) for layer in found.layers
            ]
        self._forms[length] = found


def pad_between(prompts: Sequence[Inputs], begins: int) -> Inputs:
    """Return prompts as one batch, padded between what they begin with, so many positions, and the rest.

    They are padded with a token of their own: a penalty on what was said counts what is masked there as well.
    """
    longest = max(text["input_ids"].shape[1] for text in prompts)
    padded: Inputs = {}
    for name in prompts[0]:
        rows = torch.zeros((len(prompts), longest), dtype=prompts[0][name].dtype)
        for row, text in zip(rows, prompts, strict=True):
            rest = text[name].shape[1] - begins
            if name == "input_ids":
                row[:] = text[name][0, -1]
            row[:begins] = text[name][0, :begins]
            row[longest - rest :] = text[name][0, begins:]
        padded[name] = rows
    return padded


@torch.no_grad()
def _forward(model: PreTrainedModel, inputs: dict[str, Any]) -> Cache:
    kept = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}
    with undisturbed():
        return model(**inputs, **kept, use_cache=True, return_dict=True)[CACHE]


def _bytes(layers: Layers) -> int:
    return sum(part.numel() * part.element_size() for layer in layers for part in layer)
