"""What the tab does: sets that are read, runs that are checked, bounded, followed and stopped, and items opened."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.results import Results
from microscope.ui.evaluate import actions as module
from microscope.ui.evaluate import words
from microscope.ui.evaluate.actions import Asked, EvaluateActions, factor_hint, options
from microscope.ui.evaluate.choices import Source, read_choices
from microscope.ui.evaluate.view import Shown
from tests.ui.evaluate.conftest import EVALSET
from tests.ui.evaluate.samples import FakeEvaluator, ignore, item_set, results_of

Chosen = Callable[..., list]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a file with two good rows, with their pictures named by path and no others."""
    path = tmp_path / "mine.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["photo", "ask", "truth"])
        writer.writerow([str(EVALSET / "scene-000.png"), "what is it?", "five"])
    return path


def test_the_shipped_set_is_read_once_and_whole(actions: EvaluateActions) -> None:
    items = actions.read(Source(), None, ignore)
    assert items is actions.shipped
    assert (len(items.items), len(items.images), items.problems) == (750, 150, ())


def test_an_uploaded_file_is_previewed_and_read_with_its_progress(actions: EvaluateActions, tmp_path: Path) -> None:
    rows = "\n".join(f'{{"image": "scene-{number:03}.png", "question": "q?", "answers": "a"}}' for number in range(3))
    for number in range(3):
        (tmp_path / f"scene-{number:03}.png").write_bytes((EVALSET / f"scene-{number:03}.png").read_bytes())
    path = tmp_path / "items.jsonl"
    path.write_text(rows)
    source = Source(words.UPLOAD, str(path))
    assert actions.preview(source).columns == ("image", "question", "answers")
    *_, items = actions.reading(source, None)
    assert not isinstance(items, tuple)
    assert [item.question for item in items.items] == ["q?"] * 3
    *_, items = actions.reading(source, {"image": "image", "question": "answers", "answers": "question"})
    assert not isinstance(items, tuple)
    assert items.items[0].question == "a"


def test_a_source_that_cannot_be_read_is_a_sentence(actions: EvaluateActions, table: Path) -> None:
    with pytest.raises(UserError, match="runs offline"):
        actions.read(Source(words.HUB, hub="owner/name"), None, ignore)
    with pytest.raises(UserError, match=words.NO_FILE):
        actions.preview(Source(words.UPLOAD))
    with pytest.raises(UserError):
        list(actions.reading(Source(words.UPLOAD, str(table.with_name("gone.csv"))), None))


