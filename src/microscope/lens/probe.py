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
from microscope.lens.call import Call, causal_mask, without_keys

T = TypeVar("T")

PREFIX = "lens_"
# The implementations that can be looked into: what is explained must be what was answered.
OWN = ("sdpa", "eager")
OTHER_ATTENTION = (
    "The lens cannot look into attention of the kind {name}; write attention: sdpa for this checkpoint in models.yaml."
)
EAGER, SDPA = f"{PREFIX}eager", f"{PREFIX}sdpa"


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
        if self.part is None and was not in OWN:
            raise UserError(OTHER_ATTENTION.format(name=was))
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
        if not causal and self._encodes:
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
            allowed = causal_mask(states, 0, query.shape[2]) if mask is None and causal else mask
            # The mask is kept beside its number, which would be another's once it was gone.
            self._masks[known] = mask, without_keys(allowed, self.hidden.to(key.device), states, first)
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
    AttentionInterface.register(SDPA, _watched(lambda _: sdpa_attention_forward))
    AttentionMaskInterface.register(SDPA, sdpa_mask)
    AttentionInterface.register(EAGER, _watched(_eager_of))
    AttentionMaskInterface.register(EAGER, eager_mask)


Attention = Callable[..., tuple[torch.Tensor, torch.Tensor | None]]


def _watched(own: Callable[[torch.nn.Module], Attention]) -> Attention:
    """Return an attention function that calls a module's own, under the probe that is live."""

    def attend(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **options: Any,  # noqa: ANN401  (whatever the model passes on)
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        return _attend(own(module), module, (query, key, value), attention_mask, options)

    return attend


def _eager_of(module: torch.nn.Module) -> Attention:
    return sys.modules[type(module).__module__].eager_attention_forward


def _attend(
    function: Attention,
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
