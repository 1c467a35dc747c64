"""The task behind the door that looks inside: uses each model in turn; plain data goes in and out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from PIL import Image
from transformers import PreTrainedModel

from microscope.engine.caching.ticket import Lease
from microscope.engine.fit import fitting
from microscope.engine.generate import Piece, stream
from microscope.engine.loader import Resident
from microscope.engine.loading.gate import undisturbed_steps
from microscope.engine.models import Models
from microscope.engine.pictures import image_to_picture, picture_to_image
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.engine.using import Ahead, Use, in_turn, ready
from microscope.errors import UserError
from microscope.lens.asks import (
    Begun,
    Chanced,
    Explain,
    Gathered,
    Laid,
    Look,
    Over,
    Read,
    ReadAs,
    Reject,
    Score,
    Scored,
    Seen,
    Study,
    Update,
    Weighed,
)
from microscope.lens.faithful import Judge
from microscope.lens.findings import CONTROL, Cost, Heat
from microscope.lens.layout import Layout
from microscope.lens.methods import find_method
from microscope.lens.methods.base import Context
from microscope.lens.probe import Probe
from microscope.lens.readout import read_out
from microscope.lens.rows import RowKeeper
from microscope.lens.stripes import measure
from microscope.lens.subject import Subject, across
from microscope.lens.vision import vision_attention

# What attention rows of one answer may take, and of how many of its tokens they are kept at most.
MOST_ROWS_BYTES, MOST_STEPS = 2**25, 256
OTHER_LAYERS = (
    "Some layers of {label} pass on what they saw without attention, so that patches cannot be taken from its view "
    "and its attention tells but a part; compare its answers, or look into another checkpoint."
)
EMPTY = "It answered nothing, so there is nothing to explain; ask another question, or look at another checkpoint."


@dataclass(frozen=True)
class LensWork:
    """Runs studies: `processors` are for pictures whose boxes must be measured."""

    processors: Processors

    def run(self, models: Models, studies: tuple[Study, ...]) -> Iterator[tuple[int, Update]]:
        """Do the studies one after another, yielding (study number, update); one that fails leaves the others."""
        yield from in_turn(models, studies, lambda study, ahead: self._one(models, study, ahead))

    def _one(self, models: Models, study: Study, ahead: Ahead) -> Iterator[Update]:
        use = Use(models, study.local, study.needs)
        if not (yield from use.run(lambda lease: self._study(lease, study), ahead)):
            raise UserError(models.out_of_memory(study.local, study.needs))

    def _study(self, lease: Lease[Resident], study: Study) -> Iterator[Update]:
        yield ready(lease)
        if study.layout is None:
            layout = self._measured(lease, study)
            study = replace(study, layout=layout)
            yield Laid(layout)
        # The next checkpoint may be built meanwhile, which would change what tensors are made of here.
        yield from undisturbed_steps(_asked(lease, study))

    def _measured(self, lease: Lease[Resident], study: Study) -> Layout:
        processor, spec = self.processors.get(study.local), study.local.spec
        budget = study.settings.image_budget

        def again(image: Image.Image) -> dict[str, torch.Tensor]:
            return prepare(processor, spec, image_to_picture(image), study.question, budget).inputs

        if study.picture is None:
            raise ValueError(f"there is no picture to measure the boxes of {spec.key} with")
        return measure(lease.resident.model, again, picture_to_image(study.picture), study.positions)


def _subject(lease: Lease[Resident], study: Study, answer: tuple[int, ...]) -> Subject:
    return Subject(lease.resident.model, study.inputs, answer, torch.tensor(study.positions))


def _asked(lease: Lease[Resident], study: Study) -> Iterator[Update]:
    model, label = lease.resident.model, study.local.spec.label
    with fitting(model, study.inputs, label):
        for ask in study.asks:
            if isinstance(ask, Look):
                yield from _look(lease, study, ask)
            elif isinstance(ask, Explain):
                yield from _explain(lease, study, ask)
            elif isinstance(ask, Reject):
                yield from _reject(lease, study, ask)
            elif isinstance(ask, Read):
                yield ReadAs(ask.cell, read_out(_subject(lease, study, ask.answer), study.positions[ask.cell]))
            else:
                yield _score(lease, study, ask)
    yield Over()


def _look(lease: Lease[Resident], study: Study, ask: Look) -> Iterator[Update]:
    """Answer under the probe, and then tell what follows from it, the quickest first."""
    model, columns = lease.resident.model, torch.tensor(study.positions)
    across_alone = across(model) if model.config.is_encoder_decoder else None
    rows = RowKeeper(columns, across_alone, _kept_steps(model, len(columns)))
    ids: list[int] = []
    with Probe(model, rows).attached() as probe:
        for update in probe.iterate(stream(model, study.inputs, study.settings)):
            if isinstance(update, Piece):
                ids.extend(update.ids)
            yield update
    if not ids:
        raise UserError(EMPTY)
    if rows.layers < attending_layers(model):
        raise UserError(OTHER_LAYERS.format(label=study.local.spec.label))
    # The step that ended the answer explains no token of it.
    known = rows.rows()[: len(ids)]
    context = Context(_subject(lease, study, tuple(ids)), study.blank, study.geometry, known)
    # Before anything else: it comes with the first pass.
    received = vision_attention(context.subject, study.geometry)
    yield Seen(known.to(torch.float16).cpu().numpy(), tuple(context.prior.tolist()), received)
    judge = Judge(context)
    yield Chanced(judge.by_chance().float().cpu().numpy())
    for key in ask.methods:
        yield from _gather(context, judge, key, None)
    for token in context.chosen(None, ask.relevant) if ask.relevant else ():
        for key in ask.methods:
            yield from _gather(context, judge, key, token)


def attending_layers(model: PreTrainedModel) -> int:
    """Return how many layers answer: where fewer attend, the others pass on what they saw in another way."""
    text = model.config.get_text_config()
    return int(text.decoder_layers if model.config.is_encoder_decoder else text.num_hidden_layers)


def _kept_steps(model: PreTrainedModel, cells: int) -> int:
    """Return of how many answer tokens attention rows are kept: of a long answer those of all are too many."""
    heads = int(model.config.get_text_config().num_attention_heads)
    return max(1, min(MOST_STEPS, MOST_ROWS_BYTES // (2 * attending_layers(model) * heads * cells)))


def _explain(lease: Lease[Resident], study: Study, ask: Explain) -> Iterator[Update]:
    subject = _subject(lease, study, ask.answer)
    context = Context(subject, study.blank, study.geometry, steps=ask.steps)
    judge = Judge(context, None if ask.chance is None else torch.from_numpy(ask.chance))
    yield from _gather(context, judge, ask.method, ask.token)


def _gather(context: Context, judge: Judge, key: str, token: int | None) -> Iterator[Update]:
    """Yield a method's map as it grows, and at the end with its badge."""
    method, subject = find_method(key), context.subject
    context.tokens_of(token)
    start, before = time.perf_counter(), subject.passes
    last = None
    for estimate in method.maps(context, token):
        spent = subject.since(before)
        own = Cost(time.perf_counter() - start, *spent)
        # What was computed for another map of the tier is this one's cost as well.
        cost = own if any(spent) else context.shared.get(method.tier, own)
        last = Heat(key, token, estimate.values.float().cpu().numpy(), cost, done=estimate.done, total=estimate.total)
        if estimate.done < estimate.total:
            yield Gathered(last)
    if last is not None:
        badge = judge.badge(torch.from_numpy(last.values), token) if method.tier != CONTROL else None
        yield Gathered(replace(last, badge=badge))


