"""Listens to a model's text attention, and hides keys from it; knows no method and no picture.

Registered with transformers as ordinary attention functions, so every model that goes through its attention interface
can be switched to one and back after it was loaded. Each calls the function that the model answers with (SDPA, or the
model's own eager function), so what is explained is what was answered.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedConfig, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import eager_mask, sdpa_mask

from microscope.engine.loading.gate import undisturbed
from microscope.errors import UserError

T = TypeVar("T")

PREFIX = "lens_"
EAGER, SDPA = f"{PREFIX}eager", f"{PREFIX}sdpa"


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
        return _causal((self.query, self.key), start, stop) if self.causal else None


def shared(tensor: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """Return keys or values with as many heads as the queries have: several of those share one."""
    return tensor.repeat_interleave(query.shape[1] // tensor.shape[1], dim=1)


@dataclass
class Probe:
    """Listens to the attention of one part of a model, the text part by default, and hides keys, while attached.

    `part` is the name of the part's configuration in the model's (empty: the whole model). `hidden` is bool of shape
    (batch, prompt positions): keys that no query may attend to but their own. Generators may be resumed in another
    context each time, so each of their steps is run by the probe.
    """

    model: PreTrainedModel
    listen: Callable[[Call], None] | None = None
    hidden: torch.Tensor | None = None
    part: str | None = None
    _seen: dict[int, int] = field(default_factory=dict)
    _masks: dict[tuple[int, ...], tuple[torch.Tensor | None, torch.Tensor]] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Tell whether the part goes through the library's attention interface."""
        with self._switched():
            return self._config._attn_implementation.startswith(PREFIX)

    @contextmanager
    def attached(self) -> Iterator[Probe]:
        """Switch the part to the probe, and back. Whoever does so has the model for themselves."""
        with self._switched():
            if not self._config._attn_implementation.startswith(PREFIX):
                raise UserError(
                    f"{type(self.model).__name__} does not use the library's attention interface, so its attention "
                    "cannot be looked at; compare its answers, or choose another checkpoint."
                )
            yield self

    @property
    def _part(self) -> str:
        return text_part(self.model) if self.part is None else self.part

    @property
    def _config(self) -> PreTrainedConfig:
        return getattr(self.model.config, self._part) if self._part else self.model.config

    @contextmanager
    def _switched(self) -> Iterator[None]:
        _register()
        part, was = self._part, self._config._attn_implementation
        with undisturbed():
            self.model.set_attn_implementation(_named(part, EAGER if was == "eager" else SDPA))
        try:
            yield
        finally:
            with undisturbed():
                self.model.set_attn_implementation(_named(part, was))

    def run(self, work: Callable[[], T]) -> T:
        """Do one piece of work under the probe, from the first position on."""
        self._seen.clear()
        self._masks.clear()
        return self._step(work)

    def iterate(self, steps: Iterator[T]) -> Iterator[T]:
        """Yield the steps of a generation, each taken under the probe."""
        self._seen.clear()
        end = object()
        try:
            while (step := self._step(lambda: next(steps, end))) is not end:
                self._masks.clear()
                yield step  # type: ignore[misc]
        finally:
            if close := getattr(steps, "close", None):
                close()

    def _step(self, work: Callable[[], T]) -> T:
        token = _LIVE.set(self)
        try:
            with undisturbed():
                return work()
        finally:
            _LIVE.reset(token)

    def first_key(
        self, module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, *, causal: bool = True
    ) -> int:
        """Return the position of the first key: sliding layers have dropped those before."""
        if self._encodes and not causal:
            # What an encoder saw is there as a whole, however long the answer grows.
            return 0
        if query.shape[2] == key.shape[2]:
            self._seen[id(module)] = query.shape[2]
            return 0
        total = self._seen.get(id(module), 0) + query.shape[2]
        self._seen[id(module)] = total
        return max(0, total - key.shape[2])

    def hide(
        self, mask: torch.Tensor | None, states: tuple[torch.Tensor, torch.Tensor], first: int, *, causal: bool
    ) -> torch.Tensor | None:
        """Return the mask with the hidden keys out of everybody's sight but their own; `states` are queries and keys.

        As it is where nothing is hidden among the keys: a decoder that has an encoder before it attends to its own
        answer, and to the prompt only across.
        """
        query, key = states
        if self.hidden is None or first >= self.hidden.shape[1] or (causal and self._encodes):
            return mask
        known = (id(mask), int(causal), query.shape[2], key.shape[2], first)
        if known not in self._masks:
            allowed = _causal(states, 0, query.shape[2]) if mask is None and causal else mask
            # The mask is kept beside its number, which would be another's once it was gone.
            self._masks[known] = mask, _without(allowed, self.hidden.to(key.device), states, first)
        return self._masks[known][1]

    @property
    def _encodes(self) -> bool:
        return bool(self.model.config.is_encoder_decoder)


