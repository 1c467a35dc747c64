"""What goes together is of one kind, and what proves that it may is what is likeliest to show that it may not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.engine.batch.asks import Stack, Way
from microscope.engine.batch.batches import PROOFS, batches, proof_of
from microscope.engine.files import LocalCheckpoint
from tests.engine.batch.conftest import Asking, synthetic
from tests.families import local_of

SHAPES = ((1, 3, 8, 8), (1, 3, 8, 8), (1, 3, 8, 16))
PROMPTS = st.lists(st.tuples(st.integers(4, 60), st.integers(0, 2)), min_size=1, max_size=40)


@pytest.fixture(scope="session")
def local(checkpoint: Callable[..., Path]) -> LocalCheckpoint:
    return local_of(checkpoint("llava"))


def kind(stack: Stack, number: int) -> tuple[int, ...]:
    return tuple(stack.pictures[stack.prompts[number].picture]["pixel_values"].shape[1:])


@given(prompts=PROMPTS, most=st.integers(1, 9), left=st.sets(st.integers(0, 39)))
def test_each_prompt_goes_once_with_others_of_its_kind(
    local: LocalCheckpoint, prompts: list[tuple[int, int]], most: int, left: set[int]
) -> None:
    lengths, pictures = zip(*prompts, strict=True)
    stack = replace(synthetic(local, lengths, pictures, SHAPES), most=most)
    numbers = [number for number in range(len(prompts)) if number in left]
    found = list(batches(stack, numbers))
    assert sorted(number for batch in found for number in batch) == numbers
    for batch in found:
        assert 1 <= len(batch) <= most
        assert len({kind(stack, number) for number in batch}) == 1


@given(prompts=PROMPTS, most=st.integers(1, 9))
def test_the_proof_has_the_shortest_the_longest_and_two_about_one_picture(
    local: LocalCheckpoint, prompts: list[tuple[int, int]], most: int
) -> None:
    lengths, pictures = zip(*prompts, strict=True)
    stack = replace(synthetic(local, lengths, pictures, SHAPES), most=most)
    numbers = list(range(len(prompts)))
    proof = proof_of(stack, numbers)
    assert len(set(proof)) == len(proof) <= min(PROOFS, stack.together())
    (chosen,) = {kind(stack, number) for number in proof}
    group = [number for number in numbers if kind(stack, number) == chosen]
    assert 2 * len(group) >= len(numbers), "there are two kinds: the commonest is at least half"
    assert len(proof) == min(PROOFS, stack.together(), len(group))
    long = [stack.prompts[number].length for number in group]
    if len(proof) >= min(2, len(group)):
        assert {min(long), max(long)} <= {stack.prompts[number].length for number in proof}
    about = [stack.prompts[number].picture for number in group]
    if len(proof) == PROOFS and len(set(about)) < len(about):
        asked = [stack.prompts[number].picture for number in proof]
        assert len(set(asked)) < len(asked)


def test_about_one_length_goes_together_and_alike_wordings_side_by_side(local: LocalCheckpoint) -> None:
    stack = synthetic(local, [50, 10, 51, 10, 50, 11], [0] * 6, SHAPES[:1])
    # The words of a synthetic prompt are its number.
    assert list(batches(replace(stack, most=3), range(6))) == [[1, 3, 5], [0, 2, 4]]
    alike = replace(stack, prompts=tuple(stack.prompts[number] for number in (0, 2, 0, 2, 0, 2)))
    assert list(batches(replace(alike, most=3), range(6))) == [[0, 2, 4], [1, 3, 5]]


def test_a_way_bounds_how_many_go(local: LocalCheckpoint) -> None:
    stack = synthetic(local, [10] * 8, [0] * 8, SHAPES[:1])
    assert [len(batch) for batch in batches(replace(stack, way=Way("shared", most=3)), range(8))] == [3, 3, 2]
    assert [len(batch) for batch in batches(replace(stack, way=Way("alone")), range(8))] == [1] * 8


def test_pictures_in_other_numbers_of_tiles_are_of_another_kind(asking: Callable[..., Asking]) -> None:
    stack = asking("llava_next").stack()
    tiles = {len(one["pixel_values"][0]) for one in stack.pictures}
    assert len(tiles) == 2
    for batch in batches(stack, range(len(stack.prompts))):
        assert len({len(stack.pictures[stack.prompts[number].picture]["pixel_values"][0]) for number in batch}) == 1
