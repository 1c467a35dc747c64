"""What an image token reads as, layer by layer: the logit lens, a weak instrument; knows no picture.

nostalgebraist, "interpreting GPT: the logit lens", 2020; for image tokens, Neo et al., "Towards Interpreting Visual
Information Processing in Vision-Language Models", ICLR 2025.
"""

from __future__ import annotations

from contextlib import ExitStack

import torch

from microscope.engine.loading.gate import undisturbed
from microscope.lens.subject import Subject

NEAREST = 5
# What the modules that normalise before the output head are called.
NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "layer_norm")


@torch.no_grad()
def read_out(subject: Subject, position: int) -> tuple[tuple[tuple[int, float], ...], ...]:
    """Return, for the input of the first layer and the output of each, the likeliest (token id, probability) pairs.

    `position` is one of the prompt's. One forward pass.
    """
    model = subject.model
    seeing = model.get_encoder() if subject.encodes else model.get_decoder()
    layers = seeing.layers
    states: list[torch.Tensor] = []

    def before(
        _module: torch.nn.Module, arguments: tuple[torch.Tensor, ...], options: dict[str, torch.Tensor]
    ) -> None:
        states.append((arguments[0] if arguments else options["hidden_states"])[0, position])

    def after(_module: torch.nn.Module, _arguments: object, out: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        states.append((out[0] if isinstance(out, tuple) else out)[0, position])

    with ExitStack() as hooks:
        hooks.callback(layers[0].register_forward_pre_hook(before, with_kwargs=True).remove)
        for layer in layers:
            hooks.callback(layer.register_forward_hook(after).remove)
        subject.forward()
    norm = next((getattr(seeing, name) for name in NORMS if hasattr(seeing, name)), torch.nn.Identity())
    with undisturbed():
        likely = subject.words(norm(torch.stack(states))).float().softmax(-1)
    found = likely.topk(NEAREST)
    rows = zip(found.indices.tolist(), found.values.tolist(), strict=True)
    return tuple(tuple(zip(ids, values, strict=True)) for ids, values in rows)