def test_of_the_hub_so_many_rows_are_read_and_of_a_file_all(
    actions: EvaluateActions, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(module, "read_set", lambda place, **given: asked.append({"place": place, **given}))
    actions.read(Source(words.HUB, hub="https://huggingface.co/datasets/owner/name", split="test"), None, ignore)
    actions.read(Source(words.UPLOAD, str(table)), {"image": "photo"}, ignore)
    hub, file = asked
    assert (hub["place"], hub["split"], hub["limit"], hub["columns"]) == ("owner/name", "test", words.HUB_ROWS, None)
    assert (file["place"], file["split"], file["limit"], file["columns"]) == (table, None, None, {"image": "photo"})
    assert hub["offline"] is file["offline"] is True


def test_a_run_has_an_arm_for_each_checkpoint_in_catalogue_order(
    actions: EvaluateActions, chosen: Chosen, keys: list[str]
) -> None:
    asked = actions.asked(item_set(), read_choices(chosen(checkpoints=[keys[2], keys[0]], margin=2)))
    assert [arm.key for arm in asked.arms] == [keys[0], keys[2]]
    assert {arm.settings.max_new_tokens for arm in asked.arms} == {8}
    assert asked.options.margin == pytest.approx(0.02)
    assert list(asked.labels) == [keys[0], keys[2]]


def test_an_ablation_multiplies_the_arms(actions: EvaluateActions, chosen: Chosen, keys: list[str]) -> None:
    values = chosen(first="temperature", first_levels="0, 0.7", second="budget", second_levels="0, 0.01")
    assert len(actions.arms(read_choices(values))) == 2 * 2 * 2


def test_a_run_that_stops_early_is_decided_against_what_it_is_held_against(
    actions: EvaluateActions, chosen: Chosen, keys: list[str]
) -> None:
    values = {"checkpoints": keys, "baseline": keys[1]}
    late = actions.asked(item_set(), read_choices(chosen(**values)))
    early = actions.asked(item_set(), read_choices(chosen(**values, early=True)))
    assert [arm.key for arm in late.arms] == keys
    assert [arm.key for arm in early.arms] == [keys[1], keys[0], keys[2]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"checkpoints": []}, words.NO_CHECKPOINT),
        ({"checkpoints": ["nothing"]}, "'nothing'"),
        ({"scorer": "phrenology"}, "phrenology"),
        ({"baseline": "nothing"}, "'nothing' is not among"),
        ({"first": "temperature", "first_levels": "warm, cold"}, "cannot be 'warm'"),
        ({"first": "phrenology", "first_levels": "a, b"}, "cannot be varied"),
    ],
)
def test_what_cannot_be_run_is_a_sentence(
    actions: EvaluateActions, chosen: Chosen, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        actions.asked(item_set(), read_choices(chosen(**changes)))


def test_without_a_set_or_its_items_nothing_runs(actions: EvaluateActions, chosen: Chosen) -> None:
    with pytest.raises(UserError, match="No set was read yet"):
        actions.asked(None, read_choices(chosen()))
    with pytest.raises(UserError, match="No row of this set"):
        actions.asked(replace(item_set(), items=()), read_choices(chosen()))


def test_a_visitor_may_have_so_many_answers_computed_and_the_owner_any(
    actions: EvaluateActions, evaluator: FakeEvaluator, chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 79)
    asked = actions.asked(item_set(), read_choices(chosen()))
    with pytest.raises(UserError, match="would compute 80 answers"):
        actions.admit(asked, owner=False)
    actions.admit(asked, owner=True)
    evaluator.known = 1
    actions.admit(asked, owner=False)


@pytest.fixture
def asked(actions: EvaluateActions, chosen: Chosen) -> Asked:
    """Return a run over forty items."""
    return actions.asked(item_set(), read_choices(chosen()))


def test_a_run_is_followed_to_its_end_and_what_was_seen_stays(
    actions: EvaluateActions, asked: Asked, evaluator: FakeEvaluator
) -> None:
    steps = list(actions.run("visitor", asked))
    assert [step.done for step in steps] == [0, 20, 40, 60, 80]
    assert steps[-1].over
    assert counts([step.results for step in steps]) == [0, 10, 20, 30, 40]
    ((items, arms, scorer, early),) = evaluator.asked
    assert (items, arms, scorer, early) == (asked.items, asked.arms, "exact", False)


def test_stop_ends_a_run_and_keeps_what_was_seen(
    actions: EvaluateActions, asked: Asked, evaluator: FakeEvaluator
) -> None:
    steps = actions.run("visitor", asked)
    assert [next(steps).done for _ in range(2)] == [0, 20]
    actions.stops.press("visitor")
    last = next(steps)
    assert (last.over, last.stopped_early) == (True, words.STOPPED)
    assert counts([last.results]) == [20]
    assert list(steps) == []
    assert evaluator.closed


def test_closing_a_run_closes_what_runs_it(actions: EvaluateActions, asked: Asked, evaluator: FakeEvaluator) -> None:
    steps = actions.run("visitor", asked)
    next(steps)
    steps.close()
    assert evaluator.closed
    # Nobody's Stop waits for the next run.
    actions.stops.press("visitor")
    assert next(actions.run("visitor", asked)).done == 0


def test_an_item_opens_with_its_prompt_and_at_most_four_checkpoints(
    actions: EvaluateActions, asked: Asked, keys: list[str]
) -> None:
    items = asked.items
    listed = replace(items.items[0], choices=("red", "blue"))
    shown = Shown(items, replace(results_of(items, asked.arms), items=(listed, *items.items[1:])))
    picture, question, opened, settings = actions.opened(shown, 0)
    assert picture == items.pictures.read(listed.image)
    assert question == "question 0?\nA. red\nB. blue"
    assert (opened, settings.max_new_tokens) == (keys[-2:], 8)
    for place in (-1, 40):
        with pytest.raises(UserError, match=words.NOTHING_RUN):
            actions.opened(shown, place)
    with pytest.raises(UserError, match=words.NOTHING_RUN):
        actions.opened(Shown(), 0)


def test_results_are_analysed_against_what_is_chosen(actions: EvaluateActions, asked: Asked) -> None:
    found = results_of(asked.items, asked.arms)
    shown = actions.analysed(asked.items, found, options(asked.arms[0].key, 5))
    assert shown.analysis is not None
    assert shown.analysis.options.baseline == asked.arms[0].key
    assert shown.analysis.outcome == "better"
    assert shown.slices is shown.analysis.slices


def test_no_margin_is_none() -> None:
    assert options(None, 0) == options(None, 0.0)
    assert options(None, 0).margin is None


def test_a_factor_says_what_its_levels_look_like() -> None:
    assert factor_hint("temperature")
    assert factor_hint(None) == factor_hint("nothing") == ""


def counts(found: list[Results | None]) -> list[int]:
    """Return how many items each of the results has."""
    return [0 if one is None else len(one.items) for one in found]
