"""How much attention each image token drew inside the vision tower; knows no family, and says where it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from microscope.lens.call import Call
from microscope.lens.layout import Layout
from microscope.lens.places import by_view
from microscope.lens.probe import Probe
from microscope.lens.subject import Subject

BLOCK = 512
# Axes that pixels have where they come as patches in a row.
PATCHES = 2
# What configurations call the number of a tower's layers.
DEPTHS = ("num_hidden_layers", "depth", "num_layers")


@dataclass
class VisionKeeper:
    """Keeps what each patch receives in the last layer but one, as VisionZip does to choose what to keep.

    Yang et al., "VisionZip: Longer is Better but Not Necessary in Vision Language Models", CVPR 2025.
    """

    layers: int
    found: list[torch.Tensor] = field(default_factory=list)
    _modules: list[torch.nn.Module] = field(default_factory=list)

    def __call__(self, call: Call) -> None:
        """Take in one call of an attention function of the tower."""
        if not self._modules or self._modules[-1] is not call.module:
            self._modules.append(call.module)
        if len(self._modules) == self.layers - 1:
            self.found.append(_received(call))


def vision_attention(subject: Subject, layout: Layout) -> np.ndarray | None:
    """Return what each image token drew from its picture's others, shape (cells,), summed over patches; else None.

    None where the tower does not go through the library's attention interface, cuts its picture into windows, or
    its patches cannot be told apart by image token. It costs the pass that the subject needs anyway.
    """
    vision = getattr(subject.model.config, "vision_config", None)
    layers = next((n for name in DEPTHS if isinstance(n := getattr(vision, name, None), int)), 0)
    if layers <= 1 or hasattr(vision, "fullatt_block_indexes"):
        return None
    keeper = VisionKeeper(layers)
    probe = Probe(subject.model, keeper, part="vision_config")
    if not probe.fits:
        return None
    with probe.attached():
        probe.run(lambda: subject.plain)
    if not keeper.found:
        return None
    values = _by_cell(torch.cat(keeper.found), layout, flat=_is_flat(subject))
    return None if values is None else values.float().cpu().numpy()


def _received(call: Call) -> torch.Tensor:
    """Return the mean attention of all queries and heads to each key, shape (pictures, patches)."""
    queries = call.query.shape[2]
    blocks = (call.rows(start, min(queries, start + BLOCK)).sum((1, 2)) for start in range(0, queries, BLOCK))
    return sum(blocks, torch.zeros((), device=call.query.device)) / (queries * call.query.shape[1])


def _is_flat(subject: Subject) -> bool:
    pixels = subject.inputs.get("pixel_values")
    return pixels is not None and pixels.dim() == PATCHES


def _by_cell(received: torch.Tensor, layout: Layout, *, flat: bool) -> torch.Tensor | None:
    cells = len(layout.cells)
    if flat:
        # Patches in the order of the tokens they are merged into.
        whole = received.numel() % max(cells, 1) == 0 and len(layout.boxed) == cells
        return received.reshape(cells, -1).sum(1) if whole else None
    views = by_view(layout)
    if views is None or len(received) != len(views):
        return None
    found = torch.zeros(cells, device=received.device)
    for one, (view, mine) in zip(received, views, strict=True):
        part = _pooled(one, (view.rows, view.columns))
        if part is None:
            return None
        found[list(mine)] = part
    return found


def _pooled(patches: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor | None:
    """Return the sum over the patches of each token; a token of the whole picture may come before them."""
    rows, columns = shape
    for given in (patches, patches[1:]):
        side = round((len(given) / (rows * columns)) ** 0.5)
        if side and side * side * rows * columns == len(given):
            grid = given.reshape(1, rows * side, columns * side)
            return functional.avg_pool2d(grid, side)[0].flatten() * side * side
    return None
