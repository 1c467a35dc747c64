"""What a checkpoint answers with weights rounded to a few bits: the loss of quantising it, without its speed.

Weights of linear layers are rounded to the nearest of 2^bits levels, symmetric around zero, a scale for each output
channel (8 bits) or for each group of 128 inputs (4 bits), and computed with as they are; the output head stays, as it
does with the usual weight-only methods (round-to-nearest, the baseline of GPTQ, Frantar et al. 2022).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

GROUP = 128
# Below this many bits, one scale for a whole channel is too coarse.
BY_CHANNEL = 8


@contextmanager
def rounded(model: PreTrainedModel, bits: int) -> Iterator[None]:
    """Have a model compute with weights rounded to so many bits (0: as they are), and put them back."""
    head = model.get_output_embeddings()
    layers = [
        module
        for module in model.modules()
        if isinstance(module, torch.nn.Linear) and module is not head and module.weight.is_floating_point()
    ]
    originals = [layer.weight for layer in layers] if bits else []
    try:
        for layer, weight in zip(layers, originals, strict=False):
            layer.weight = torch.nn.Parameter(round_to(weight.detach(), bits), requires_grad=False)
        yield
    finally:
        for layer, weight in zip(layers, originals, strict=False):
            layer.weight = weight


def round_to(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Return weights, shape (outputs, inputs), at the nearest levels, in their own dtype."""
    outputs, inputs = weight.shape
    group = inputs if bits >= BY_CHANNEL or inputs % GROUP else GROUP
    parts = weight.float().reshape(outputs, -1, group)
    most = 2 ** (bits - 1) - 1
    scale = (parts.abs().amax(dim=-1, keepdim=True) / most).clamp_min(torch.finfo(torch.float32).tiny)
    levels = (parts / scale).round().clamp(-most, most)
    return (levels * scale).reshape(outputs, inputs).to(weight.dtype)
