"""What questions about a picture begin with is computed once, and what goes on from it answers the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from microscope.engine.batch.asks import PREFIXED, SHARED, Stack, Way
from microscope.engine.batch.batches import batches
from microscope.engine.batch.prefix import Prefixes, pad_between
from microscope.engine.batch.proof import prove
from microscope.engine.batch.work import Caller, pad_token
from tests.engine.batch.conftest import QUESTIONS, SETTINGS, Asking, asking_of
from tests.engine.conftest import Loaded
from tests.families import local_of

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Fresh = Callable[..., PreTrainedModel]
# Two about the first picture, one about each of the others.
NUMBERS = [0, len(QUESTIONS) - 1, len(QUESTIONS), 2 * len(QUESTIONS)]


@pytest.fixture
def llava(asking: Callable[..., Asking], fresh: Fresh) -> Caller:
    return Caller(fresh("llava"), asking("llava").stack())


def one_place(stack: Stack) -> list[int]:
    """Return the prompts whose pictures end where that of the first does."""
    return [n for n, prompt in enumerate(stack.prompts) if prompt.image_end == stack.prompts[0].image_end]


@pytest.mark.parametrize("family", ["llava", "idefics3", "internvl"])
def test_each_picture_is_read_once(family: str, asking: Callable[..., Asking], fresh: Fresh) -> None:
    caller = Caller(fresh(family), asking(family).stack())
    numbers = one_place(caller.stack)
    seen: list[int] = []
    caller.model.register_forward_pre_hook(
        lambda _module, _args, given: seen.append(len(given["input_ids"]) * ("pixel_values" in given)),
        with_kwargs=True,
    )
    for batch in (numbers[:2], numbers[2:], numbers):
        found = caller.call(batch, Way(PREFIXED))
        assert len(found) == len(batch)
    assert caller._prefixes is not None
    pictures = {caller.stack.prompts[number].picture for number in numbers}
    assert caller._prefixes.reads == sum(seen) == len(pictures)


def test_answers_are_those_of_each_prompt_alone(llava: Caller) -> None:
    numbers = one_place(llava.stack)
    alone = [llava.alone(number) for number in numbers]
    for one, other in zip(alone, llava.call(numbers, Way(PREFIXED, shrinks=True)), strict=True):
        assert one.ids == other.ids
        assert other.logprobs == pytest.approx(one.logprobs, abs=1e-4)


def test_a_prefix_that_changes_answers_is_given_up(llava: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Prefixes._key
    # All pictures are taken for the first one.
    monkeypatch.setattr(Prefixes, "_key", lambda self, number: (0, real(self, number)[1]))
    found = prove(llava, NUMBERS, [llava.alone(number) for number in NUMBERS])
    assert found.way.how == SHARED
    assert "going on behind a picture" in found.why


def test_what_sees_both_ways_or_has_an_encoder_is_left_alone(
    llava: Caller, asking: Callable[..., Asking], fresh: Fresh
) -> None:
    assert Prefixes.possible(llava.model, llava.stack)
    for family in ("paligemma", "gemma3", "florence2"):
        assert not Prefixes.possible(fresh(family), asking(family).stack())


def test_one_question_a_picture_is_no_gain_and_an_unknown_place_no_prefix(llava: Caller) -> None:
    single = replace(llava.stack, prompts=tuple(llava.stack.prompts[:: len(QUESTIONS)]))
    assert not Prefixes.possible(llava.model, single)
    unknown = replace(llava.stack.prompts[0], image_end=0)
    assert not Prefixes.possible(llava.model, replace(llava.stack, prompts=(unknown, *llava.stack.prompts[1:])))


def test_where_not_all_can_be_kept_questions_come_picture_by_picture(llava: Caller) -> None:
    numbers = one_place(llava.stack)
    small = Prefixes(llava.model, llava.stack, most_bytes=1)
    assert not small.scarce
    small.cache(numbers)
    assert small.scarce
    assert len(small._read) == 1
    roomy = Prefixes(llava.model, llava.stack)
    roomy.cache(numbers)
    assert not roomy.scarce
    pictures = [
        llava.stack.prompts[number].picture
        for batch in batches(replace(llava.stack, way=Way(PREFIXED, by_picture=True)), numbers)
        for number in batch
    ]
    assert pictures == sorted(pictures)


def test_what_is_dropped_is_read_again(llava: Caller) -> None:
    numbers = one_place(llava.stack)
    small = Prefixes(llava.model, llava.stack, most_bytes=1)
    first, again = small.cache(numbers), small.cache(numbers)
    assert small.reads > len({llava.stack.prompts[number].picture for number in numbers})
    for one, other in zip(first.layers, again.layers, strict=True):
        torch.testing.assert_close(one.keys, other.keys)


def test_a_batch_does_not_write_into_what_is_kept(llava: Caller) -> None:
    numbers = one_place(llava.stack)
    first = llava.call(numbers, Way(PREFIXED, shrinks=True))
    assert [one.ids for one in llava.call(numbers, Way(PREFIXED, shrinks=True))] == [one.ids for one in first]


def test_padding_stands_between_the_picture_and_the_question() -> None:
    texts = [
        {"input_ids": torch.tensor([[7, 8, 1]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)},
        {"input_ids": torch.tensor([[7, 9, 1, 2, 3]]), "attention_mask": torch.ones(1, 5, dtype=torch.long)},
    ]
    padded = pad_between(texts, 2)
    assert padded["input_ids"].tolist() == [[7, 8, 1, 1, 1], [7, 9, 1, 2, 3]]
    assert padded["attention_mask"].tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1]]


def test_positions_are_counted_on_from_each_rows_own_picture(
    checkpoint: Callable[..., Path], loaded: Callable[..., Loaded]
) -> None:
    """As many tokens, and so in one batch; but a picture that is wider ends further on."""
    sizes = [(96, 64), (192, 32), (64, 96)]
    stack = asking_of(local_of(checkpoint("qwen2_5_vl")), sizes, QUESTIONS).stack()
    assert len({prompt.image_end for prompt in stack.prompts}) == 1
    grids = [one["image_grid_thw"][0].tolist() for one in stack.pictures]
    assert len({max(grid) for grid in grids}) > 1
    caller = Caller(loaded("qwen2_5_vl").model, stack)
    for numbers in ([0, 3], [4, 1, 0, 6], [8, 2, 5], [6, 7, 8, 3, 4, 5, 0, 1, 2]):
        found = caller.call(numbers, Way(PREFIXED, shrinks=True))
        for number, one in zip(numbers, found, strict=True):
            expected = caller.alone(number)
            assert one.ids == expected.ids
            assert one.logprobs == pytest.approx(expected.logprobs, abs=2e-5)


def test_padding_says_nothing_that_a_penalty_would_count(llava: Caller) -> None:
    """The library leaves out what is masked before a prompt, and not within it."""
    # As strong as none would be, so that one more word that was said would show.
    stack = replace(llava.stack, settings=replace(SETTINGS, repetition_penalty=5.0))
    caller, numbers = Caller(llava.model, stack), one_place(stack)
    said = {token for number in numbers for token in stack.prompts[number].text["input_ids"][0].tolist()}
    pad = pad_token(llava.model)
    assert pad not in said
    # What would pad is what the model likes to say.
    weight = llava.model.get_output_embeddings().weight.data
    weight[pad] = weight[caller.alone(0).ids[0]] * 1.5
    alone = [caller.alone(number) for number in numbers]
    assert any(pad in one.ids for one in alone)
    assert [one.ids for one in caller.call(numbers, Way(PREFIXED))] == [one.ids for one in alone]
