"""Keeps attention rows while a model answers: what each answer token attended to; knows no picture and no method.

Next to nothing is computed while the model answers: of every layer each step's last query is kept, and the latest
keys, which the KV cache keeps anyway and to which it only adds. The rows follow at the end, one product for a layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import torch

from microscope.lens.call import Call, shared
from microscope.lens.probe import Probe
from microscope.lens.subject import Subject, across

# Of so many steps the rows are kept, where nothing else is said.
MOST_STEPS = 1024


@dataclass
class _Layer:
    """What one layer did: of each step the row, or the query and how many keys it saw; `keys` has all of them."""

    steps: list[torch.Tensor | tuple[torch.Tensor, int]] = field(default_factory=list)
    keys: torch.Tensor | None = None
    scaling: float = 1.0


@dataclass
class RowKeeper:
    """Collects, of every text layer, the attention of each step's last query to some key positions.

    `columns` are the positions, in the prompt. In a model with an encoder, only its decoder's attention to it counts:
    `across` are the modules that do that (None: all modules of the text part). Of an answer of more than `most` steps
    the later ones are not kept.
    """

    columns: torch.Tensor
    across: frozenset[torch.nn.Module] | None = None
    most: int = MOST_STEPS
    _layers: dict[torch.nn.Module, _Layer] = field(default_factory=dict)

    def __call__(self, call: Call) -> None:
        """Take in one call of an attention function."""
        if self.across is not None and call.module not in self.across:
            return
        layer = self._layers.setdefault(call.module, _Layer())
        if len(layer.steps) >= self.most:
            return
        count = call.query.shape[2]
        if call.mask is not None or call.first or call.softcap is not None or call.sinks is not None:
            row = call.rows(count - 1, count)[0, :, 0]
            layer.steps.append(self._columns_of(row, call.first))
            return
        # Of a whole prompt, a view would keep all the queries.
        query = call.query if count == 1 else call.query[:, :, -1:].clone()
        layer.steps.append((query, call.key.shape[2]))
        # Not the call: values that lived on for a step would take the room that the next ones are written to.
        layer.keys, layer.scaling = call.key, call.scaling

    def rows(self) -> torch.Tensor:
        """Return the rows in float32, shape (steps, layers, heads, columns); each is a share of all its attention.

        Equal to the rows of an eager implementation's attention matrices. A layer that sees but a window has zeros
        where it does not see.
        """
        runs = _runs(self.columns)
        parts = (self._rows_of(layer, runs) for layer in self._layers.values())
        first = next(parts)
        found = first.new_empty(first.shape[0], len(self._layers), *first.shape[1:])
        # Each is written to its place at once: stacking would hold all of them twice.
        for number, part in enumerate(chain((first,), parts)):
            found[:, number] = part
        return found

    @property
    def layers(self) -> int:
        """Return how many layers attended."""
        return len(self._layers)

    def _rows_of(self, layer: _Layer, runs: list[slice]) -> torch.Tensor:
        pending = [step for step in layer.steps if isinstance(step, tuple)]
        if layer.keys is None or not pending:
            return torch.stack([step for step in layer.steps if not isinstance(step, tuple)])
        together = _together(pending, layer.keys, layer.scaling, runs)
        if len(pending) == len(layer.steps):
            return together
        found = iter(together)
        return torch.stack([next(found) if isinstance(step, tuple) else step for step in layer.steps])

    def _columns_of(self, row: torch.Tensor, first: int) -> torch.Tensor:
        columns = self.columns.to(row.device) - first
        there = (columns >= 0) & (columns < row.shape[1])
        found = torch.zeros(row.shape[0], len(columns), device=row.device)
        found[:, there] = row[:, columns[there]]
        return found


def _together(
    pending: list[tuple[torch.Tensor, int]], keys: torch.Tensor, scaling: float, runs: list[slice]
) -> torch.Tensor:
    """Return the rows of some steps by their queries and how many keys each saw, shape (steps, heads, columns)."""
    query = torch.cat([query for query, _ in pending], dim=2)
    key = shared(keys, query)[0].float()
    scores = (query[0].float() * scaling) @ key.transpose(1, 2)
    lengths = torch.tensor([length for _, length in pending], device=scores.device)
    # What all of them saw needs no mask.
    least = int(lengths.min())
    later = torch.arange(least, key.shape[1], device=scores.device) >= lengths[:, None]
    scores[..., least:].masked_fill_(later, -torch.inf)
    weights = scores.softmax(-1)
    parts = [weights[..., run] for run in runs]
    return (parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)).transpose(0, 1)


def _runs(columns: torch.Tensor) -> list[slice]:
    """Return the runs of neighbours among positions: taking a few slices is much faster than picking each."""
    places = columns.tolist()
    begins = [index for index, place in enumerate(places) if not index or place != places[index - 1] + 1]
    ends = [*begins[1:], len(places)]
    return [slice(places[begin], places[end - 1] + 1) for begin, end in zip(begins, ends, strict=True)]


@torch.no_grad()
def taught(
    subject: Subject, tokens: Sequence[int] | None = None, replaced: Mapping[str, torch.Tensor] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the log-probabilities of an answer that is known, and the rows of its tokens, by default of all.

    One pass, with some inputs replaced. The rows have the shape (tokens, layers, heads, cells), in float32.
    """
    rows = subject.target_rows[list(range(len(subject.answer)) if tokens is None else tokens)].tolist()
    crossing = across(subject.model) if subject.encodes else None
    found: list[torch.Tensor] = []

    def keep(call: Call) -> None:
        if crossing is None or call.module in crossing:
            parts = [call.rows(row, row + 1)[0, :, 0][:, subject.positions] for row in rows]
            found.append(torch.stack(parts))

    probe = Probe(subject.model, keep)
    with probe.attached():
        scores = probe.run(lambda: subject.forward(**(replaced or {})))
    return scores, torch.stack(found, dim=1)
