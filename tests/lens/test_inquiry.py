"""One whole question to the lens: map, rule, and the answer without the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from microscope.errors import UserError
from microscope.lens.findings import Heat
from microscope.lens.inquiry import Inquiry, inquire, selection
from microscope.lens.lens import Lens
from microscope.records import AnswerRequest, GenerationSettings, State
from tests.families import picture, spec_of
from tests.lens.service import last, lens_of

SETTINGS = GenerationSettings(max_new_tokens=4)


@pytest.fixture(scope="module")
def lens(checkpoint: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Lens:
    specs = (spec_of(checkpoint("llava")), spec_of(checkpoint("qwen2_5_vl")))
    return lens_of(tmp_path_factory.mktemp("inquiry"), specs)


@pytest.fixture
def asked(lens: Lens) -> AnswerRequest:
    keys = tuple(spec.key for spec in lens.answerer.catalog.specs)
    return AnswerRequest(picture(64, 64), "what is in the image ?", keys, SETTINGS)


def test_a_map_alone_ends_with_the_map(lens: Lens, asked: AnswerRequest) -> None:
    found = last(inquire(lens, asked, Inquiry("gradient", token=1)))
    for event in found.values():
        assert event.finding.heat("gradient", 1) is not None
        assert event.change is None


def test_keeping_a_share_ends_with_the_answer_without_the_rest(lens: Lens, asked: AnswerRequest) -> None:
    events = list(inquire(lens, asked, Inquiry(keep=0.25)))
    found = last(iter(events))
    for key, event in found.items():
        assert sum(one.over for one in events if one.checkpoint == key) == 1
        cells = event.finding.layout.boxed
        assert len(event.change.rejected) == len(cells) - -(-len(cells) // 4)


def test_both_looks_are_at_what_was_offered_when_the_first_began(lens: Lens, asked: AnswerRequest) -> None:
    own = replace(lens, answerer=lens.answerer.offering(lens.answerer.catalog))
    events = inquire(own, replace(asked, question="is it red ?"), Inquiry(keep=0.25))
    first = next(events)
    own.answerer.offered.change(lambda catalog: replace(catalog, specs=()))
    found = last(chain([first], events))
    assert set(found) == set(asked.checkpoints)
    assert all(event.change is not None for event in found.values())


def test_each_rule_keeps_what_it_says(lens: Lens, asked: AnswerRequest) -> None:
    finding = last(inquire(lens, asked, Inquiry()))[asked.checkpoints[0]].finding
    values = np.arange(len(finding.layout.cells), dtype=np.float32)
    finding = replace(finding, heats=(Heat("relevance", None, values),), vision=-values)
    count = len(values) // 2
    by_map = selection(finding, Inquiry(keep=0.5, rule="map"))
    by_vision = selection(finding, Inquiry(keep=0.5, rule="vision"))
    assert by_map.rejected == tuple(range(count))
    assert by_vision.rejected == tuple(range(count, 2 * count))
    one, other = (selection(finding, Inquiry(keep=0.5, rule="random", seed=seed)) for seed in (1, 2))
    assert one != other
    assert one == selection(finding, Inquiry(keep=0.5, rule="random", seed=1))


def test_a_tower_that_does_not_tell_is_refused_with_another_rule(lens: Lens, asked: AnswerRequest) -> None:
    qwen = replace(asked, checkpoints=asked.checkpoints[1:])
    finding = last(inquire(lens, qwen, Inquiry()))[qwen.checkpoints[0]].finding
    assert finding.vision is None
    with pytest.raises(UserError, match="another rule, such as map"):
        selection(finding, Inquiry(keep=0.5, rule="vision"))


def test_a_rule_that_one_cannot_follow_leaves_the_others(lens: Lens, asked: AnswerRequest) -> None:
    found = last(inquire(lens, asked, Inquiry(keep=0.5, rule="vision")))
    first, second = (found[key] for key in asked.checkpoints)
    assert first.event.state is State.DONE
    assert first.change is not None
    assert second.event.state is State.FAILED
    assert "another rule" in second.event.message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "tea leaves"}, "no method 'tea leaves'"),
        ({"rule": "drawn"}, "no rule 'drawn'"),
        ({"keep": 1.5}, "A share of 1.5"),
        ({"token": -2}, "no token -2"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(wrong: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Inquiry(**wrong)
