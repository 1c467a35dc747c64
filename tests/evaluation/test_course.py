"""One arm's way: its addresses are those of the answers alone, and its calls keep a picture's questions together."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.engine.batch.asks import SHARED, Way
from microscope.engine.batch.desk import Desk
from microscope.errors import UserError
from microscope.evaluation.course import CALL_SECONDS, FIRST_ITEMS, MOST_PICTURES, Course, Outcome
from microscope.evaluation.items.base import ItemSet
from microscope.records import AnswerRequest
from tests.evaluation.service import SETTINGS, SPECS, Service, part_of_set, plain, service


def course_of(here: Service, items: ItemSet) -> Course:
    answerer = here.evaluator.engine.answerer
    local = answerer.fetcher.fetch(SPECS[0])
    course = Course(plain()[0], items, local, Desk(local, answerer.processors.get(local)))
    course.locate(answerer)
    return course


@pytest.fixture
def here(tmp_path: Path) -> Service:
    return service(tmp_path)


def test_addresses_are_those_that_an_answer_alone_has(here: Service) -> None:
    items = part_of_set(2)
    course = course_of(here, items)
    item = items.items[1]
    request = AnswerRequest(items.pictures.read(item.image), item.question, (SPECS[0].key,), SETTINGS)
    last = list(here.evaluator.engine.answerer.stream(request))[-1]
    assert last.answer is not None
    assert last.answer.address == course.addresses[1]
    assert course.recall(here.evaluator.engine.answerer, range(len(items.items))) == 1
    assert course.outcomes[1] == Outcome(last.answer.text, tokens=len(last.answer.tokens))


def test_a_call_has_all_questions_about_its_pictures(here: Service) -> None:
    items = part_of_set(40)
    course = course_of(here, items)
    calls = list(course.calls(range(len(items.items)), itertools.repeat(0.001)))
    assert sorted(number for call in calls for number in call) == list(range(len(items.items)))
    seen: set[str] = set()
    for call in calls:
        images = {items.items[number].image for number in call}
        assert seen.isdisjoint(images)
        seen |= images
        assert len(call) <= FIRST_ITEMS
        assert len(images) <= MOST_PICTURES


def test_slow_items_come_in_smaller_calls_and_known_ones_not_at_all(here: Service) -> None:
    items = part_of_set(10)
    course = course_of(here, items)
    course.fail(0, "no")
    slow = list(course.calls(range(len(items.items)), itertools.repeat(CALL_SECONDS / 4)))
    assert max(map(len, slow)) <= 4
    assert 0 not in itertools.chain(*slow)
    course.way = Way(SHARED)
    assert len(list(course.calls(range(len(items.items)), itertools.repeat(1e-9)))) == 1


def test_pictures_of_a_stack_are_there_once(here: Service) -> None:
    items = part_of_set(3)
    course = course_of(here, items)
    stack, kept, failed = course.stack(range(len(items.items)))
    assert (len(stack.pictures), kept, failed) == (3, list(range(len(items.items))), [])
    assert {prompt.picture for prompt in stack.prompts} == {0, 1, 2}
    assert len(items.pictures.reads) == 3


def test_equal_pictures_under_two_names_are_one(here: Service) -> None:
    items = part_of_set(1)
    name = items.items[0].image
    renamed = tuple(replace(item, image="again" if number else name) for number, item in enumerate(items.items))

    class Same:
        def read(self, _name: str) -> object:
            return items.pictures.read(name)

    both = replace(
        items, items=renamed, images={name: items.images[name], "again": items.images[name]}, pictures=Same()
    )
    course = course_of(here, both)
    assert len(course.stack(range(len(renamed)))[0].pictures) == 1
    assert course.addresses == course_of(here, items).addresses


def test_an_item_whose_prompt_cannot_be_made_fails_alone(here: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    items = part_of_set(2)
    plan = Desk.plan

    def some(desk: Desk, size: tuple[int, int], question: str, budget: int | None) -> object:
        if question == items.items[1].question:
            raise UserError("The chat template cannot be rendered.")
        return plan(desk, size, question, budget)

    monkeypatch.setattr(Desk, "plan", some)
    course = course_of(here, items)
    failed = [number for number, item in enumerate(items.items) if item.question == items.items[1].question]
    assert sorted(course.outcomes) == failed
    assert course.addresses[1] == ""
    assert course.recall(here.evaluator.engine.answerer, range(len(items.items))) == 0


def test_facts_are_of_the_first_item_whichever_was_answered_first(here: Service) -> None:
    items = part_of_set(1)
    here.run(items, plain()[:1])
    one, other = course_of(here, items), course_of(here, items)
    answerer = here.evaluator.engine.answerer
    one.recall(answerer, range(len(items.items)))
    other.recall(answerer, [len(items.items) - 1])
    other.recall(answerer, range(len(items.items)))
    assert one.facts() == other.facts()
    assert one.facts().dtype == "float32"
    assert course_of(here, items).facts().dtype == ""
