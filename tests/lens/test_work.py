"""The lens's task uses each model in turn, tells the quickest first, and leaves everything as it was."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from microscope.engine.generate import Finished, Piece
from microscope.engine.loading import gate
from microscope.engine.models import Models
from microscope.engine.processors import Processors
from microscope.engine.prompts import prepare
from microscope.engine.using import Failed, Loading, Ready, Restarted
from microscope.lens import relevancy as relevancy_module
from microscope.lens import work
from microscope.lens.asks import (
    Ask,
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
from microscope.lens.blank import blank
from microscope.lens.layout import MEASURED, image_positions, lay_out
from microscope.lens.probe import PREFIX
from microscope.lens.rows import taught
from microscope.lens.subject import Subject
from microscope.lens.work import LensWork
from tests.families import FAMILIES, local_of, picture
from tests.keeping import models_of
from tests.lens.looking import SEEDS, SETTINGS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUESTION = "what is in the image ?"
Make = Callable[..., Study]


@pytest.fixture(scope="module")
def models() -> Models:
    return models_of()


@pytest.fixture(scope="module")
def processors() -> Processors:
    return Processors()


@pytest.fixture(scope="module")
def make(models: Models, processors: Processors, checkpoint: Callable[..., Path]) -> Make:
    """Return what makes the study of a family's checkpoint, with what is asked."""

    def study(name: str, *asks: Ask, folder: Path | None = None) -> Study:
        local = local_of(folder or checkpoint(name, SEEDS.get(name, 0)))
        processor, taken = processors.get(local), picture()
        given, nothing = (prepare(processor, local.spec, each, QUESTION, None) for each in (taken, blank(taken)))
        config = models.config(local)
        assert config is not None
        layout = lay_out(config, processor, given.size, given.inputs)
        positions = image_positions(config, given.inputs)
        return Study(local, given.inputs, nothing.inputs, positions, layout, taken, QUESTION, SETTINGS, asks)

    return study


@pytest.fixture
def run(models: Models, processors: Processors) -> Callable[..., list[Update]]:
    """Return what does studies and gives the updates of one, each of which must be plain data."""

    def do(*studies: Study, number: int = 0) -> list[Update]:
        found = pickle.loads(pickle.dumps(list(LensWork(processors).run(models, studies))))  # noqa: S301  (own data)
        return [update for which, update in found if which == number]

    return do


def model_of(models: Models, study: Study) -> PreTrainedModel:
    with models.lease(study.local) as lease:
        return lease.resident.model


def ids_of(updates: list[Update]) -> tuple[int, ...]:
    return tuple(token for update in updates if isinstance(update, Piece) for token in update.ids)


def kinds(updates: list[Update]) -> list[type]:
    """Return the kinds of updates in their order, what repeats once, without what depends on the clock."""
    found = [type(update) for update in updates if not isinstance(update, Loading)]
    return [kind for number, kind in enumerate(found) if number == 0 or kind is not found[number - 1]]


def untouched(model: PreTrainedModel) -> bool:
    """Tell whether a model attends as it did, wants no gradient, as it was loaded, and has none."""
    configs = [model.config, *(getattr(model.config, name) for name in model.config.sub_configs)]
    return (
        not any(config._attn_implementation.startswith(PREFIX) for config in configs)
        and not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())
        and not model.get_input_embeddings()._forward_hooks
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_a_look_tells_the_answer_its_rows_and_its_maps(
    name: str, make: Make, run: Callable[..., list[Update]], models: Models
) -> None:
    study = make(name, Look(relevant=2))
    updates = run(study)
    assert kinds(updates) == [Ready, Piece, Finished, Seen, Chanced, Gathered, Over]
    answer = ids_of(updates)
    (seen,) = (update for update in updates if isinstance(update, Seen))
    model = model_of(models, study)
    subject = Subject(model, study.inputs, answer, torch.tensor(study.positions))
    expected = taught(subject)[1]
    assert seen.rows.shape == tuple(expected.shape)
    assert seen.rows.dtype == np.float16
    assert np.allclose(seen.rows, expected, atol=1e-3)
    assert len(seen.prior) == len(answer)
    raised = (subject.plain - torch.tensor(seen.prior)).tolist()
    tokens = sorted(sorted(range(len(answer)), key=lambda token: -raised[token])[:2])
    heats = [update.heat for update in updates if isinstance(update, Gathered)]
    assert [(heat.method, heat.token) for heat in heats] == [
        (method, token) for token in (None, *tokens) for method in ("attention", "relevance")
    ]
    assert all(heat.values.shape == (len(study.positions),) and heat.values.dtype == np.float32 for heat in heats)
    assert all(heat.badge is not None and heat.done == heat.total for heat in heats)
    assert (heats[1].cost.forwards, heats[1].cost.backwards) == (1, min(4, len(answer)))
    assert untouched(model)


