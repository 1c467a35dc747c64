"""A run gives each item the answer it has alone, takes up where another ended, and leaves out nothing silently."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from microscope.engine.boundary import explain
from microscope.errors import UserError
from microscope.evaluation.ablation import arms_of
from microscope.evaluation.course import asked
from microscope.evaluation.evaluator import check_arms
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.results import Results
from microscope.records import AnswerRequest, GenerationSettings, Picture, State
from tests.evaluation.service import SETTINGS, SPECS, Service, checkpoint, part_of_set, plain, service


@pytest.fixture(scope="module")
def items() -> ItemSet:
    return part_of_set(8)


@pytest.fixture
def here(tmp_path: Path) -> Service:
    return service(tmp_path)


def results_of(here: Service, items: ItemSet, **options: bool) -> Results:
    found = here.run(items, plain(), **options).results
    assert found is not None
    return found


def test_each_item_has_the_answer_that_it_has_alone(here: Service, items: ItemSet) -> None:
    found = results_of(here, items)
    # Another store knows nothing of the run.
    alone = here.evaluator.engine.answerer
    for number in (0, 7, len(items.items) - 1):
        item = items.items[number]
        request = AnswerRequest(
            items.pictures.read(item.image), item.question, tuple(spec.key for spec in SPECS), SETTINGS
        )
        fresh = replace(alone, store=Nowhere())
        done = {event.checkpoint: event.answer for event in fresh.stream(request) if event.state is State.DONE}
        for answers in found.answers:
            answer = done[answers.arm.checkpoint]
            assert answer.computed == "now"
            assert (answers.texts[number], answers.addresses[number]) == (answer.text, answer.address)


class Nowhere:
    """A store that keeps nothing."""

    def get(self, _address: str) -> None:
        return None

    def put(self, _address: str, _answer: object) -> bool:
        return False


def test_compare_finds_what_a_run_computed(here: Service, items: ItemSet) -> None:
    results_of(here, items)
    item = items.items[3]
    request = AnswerRequest(items.pictures.read(item.image), item.question, (SPECS[0].key,), SETTINGS)
    last = list(here.evaluator.engine.answerer.stream(request))[-1]
    assert last.answer is not None
    assert last.answer.computed == "store"


def test_better_checkpoints_score_higher_and_results_line_up(here: Service, items: ItemSet) -> None:
    found = results_of(here, items)
    count = len(items.items)
    assert found.matrix.shape == (count, len(SPECS))
    assert found.matrix.mean(0)[0] < found.matrix.mean(0)[2]
    assert [item.id for item in found.items] == [item.id for item in items.items]
    assert len(found.images) == len(set(found.clusters.tolist())) == 8
    assert found.order.tolist() == list(range(count))
    assert found.total == count
    assert all(
        answers.facts.way == "in batches, what questions about a picture begin with computed once"
        for answers in found.answers
    )
    for strict, normal, lenient in zip(*found.scores, strict=True):
        assert (strict <= normal).all()
        assert (normal <= lenient).all()


def test_a_second_run_computes_nothing_and_finds_the_same(here: Service, items: ItemSet, tmp_path: Path) -> None:
    first = results_of(here, items)
    again = service(tmp_path)
    last = again.run(items, plain())
    assert again.asked == []
    assert (last.computed, last.reused) == (0, len(items.items) * len(SPECS))
    assert last.results is not None
    for one, other in zip(first.answers, last.results.answers, strict=True):
        # How it went is no part of what was found.
        assert replace(one.facts, way="") == replace(other.facts, way="")
        assert (one.texts, one.addresses, one.failures, one.cut) == (
            other.texts,
            other.addresses,
            other.failures,
            other.cut,
        )
    assert np.array_equal(first.scores, last.results.scores)


def test_a_run_that_was_stopped_goes_on_at_the_item(here: Service, items: ItemSet, tmp_path: Path) -> None:
    run = here.evaluator.run(items, plain(), "exact")
    done = 0
    for progress in run:
        done = progress.done
        if progress.done > len(items.items):
            break
    run.close()
    again = service(tmp_path)
    last = again.run(items, plain())
    assert last.reused >= done
    assert last.computed == sum(again.asked)
    assert last.reused + last.computed == len(items.items) * len(SPECS)
    # Nothing twice: what went through the doors of both is what there is, but for prompts whose batch was cut off.
    assert sum(here.asked) + sum(again.asked) <= len(items.items) * (len(SPECS) + 1)


def test_progress_only_grows_and_ends_with_everything(here: Service, items: ItemSet) -> None:
    steps = list(here.evaluator.run(items, plain(), "exact"))
    assert all(one.done <= other.done for one, other in pairwise(steps))
    assert [step.over for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1].done == steps[-1].total == len(items.items) * len(SPECS)
    assert {step.arm for step in steps} >= {spec.key for spec in SPECS}


def test_pictures_are_read_once_for_each_checkpoint(here: Service, items: ItemSet) -> None:
    items.pictures.reads.clear()
    here.run(items, plain()[:1])
    assert sorted(set(items.pictures.reads)) == sorted(items.images)
    assert len(items.pictures.reads) == len(items.images)


def test_a_checkpoint_that_cannot_be_run_leaves_the_others_and_is_named(tmp_path: Path, items: ItemSet) -> None:
    gone = replace(checkpoint(300), key="gone", label="Gone", source=str(tmp_path / "nowhere"))
    here = service(tmp_path, (gone, SPECS[2]))
    last = here.run(items, arms_of((gone, SPECS[2]), SETTINGS))
    assert last.results is not None
    assert [arm.key for arm in last.results.arms] == [SPECS[2].key]
    assert list(last.results.missing) == ["gone"]
    assert "Gone could not be evaluated" in last.message


def test_an_item_that_fails_scores_nothing_and_is_told(here: Service, items: ItemSet) -> None:
    broken = items.items[4].image

    class Some:
        def read(self, name: str) -> Picture:
            if name == broken:
                raise UserError("The image is no longer there: choose it again.")
            return items.pictures.read(name)

    last = here.run(replace(items, pictures=Some()), plain()[2:])
    assert last.results is not None
    bad = [number for number, item in enumerate(items.items) if item.image == broken]
    answers = last.results.answers[0]
    assert sorted(answers.failures) == bad
    assert all("no longer there" in sentence for sentence in answers.failures.values())
    assert not last.results.scores[:, bad].any()
    assert not last.results.parsed[bad].any()
    assert last.done == last.total


def test_nothing_to_run_and_twice_the_same_are_refused(here: Service, items: ItemSet) -> None:
    with pytest.raises(UserError, match="at least one checkpoint"):
        check_arms(())
    with pytest.raises(UserError, match="is there twice"):
        list(here.evaluator.run(items, [*plain(), plain()[0]], "exact"))
    with pytest.raises(UserError, match="exact"):
        list(here.evaluator.run(items, plain(), "exat"))


def test_an_early_stop_is_a_decision_and_the_rest_is_not_computed(tmp_path: Path) -> None:
    items = part_of_set(60)
    here = service(tmp_path, (SPECS[0], SPECS[2]))
    last = here.run(items, arms_of((SPECS[0], SPECS[2]), SETTINGS), early=True)
    assert last.results is not None
    assert "Decided after" in last.stopped_early
    assert last.results.stopped_early == last.stopped_early
    assert sum(here.asked) == 2 * len(last.results.items) < 2 * len(items.items)
    assert last.results.total == len(items.items)
    # Whole pictures, whichever came.
    per_image = {image: sum(item.image == image for item in items.items) for image in items.images}
    for image in {item.image for item in last.results.items}:
        assert sum(item.image == image for item in last.results.items) == per_image[image]


def test_checkpoints_that_agree_are_never_decided(tmp_path: Path, items: ItemSet) -> None:
    twin = replace(SPECS[2], key="twin", label="Twin")
    here = service(tmp_path, (SPECS[2], twin))
    last = here.run(items, arms_of((SPECS[2], twin), SETTINGS), early=True)
    assert not last.stopped_early
    assert last.done == last.total
    # The same weights: what one answered, the other need not.
    assert sum(here.asked) == len(items.items)


def test_sampled_answers_are_those_that_each_has_alone(tmp_path: Path, items: ItemSet) -> None:
    settings = GenerationSettings(max_new_tokens=16, temperature=1.5, seed=3)
    here = service(tmp_path)
    last = here.run(items, arms_of(SPECS[:1], settings))
    assert last.results is not None
    item = items.items[5]
    request = AnswerRequest(items.pictures.read(item.image), item.question, (SPECS[0].key,), settings)
    fresh = replace(here.evaluator.engine.answerer, store=Nowhere())
    assert last.results.answers[0].texts[5] == list(fresh.stream(request))[-1].text


def test_what_is_asked_has_its_choices_and_stands_in_the_template(items: ItemSet) -> None:
    item = replace(items.items[0], question="Which?", choices=("red", "blue"), answers=("A",))
    arm = replace(plain()[0], template="Q: {question} Answer:")
    assert asked(arm, item) == "Q: Which?\nA. red\nB. blue Answer:"
    assert asked(plain()[0], replace(item, choices=())) == "Which?"


def test_the_sentence_of_a_bug_is_not_its_text() -> None:
    assert "secret" not in explain(ValueError("secret"))
