"""The tab's handlers: what they make of components' values, and what they write back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from microscope.engine.pictures import read_picture
from microscope.ui import text
from microscope.ui.compare.actions import Actions, Visit
from microscope.ui.compare.controls import write_settings
from microscope.ui.compare.events import Handlers
from microscope.ui.compare.history import History
from microscope.ui.compare.link import Link, to_query
from tests.ui.compare.samples import comparison, failure, outcome, picture

Visitor = Callable[..., gr.Request]
SKIP = gr.skip()


@pytest.fixture
def handlers(actions: Actions) -> Handlers:
    return Handlers(actions, lambda: 2)


def visit_of(*outcomes: object, example: str | None = "count") -> Visit:
    """Return a visit with one comparison."""
    current = replace(comparison(*outcomes), example=example)
    return Visit(current, History().add(current))


def test_what_is_valid_is_so_on_every_field(handlers: Handlers, digit: Path, keys: list[str]) -> None:
    checked = handlers.validate(str(digit), "What?", keys, *write_settings(comparison().settings), Visit())
    assert [one["is_valid"] for one in checked] == [True] * 11


def test_what_is_missing_is_said_on_its_own_field(handlers: Handlers) -> None:
    checked = handlers.validate(None, "", [], 48)
    assert [one["is_valid"] for one in checked] == [False, False, False, True]
    assert checked[0]["message"].startswith("There is no image yet")
    assert checked[1]["message"].startswith("There is no question yet")
    assert checked[2]["message"] == text.NO_CHECKPOINT


@pytest.mark.parametrize("missing", [None, []])
def test_components_that_are_cleared_are_missing_too(handlers: Handlers, missing: list | None) -> None:
    checked = handlers.validate("", None, missing)
    assert [one["is_valid"] for one in checked] == [False] * 3


def test_run_streams_the_columns_and_turns_the_buttons(
    handlers: Handlers, visitor: Visitor, own_image: Path, keys: list[str]
) -> None:
    values = (4, 0, 1, 0, 1, 0, 0)
    steps = list(handlers.run(visitor(), str(own_image), "Stream?", keys[:1], *values, Visit()))
    *_, last = steps
    assert 'data-state="done"' in last[0]
    assert "1 of 1 answers finished." in last[1]
    assert last[2].current is not None
    assert (steps[0][3], steps[0][4]) == (gr.update(interactive=False), gr.update(interactive=True))
    assert last[3:] == handlers.idle() == (gr.update(interactive=True), gr.update(interactive=False))


def test_an_ended_comparison_gives_exports_difference_history_and_link(handlers: Handlers, visitor: Visitor) -> None:
    visit = visit_of(outcome("a", "a red seven"), failure("b", "too large"), outcome("c", "a red nine"))
    steps = handlers.finished(visit, visitor())
    first, second, difference, history, as_json, as_png, consent, link, note, repeat = next(steps)
    assert first == gr.update(choices=[("a", "a"), ("c", "c")], value="a")
    assert second["value"] == "c"
    assert "vm-del" in difference
    assert history == gr.update(choices=[(visit.history.titles()[0], 0)], value=0)
    assert json.loads(Path(as_json["value"]).read_text(encoding="utf-8"))["question"] == "What is it?"
    with Image.open(as_png["value"]) as card:
        assert card.format == "PNG"
    assert as_json["interactive"]
    assert as_png["interactive"]
    assert consent == gr.update(visible=False)
    assert link["value"].startswith("https://space.example/?question=What%20is%20it%3F&")
    assert note == ""
    assert repeat == gr.update(interactive=True)
    assert list(steps) == []
    assert not Path(as_json["value"]).exists()


def test_without_a_comparison_nothing_changes(handlers: Handlers, visitor: Visitor) -> None:
    assert list(handlers.finished(Visit(), visitor())) == [[SKIP] * 10]


def test_an_own_image_gets_its_link_by_consent_alone(handlers: Handlers, actions: Actions, visitor: Visitor) -> None:
    visit = visit_of(outcome("a", "x"), example=None)
    *_, consent, link, note, _ = next(handlers.finished(visit, visitor()))
    assert (consent["visible"], consent["value"], link["value"]) == (True, False, "")
    assert text.LINK_NEEDS_CONSENT in note
    assert handlers.share(False, visit, visitor())[0] == ""
    assert handlers.share(True, Visit(), visitor())[0] == ""
    address, said = handlers.share(True, visit, visitor())
    assert said == ""
    assert actions.shares.get(address.split("share=")[1][:22]) == picture()


def test_a_difference_needs_two_finished_answers(handlers: Handlers) -> None:
    visit = visit_of(outcome("a", "a red seven"), outcome("b", "a red nine"), failure("c", "no"))
    assert "vm-ins" in handlers.difference("a", "b", visit)
    for pair in (("a", "a"), ("a", "c"), ("a", "gone"), ("a", None), (None, None)):
        assert text.NOTHING_TO_DIFFER in handlers.difference(*pair, visit)
    assert text.NOTHING_TO_DIFFER in handlers.difference("a", "b", Visit())


def test_the_cost_is_said_and_settings_out_of_bounds_are_too(handlers: Handlers, keys: list[str]) -> None:
    values = write_settings(comparison().settings)
    assert "2 visitors are ahead of you." in handlers.cost(keys, *values)
    assert text.NO_CHECKPOINT in handlers.cost([], *values)
    assert f"{text.NEW_TOKENS} must be between 1 and 1024; it is None." in handlers.cost(keys, None, *values[1:])


def test_an_example_brings_image_question_answers_and_default_settings(
    handlers: Handlers, actions: Actions, keys: list[str]
) -> None:
    chosen = gr.SelectData(None, {"index": 1, "value": None})
    image, question, answers, _, visit, *settings = handlers.example(chosen, keys, Visit())
    example = actions.examples[1]
    assert (Path(image["value"]).name, image["alt_text"], question) == (example.file, example.alt, example.question)
    assert answers.count('data-state="done"') == len(keys)
    assert visit.current is not None
    assert tuple(settings) == write_settings(actions.defaults())


def test_a_comparison_of_the_visit_is_put_back(handlers: Handlers, keys: list[str]) -> None:
    visit = visit_of(outcome(keys[0], "x"), failure("gone", "y"))
    image, question, chosen, *settings, answers, _, again = handlers.reopen(0, visit)
    assert image.size == (4, 3)
    assert (question, chosen) == ("What is it?", keys[:1])
    assert tuple(settings) == write_settings(comparison().settings)
    assert answers.count("<section") == 2
    assert again == visit


def test_an_ordinary_visit_changes_nothing(handlers: Handlers, visitor: Visitor) -> None:
    for query in ("", "__theme=dark", "utm_source=x"):
        assert handlers.open_link(visitor(query)) == (SKIP,) * 13


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("question=What%3F&seed=<script>", "The link&#x27;s seed is &#x27;&lt;script&gt;&#x27;"),
        ("question=What%3F&models=a,a", "The link&#x27;s models is"),
        ("question=What%3F&example=nothing", text.LINK_GONE),
        ("question=What%3F&share=" + "s" * 22, text.LINK_GONE),
        ("question=What%3F", text.LINK_GONE),
    ],
)
def test_a_link_that_cannot_be_opened_is_said_and_changes_nothing(
    handlers: Handlers, visitor: Visitor, query: str, sentence: str
) -> None:
    *before, line, visit = handlers.open_link(visitor(query))
    assert before == [SKIP] * 11
    assert line.startswith(f'<p role="status">{sentence}')
    assert visit == SKIP


def test_a_link_fills_the_tab_and_shows_what_is_known(
    handlers: Handlers, actions: Actions, visitor: Visitor, keys: list[str]
) -> None:
    example = actions.examples[0]
    query = to_query(Link(example.question, (keys[0], "gone"), actions.defaults(), example=example.id))
    image, question, chosen, *settings, answers, line, visit = handlers.open_link(visitor(query))
    assert image.tobytes() == read_picture(actions.example_folder / example.file).rgb
    assert (question, chosen) == (example.question, keys[:1])
    assert tuple(settings) == write_settings(actions.defaults())
    assert answers.count('data-state="done"') == 1
    assert text.LINK_LOADED in line
    assert visit.current is not None


def test_a_checkpoint_that_fits_into_no_link_keeps_its_exports(handlers: Handlers, visitor: Visitor) -> None:
    visit = visit_of(outcome("step,500", "x"))
    assert next(handlers.finished(visit, visitor()))[4]["interactive"]


def test_choosing_checkpoints_has_their_files_read_ahead_until_the_visitor_leaves(
    handlers: Handlers, actions: Actions, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, left = [], []
    monkeypatch.setattr(actions.engine.models.prefetcher, "want", lambda who, files: asked.append((who, list(files))))
    monkeypatch.setattr(actions.engine.models.prefetcher, "forget", left.append)
    here = visitor()
    keys = [spec.key for spec in actions.engine.catalog.specs][:2]
    held = {name for model in actions.engine.models.cache.snapshot().models for name in model.names}
    handlers.warm(keys, here)
    handlers.warm([], here)
    assert asked == [(here.session_hash, [key for key in keys if key not in held]), (here.session_hash, [])]
    handlers.leave(here)
    assert left == [here.session_hash]
