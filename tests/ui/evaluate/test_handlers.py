"""The tab's event handlers on plain values: what each shows, offers and refuses, without a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from microscope.errors import UserError
from microscope.records import Picture
from microscope.ui.evaluate import actions as actions_module
from microscope.ui.evaluate import words
from microscope.ui.evaluate.actions import EvaluateActions
from microscope.ui.evaluate.handlers import Handlers
from microscope.ui.evaluate.view import Chosen, Shown
from tests.ui.evaluate.conftest import EVALSET
from tests.ui.evaluate.samples import FakeEvaluator, anybody, arm, item_set, nobody, results_of

Values = Callable[..., list]
SKIP = gr.skip()


@pytest.fixture
def handlers(actions: EvaluateActions) -> Handlers:
    """Return the handlers of a page that nobody else waits at, for its owner."""
    return Handlers(actions, lambda: 0, anybody)


@pytest.fixture
def shown(keys: list[str]) -> Shown:
    """Return results of two checkpoints on forty items."""
    items = item_set()
    return Shown(items, results_of(items, [arm(key) for key in keys[-2:]]))


def test_a_source_shows_its_fields_and_forgets_the_last_set(handlers: Handlers) -> None:
    upload, hub, mapping, check, said, problems, chosen, scorer = handlers.source_changed(words.UPLOAD)
    assert [one["visible"] for one in (upload, hub, mapping, check, problems)] == [True, False, False, True, False]
    assert words.NO_SET in said
    assert (chosen.items, scorer) == (None, SKIP)
    *_, said, _, _, scorer = handlers.source_changed(words.SHIPPED)
    assert "750 of 750 rows used, on 150 images" in said
    assert scorer == "exact"


def test_opening_the_tab_says_what_the_shipped_set_has(handlers: Handlers) -> None:
    assert "750 of 750" in handlers.opened(words.SHIPPED)
    assert handlers.opened(words.UPLOAD) == SKIP


@pytest.fixture
def upload(tmp_path: Path) -> str:
    """Return a file with a good row and one whose picture is missing, under names that say little."""
    for number in range(2):
        name = f"scene-{number:03}.png"
        (tmp_path / name).write_bytes((EVALSET / name).read_bytes())
    rows = ["photo,ask,truth,extra", "scene-000.png,what?,five,x", "gone.png,where?,left,y", "scene-001.png,who?,z,z"]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(rows))
    return str(path)


def test_a_file_is_read_with_what_is_wrong_in_it_and_its_columns_to_choose_from(
    handlers: Handlers, upload: str
) -> None:
    first, *_ = steps = list(handlers.read_again(words.UPLOAD, upload, "", "", "photo", "ask", "truth", *[""] * 5))
    # What was read before is not run while another is read.
    assert first[0].items is None
    assert words.CHECKING in first[1]
    chosen, said, problems, scorer, mapping, *columns = steps[-1]
    assert [item.question for item in chosen.items.items] == ["what?", "who?"]
    assert "2 of 3 rows used" in said
    assert "gone.png" in said
    assert problems["visible"]
    assert Path(problems["value"]).name == "problems.csv"
    assert scorer == chosen.items.scorer
    assert mapping["visible"]
    assert [column["value"] for column in columns] == ["photo", "ask", "truth", *[""] * 5]
    assert [key for _, key in columns[0]["choices"]] == ["", "photo", "ask", "truth", "extra"]


def test_columns_that_are_not_clear_are_said_and_offered(handlers: Handlers, tmp_path: Path) -> None:
    path = tmp_path / "strange.csv"
    path.write_text("a1,b1,c1\n1,2,3\n")
    chosen, said, problems, _, mapping, *columns = list(handlers.read_fresh(words.UPLOAD, str(path), "", ""))[-1]
    assert chosen.items is None
    assert "not clear which column" in said
    assert not problems["visible"]
    assert mapping["visible"]
    assert [key for _, key in columns[0]["choices"]] == ["", "a1", "b1", "c1"]


@pytest.mark.parametrize(
    ("kind", "hub", "said"), [(words.UPLOAD, "", words.NO_FILE), (words.HUB, "nonsense", "named owner/name")]
)
def test_what_cannot_be_read_is_said_in_the_report(handlers: Handlers, kind: str, hub: str, said: str) -> None:
    last = list(handlers.read_fresh(kind, None, hub, ""))[-1]
    assert said in last[1]
    assert last[0].items is None


def test_a_scorer_and_a_factor_say_what_they_mean(handlers: Handlers) -> None:
    assert "equals a reference" in handlers.scorer_note("exact")
    assert handlers.scorer_note("nothing") == ""
    assert "0, 0.7" in handlers.factor_changed("temperature")["info"]
    assert handlers.factor_changed("")["info"] == words.LEVELS_HINT


def test_what_is_run_can_be_held_against_and_what_is_not_is_let_go(
    handlers: Handlers, chosen: Values, keys: list[str]
) -> None:
    offered = handlers.columns_changed(keys[-1], *chosen())
    assert [key for _, key in offered["choices"]] == ["", *keys[-2:]]
    assert offered["value"] == keys[-1]
    assert handlers.columns_changed(keys[0], *chosen())["value"] == ""
    assert handlers.columns_changed(keys[0], *chosen(checkpoints=[])) == SKIP


def test_the_plan_is_of_the_set_that_is_chosen_and_says_what_is_missing(
    actions: EvaluateActions, chosen: Values
) -> None:
    handlers = Handlers(actions, lambda: 2, anybody)
    assert "750 items on 150 images" in handlers.plan(words.SHIPPED, Chosen(), *chosen())
    said = handlers.plan(words.UPLOAD, Chosen(item_set()), *chosen(limit=8))
    assert "8 items on 2 images" in said
    assert "2 visitors are ahead of you." in said
    assert words.NO_SET in handlers.plan(words.UPLOAD, Chosen(), *chosen())
    assert words.NO_CHECKPOINT in handlers.plan(words.SHIPPED, Chosen(), *chosen(checkpoints=[]))


def run(handlers: Handlers, visitor: Callable[..., gr.Request], values: list) -> list[tuple[Any, ...]]:
    """Return everything that a run over forty items shows."""
    return list(handlers.run(visitor(), None, words.UPLOAD, Chosen(item_set()), *values))


def test_a_run_shows_its_progress_its_scores_and_its_items(
    handlers: Handlers, visitor: Callable[..., gr.Request], chosen: Values
) -> None:
    steps = run(handlers, visitor, chosen())
    first, *_, last = steps
    assert words.STARTING in first[0]
    assert [button["interactive"] for button in first[6:]] == [False, True]
    # What stood there is of another run.
    assert (first[2], first[3].results, first[5]) == (None, None, "")
    assert words.NO_RESULTS in first[4]
    assert any("So far, on 10 items" in step[1] for step in steps)
    progress, so_far, gallery, shown, _, _, *buttons = last
    assert words.FINISHED in progress
    assert so_far == ""
    assert gallery["mode"] == "change"
    assert len(shown.results.items) == 40
    assert [button["interactive"] for button in buttons] == [True, False]


def test_stop_ends_the_run_of_who_pressed_it(
    handlers: Handlers, visitor: Callable[..., gr.Request], chosen: Values
) -> None:
    steps = handlers.run(visitor(), None, words.UPLOAD, Chosen(item_set()), *chosen())
    next(steps)
    next(steps)
    handlers.stop(visitor())
    last = list(steps)[-1]
    assert words.STOPPED in last[0]
    assert [button["interactive"] for button in last[6:]] == [True, False]


def test_a_visitors_run_is_bounded_and_the_refusal_is_a_sentence(
    actions: EvaluateActions,
    visitor: Callable[..., gr.Request],
    chosen: Values,
    evaluator: FakeEvaluator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(actions_module, "MOST_ANSWERS", 10)
    stranger = Handlers(actions, lambda: 0, nobody)
    with pytest.raises(UserError, match="would compute 80 answers"):
        run(stranger, visitor, chosen())
    assert evaluator.asked == []


def test_results_are_drawn_against_what_is_chosen_and_again_without_a_run(
    handlers: Handlers, shown: Shown, keys: list[str]
) -> None:
    state, said, found, gallery = handlers.analyse(shown, "", 0)
    assert state.analysis.options.baseline is None
    assert "vm-verdict" in said
    assert "data-slice" in found
    assert gallery["mode"] == "change"
    state, *_ = handlers.analyse(state, keys[-1], 5)
    assert (state.analysis.options.baseline, state.analysis.options.margin) == (keys[-1], 0.05)
    state, *_ = handlers.analyse(state, "not run", None)
    assert state.analysis.options.baseline is None


def test_without_results_nothing_is_drawn(handlers: Handlers, shown: Shown) -> None:
    state, said, found, gallery = handlers.analyse(Shown(), "", 0)
    assert (state, found, gallery) == (SKIP, "", SKIP)
    assert words.NO_RESULTS in said
    assert list(handlers.files(Shown())) == list(handlers.files(shown)) == [[SKIP] * 4]


def test_the_files_are_there_while_the_update_is_taken(handlers: Handlers, shown: Shown) -> None:
    state, *_ = handlers.analyse(shown, "", 0)
    steps = handlers.files(state)
    updates = next(steps)
    assert [Path(one["value"]).exists() for one in updates] == [True] * 4
    assert list(steps) == []
    assert not Path(updates[0]["value"]).exists()


def sent(**fields: object) -> gr.EventData:
    """Return what the browser sends with an event."""
    return gr.EventData(None, fields)


def test_a_slice_opens_its_items(handlers: Handlers, shown: Shown) -> None:
    state, *_ = handlers.analyse(shown, "", 0)
    payload = handlers.pick_slice(state, sent(slice=0))
    assert payload["mode"] == "open"
    assert payload["page"]["total"] == len(state.slices[0].items)


@pytest.mark.parametrize("tab", ["compare", "lens"])
def test_an_item_opens_in_another_tab_with_its_settings(
    handlers: Handlers, shown: Shown, keys: list[str], tab: str
) -> None:
    handler = getattr(handlers, f"open_{tab}")
    tabs, image, question, checkpoints, said, tokens, *_ = handler(shown, sent(number=1))
    assert tabs.selected == tab
    assert image.size == (8, 8)
    assert (question, checkpoints, tokens) == ("question 1?", keys[-2:], 8)
    assert words.OPENED[tab] in said


def test_an_item_that_is_not_there_or_cannot_be_read_is_said_on_the_other_tab(
    handlers: Handlers, shown: Shown
) -> None:
    class Gone:
        def read(self, name: str) -> Picture:
            raise UserError(f"{name} is gone.")

    assert shown.items is not None
    gone = Shown(replace(shown.items, pictures=Gone()), shown.results)
    for state, number, sentence in ((shown, 99, "not in the results"), (gone, 0, "0.png is gone.")):
        _, image, question, keys, said, *settings = handlers.open_compare(state, sent(number=number))
        assert sentence in said
        assert {str(one) for one in (image, question, keys, *settings)} == {str(SKIP)}
