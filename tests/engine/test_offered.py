"""What is offered is replaced as a whole, at once for everybody, and what is under way ends as it began."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine.offered import Offered
from microscope.records import AnswerRequest, GenerationSettings, State
from tests.engine.test_answers import answerer_of
from tests.families import picture, spec_of

ONE = ModelSpec("one", "One", "lab/one")


def with_label(label: str) -> Callable[[Catalog], Catalog]:
    return lambda catalog: replace(catalog, specs=tuple(replace(spec, label=label) for spec in catalog.specs))


def test_a_change_is_there_for_everybody_who_asks_afterwards() -> None:
    offered = Offered(Catalog((ONE,), preset="small"))
    before = offered.catalog
    after = offered.change(with_label("Other"))
    assert offered.catalog is after
    assert (after.specs[0].label, after.preset) == ("Other", "small")
    assert before.specs == (ONE,)


def test_a_change_that_fails_leaves_what_was_offered_and_the_next_one_goes_on() -> None:
    offered = Offered(Catalog((ONE,)))

    def fails(_: Catalog) -> Catalog:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        offered.change(fails)
    assert offered.catalog.specs == (ONE,)
    assert offered.change(with_label("Other")).specs[0].label == "Other"


def test_no_change_is_lost_where_many_come_at_once() -> None:
    offered = Offered(Catalog(()))
    start = threading.Barrier(8)

    def add(number: int) -> None:
        start.wait()
        for turn in range(50):
            spec = replace(ONE, key=f"{number}-{turn}")
            offered.change(lambda catalog, spec=spec: replace(catalog, specs=(*catalog.specs, spec)))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({spec.key for spec in offered.catalog.specs}) == 8 * 50


def test_a_child_that_was_forked_in_the_middle_of_a_change_reads_what_was_offered() -> None:
    offered = Offered(Catalog((ONE,)))
    statuses = []

    def fork(catalog: Catalog) -> Catalog:
        child = os.fork()
        if not child:
            os._exit(0 if offered.catalog.get("one") == ONE else 1)
        statuses.append(os.waitpid(child, 0)[1])
        return catalog

    offered.change(fork)
    assert statuses == [0]


def test_an_answer_in_flight_ends_on_the_checkpoint_it_began_with(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    old, new = (replace(spec_of(checkpoint("idefics3", seed)), key="run") for seed in (0, 1))
    answerer = answerer_of(tmp_path, (old,))
    request = AnswerRequest(picture(), "what is in the image ?", ("run",), GenerationSettings(max_new_tokens=8))
    under_way = answerer.stream(request)
    for event in under_way:
        if event.state is State.GENERATING:
            break
    answerer.offered.change(lambda catalog: replace(catalog, specs=(new,)))
    finished, fresh = list(under_way)[-1], list(answerer.stream(request))[-1]
    assert finished.answer is not None
    assert fresh.answer is not None
    revisions = [answerer.fetcher.fetch(spec).revision for spec in (old, new)]
    assert [finished.answer.facts.revision, fresh.answer.facts.revision] == revisions
    assert finished.answer.address != fresh.answer.address
    assert fresh.answer.computed == "now"
