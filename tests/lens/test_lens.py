"""From a request to what is found out: once, by checkpoint, the same as the Compare tab answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi

from microscope.catalog.spec import ModelSpec
from microscope.engine.files import Fetcher
from microscope.engine.gpu import Door
from microscope.engine.pictures import read_picture
from microscope.errors import UserError
from microscope.lens import lens as lens_module
from microscope.lens.asks import Gathered
from microscope.lens.events import LensEvent
from microscope.lens.families import FAMILIES
from microscope.lens.findings import Finding
from microscope.lens.lens import Lens
from microscope.lens.selection import DRAWN, Selection, select
from microscope.records import AnswerRequest, GenerationSettings, State
from tests.families import picture, spec_of
from tests.lens.service import last, lens_of, states

ASSETS = Path(__file__).parents[2] / "assets"
SCENE = ASSETS / "evalset" / "scene-000.png"
TRAINED = ASSETS / "checkpoints" / "scenes-step-6000"
QUESTION = "where is the square?"
SETTINGS = GenerationSettings(max_new_tokens=8)


@pytest.fixture(scope="module")
def specs(checkpoint: Callable[..., Path]) -> tuple[ModelSpec, ...]:
    return (spec_of(TRAINED), spec_of(checkpoint("llava_next")))


@pytest.fixture(scope="module")
def lens(specs: tuple[ModelSpec, ...], tmp_path_factory: pytest.TempPathFactory) -> Lens:
    return lens_of(tmp_path_factory.mktemp("lens"), specs)


@pytest.fixture(scope="module")
def key() -> str:
    return TRAINED.name


@pytest.fixture(scope="module")
def request_of_all(specs: tuple[ModelSpec, ...]) -> AnswerRequest:
    return AnswerRequest(read_picture(SCENE), QUESTION, tuple(spec.key for spec in specs), SETTINGS)


@pytest.fixture(scope="module")
def looked(lens: Lens, request_of_all: AnswerRequest) -> list[LensEvent]:
    return list(lens.look(request_of_all))


@pytest.fixture
def finding(looked: list[LensEvent], key: str) -> Finding:
    found = next(event.finding for event in reversed(looked) if event.checkpoint == key)
    assert found is not None
    return found


@pytest.fixture
def alone(request_of_all: AnswerRequest, key: str) -> AnswerRequest:
    return replace(request_of_all, checkpoints=(key,))


def test_each_checkpoint_goes_from_waiting_to_done(looked: list[LensEvent], request_of_all: AnswerRequest) -> None:
    for key in request_of_all.checkpoints:
        found = states(looked, key)
        assert found[0] is State.QUEUED
        assert found[-2:] == [State.GENERATING, State.DONE]


def test_a_finding_has_the_answer_the_places_and_maps_with_badges(finding: Finding) -> None:
    tokens, cells = len(finding.answer.tokens), len(finding.layout.cells)
    assert finding.answer.text == "middle right"
    assert finding.rows.shape == (tokens, 5, 4, cells)
    assert finding.rows.dtype == np.float16
    assert len(finding.prior) == tokens
    assert finding.size == (256, 256)
    whole = [heat for heat in finding.heats if heat.token is None]
    assert {heat.method for heat in whole} == {"attention", "relevance"}
    assert all(heat.badge is not None and heat.values.shape == (cells,) for heat in finding.heats)
    assert {heat.token for heat in finding.heats} == {None, *range(tokens)}


def test_the_answer_is_that_of_the_compare_tab(lens: Lens, finding: Finding, alone: AnswerRequest) -> None:
    kept = lens.answerer.store.get(finding.address)
    assert kept is not None
    assert kept.tokens == finding.answer.tokens
    events = list(lens.answerer.stream(alone))
    assert events[-1].answer is not None
    assert events[-1].answer.computed == "store"


def test_what_was_found_out_is_not_computed_again(lens: Lens, request_of_all: AnswerRequest, looked: list) -> None:
    again = list(lens.look(request_of_all))
    assert {event.event.state for event in again} == {State.QUEUED, State.DONE}
    assert all(event.finding is not None for event in again if event.over)
    assert [event.over for event in lens.look(request_of_all, compute=False)] == [True, True]


def test_what_is_not_known_is_not_computed_where_nothing_may_be(lens: Lens, alone: AnswerRequest) -> None:
    assert list(lens.look(replace(alone, question="how many objects are there?"), compute=False)) == []


def test_looking_up_what_is_known_downloads_nothing_and_says_no_failure(
    lens: Lens, alone: AnswerRequest, looked: list, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    online = replace(lens.answerer.fetcher, downloads=replace(lens.answerer.fetcher.downloads, api=HfApi()))
    lens = replace(lens, answerer=replace(lens.answerer, fetcher=online))
    fetch = Fetcher.fetch

    def told(fetcher: Fetcher, spec: ModelSpec, progress: object = None) -> object:
        asked.append("disk" if fetcher.downloads.api is None else "network")
        return fetch(fetcher, spec, progress)

    monkeypatch.setattr(Fetcher, "fetch", told)
    found = list(lens.look(replace(alone, checkpoints=("gone", key)), compute=False))
    assert [event.checkpoint for event in found] == [key]
    assert asked == ["disk"]


def test_another_run_of_the_program_finds_it(
    lens: Lens, specs: tuple[ModelSpec, ...], alone: AnswerRequest, looked: list, finding: Finding
) -> None:
    folder = lens.findings._blobs._folder.parent
    other = lens_of(folder, specs)
    found = last(other.look(alone))[alone.checkpoints[0]].finding
    assert found is not None
    assert found.answer.tokens == finding.answer.tokens
    np.testing.assert_array_equal(found.rows, finding.rows)


def test_evidence_sharpens_and_is_kept(lens: Lens, alone: AnswerRequest, looked: list, key: str) -> None:
    events = list(lens.explain(alone, "windows", None))
    done = [
        heat.done
        for event in events
        if event.finding is not None and (heat := event.finding.heat("windows", None)) is not None
    ]
    assert done == sorted(done)
    assert done[0] < done[-1] == 128
    kept = lens.findings.get(events[-1].finding.address)
    assert kept is not None
    assert kept.heat("windows", None).badge is not None
    assert len(kept.heats) == len(events[-1].finding.heats)
    assert [event.over for event in lens.explain(alone, "windows", None)][-1]
    assert states(list(lens.explain(alone, "windows", None)), key) == [State.QUEUED, State.GENERATING, State.DONE]


def test_a_token_beyond_the_answer_is_nothing_to_explain(lens: Lens, alone: AnswerRequest, looked: list) -> None:
    events = list(lens.explain(alone, "relevance", 7))
    assert events[-1].event.state is State.DONE
    assert events[-1].finding.heat("relevance", 7) is None


def test_an_unknown_method_fails_with_a_sentence(lens: Lens, alone: AnswerRequest, looked: list) -> None:
    events = list(lens.explain(alone, "phrenology", None))
    assert events[-1].event.state is State.FAILED
    assert "phrenology" in events[-1].event.message


def test_explaining_looks_first_where_nothing_is_known(lens: Lens, alone: AnswerRequest, key: str) -> None:
    fresh = replace(alone, question="what color is the square?")
    event = last(lens.explain(fresh, "gradient", None))[key]
    assert event.event.state is State.DONE
    assert event.finding.heat("gradient", None) is not None


def test_without_the_patches_that_matter_the_answer_changes(
    lens: Lens, alone: AnswerRequest, finding: Finding, key: str
) -> None:
    cells = enumerate(finding.layout.cells)
    square = [number for number, cell in cells if cell.box.left >= 0.6 and 0.2 <= cell.box.top < 0.7]
    best = select(finding.layout, set(finding.layout.boxed) - set(square), DRAWN.key)
    others = select(finding.layout, square, DRAWN.key)
    kept = last(lens.reject(alone, lambda _: best))[key].change
    lost = last(lens.reject(alone, lambda _: others))[key].change
    assert kept.before == lost.before > 0.9
    assert kept.text == finding.answer.text
    assert [token.text for token in kept.tokens] == [token.text for token in finding.answer.tokens]
    assert lost.after < 0.5 * lost.before < kept.after
    assert lost.text != finding.answer.text
    assert kept.rejected == best.rejected
    assert kept.pixels_text
    assert 0 < kept.pixels_after <= 1


def test_a_patch_reads_as_words_at_each_layer(lens: Lens, alone: AnswerRequest, looked: list, key: str) -> None:
    readout = last(lens.read(alone, 9))[key].readout
    assert readout.cell == 9
    assert len(readout.layers) == 6
    for layer in readout.layers:
        shares = [share for _, share in layer]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
    wrong = last(lens.read(alone, 64))[key]
    assert wrong.event.state is State.FAILED
    assert "64" in wrong.event.message


def test_the_right_answer_scores_above_a_wrong_one(lens: Lens, alone: AnswerRequest, looked: list, key: str) -> None:
    right = last(lens.score(alone, "middle right"))[key].score
    wrong = last(lens.score(alone, "top left"))[key].score
    assert sum(right) > sum(wrong) + 1
    refused = last(lens.score(alone, "  "))[key]
    assert "reference answer is empty" in refused.event.message


def test_one_that_fails_leaves_the_others(lens: Lens, alone: AnswerRequest, key: str) -> None:
    both = replace(alone, checkpoints=("gone", key))
    found = last(lens.look(both))
    assert found["gone"].event.state is State.FAILED
    assert "not in the catalogue" in found["gone"].event.message
    assert found[key].event.state is State.DONE


def test_an_encoder_decoder_is_looked_into(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint("florence2"), tmp_path / "florence2")
    # Untrained, it repeats the token that it begins with, which would end the answer.
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": 9}))
    lens = lens_of(tmp_path, (spec_of(folder),))
    asked = AnswerRequest(picture(90, 70), "what is in the image ?", ("florence2",), SETTINGS)
    found = last(lens.look(asked))["florence2"]
    assert found.event.state is State.DONE, found.event.message
    assert found.finding.layout.cells[0].box is None
    assert found.finding.rows.shape == (8, 2, 4, 5)
    change = last(lens.reject(asked, lambda _: Selection("drawn", (1, 2))))["florence2"].change
    assert change.rejected == (1, 2)
    assert change.after != change.before


def test_an_architecture_that_no_family_knows_has_measured_boxes(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    known = next(family for family in FAMILIES if "llava" in family.model_types)
    others = tuple(family for family in FAMILIES if family is not known)
    monkeypatch.setattr("microscope.lens.layout.FAMILIES", others)
    lens = lens_of(tmp_path, (spec_of(checkpoint("llava")),))
    asked = AnswerRequest(picture(100, 100), "what is in the image ?", lens_keys(lens), SETTINGS)
    found = last(lens.look(asked))[asked.checkpoints[0]]
    assert found.event.state is State.DONE, found.event.message
    assert found.finding.layout.source == "measured"
    assert len(found.finding.layout.boxed) > 50
    assert last(lens.look(asked))[asked.checkpoints[0]].finding.layout.source == "measured"
    evidence = last(lens.explain(asked, "windows", None, 16))[asked.checkpoints[0]]
    assert evidence.finding.heat("windows", None).total == 16


def test_closing_half_way_gives_the_model_back(lens: Lens, alone: AnswerRequest, key: str) -> None:
    asked = replace(alone, question="is there a square?")
    events: Iterator[LensEvent] = lens.look(asked)
    for event in events:
        if event.event.state is State.GENERATING:
            break
    events.close()
    model = lens.answerer.models.cache.get(lens.answerer.models.key(lens.answerer.fetcher.fetch(_spec(lens, key))))
    assert model.model.config.get_text_config()._attn_implementation == "sdpa"
    assert last(lens.look(asked))[key].event.state is State.DONE


def lens_keys(lens: Lens) -> tuple[str, ...]:
    return tuple(spec.key for spec in lens.answerer.catalog.specs)


def _spec(lens: Lens, key: str) -> ModelSpec:
    spec = lens.answerer.catalog.get(key)
    assert spec is not None
    return spec


def test_stop_keeps_what_is_there(lens: Lens, alone: AnswerRequest, key: str) -> None:
    asked = replace(alone, question="which color does the square have?")
    events = lens.look(asked)
    for event in events:
        if event.finding is not None and event.finding.heats:
            break
    events.close()
    found = list(lens.look(asked, compute=False))
    assert [one.event.state for one in found] == [State.DONE]
    assert len(found[0].finding.heats) >= 1
    assert lens.answerer.store.get(found[0].finding.address) is not None


def test_evidence_that_was_stopped_is_kept_and_gathered_anew_when_it_is_asked_again(
    lens: Lens, alone: AnswerRequest, looked: list, key: str
) -> None:
    events = lens.explain(alone, "rise", None)
    for event in events:
        if event.finding is not None and event.finding.heat("rise", None) is not None:
            break
    events.close()
    partial = lens.findings.get(event.finding.address).heat("rise", None)
    assert 0 < partial.done < partial.total
    assert partial.badge is None
    whole = last(lens.explain(alone, "rise", None))[key].finding.heat("rise", None)
    assert whole.done == whole.total
    assert whole.badge is not None


def test_a_reference_is_scored_as_the_checkpoint_writes_it(lens: Lens, alone: AnswerRequest, looked: list) -> None:
    spec = lens.answerer.catalog.get("llava_next-0")
    assert spec is not None
    other = replace(alone, checkpoints=(spec.key,))
    finding = last(lens.look(other))[spec.key].finding
    own = last(lens.score(other, finding.answer.text))[spec.key].score
    assert own == pytest.approx([token.logprob for token in finding.answer.tokens], abs=1e-3)
    ways = {text: last(lens.score(other, text))[spec.key].score for text in ("red", " red")}
    assert ways["red"] == ways[" red"], "the likelier of both ways to write it"


def test_a_look_teaches_how_long_the_next_one_takes(lens: Lens, alone: AnswerRequest, key: str) -> None:
    pace = lens.answerer.pace
    pace._passes.pop(key, None)
    assert last(lens.look(replace(alone, question="what is at the center?")))[key].event.state is State.DONE
    assert 0 < pace._passes[key] < 1


def test_a_look_that_failed_is_told_once_and_with_its_own_sentence(lens: Lens, alone: AnswerRequest, key: str) -> None:
    both = replace(alone, checkpoints=("gone", key), question="is there a red square?")
    events = [event for event in lens.explain(both, "gradient", None) if event.checkpoint == "gone"]
    assert [event.event.state for event in events] == [State.QUEUED, State.FAILED]
    assert "not in the catalogue" in events[-1].event.message


def test_a_refusal_of_the_whole_call_keeps_what_was_found_before(
    lens: Lens, alone: AnswerRequest, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Door.run

    def cut_off(door: Door, name: str, payload: object) -> Iterator[object]:
        for number, update in real(door, name, payload):
            yield number, update
            if isinstance(update, Gathered):
                raise UserError("the time is over")

    monkeypatch.setattr(Door, "run", cut_off)
    asked = replace(alone, question="do you see a red square?")
    event = last(lens.look(asked))[key]
    assert event.event.message == "the time is over"
    monkeypatch.undo()
    (known,) = lens.look(asked, compute=False)
    assert [heat.method for heat in known.finding.heats] == ["attention"]


def test_a_picture_is_prepared_once_for_a_look_and_what_is_asked_then(
    lens: Lens, alone: AnswerRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[object] = []
    real = lens_module.prepare

    def prepare(*arguments: object) -> object:
        prepared.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(lens_module, "prepare", prepare)
    last(lens.explain(replace(alone, question="find the square."), "gradient", None))
    # As it is, and blank.
    assert len(prepared) == 2