_LIVE: ContextVar[Probe | None] = ContextVar("probe", default=None)


def text_part(model: PreTrainedModel) -> str:
    """Return the name under which a model's configuration has its text part; empty where it is the whole."""
    text = model.config.get_text_config()
    return next((name for name in model.config.sub_configs if getattr(model.config, name, None) is text), "")


def _named(part: str, implementation: str) -> str | dict[str, str]:
    return {part: implementation} if part else implementation


@cache
def _register() -> None:
    AttentionInterface.register(SDPA, _by_sdpa)
    AttentionMaskInterface.register(SDPA, sdpa_mask)
    AttentionInterface.register(EAGER, _by_eager)
    AttentionMaskInterface.register(EAGER, eager_mask)


def _by_sdpa(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,  # noqa: ANN401  (whatever the model passes on)
) -> tuple[torch.Tensor, torch.Tensor | None]:
    return _attend(sdpa_attention_forward, module, (query, key, value), attention_mask, options)


def _by_eager(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,  # noqa: ANN401  (whatever the model passes on)
) -> tuple[torch.Tensor, torch.Tensor | None]:
    own = sys.modules[type(module).__module__].eager_attention_forward
    return _attend(own, module, (query, key, value), attention_mask, options)


def _attend(
    function: Callable[..., tuple[torch.Tensor, torch.Tensor | None]],
    module: torch.nn.Module,
    states: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    mask: torch.Tensor | None,
    options: dict[str, Any],
) -> tuple[torch.Tensor, torch.Tensor | None]:
    probe = _LIVE.get()
    query, key, value = states
    if probe is None:
        return function(module, query, key, value, mask, **options)
    causal = options.get("is_causal")
    causal = bool(getattr(module, "is_causal", True) if causal is None else causal)
    first = probe.first_key(module, query, key, causal=causal)
    mask = probe.hide(mask, (query, key), first, causal=causal)
    out, weights = function(module, query, key, value, mask, **options)
    if probe.listen is not None:
        scaling = options.get("scaling")
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        softcap, sinks = options.get("softcap"), options.get("s_aux")
        probe.listen(Call(module, query, key, value, mask, scaling, out, causal, first, softcap, sinks))
    return out, weights


def _causal(states: tuple[torch.Tensor, torch.Tensor], start: int, stop: int) -> torch.Tensor | None:
    """Return what the queries [start, stop) may see where nothing else is said; None where that is all.

    It is themselves and what came before.
    """
    query, key = states
    queries, keys = query.shape[2], key.shape[2]
    if queries == 1:
        return None
    own = torch.arange(start, stop, device=key.device)[:, None] + keys - queries
    return (torch.arange(keys, device=key.device) <= own)[None, None]


def _without(
    mask: torch.Tensor | None, hidden: torch.Tensor, states: tuple[torch.Tensor, torch.Tensor], first: int
) -> torch.Tensor:
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