def test_a_map_is_told_as_it_grows_and_its_badge_at_the_end(make: Make, run: Callable[..., list[Update]]) -> None:
    answer = (50, 60, 70)
    updates = run(make("llava_next", Explain(answer, "windows", 1, steps=45), Explain(answer, "random")))
    *growing, whole, control = (update.heat for update in updates if isinstance(update, Gathered))
    assert [heat.badge for heat in growing] == [None] * len(growing)
    assert growing
    assert all(heat.done < heat.total for heat in growing)
    assert (whole.method, whole.token, whole.done, whole.total) == ("windows", 1, 45, 45)
    assert whole.badge is not None
    assert whole.cost.forwards >= 45
    assert whole.cost.backwards == whole.cost.vision - (1 if whole.cost.vision else 0) == 0
    # Nobody needs to be told how true a random map is.
    assert (control.method, control.badge) == ("random", None)


def test_what_is_rejected_is_weighed_and_answered_without(
    make: Make, run: Callable[..., list[Update]], models: Models
) -> None:
    first = make("qwen2_5_vl", Look((), 0))
    answer = ids_of(run(first))
    rejected = tuple(range(0, len(first.positions), 2))
    study = replace(first, asks=(Reject(answer, rejected, first.blank),))
    updates = run(study)
    assert kinds(updates) == [Ready, Weighed, Begun, Piece, Finished, Begun, Piece, Finished, Over]
    assert [update.what for update in updates if isinstance(update, Begun)] == ["without", "blanked"]
    (weighed,) = (update for update in updates if isinstance(update, Weighed))
    subject = Subject(model_of(models, study), study.inputs, answer, torch.tensor(study.positions))
    hidden = torch.zeros(1, subject.cells, dtype=torch.bool)
    hidden[0, list(rejected)] = True
    assert weighed.before == pytest.approx(float(subject.plain.mean().exp()), rel=1e-4)
    assert weighed.after == pytest.approx(float(subject.without(hidden).mean().exp()), rel=1e-4)
    nothing = Subject(subject.model, study.blank, answer, subject.positions)
    assert weighed.pixels_after == pytest.approx(float(nothing.plain.mean().exp()), rel=1e-4)
    # What is streamed has the probabilities of one pass without them.
    begun = [number for number, update in enumerate(updates) if isinstance(update, Begun)]
    pieces = [update for update in updates[begun[0] : begun[1]] if isinstance(update, Piece)]
    other = Subject(subject.model, study.inputs, ids_of(list(pieces)), subject.positions)
    logprobs = torch.tensor([logprob for piece in pieces for logprob in piece.logprobs])
    assert torch.allclose(other.without(hidden)[0], logprobs, atol=1e-4)
    pieces = [update for update in updates[begun[1] :] if isinstance(update, Piece)]
    other = Subject(subject.model, study.blank, ids_of(list(pieces)), subject.positions)
    assert torch.allclose(other.plain, torch.tensor([one for piece in pieces for one in piece.logprobs]), atol=1e-4)
    assert untouched(subject.model)


def test_a_patch_is_read_and_an_answer_scored(make: Make, run: Callable[..., list[Update]], models: Models) -> None:
    study = make("gemma3", Read((50, 60), 3), Score(((70, 80, 90),)))
    updates = run(study)
    assert kinds(updates) == [Ready, ReadAs, Scored, Over]
    read, scored = (update for update in updates if isinstance(update, ReadAs | Scored))
    assert isinstance(read, ReadAs)
    assert (read.cell, len(read.layers)) == (3, 4)
    assert isinstance(scored, Scored)
    subject = Subject(model_of(models, study), study.inputs, (70, 80, 90), torch.tensor(study.positions))
    assert scored.logprobs == pytest.approx(subject.plain.tolist(), abs=1e-5)


def test_boxes_that_no_family_knows_are_measured_first(make: Make, run: Callable[..., list[Update]]) -> None:
    study = make("paligemma", Look(("windows",), 0))
    known, measured = run(study), run(replace(study, layout=None))
    assert kinds(measured) == [Ready, Laid, *kinds(known)[1:]]
    (laid,) = (update for update in measured if isinstance(update, Laid))
    assert laid.layout.source == MEASURED
    assert laid.layout.positions == study.positions
    assert laid.layout.boxed
    assert ids_of(measured) == ids_of(known)


def test_a_study_that_fails_leaves_the_others(
    make: Make, processors: Processors, models: Models, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoint("idefics3", 5), tmp_path / "damaged")
    damaged = make("idefics3", Look(("attention",), 0), folder=folder)
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
    unknown = make("llava", Explain((50,), "saliency"))
    token = make("llava", Explain((50,), "relevance", 7))
    empty = make("gemma3", Score(((),)))
    whole = make("gemma3", Score(((50,),)))
    updates = list(LensWork(processors).run(models, (damaged, unknown, token, empty, whole)))
    numbers = [number for number, _ in updates]
    assert numbers == sorted(numbers)
    last = [[update for number, update in updates if number == which][-1] for which in range(5)]
    sentences = [update.message for update in last if isinstance(update, Failed)]
    assert len(sentences) == 4
    said = ("damaged weight file", "no method 'saliency'", "there is no token 7", "ask another question")
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))
    assert isinstance(last[4], Over)
    assert all(model.leases == 0 for model in models.cache.snapshot().models)
    assert untouched(model_of(models, unknown))


