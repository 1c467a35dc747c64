"""What is decided is written down before it is done, and done from one moment to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.spec import ModelSpec
from microscope.engine.build import Engine
from microscope.errors import UserError
from microscope.serve.hotswap.board import Board
from microscope.serve.hotswap.carrying import Carrier
from microscope.serve.hotswap.record import Record
from tests.evaluation.service import checkpoint, service
from tests.serve.hotswap.samples import decision

OLD, NEW = (replace(checkpoint(step), key="ours", label="Ours") for step in (300, 800))
OTHER = checkpoint(2000)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return service(tmp_path, (OLD, OTHER)).evaluator.engine


@pytest.fixture
def carrier(engine: Engine, tmp_path: Path) -> Carrier:
    return Carrier(engine, Record(tmp_path / "swaps"), Board())


@pytest.fixture
def load(engine: Engine) -> Callable[[ModelSpec], str]:
    """Return what loads a checkpoint's model and returns the model's key."""

    def loaded(spec: ModelSpec) -> str:
        local = engine.answerer.fetcher.fetch(spec)
        with engine.models.lease(local):
            return engine.models.key(local)

    return loaded


def held(engine: Engine) -> set[str]:
    return {model.key for model in engine.models.cache.snapshot().models}


def test_a_decision_is_recorded_first_and_shown_when_it_is_done(carrier: Carrier, tmp_path: Path) -> None:
    carrier.write(decision())
    assert Record(tmp_path / "swaps").decisions() == (decision(),)
    assert carrier.board.standing().decisions == ()
    carrier.tell(decision())
    assert Record(tmp_path / "swaps").decisions() == carrier.board.standing().decisions == (decision(),)


def test_what_cannot_be_recorded_is_not_shown_either(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    board = Board()
    with pytest.raises(UserError, match="cannot be recorded"):
        Carrier(engine, Record(tmp_path / "file"), board).write(decision())
    assert board.standing().decisions == ()


def test_one_takes_the_place_of_the_other_whose_model_goes(
    carrier: Carrier, engine: Engine, load: Callable[[ModelSpec], str]
) -> None:
    old, other = load(replace(OLD, pin=True)), load(OTHER)
    carrier.exchange(NEW)
    assert engine.catalog.specs == (NEW, OTHER)
    assert held(engine) == {other}
    assert engine.answerer.fetcher.known(NEW) is not None
    carrier.exchange(OLD)
    assert load(OLD) == old


def test_a_model_that_is_in_use_stays_until_it_is_not(carrier: Carrier, engine: Engine) -> None:
    local = engine.answerer.fetcher.fetch(OLD)
    with engine.models.lease(local):
        carrier.exchange(NEW)
        assert engine.models.holds(local)


def test_a_model_that_goes_on_under_another_name_is_not_let_go_of(
    carrier: Carrier, engine: Engine, load: Callable[[ModelSpec], str]
) -> None:
    key = load(OLD)
    again = replace(OLD, label="Ours, renamed")
    carrier.exchange(again)
    assert held(engine) == {key}
    carrier.let_go(replace(OLD, key="nobody", source="/nowhere"))
    assert held(engine) == {key}


def test_what_another_checkpoint_of_the_catalogue_uses_stays_though_its_key_begins_alike(
    carrier: Carrier, engine: Engine, load: Callable[[ModelSpec], str]
) -> None:
    beside, trial = replace(checkpoint(2000), key="ours@main"), replace(checkpoint(4000), key="ours@1234567")
    engine.offered.change(lambda catalog: replace(catalog, specs=(OLD, beside)))
    mine, kept, tried = load(OLD), load(beside), load(trial)
    assert held(engine) == {mine, kept, tried}
    carrier.let_go(OLD)
    assert held(engine) == {mine, kept}


def test_a_model_goes_with_its_checkpoint_unless_another_one_uses_it(
    carrier: Carrier, engine: Engine, load: Callable[[ModelSpec], str]
) -> None:
    trial, twin = replace(checkpoint(4000), key="ours@1234567"), replace(OTHER, key="twin")
    engine.offered.change(lambda catalog: replace(catalog, specs=(OLD, OTHER, twin)))
    load(replace(OLD, pin=True))
    load(trial)
    other = load(OTHER)
    assert load(twin) == other
    engine.offered.change(lambda catalog: replace(catalog, specs=(OTHER,)))
    for gone in (OLD, twin):
        carrier.leave(gone)
    assert held(engine) == {other}


def test_a_model_that_is_in_use_is_let_go_of_later_when_its_checkpoint_left(carrier: Carrier, engine: Engine) -> None:
    local = engine.answerer.fetcher.fetch(replace(OLD, pin=True))
    engine.offered.change(lambda catalog: replace(catalog, specs=(OTHER,)))
    with engine.models.lease(local):
        carrier.leave(OLD)
        assert engine.models.holds(local)
    assert [model.pinned for model in engine.models.cache.snapshot().models] == [False]


def test_a_new_one_enters_at_its_place(carrier: Carrier, engine: Engine) -> None:
    carrier.enter(checkpoint(800), ("ours", "scenes-step-800", "scenes-step-2000"))
    assert [spec.key for spec in engine.catalog.specs] == ["ours", "scenes-step-800", "scenes-step-2000"]
    carrier.enter(checkpoint(6000), ("ours",))
    assert engine.catalog.specs[0].key == "ours"
    assert len(engine.catalog.specs) == 4
