"""Prompts are padded where their decoder expects it, pictures laid one after another, and each told from the other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from microscope.engine.batch.collate import Inputs, Parts, kind_of, lay, pad, saying, shape_of, split


def text(*ids: int, **more: list[int]) -> Inputs:
    tokens = torch.tensor([ids])
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)} | {
        name: torch.tensor([value]) for name, value in more.items()
    }


PIXELS = torch.arange(12.0).reshape(1, 3, 2, 2)


@pytest.mark.parametrize(
    ("left", "ids", "mask"),
    [
        (True, [[9, 9, 5], [6, 7, 8]], [[0, 0, 1], [1, 1, 1]]),
        (False, [[5, 9, 9], [6, 7, 8]], [[1, 0, 0], [1, 1, 1]]),
    ],
)
def test_prompts_are_padded_on_one_side(left: bool, ids: list[list[int]], mask: list[list[int]]) -> None:  # noqa: FBT001
    padded = pad([text(5), text(6, 7, 8)], {"input_ids": 9}, left=left)
    assert padded["input_ids"].tolist() == ids
    # What has no value to be padded with is not attended to, and of the first kind.
    assert padded["attention_mask"].tolist() == mask
    assert {value.dtype for value in padded.values()} == {torch.int64}


@given(st.lists(st.lists(st.integers(3, 99), min_size=1, max_size=9), min_size=1, max_size=6), st.booleans())
def test_what_is_attended_to_is_the_prompts(prompts: list[list[int]], left: bool) -> None:  # noqa: FBT001
    padded = pad([text(*ids) for ids in prompts], {"input_ids": 1}, left=left)
    rows = zip(padded["input_ids"], padded["attention_mask"], strict=True)
    assert [ids[mask.bool()].tolist() for ids, mask in rows] == prompts


def test_a_question_that_is_read_twice_has_two_lengths() -> None:
    texts = [text(5, 6, qformer_input_ids=[4]), text(7, qformer_input_ids=[4, 3, 2])]
    padded = pad(texts, {"input_ids": 9}, left=True)
    assert padded["input_ids"].tolist() == [[5, 6], [9, 7]]
    assert padded["qformer_input_ids"].tolist() == [[0, 0, 4], [4, 3, 2]]


def test_what_follows_the_positions_is_the_prompts_and_all_else_the_pictures() -> None:
    inputs = text(5, 6, 7, 8) | {"pixel_values": PIXELS, "image_sizes": torch.tensor([[2, 2]])}
    parts = split(inputs)
    assert set(parts.text) == {"input_ids", "attention_mask"}
    assert set(parts.picture) == {"pixel_values", "image_sizes"}
    assert parts.length == 4


def test_a_grid_as_long_as_the_prompt_is_the_pictures_where_names_are_known() -> None:
    inputs = text(5, 6) | {"pixel_values": PIXELS, "image_sizes": torch.tensor([[2, 2]])}
    assert "image_sizes" in split(inputs).text
    assert set(split(inputs, {"pixel_values", "image_sizes"}).picture) == {"pixel_values", "image_sizes"}


def test_a_question_for_a_second_tokenizer_is_the_prompts_where_names_are_known() -> None:
    inputs = text(5, 6, qformer_input_ids=[3, 4, 5]) | {"pixel_values": PIXELS}
    assert "qformer_input_ids" in split(inputs, {"pixel_values"}).text


def test_pictures_are_laid_one_after_another() -> None:
    laid = lay([{"pixel_values": PIXELS}, {"pixel_values": PIXELS + 1}])
    assert torch.equal(laid["pixel_values"], torch.cat([PIXELS, PIXELS + 1]))


def test_what_differs_along_the_first_axis_is_of_one_kind_and_not_of_one_shape() -> None:
    short, long = ({"pixel_values": torch.zeros(patches, 4)} for patches in (6, 8))
    assert kind_of(Parts(text(1), short)) == kind_of(Parts(text(2, 3), long))
    assert shape_of(short) != shape_of(long)


@pytest.mark.parametrize(
    ("words", "picture"),
    [
        (text(1), {"pixel_values": PIXELS.half()}),
        (text(1), {"pixel_values": torch.zeros(1, 3, 2, 4)}),
        (text(1), {"pixel_values": PIXELS, "image_sizes": torch.ones(1, 2, dtype=torch.long)}),
        (text(1, token_type_ids=[0]), {"pixel_values": PIXELS}),
    ],
)
def test_another_dtype_shape_or_tensor_is_another_kind(words: Inputs, picture: Inputs) -> None:
    assert kind_of(Parts(words, picture)) != kind_of(Parts(text(1), {"pixel_values": PIXELS}))


def test_what_says_how_large_a_picture_is_is_small_and_whole() -> None:
    picture = {
        "pixel_values": torch.zeros(1, 3, 2, 2),
        "image_grid_thw": torch.ones(1, 3, dtype=torch.long),
        "pixel_attention_mask": torch.ones(1, 1, 64, 64, dtype=torch.long),
    }
    assert set(saying(picture)) == {"image_grid_thw"}