def _reject(lease: Lease[Resident], study: Study, ask: Reject) -> Iterator[Update]:
    """Answer without the tokens, then without their pixels, and weigh the original answer in all three cases."""
    model = lease.resident.model
    subject = _subject(lease, study, ask.answer)
    hidden = torch.zeros(1, subject.cells, dtype=torch.bool)
    hidden[0, list(ask.rejected)] = True
    after = subject.without(hidden)[0]
    blanked = _subject(lease, replace(study, inputs=ask.blanked), ask.answer)
    yield Weighed(_mean(subject.plain), _mean(after), _mean(blanked.plain))
    probe = Probe(model)
    probe.hidden = torch.zeros(1, subject.prompt_length, dtype=torch.bool)
    probe.hidden[0, torch.tensor(study.positions)[hidden[0]]] = True
    yield Begun("without")
    with probe.attached():
        yield from probe.iterate(stream(model, study.inputs, study.settings))
    yield Begun("blanked")
    yield from stream(model, ask.blanked, study.settings)


def _score(lease: Lease[Resident], study: Study, ask: Score) -> Scored:
    ways = [_subject(lease, study, answer).plain for answer in ask.answers]
    return Scored(tuple(max(ways, key=lambda way: float(way.mean())).tolist()))


def _mean(logprobs: torch.Tensor) -> float:
    """Return the geometric mean of the probabilities."""
    return float(logprobs.mean().exp())
