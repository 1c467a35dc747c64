"""An arm's open items are answered call by call, every answer is kept before it is told of, and nothing waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.engine.using import Failed
from microscope.errors import UserError
from microscope.evaluation.calls import Answering, Told
from microscope.evaluation.course import Course
from tests.evaluation.service import SPECS, Service, part_of_set, service
from tests.evaluation.test_course import course_of


@pytest.fixture
def here(tmp_path: Path) -> Service:
    return service(tmp_path)


def answering(here: Service, course: Course) -> Answering:
    return Answering(here.evaluator.engine, None, course)


def test_what_is_told_of_is_kept(here: Service) -> None:
    course = course_of(here, part_of_set(4))
    store, settled = here.evaluator.engine.answerer.store, []
    for told in answering(here, course).steps(range(len(course.addresses)), None):
        settled += told.settled
        assert set(store.get_many(course.addresses[number] for number in told.settled)) == {
            course.addresses[number] for number in told.settled
        }
    assert sorted(settled) == list(range(len(course.addresses)))


def test_closing_keeps_what_was_answered(here: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microscope.evaluation.calls.KEEP_TOGETHER", 10**6)
    monkeypatch.setattr("microscope.evaluation.calls.KEEP_SECONDS", 10**6)
    course = course_of(here, part_of_set(6))
    steps = answering(here, course).steps(range(len(course.addresses)), None)
    answered = 0
    while not answered:
        next(steps)
        answered = len(course.outcomes)
    steps.close()
    kept = here.evaluator.engine.answerer.store.get_many(course.addresses)
    assert len(kept) == len(course.outcomes) >= answered


def test_a_call_that_is_refused_says_why_and_keeps_the_rest(here: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    course = course_of(here, part_of_set(30))
    door, calls = here.evaluator.engine.answerer.door, []
    run = type(door).run

    def refusing(self: object, name: str, payload: object) -> object:
        calls.append(name)
        if len(calls) > 1:
            yield -1, Failed("Your GPU quota for today is used up.")
            return
        yield from run(self, name, payload)

    monkeypatch.setattr(type(door), "run", refusing)
    told: list[Told] = []
    with pytest.raises(UserError, match="quota for today"):
        told.extend(answering(here, course).steps(range(len(course.addresses)), None))
    assert len(calls) == 2
    assert 0 < len(course.outcomes) < len(course.addresses)
    kept = here.evaluator.engine.answerer.store.get_many(course.addresses)
    assert len(kept) == len(course.outcomes)


def test_the_next_checkpoint_is_fetched_meanwhile(here: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher, seen = here.evaluator.engine.answerer.fetcher, threading.Event()
    fetch = type(fetcher).fetch

    def watched(self: object, spec: object, *more: object) -> object:
        if spec.key == SPECS[2].key:
            seen.set()
        return fetch(self, spec, *more)

    course = course_of(here, part_of_set(2))
    monkeypatch.setattr(type(fetcher), "fetch", watched)
    list(answering(here, course).steps(range(len(course.addresses)), SPECS[2]))
    assert seen.wait(10)


def test_a_next_checkpoint_that_is_gone_disturbs_nobody(here: Service, tmp_path: Path) -> None:
    course = course_of(here, part_of_set(1))
    gone = replace(SPECS[2], source=str(tmp_path / "nowhere"))
    list(answering(here, course).steps(range(len(course.addresses)), gone))
    assert len(course.outcomes) == len(course.addresses)


def test_what_an_item_takes_is_learned(here: Service) -> None:
    course = course_of(here, part_of_set(3))
    pace = here.evaluator.engine.pace
    list(answering(here, course).steps(range(len(course.addresses)), None))
    assert course.local.spec.key in pace._items


def test_nothing_open_calls_nobody(here: Service) -> None:
    course = course_of(here, part_of_set(2))
    for number in range(len(course.addresses)):
        course.fail(number, "no")
    list(answering(here, course).steps(range(len(course.addresses)), None))
    assert here.asked == []


@pytest.mark.parametrize("failing", [False, True])
def test_items_of_one_picture_and_question_are_answered_once(
    here: Service, monkeypatch: pytest.MonkeyPatch, *, failing: bool
) -> None:
    items = part_of_set(2)
    twice = (*items.items, *(replace(item, id=f"{item.id} again") for item in items.items))
    course = course_of(here, replace(items, items=twice))
    if failing:
        monkeypatch.setattr(type(course.desk), "prepare", refuse)
    told = list(answering(here, course).steps(range(len(twice)), None))
    half = len(items.items)
    assert sum(here.asked) == sum(one.computed for one in told) == (0 if failing else half)
    assert sum(one.reused for one in told) == half
    assert sorted(number for one in told for number in one.settled) == list(range(2 * half))
    assert all(course.outcomes[number] == course.outcomes[number + half] for number in range(half))


def refuse(*_given: object) -> None:
    raise UserError("It cannot take this picture.")


class Refusing:
    """A keeper that answers some items, and then is refused."""

    how = "nothing"

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = iter(sentences)

    def answers(self, *_given: object) -> Iterator[None]:
        yield None
        raise UserError(next(self.sentences))


def test_a_refusal_that_does_not_end_is_the_arm_s_and_no_item_s(here: Service) -> None:
    course = course_of(here, part_of_set(6))
    course.arm = replace(course.arm, keep=0.5)
    keeper = Refusing(["It is too large."] * 2 + ["Your GPU quota for today is used up."] * 100)
    told: list[Told] = []
    with pytest.raises(UserError, match="quota for today"):
        told.extend(Answering(here.evaluator.engine, keeper, course).steps(range(len(course.addresses)), None))
    assert {one.failure for one in course.outcomes.values()} == {"It is too large."}
    assert [number for one in told for number in one.settled] == [0, 1]


def test_refusals_of_some_items_are_theirs(here: Service) -> None:
    course = course_of(here, part_of_set(1))
    course.arm = replace(course.arm, keep=0.5)
    keeper = Refusing(["It is too large."] * 5)
    told = list(Answering(here.evaluator.engine, keeper, course).steps(range(5), None))
    assert sorted(number for one in told for number in one.settled) == [0, 1, 2, 3, 4]
    assert all(one.failure for one in course.outcomes.values())
