"""Finds which tensor of a file became which of a loaded model, and makes sure of it; knows no shell and no device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    WeightConverter,
    WeightRenaming,
    WeightTransform,
    dot_natural_key,
    rename_source_key,
)

from microscope.engine.loading.images import WeightImage

# Of a larger tensor about as many elements are compared, spread over all of it.
SAMPLE = 8


class Unmapped(Exception):  # noqa: N818  (it is no error: such a checkpoint is loaded the library's way)
    """A model's tensors are not its files' tensors one to one; the sentence says why."""


def map_keys(model: PreTrainedModel, image: WeightImage) -> Mapping[str, str]:
    """Return the file's name of each parameter and persistent buffer of a model just loaded from it to CPU memory.

    Of tied ones one name stands for all. Raises `Unmapped` unless the file's tensors are exactly the model's, of the
    same shapes, and a sample of each is the same to the bit once it has the dtype that the model has it in.
    """
    state = model.state_dict(keep_vars=True)
    if not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise Unmapped("the model keeps more than tensors in its files")
    names = _renamed(model, image, state)
    found: dict[int, str] = {}
    for key, name in names.items():
        if name not in state:
            raise Unmapped(f"{key} has no place in the model")
        if found.setdefault(id(state[name]), name) != name:
            raise Unmapped(f"{found[id(state[name])]} and {name} are one in the model and two in the file")
        _compare(key, image.tensors[key], state[name])
    missing = [name for name, tensor in state.items() if id(tensor) not in found]
    if missing:
        raise Unmapped(f"{missing[0]} is not in the file")
    if len(set(names.values())) < len(names):
        raise Unmapped("two tensors of the file have one place in the model")
    return {name: key for key, name in names.items()}


def _renamed(model: PreTrainedModel, image: WeightImage, state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return the model's name for each key of the file, as `from_pretrained` finds it."""
    if image.tensors.keys() <= state.keys():
        return {key: key for key in image.tensors}
    transforms: list[WeightTransform] = get_model_conversion_mapping(model)
    renamings = [one for one in transforms if isinstance(one, WeightRenaming)]
    converters = [one for one in transforms if isinstance(one, WeightConverter)]
    prefix, names = model.base_model_prefix, {}
    # Some renamings depend on what came before, so the order is the library's.
    for key in sorted(image.tensors, key=dot_natural_key):
        name, converted = rename_source_key(key, renamings, converters, prefix, state)
        if name not in state and key in state:
            name, converted = rename_source_key(key, [], [], prefix, state)
        if converted is not None:
            raise Unmapped(f"{key} is not only renamed but changed when it is loaded")
        names[key] = name
    return names


def _compare(key: str, saved: torch.Tensor, loaded: torch.Tensor) -> None:
    if saved.shape != loaded.shape:
        raise Unmapped(f"{key} has the shape {tuple(saved.shape)} in the file and {tuple(loaded.shape)} in the model")
    if not torch.equal(_sample(saved).to(loaded.dtype).view(torch.uint8), _sample(loaded).view(torch.uint8)):
        raise Unmapped(f"{key} has other values in the file than in the model")


def _sample(tensor: torch.Tensor) -> torch.Tensor:
    """Return the first and last element and some between them; an odd step visits all columns of a matrix."""
    flat = tensor.detach().reshape(-1)
    return torch.cat([flat[:: flat.numel() // SAMPLE | 1], flat[-1:]])
