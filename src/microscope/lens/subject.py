"""One model with one prompt and one answer, ready to be asked again and again; knows no method and no picture.

The picture is encoded once: what the vision tower hands to the language model is kept, and every further question
starts there. Nothing here knows a family; what it relies on is checked on this very prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import signature
from typing import Any

import torch
from transformers import PreTrainedModel

from microscope.engine.generate import placed
from microscope.engine.loading.gate import undisturbed
from microscope.errors import UserError
from microscope.lens.probe import Probe

# Tokens of all masks together in one pass of the language model.
BATCH_TOKENS = 8_000
MOST_MASKS = 64
# Logits of all masks and answer tokens together: a wide vocabulary takes more memory than all else.
BATCH_LOGITS = 2**25
# What the modules are called in which a decoder attends to its encoder.
ACROSS = ("encoder_attn", "cross_attn", "EncDecAttention")
# How far a log-probability may move where a pass is put together from its parts.
SAME = 1e-2


@dataclass
class Subject:
    """A model, the inputs of a prompt on its device, the answer's token ids, and the positions of image tokens.

    The probabilities are those of the answer as it stands, each token after those before it (teacher forcing), under
    the unmodified model.
    """

    model: PreTrainedModel
    inputs: dict[str, torch.Tensor]
    answer: Sequence[int]
    positions: torch.Tensor
    forwards: int = 0
    backwards: int = 0
    vision: int = 0
    _captured: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.answer):
            raise UserError("The answer is empty, so there is nothing to explain; ask another question.")
        self.inputs = {name: placed(value, self.model) for name, value in self.inputs.items()}
        self.positions = self.positions.to(self.model.device)

    @property
    def passes(self) -> tuple[int, int, int]:
        """Return the forward and backward passes of the language model so far, and those of the vision tower."""
        return self.forwards, self.backwards, self.vision

    def since(self, before: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the passes that came after some count of them."""
        forwards, backwards, vision = (now - then for now, then in zip(self.passes, before, strict=True))
        return forwards, backwards, vision

    @property
    def cells(self) -> int:
        """Return how many image tokens there are."""
        return len(self.positions)

    @property
    def prompt_length(self) -> int:
        """Return how many positions the prompt has."""
        return self.inputs["input_ids"].shape[1]

    @property
    def encodes(self) -> bool:
        """Tell whether the model has an encoder that sees and a decoder that answers."""
        return bool(self.model.config.is_encoder_decoder)

    @cached_property
    def full(self) -> dict[str, torch.Tensor]:
        """Return the inputs of prompt and answer together, for one pass that foresees the answer."""
        ids = torch.tensor([list(self.answer)], device=self.model.device)
        if self.encodes:
            start = self.model.generation_config.decoder_start_token_id
            start = self.model.config.get_text_config().decoder_start_token_id if start is None else start
            first = torch.full_like(ids[:, :1], start)
            return {**self.inputs, "decoder_input_ids": torch.cat([first, ids[:, :-1]], dim=1)}
        shape = self.inputs["input_ids"].shape
        return {
            name: _extended(name, value, ids) if value.shape[:2] == shape else value
            for name, value in self.inputs.items()
        }

    @property
    def target_rows(self) -> torch.Tensor:
        """Return the positions whose logits foretell the answer's tokens, shape (tokens,)."""
        first = 0 if self.encodes else self.prompt_length - 1
        return torch.arange(first, first + len(self.answer), device=self.model.device)

    def logits(self, **replaced: torch.Tensor) -> torch.Tensor:
        """Run one whole pass, some inputs replaced; return the logits that foretell the answer, (1, tokens, words).

        Where all inputs are replaced by batches of as many, that many passes go at once.
        """
        count = len(replaced.get("input_ids", self.inputs["input_ids"]))
        self.forwards += count
        self.vision += count
        with undisturbed():
            # Those of a whole prompt would take more memory than all else.
            kept = {"logits_to_keep": len(self.answer) + 1} if self._keeps_logits else {}
            found = self.model(**{**self.full, **replaced}, **kept, use_cache=False).logits
        return found[:, :-1] if kept else found[:, self.target_rows]

    def forward(self, **replaced: torch.Tensor) -> torch.Tensor:
        """Run one whole pass, some inputs replaced, and return the answer's log-probabilities, shape (tokens,)."""
        return self.logprobs(self.logits(**replaced))[0]

    @cached_property
    def _keeps_logits(self) -> bool:
        return not self.encodes and "logits_to_keep" in signature(self.model.forward).parameters

    def logprobs(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities of the answer's tokens, from (batch, tokens, vocabulary) to (batch, tokens)."""
        ids = torch.tensor(list(self.answer), device=logits.device).expand(logits.shape[0], -1)
        logits = logits.float()
        return logits.gather(-1, ids[..., None])[..., 0] - logits.logsumexp(-1)

    @torch.no_grad()
    def without(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities with image tokens hidden from the language model, shape (masks, tokens).

        `hidden` is bool, shape (masks, cells). The picture's encoding is not computed again, where the model lets the
        passes start behind it.
        """
        return torch.cat(list(self.batches(hidden)))

    @torch.no_grad()
    def batches(self, hidden: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the log-probabilities of `without`, batch by batch."""
        hidden = hidden.to(self.model.device)
        batchable = self._batchable
        probe = Probe(self.model)
        step = self.batch if batchable else 1
        with probe.attached():
            for start in range(0, len(hidden), step):
                some = hidden[start : start + step]
                probe.hidden = torch.zeros(len(some), self.prompt_length, dtype=torch.bool, device=some.device)
                probe.hidden[:, self.positions] = some
                work = partial(self._from_captured, len(some)) if batchable else self._one_row
                yield probe.run(work)

    def _one_row(self) -> torch.Tensor:
        return self.forward()[None]

    @property
    def batch(self) -> int:
        """Return how many masks go into one pass."""
        length = self.prompt_length + len(self.answer)
        words = len(self.answer) * self.model.get_input_embeddings().num_embeddings
        return max(1, min(MOST_MASKS, BATCH_TOKENS // length, BATCH_LOGITS // words))

    @cached_property
    def plain(self) -> torch.Tensor:
        """Return the answer's log-probabilities with everything there, shape (tokens,)."""
        with torch.no_grad(), capturing(self.model, self._captured, decoder_only=not self.encodes):
            return self.forward()

    @cached_property
    def _batchable(self) -> bool:
        """Tell whether a pass of the language model alone gives the same: some models do more around it."""
        plain = self.plain
        if not self._captured:
            return False
        return bool(torch.allclose(self._from_captured(1)[0], plain, atol=SAME))

    def _from_captured(self, count: int) -> torch.Tensor:
        self.forwards += count
        with undisturbed():
            given = {name: repeated(value, count) for name, value in self._captured.items()}
            states = self.model.get_decoder()(**{**given, "use_cache": False}).last_hidden_state
            return self.logprobs(self.words(states[:, self.target_rows]))

    def words(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits that the output head gives hidden states, from (..., width) to (..., vocabulary)."""
        logits = self.model.get_output_embeddings()(states)
        cap = getattr(self.model.config.get_text_config(), "final_logit_softcapping", None)
        return logits if cap is None else torch.tanh(logits / cap) * cap


def across(model: PreTrainedModel) -> frozenset[torch.nn.Module]:
    """Return the modules in which a decoder attends to what its encoder saw."""
    named = model.get_decoder().named_modules()
    return frozenset(module for name, module in named if name.rsplit(".", 1)[-1] in ACROSS)


@contextmanager
def capturing(model: PreTrainedModel, kept: dict[str, Any], *, decoder_only: bool) -> Iterator[None]:
    """Keep what the language model is called with: its first call's keyword arguments, as `kept`."""

    def keep(_module: torch.nn.Module, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        if not kept and not arguments:
            kept.update({name: value for name, value in options.items() if value is not None})

    if not decoder_only:
        yield
        return
    hook = model.get_decoder().register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def repeated(value: Any, count: int) -> Any:  # noqa: ANN401  (whatever a model hands to its language model)
    """Return a captured argument for a batch of so many, from that of one.

    Position ids may have an axis before the batch, and the embeddings that deeper layers add have none of it.
    """
    if isinstance(value, dict):
        return {name: repeated(part, count) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(part.repeat(count, *(1,) * (part.dim() - 1)) if _tensor(part) else part for part in value)
    if not _tensor(value) or value.dim() == 0:
        return value
    if value.shape[0] == 1:
        return value.expand(count, *value.shape[1:])
    if value.dim() > 1 and value.shape[1] == 1:
        return value.expand(value.shape[0], count, *value.shape[2:])
    return value


def _tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _extended(name: str, value: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Return an input that has a value for each position of the prompt, with values for the answer's positions."""
    if name == "input_ids":
        return torch.cat([value, ids], dim=1)
    # The answer is text, and what is not a mask says so by 0; where the whole prompt has 0, the image too, it is the
    # part that is seen both ways, and what follows is 1.
    follows = int(name == "attention_mask" or (name == "token_type_ids" and not bool(value.any())))
    return torch.cat([value, torch.full(ids.shape, follows, dtype=value.dtype, device=value.device)], dim=1)
