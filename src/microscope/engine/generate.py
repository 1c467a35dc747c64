"""Gets tokens out of one model, as a stream or for a batch; knows no processor, no cache and no page.

`GenerationMixin.generate` prepares everything (KV cache, logits processors, stopping criteria) as it does for anyone,
and hands over to our decoding loop through its `custom_generate` argument. Our loop is its `_sample`, made a
generator: it stops between two tokens, draws from the answer's own random generator, and keeps log-probabilities.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteriaList,
)

from microscope.engine.batch.rows import COMPANY, Company, Roll, keep_rows, rows_of
from microscope.engine.loading.gate import undisturbed, undisturbed_steps
from microscope.engine.past import CACHE
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


@dataclass(frozen=True)
class Together:
    """One answer of a batch: what `Piece` and `Finished` say of it, whose times are the whole batch's.

    `leads` are each step's distance between what was chosen and what would have been instead, in the units of scores;
    a step that ended the answer has one as well.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    leads: tuple[float, ...]
    end: Finished

    @property
    def lead(self) -> float:
        """Return the smallest lead: where it is tiny, another order of summation may choose otherwise."""
        return min(self.leads, default=math.inf)


@dataclass(frozen=True)
class _Step:
    """One token for each row that is left of a batch: ids, log-probabilities, leads (if asked for), and ends."""

    rows: list[int]
    tokens: list[int]
    logprobs: list[float]
    leads: list[float]
    ended: list[bool]


def stream(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], settings: GenerationSettings
) -> Iterator[Piece | Finished]:
    """Generate for one prompt, yielding the first token at once and then pieces every 40 ms.

    `inputs` are the processor's tensors on any device, batch size one. Greedy decoding is bit-reproducible; sampling
    equals `generate` after `torch.manual_seed(settings.seed)` on the same device.
    """
    start = time.perf_counter()
    steps = _begin(model, inputs, settings)
    ids: list[int] = []
    logprobs: list[float] = []
    first = flushed = 0.0
    count, reason = 0, "length"
    with closing(steps):
        for step in undisturbed_steps(steps):
            count += 1
            now = time.perf_counter() - start
            first = first or now
            if step.ended[0]:
                reason = "end"
                break
            ids.append(step.tokens[0])
            logprobs.append(step.logprobs[0])
            if count == 1 or now - flushed >= FLUSH_SECONDS:
                yield Piece(tuple(ids), tuple(logprobs))
                ids, logprobs, flushed = [], [], now
    if ids:
        yield Piece(tuple(ids), tuple(logprobs))
    yield Finished(reason, first, time.perf_counter() - start)


def generate_together(
    model: PreTrainedModel, inputs: dict[str, torch.Tensor], settings: GenerationSettings, company: Company = COMPANY
) -> tuple[Together, ...]:
    """Generate for a batch of padded prompts at once, to the end of the longest answer.

    `inputs` are collated tensors on any device; each row samples from a generator of its own, so that a seed means the
    same alone and in company.
    """
    start = time.perf_counter()
    count = inputs["input_ids"].shape[0]
    rows = [_Row() for _ in range(count)]
    first = 0.0
    with closing(_begin(model, inputs, settings, company)) as steps:
        for step in undisturbed_steps(steps):
            first = first or time.perf_counter() - start
            for place, number in enumerate(step.rows):
                rows[number].take(step, place)
            if all(row.ended for row in rows):
                break
    seconds = time.perf_counter() - start
    return tuple(
        Together(
            tuple(row.ids),
            tuple(row.logprobs),
            tuple(row.leads),
            Finished("end" if row.ended else "length", first, seconds),
        )
        for row in rows
    )


