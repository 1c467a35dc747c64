"""What a batch is asked is plain data, which bounds itself."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from microscope.engine.batch.asks import ALONE, BATCH_TOKENS, MOST_TOGETHER, SHARED, Proved, Stack, Way
from tests.engine.batch.conftest import SETTINGS, Asking, synthetic
from tests.families import local_of


@pytest.fixture
def stack(checkpoint: Callable[..., Path]) -> Stack:
    """Return a hundred short prompts and a longer one."""
    return synthetic(local_of(checkpoint("llava")), [10] * 100 + [50], [0] * 101, [(1, 3, 8, 8)])


def test_as_many_go_at_once_as_the_longest_leaves_room_for(stack: Stack) -> None:
    assert stack.together() == MOST_TOGETHER
    assert replace(stack, prompts=stack.prompts[:5]).together() == 5
    longer = replace(stack, settings=replace(SETTINGS, max_new_tokens=BATCH_TOKENS // 10 - 50))
    assert longer.together() == 10
    assert replace(stack, settings=replace(SETTINGS, max_new_tokens=10 * BATCH_TOKENS)).together() == 1


@pytest.mark.parametrize(
    ("most", "way", "expected"),
    [
        (8, None, 8),
        (8, Way(SHARED), 8),
        (MOST_TOGETHER, Way(SHARED, most=3), 3),
        (2, Way(SHARED, most=3), 2),
        (MOST_TOGETHER, Way(ALONE), 1),
    ],
)
def test_no_more_go_at_once_than_memory_had_room_for(stack: Stack, most: int, way: Way | None, expected: int) -> None:
    assert replace(stack, most=most, way=way).together() == expected


def test_the_longest_prompt_and_the_largest_picture_decide_the_memory(stack: Stack) -> None:
    larger = replace(stack, pictures=(*stack.pictures, {"pixel_values": torch.zeros(1, 3, 16, 16)}))
    needs = larger.needs
    assert (needs.prompt_tokens, needs.image_tokens, needs.new_tokens) == (50, 2, SETTINGS.max_new_tokens)
    # What each picture's questions begin with is kept beside the batch, until it is known that it is not.
    assert (needs.pixels, needs.batch) == (3 * 16 * 16, MOST_TOGETHER + 2)
    assert replace(larger, way=Way(SHARED)).needs.batch == MOST_TOGETHER
    assert replace(larger, way=Way(ALONE)).needs.batch == 1
    # What says how large a picture is has no pixels.
    grid = replace(stack, pictures=({"image_grid_thw": torch.ones(1, 3, dtype=torch.long)},))
    assert grid.needs.pixels == 0


def test_a_prompts_inputs_are_those_of_a_processor(asking: Callable[..., Asking]) -> None:
    asked = asking("qwen2_5_vl")
    inputs = asked.stack().inputs(4)
    assert set(inputs) == {"input_ids", "attention_mask", "mm_token_type_ids", "pixel_values", "image_grid_thw"}
    assert inputs["input_ids"] is asked.prompts[4].text["input_ids"]
    assert inputs["pixel_values"] is asked.pictures[asked.prompts[4].picture]["pixel_values"]


def test_the_reason_is_the_ways(stack: Stack) -> None:
    assert Proved(Way(ALONE, why="so it is")).why == "so it is"
    assert Proved(Way(SHARED)).why == ""
    assert stack.way is None


def test_a_stack_goes_through_the_door_as_it_is(asking: Callable[..., Asking]) -> None:
    stack = asking("llava_next").stack(way=Way(SHARED, 1e-5, shrinks=True))
    copied = pickle.loads(pickle.dumps(stack))  # noqa: S301  (our own bytes)
    assert (copied.local, copied.settings, copied.way, copied.most) == (
        stack.local,
        stack.settings,
        stack.way,
        stack.most,
    )
    for number in range(len(stack.prompts)):
        inputs = stack.inputs(number)
        assert copied.inputs(number).keys() == inputs.keys()
        assert all(torch.equal(value, inputs[name]) for name, value in copied.inputs(number).items())
