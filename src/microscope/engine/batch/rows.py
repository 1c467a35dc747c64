"""Who is left of a batch while its answers end one by one; knows no prompt and no picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeGuard

import torch
from transformers import Cache, LogitsProcessorList, PreTrainedModel
from transformers.utils import ModelOutput

# What some models keep of a batch from step to step, in an attribute of their own.
KEPT_INSIDE = ("rope_deltas",)
# What a logits processor keeps of each row: how much of it is padding.
KEPT_BY_PROCESSORS = ("prompt_ignore_length",)


@dataclass(frozen=True)
class Company:
    """How rows go together: those that are over are left out once no more than a `share` is going on.

    `share` 0 leaves none out, 1 each at once. `limits` end rows after so many tokens whatever they say, which is how
    leaving them out is tried. `past` is a cache of what they begin with, which they go on from.
    """

    share: float = 0.0
    limits: tuple[int | None, ...] = ()
    past: Cache | None = None


COMPANY = Company()


@dataclass
class Roll:
    """The rows of a batch that are left, as their numbers in the whole batch, each with its own generator, if any.

    `led` is whether anybody asks by how much each token was ahead of the next one.
    """

    count: int
    company: Company = COMPANY
    generators: list[torch.Generator] | None = None
    led: bool = True
    rows: list[int] = field(default_factory=list)
    _over: set[int] = field(default_factory=set)
    _steps: int = 0

    def __post_init__(self) -> None:
        self.rows = list(range(self.count))

    def call(self, ended: list[bool]) -> list[int]:
        """Take in which rows ended now; return the places of those to go on with, empty where nobody is left out."""
        self._steps += 1
        for row, end in zip(self.rows, ended, strict=True):
            if end or self._limit(row) <= self._steps:
                self._over.add(row)
        going = [place for place, row in enumerate(self.rows) if row not in self._over]
        if not going or len(going) == len(self.rows) or len(going) > self.company.share * len(self.rows):
            return []
        self.rows = [self.rows[place] for place in going]
        if self.generators is not None:
            self.generators = [self.generators[place] for place in going]
        return going

    def _limit(self, row: int) -> float:
        limit = self.company.limits[row] if row < len(self.company.limits) else None
        return float("inf") if limit is None else limit


def rows_of(model: PreTrainedModel, passed_on: dict[str, Any], rows: torch.Tensor, count: int) -> dict[str, Any]:
    """Return what a model passes on from step to step for some rows of a batch of `count`, cut in place where it must.

    Raises what tensors raise where something has another shape than any known: whoever relies on it tries it first.
    """
    for module, name, value in kept_inside(model, count):
        setattr(module, name, value[rows])
    return {name: _cut(name, value, rows, count) for name, value in passed_on.items()}


def kept_inside(model: PreTrainedModel, count: int) -> list[tuple[torch.nn.Module, str, torch.Tensor]]:
    """Return what a model keeps of each row of a batch in attributes of its own: module, name, and tensor."""
    found = [(module, name, vars(module).get(name)) for module in model.modules() for name in KEPT_INSIDE]
    return [(module, name, value) for module, name, value in found if _is_of(value, count)]


def keep_rows(processors: LogitsProcessorList, rows: torch.Tensor, count: int) -> None:
    """Have logits processors go on with some rows of a batch of `count`."""
    for processor in processors:
        for name in KEPT_BY_PROCESSORS:
            value = vars(processor).get(name)
            if _is_of(value, count):
                setattr(processor, name, value[rows])


def _is_of(value: object, count: int) -> TypeGuard[torch.Tensor]:
    return isinstance(value, torch.Tensor) and value.shape[:1] == (count,)


def _cut(name: str, value: Any, rows: torch.Tensor, count: int) -> Any:  # noqa: ANN401
    if isinstance(value, Cache):
        value.batch_select_indices(rows)
        return value
    if isinstance(value, ModelOutput):
        return type(value)(**{key: _cut(key, part, rows, count) for key, part in value.items()})
    if not isinstance(value, torch.Tensor) or value.dim() == 0:
        return value
    # Positions of several kinds come before the batch.
    if name == "position_ids" and value.dim() > 2:  # noqa: PLR2004
        return value[:, rows]
    return value[rows] if value.shape[0] == count else value
