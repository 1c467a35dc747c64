"""The tab's actions over the embedded checkpoints: checks, shipped answers, stopping, links, the visit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from microscope.engine.pictures import read_picture
from microscope.errors import UserError
from microscope.records import AnswerRequest, GenerationSettings
from microscope.storage.example_answers import ExampleAnswers
from microscope.ui import text
from microscope.ui.compare.actions import Actions, Visit
from microscope.ui.compare.columns import Columns
from microscope.ui.compare.link import Link, from_query
from tests.ui.compare.samples import comparison, failure, outcome, picture

SHORT = GenerationSettings(max_new_tokens=4)
LONG = GenerationSettings(max_new_tokens=1024, temperature=2.0, seed=3)


def of_example(actions: Actions, keys: list[str], number: int = 0) -> AnswerRequest:
    """Return the request that an example stands for."""
    example = actions.examples[number]
    return actions.request(str(actions.example_folder / example.file), example.question, keys, actions.defaults())


def done(steps: Iterator[tuple[Columns, Visit]]) -> tuple[Columns, Visit]:
    """Return the last of what a comparison yields."""
    return list(steps)[-1]


def test_what_is_asked_is_read_trimmed_and_put_in_catalogue_order(
    actions: Actions, keys: list[str], own_image: Path
) -> None:
    asked = actions.request(str(own_image), "  What?\n", [keys[2], keys[0]], SHORT)
    assert asked == AnswerRequest(read_picture(own_image), "What?", (keys[0], keys[2]), SHORT)


@pytest.mark.parametrize(
    ("image", "question", "sentence"),
    [
        (None, "What?", "There is no image yet"),
        ("/nowhere/image.png", "What?", "The image is no longer there"),
        ("", " ", "There is no image yet"),
        ("own", " ", "There is no question yet"),
    ],
)
def test_the_first_thing_wrong_is_said(
    actions: Actions, keys: list[str], own_image: Path, image: str | None, question: str, sentence: str
) -> None:
    with pytest.raises(UserError, match=f"^{sentence}"):
        actions.request(str(own_image) if image == "own" else image, question, keys, SHORT)


def test_checkpoints_are_one_to_four_of_the_catalogue(actions: Actions, keys: list[str]) -> None:
    with pytest.raises(UserError) as none:
        actions.check_keys([])
    assert str(none.value) == text.NO_CHECKPOINT
    with pytest.raises(UserError, match=rf"^There is no checkpoint 'nothing' .*: {', '.join(keys)}\.$"):
        actions.check_keys([keys[0], "nothing"])
    assert actions.check_keys([keys[0], keys[0]]) == (keys[0],)


def test_five_checkpoints_are_too_many(actions: Actions) -> None:
    catalog = actions.engine.catalog
    five = tuple(replace(catalog.specs[0], key=f"step-{number}") for number in range(5))
    wide = replace(actions, engine=actions.engine.offering(replace(catalog, specs=five)))
    with pytest.raises(UserError) as raised:
        wide.check_keys([spec.key for spec in five])
    assert str(raised.value) == text.TOO_MANY.format(count=5)


def test_every_example_ships_with_the_answers_of_every_checkpoint_as_it_is_now(
    actions: Actions, keys: list[str]
) -> None:
    for number, example in enumerate(actions.examples):
        shown, path, columns, visit = actions.show_example(number, keys, Visit())
        assert (shown, Path(path).name) == (example, example.file)
        assert [column.key for column in columns] == keys
        assert {column.answer.computed for column in columns if column.answer} == {"example"}
        assert visit.current is not None
        assert visit.current.example == example.id
    assert actions.engine.models.cache.snapshot().models == ()


def test_an_example_in_part_unanswered_shows_no_columns_and_changes_no_visit(
    actions: Actions, keys: list[str]
) -> None:
    bare = replace(actions, example_answers=ExampleAnswers())
    assert bare.show_example(0, keys, Visit())[2:] == ((), Visit())


def test_a_shipped_answer_is_given_for_exactly_its_inputs(actions: Actions, keys: list[str], own_image: Path) -> None:
    asked = of_example(actions, keys)
    assert list(actions.shipped(asked)) == keys
    others = (
        replace(asked, question="Another question?"),
        replace(asked, settings=replace(asked.settings, seed=1)),
        replace(asked, settings=replace(asked.settings, max_new_tokens=4)),
        replace(asked, picture=read_picture(own_image)),
        replace(asked, checkpoints=("nothing",)),
    )
    assert [actions.shipped(other) for other in others] == [{}] * 5


def test_a_shipped_answer_of_another_revision_is_not_given(actions: Actions, keys: list[str]) -> None:
    asked = of_example(actions, keys[:2])
    first, second = actions.shipped(asked).values()
    facts = replace(second.answer.facts, revision="sha256:000000000000")
    stale = replace(second, answer=replace(second.answer, facts=facts))
    found = replace(actions, example_answers=ExampleAnswers((first, stale))).shipped(asked)
    assert list(found) == [keys[0]]


def test_a_comparison_fills_its_columns_and_becomes_the_newest_of_the_visit(
    actions: Actions, keys: list[str], own_image: Path
) -> None:
    asked = actions.request(str(own_image), "Describe the image.", keys[:2], SHORT)
    steps = list(actions.compare("visitor", asked, Visit()))
    assert all(visit == Visit() for _, visit in steps[:-1])
    assert {"generating", "done"} <= {column.state for columns, _ in steps for column in columns}
    columns, first = steps[-1]
    assert [(column.key, column.state) for column in columns] == [(key, "done") for key in keys[:2]]
    assert first.current is not None
    assert (first.current.example, first.current.settings) == (None, SHORT)
    assert [one.answer for one in first.current.outcomes] == [column.answer for column in columns]
    _, second = done(actions.compare("visitor", replace(asked, question="Where?"), first))
    assert [one.question for one in second.history.comparisons] == ["Where?", "Describe the image."]


def test_shipped_and_computed_answers_stand_side_by_side(actions: Actions, keys: list[str]) -> None:
    asked = of_example(actions, keys[:2])
    entry = actions.shipped(asked)[keys[1]]
    columns, _ = done(replace(actions, example_answers=ExampleAnswers((entry,))).compare("v", asked, Visit()))
    answers = [column.answer for column in columns]
    assert [one.computed for one in answers if one] == ["now", "example"]


def test_stop_keeps_what_was_written_and_does_not_stop_the_next(
    actions: Actions, keys: list[str], own_image: Path
) -> None:
    asked = actions.request(str(own_image), "Describe the image.", keys[:2], LONG)
    steps = actions.compare("visitor", asked, Visit())
    columns = next(columns for columns, _ in steps if columns[0].state == "generating")
    actions.stops.press("another visitor")
    actions.stops.press("visitor")
    columns, visit = done(steps)
    assert columns[1].state == "stopped"
    assert all(column.finished for column in columns)
    assert visit.current is not None
    assert visit.current.outcomes[1].message.startswith(text.STOPPED)
    columns, _ = done(actions.compare("visitor", replace(asked, settings=SHORT), Visit()))
    assert [column.state for column in columns] == ["done", "done"]


def test_a_visitor_who_leaves_lets_the_next_one_in(actions: Actions, keys: list[str], own_image: Path) -> None:
    asked = actions.request(str(own_image), "Leave?", keys[:1], LONG)
    steps = actions.compare("visitor", asked, Visit())
    next(columns for columns, _ in steps if columns[0].state == "generating")
    steps.close()
    columns, _ = done(actions.compare("next visitor", replace(asked, settings=SHORT), Visit()))
    assert columns[0].state == "done"


def test_others_are_the_next_ones_after_the_last_chosen(actions: Actions, keys: list[str]) -> None:
    assert actions.others(keys[:1]) == keys[1:]
    assert actions.others([keys[-1]]) == keys[:-1]
    assert actions.others([]) == keys[:4]
    with pytest.raises(UserError) as raised:
        actions.others(keys)
    assert str(raised.value) == text.NO_OTHERS


def test_the_cost_names_device_and_queue(actions: Actions, keys: list[str]) -> None:
    said = actions.cost(keys, SHORT, 2)
    assert said.startswith("About ")
    assert said.endswith(" on cpu. 2 visitors are ahead of you.")
    assert actions.cost([], SHORT, 0) == text.NO_CHECKPOINT


def test_a_link_names_the_example_or_the_share(actions: Actions) -> None:
    made = comparison(outcome("a", "x"), failure("b", "y"))
    query = dict(parse_qsl(actions.link(made, None)))
    assert from_query(query) == Link(made.question, ("a", "b"), made.settings, example="count")
    shared = dict(parse_qsl(actions.link(replace(made, example=None), "s" * 22)))
    assert from_query(shared) == Link(made.question, ("a", "b"), made.settings, share="s" * 22)


def test_a_linked_image_is_the_example_or_what_was_kept(actions: Actions) -> None:
    example = actions.examples[1]
    assert actions.linked_image(Link(example=example.id)) == read_picture(actions.example_folder / example.file)
    assert actions.linked_image(Link(share=actions.shares.put(picture()))) == picture()


@pytest.mark.parametrize("link", [Link(), Link(example="nothing"), Link(share="s" * 22)])
def test_an_image_that_is_gone_is_said(actions: Actions, link: Link) -> None:
    with pytest.raises(UserError) as raised:
        actions.linked_image(link)
    assert str(raised.value) == text.LINK_GONE


def test_a_link_recalls_what_is_known_and_generates_nothing(
    actions: Actions, keys: list[str], own_image: Path
) -> None:
    asked = actions.request(str(own_image), "Recall this?", keys[:2], SHORT)
    link = Link(asked.question, (*asked.checkpoints, "gone"), SHORT)
    assert actions.recall(asked.picture, link) == ((), Visit())
    computed, _ = done(actions.compare("v", asked, Visit()))
    columns, visit = actions.recall(asked.picture, link)
    assert [column.answer.computed for column in columns if column.answer] == ["store", "store"]
    assert [column.text for column in columns] == [column.text for column in computed]
    assert visit.current is not None
    assert actions.recall(asked.picture, replace(link, checkpoints=("gone",))) == ((), Visit())
