"""One call of an attention function, its rows computed anew, and what masks allow; knows no model."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Call:
    """One call of an attention function: queries, keys and values as (batch, heads, positions, width), before sharing.

    `first` is the position of the first key, which is not 0 where a sliding layer has dropped some. `out` is
    (batch, positions, heads, width); `causal` tells what holds where the mask is None.
    """

    module: torch.nn.Module
    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    mask: torch.Tensor | None
    scaling: float
    out: torch.Tensor
    causal: bool
    first: int = 0
    softcap: float | None = None
    sinks: torch.Tensor | None = None

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Return the attention of the queries [start, stop) to all keys, as (batch, heads, queries, keys) in float32.

        Computed anew from queries and keys: no matrix of all queries and keys is ever kept.
        """
        key = shared(self.key, self.query)
        scores = (self.query[:, :, start:stop].float() @ key.float().transpose(2, 3)) * self.scaling
        if self.softcap is not None:
            scores = torch.tanh(scores / self.softcap) * self.softcap
        scores = _masked(scores, self._mask_of(start, stop))
        if self.sinks is None:
            return scores.softmax(-1)
        sinks = self.sinks.reshape(1, -1, 1, 1).expand(scores.shape[0], -1, scores.shape[2], -1)
        return torch.cat([scores, sinks.float()], dim=-1).softmax(-1)[..., :-1]

    def _mask_of(self, start: int, stop: int) -> torch.Tensor | None:
        if self.mask is not None:
            rows = slice(start, stop) if self.mask.shape[2] > 1 else slice(None)
            return self.mask[:, :, rows, : self.key.shape[2]]
        return causal_mask((self.query, self.key), start, stop) if self.causal else None


def shared(tensor: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """Return keys or values with as many heads as the queries have: several of those share one."""
    times = query.shape[1] // tensor.shape[1]
    return tensor if times == 1 else tensor.repeat_interleave(times, dim=1)


def causal_mask(states: tuple[torch.Tensor, torch.Tensor], start: int, stop: int) -> torch.Tensor | None:
    """Return what the queries [start, stop) may see where nothing else is said; None where that is all.

    It is themselves and what came before.
    """
    query, key = states
    queries, keys = query.shape[2], key.shape[2]
    if queries == 1:
        return None
    own = torch.arange(start, stop, device=key.device)[:, None] + keys - queries
    return (torch.arange(keys, device=key.device) <= own)[None, None]


def without_keys(
    mask: torch.Tensor | None, hidden: torch.Tensor, states: tuple[torch.Tensor, torch.Tensor], first: int
) -> torch.Tensor:
    """Return the mask with hidden keys out of everybody's sight but their own; `first` is the first key's position."""
    query, key = states
    queries, keys = query.shape[2], key.shape[2]
    gone = torch.zeros(hidden.shape[0], keys, dtype=torch.bool, device=key.device)
    seen = hidden[:, first : first + keys]
    gone[:, : seen.shape[1]] = seen
    # A query that sees nothing at all has no attention: a hidden token still sees itself, and nobody sees it.
    itself = torch.ones(queries, keys, dtype=torch.bool, device=key.device).tril(keys - queries).triu(keys - queries)
    allowed = ~gone[:, None, None, :] | itself
    if mask is None:
        return allowed
    mask = mask[..., :keys]
    if mask.dtype == torch.bool:
        return mask & allowed
    return mask.expand(hidden.shape[0], -1, -1, -1).masked_fill(~allowed, torch.finfo(mask.dtype).min)


def _masked(scores: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return scores
    return scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask.float()
