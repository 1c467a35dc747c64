"""A study knows what it needs, and its boxes only once they are known; everything that crosses the door is data."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from microscope.lens.asks import Explain, Look, Read, Reject, Score, Study
from microscope.lens.layout import MEASURED, Layout
from microscope.lens.subject import BATCH_TOKENS
from microscope.records import Box, GenerationSettings
from tests.families import local_of, picture


@pytest.fixture
def study(checkpoint: Callable[..., Path]) -> Study:
    inputs = {"input_ids": torch.zeros(1, 30, dtype=torch.long), "pixel_values": torch.zeros(1, 3, 8, 8)}
    given = inputs, inputs, (4, 5, 6), None, picture(), "what is in the image ?"
    return Study(local_of(checkpoint("llava")), *given, GenerationSettings(max_new_tokens=9), (Score(((1, 2),)),))


def test_a_study_tells_its_size(study: Study) -> None:
    needs = study.needs
    assert (needs.prompt_tokens, needs.image_tokens, needs.new_tokens, needs.pixels) == (30, 3, 9, 192)


def test_room_is_wanted_for_as_many_tokens_as_go_together(study: Study) -> None:
    assert study.needs.together == BATCH_TOKENS
    long = {**study.inputs, "input_ids": torch.zeros(1, BATCH_TOKENS + 5, dtype=torch.long)}
    assert replace(study, inputs=long).needs.together == BATCH_TOKENS + 5


def test_boxes_that_are_not_known_are_not_made_up(study: Study) -> None:
    with pytest.raises(ValueError, match="were not measured"):
        _ = study.geometry
    known = Layout((), (), Box(0, 0, 1, 1), MEASURED)
    assert replace(study, layout=known).geometry is known


def test_a_study_crosses_the_door_whole(study: Study) -> None:
    asks = (Look(), Explain((1,), "rise", 0, 8), Reject((1,), (0,), study.blank), Read((1,), 2), Score(((1,),)))
    again = pickle.loads(pickle.dumps(replace(study, asks=asks)))  # noqa: S301  (what was just pickled)
    assert again.asks[0] == Look()
    assert (again.asks[1].method, again.asks[1].steps) == ("rise", 8)
    assert torch.equal(again.asks[2].blanked["pixel_values"], study.blank["pixel_values"])
    assert (again.positions, again.local) == (study.positions, study.local)
