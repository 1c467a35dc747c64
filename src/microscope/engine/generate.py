"""Streams tokens out of one model; knows no processor, no cache and no page.

`GenerationMixin.generate` prepares everything (KV cache, logits processors, stopping criteria) as it does for anyone,
and hands over to our decoding loop through its `custom_generate` argument. Our loop is its `_sample`, made a
generator: it stops between two tokens, draws from the answer's own random generator, and keeps log-probabilities.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteriaList,
)

from microscope.engine.loading.gate import undisturbed, undisturbed_steps
from microscope.records import GenerationSettings

FLUSH_SECONDS = 0.04
# What configurations call the tokens that stand for pixels or stand around them.
IMAGE_TOKENS = (
    *("image_token_id", "image_token_index", "video_token_id", "video_token_index"),
    *("vision_start_token_id", "vision_end_token_id", "boi_token_index", "eoi_token_index"),
)


@dataclass(frozen=True)
class Piece:
    """Some tokens that were generated since the last piece: vocabulary ids and natural-log probabilities."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Finished:
    """The end of a generation; times in seconds since its start, `reason` is `end` or `length`."""

    reason: str
    first_token_seconds: float
    total_seconds: float


def stream(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], settings: GenerationSettings
) -> Iterator[Piece | Finished]:
    """Generate for one prompt, yielding the first token at once and then pieces every 40 ms.

    `inputs` are the processor's tensors on any device, batch size one. Greedy decoding is bit-reproducible; sampling
    equals `generate` after `torch.manual_seed(settings.seed)` on the same device.
    """
    start = time.perf_counter()
    tokens = _begin(model, inputs, settings)
    ids: list[int] = []
    logprobs: list[float] = []
    first = flushed = 0.0
    count, reason = 0, "length"
    with closing(tokens):
        for token, logprob, ended in undisturbed_steps(tokens):
            count += 1
            now = time.perf_counter() - start
            first = first or now
            if ended:
                reason = "end"
                break
            ids.append(token)
            logprobs.append(logprob)
            if count == 1 or now - flushed >= FLUSH_SECONDS:
                yield Piece(tuple(ids), tuple(logprobs))
                ids, logprobs, flushed = [], [], now
    if ids:
        yield Piece(tuple(ids), tuple(logprobs))
    yield Finished(reason, first, time.perf_counter() - start)


def _begin(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], settings: GenerationSettings
) -> Generator[tuple[int, float, bool], None, None]:
    with undisturbed():
        inputs = {name: _placed(value, model) for name, value in inputs.items()}
        generator = None if settings.greedy else torch.Generator(model.device).manual_seed(settings.seed)
        return model.generate(
            **inputs,
            generation_config=generation_config(settings),
            logits_processor=LogitsProcessorList([_WithoutTokens(image_tokens(model), model.device)]),
            custom_generate=_decode,
            generator=generator,
        )


def generation_config(settings: GenerationSettings) -> GenerationConfig:
    """Return the visitor's settings with one beam, for only one can be streamed.

    What it leaves open `generate` takes from the checkpoint's own configuration.
    """
    config = GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        do_sample=not settings.greedy,
        repetition_penalty=settings.repetition_penalty,
        num_beams=1,
        num_return_sequences=1,
    )
    if not settings.greedy:
        config.update(temperature=settings.temperature, top_p=settings.top_p, top_k=settings.top_k)
    return config


def image_tokens(model: PreTrainedModel) -> list[int]:
    """Return the vocabulary ids that stand for pixels, or around them, and must never be answered."""
    found = {getattr(model.config, name, None) for name in IMAGE_TOKENS}
    return sorted(token for token in found if isinstance(token, int) and token >= 0)


class _WithoutTokens(LogitsProcessor):
    """Makes tokens impossible; the library's own way looks through the whole vocabulary for every token."""

    def __init__(self, tokens: list[int], device: torch.device) -> None:
        self._tokens = torch.tensor(tokens, dtype=torch.long, device=device)
        self._vocabulary = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        if self._vocabulary != scores.shape[-1]:
            self._vocabulary = scores.shape[-1]
            self._tokens = self._tokens[self._tokens < self._vocabulary]
        return scores.index_fill(-1, self._tokens, -math.inf)


def _placed(value: torch.Tensor, model: PreTrainedModel) -> torch.Tensor:
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)


@torch.no_grad()
def _decode(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    generator: torch.Generator | None = None,
    **model_kwargs: object,
) -> Iterator[tuple[int, float, bool]]:
    """Yield (token, log-probability, whether it ends the answer) until a stopping criterion holds."""
    ends = generation_config._eos_token_tensor
    ends = set() if ends is None else set(ends.flatten().tolist())
    outputs = model._prefill(input_ids, generation_config, model_kwargs)
    with model._optimize_model_for_decode():
        while True:
            model_kwargs = model._update_model_kwargs_for_generation(
                outputs, model_kwargs, is_encoder_decoder=model.config.is_encoder_decoder
            )
            logits = outputs.logits[:, -1].to(copy=True, dtype=torch.float32, device=input_ids.device)
            del outputs
            scores = logits_processor(input_ids, logits)
            if generation_config.do_sample:
                chosen = torch.multinomial(functional.softmax(scores, dim=-1), 1, generator=generator)
            else:
                chosen = scores.argmax(dim=-1, keepdim=True)
            logprob = logits.log_softmax(dim=-1).gather(1, chosen)
            input_ids = torch.cat([input_ids, chosen], dim=-1)
            token = int(chosen)
            yield token, float(logprob), token in ends
            if bool(stopping_criteria(input_ids, None).all()):
                return
            length = 1 if model_kwargs["use_cache"] else None
            step = model.prepare_inputs_for_generation(input_ids, next_sequence_length=length, **model_kwargs)
            outputs = model(**step, return_dict=True)