@dataclass
class _Row:
    """One answer of a batch in the making."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    leads: list[float] = field(default_factory=list)
    ended: bool = False

    def take(self, step: _Step, place: int) -> None:
        if self.ended:
            return
        self.leads.append(step.leads[place])
        self.ended = step.ended[place]
        if not self.ended:
            self.ids.append(step.tokens[place])
            self.logprobs.append(step.logprobs[place])


def _begin(
    model: PreTrainedModel,
    inputs: dict[str, torch.Tensor],
    settings: GenerationSettings,
    company: Company | None = None,
) -> Generator[_Step, None, None]:
    """Begin to decode; where nothing is said of the company, nobody asks for leads."""
    with undisturbed():
        inputs = {name: placed(value, model) for name, value in inputs.items()}
        count = inputs["input_ids"].shape[0]
        generators = (
            None
            if settings.greedy
            else [torch.Generator(model.device).manual_seed(settings.seed) for _ in range(count)]
        )
        # A cache of what comes first, which those rows have behind them already.
        behind = {} if company is None or company.past is None else {CACHE: company.past}
        return model.generate(
            **inputs,
            **behind,
            generation_config=generation_config(settings),
            logits_processor=LogitsProcessorList([_WithoutTokens(image_tokens(model), model.device)]),
            custom_generate=_decode,
            roll=Roll(count, company or COMPANY, generators, led=company is not None),
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


def placed(value: torch.Tensor, model: PreTrainedModel) -> torch.Tensor:
    """Return an input on the model's device, numbers that are not whole in its dtype."""
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)


@torch.no_grad()
def _decode(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    roll: Roll,
    **model_kwargs: Any,  # noqa: ANN401  (whatever a model passes on from step to step)
) -> Iterator[_Step]:
    """Yield steps until a stopping criterion holds for every row; rows that are over are left out, or go on unseen."""
    ends = generation_config._eos_token_tensor
    ends = set() if ends is None else set(ends.flatten().tolist())
    # A share is of scores that were divided by it.
    unit = 1.0 if roll.generators is None else generation_config.temperature
    outputs = model._prefill(input_ids, generation_config, model_kwargs)
    with model._optimize_model_for_decode():
        while True:
            model_kwargs = model._update_model_kwargs_for_generation(
                outputs, model_kwargs, is_encoder_decoder=model.config.is_encoder_decoder
            )
            logits = outputs.logits[:, -1].to(copy=True, dtype=torch.float32, device=input_ids.device)
            del outputs
            standing = _standing(logits_processor(input_ids, logits), roll.generators)
            chosen = standing.argmax(dim=-1, keepdim=True)
            input_ids = torch.cat([input_ids, chosen], dim=-1)
            leads = _leads(standing, drawn=roll.generators is not None, unit=unit) if roll.led else []
            tokens = chosen[:, 0].tolist()
            logprobs = logits.log_softmax(dim=-1).gather(1, chosen)[:, 0].tolist()
            step = _Step(roll.rows, tokens, logprobs, leads, [token in ends for token in tokens])
            yield step
            if bool(stopping_criteria(input_ids, None).all()):
                return
            kept = roll.call(step.ended)
            if kept:
                rows = torch.tensor(kept, device=input_ids.device)
                count, input_ids = len(input_ids), input_ids[rows]
                model_kwargs = rows_of(model, model_kwargs, rows, count)
                keep_rows(logits_processor, rows, count)
            length = 1 if model_kwargs["use_cache"] else None
            following = model.prepare_inputs_for_generation(input_ids, next_sequence_length=length, **model_kwargs)
            outputs = model(**following, return_dict=True)


def _standing(scores: torch.Tensor, generators: list[torch.Generator] | None) -> torch.Tensor:
    """Return what the largest is chosen of, shape (rows, words): the scores, or what draws from the row's generator.

    It draws as `torch.multinomial` does: each share over a number of its own, exponentially distributed.
    """
    if generators is None:
        return scores
    shares = functional.softmax(scores, dim=-1)
    rows = zip(shares.split(1), generators, strict=True)
    return shares / torch.cat([torch.empty_like(row).exponential_(generator=generator) for row, generator in rows])


def _leads(standing: torch.Tensor, *, drawn: bool, unit: float) -> list[float]:
    best = standing.topk(2, dim=-1).values
    first, second = (best.log() if drawn else best).unbind(dim=-1)
    return ((first - second) * unit).tolist()