def test_an_empty_answer_is_told(make: Make, run: Callable[..., list[Update]], models: Models) -> None:
    study = make("llava", Look())
    model = model_of(models, study)
    ends = model.generation_config.eos_token_id
    first = ids_of(run(replace(study, asks=(Look((), 0),))))[0]
    model.generation_config.eos_token_id = first
    try:
        updates = run(study)
    finally:
        model.generation_config.eos_token_id = ends
    assert isinstance(updates[-1], Failed)
    assert "answered nothing" in updates[-1].message
    assert untouched(model)


@pytest.mark.parametrize("until", [Piece, Seen, Gathered, Begun])
def test_given_up_half_way_everything_is_as_it_was(
    until: type, make: Make, processors: Processors, models: Models
) -> None:
    first = make("qwen3_vl", Look(("windows",), 1))
    answer = (50, 60, 70)
    asks = (Explain(answer, "windows"), Reject(answer, (0, 1), first.blank)) if until is Begun else first.asks
    study = replace(first, asks=asks)
    going = LensWork(processors).run(models, (study, make("llava", Score(((50,),)))))
    for _, update in going:
        if isinstance(update, until):
            break
    else:
        pytest.fail(f"there was no {until.__name__}")
    assert [model.leases for model in models.cache.snapshot().models if model.leases] == [1]
    going.close()  # type: ignore[attr-defined]
    assert all(model.leases == 0 for model in models.cache.snapshot().models)
    assert untouched(model_of(models, study))


@pytest.mark.parametrize("at", [2, 6, 7])
def test_where_memory_runs_out_it_begins_again(
    at: int, make: Make, run: Callable[..., list[Update]], models: Models
) -> None:
    # Four tokens take four passes; then come the plain one, and that with the blank picture.
    study, passes = make("llava", Look(("attention", "relevance"), 0)), list[int]()
    expected = run(study)
    model = model_of(models, study)

    def exhausted(*_: object) -> None:
        passes.append(1)
        if len(passes) == at:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    hook = model.register_forward_pre_hook(exhausted)
    updates = run(study)
    hook.remove()
    assert kinds(updates).count(Restarted) == 1
    again = updates[[type(update) for update in updates].index(Restarted) + 1 :]
    assert ids_of(again) == ids_of(expected)
    assert kinds(again) == kinds(expected)
    assert untouched(model)


def test_where_memory_never_suffices_it_is_told(make: Make, run: Callable[..., list[Update]], models: Models) -> None:
    study = make("llava", Explain((50, 60), "relevance"))
    model = model_of(models, study)

    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    hook = model.register_forward_pre_hook(exhausted)
    updates = run(study)
    hook.remove()
    assert isinstance(updates[-1], Failed)
    assert "ran out of memory" in updates[-1].message
    assert untouched(model)


def test_rows_of_a_long_answer_are_sent_as_far_as_there_is_room(
    make: Make, run: Callable[..., list[Update]], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make("llava", Look((), 0))
    (whole,) = (update for update in run(study) if isinstance(update, Seen))
    monkeypatch.setattr(work, "MOST_ROWS_BYTES", 2 * whole.rows[0].nbytes + 1)
    (some,) = (update for update in run(study) if isinstance(update, Seen))
    assert np.array_equal(some.rows, whole.rows[:2])
    assert some.prior == whole.prior
    monkeypatch.setattr(work, "MOST_ROWS_BYTES", 1)
    (one,) = (update for update in run(study) if isinstance(update, Seen))
    assert len(one.rows) == 1


def test_another_models_inputs_are_told_as_such(make: Make, run: Callable[..., list[Update]]) -> None:
    study = make("llava", Look((), 0))
    ids = study.inputs["input_ids"].clone()
    ids[0, -1] = 10**6
    updates = run(replace(study, inputs={**study.inputs, "input_ids": ids}))
    assert isinstance(updates[-1], Failed)
    assert "do not fit" in updates[-1].message


def test_a_model_with_layers_that_do_not_attend_is_refused(
    make: Make, run: Callable[..., list[Update]], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make("llava", Look((), 0))
    real = work.attending_layers
    monkeypatch.setattr(work, "attending_layers", lambda model: real(model) + 1)
    updates = run(study)
    assert isinstance(updates[-1], Failed)
    assert "without attention" in updates[-1].message


def test_no_model_is_built_while_maps_are_made(
    make: Make, run: Callable[..., list[Update]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[int] = []
    real = relevancy_module.step

    def step(*arguments: object) -> torch.Tensor:
        shared.append(gate._GATE.construction._sharing)
        return real(*arguments)

    monkeypatch.setattr(relevancy_module, "step", step)
    run(make("llava", Look(("relevance",), 0)))
    assert shared
    assert min(shared) == 1
