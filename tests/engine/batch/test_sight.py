"""Each picture is encoded once for all questions about it, and each question gets its own picture's features."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from microscope.engine.batch.asks import SHARED, TOGETHER, Way
from microscope.engine.batch.batches import batches
from microscope.engine.batch.collate import Inputs
from microscope.engine.batch.sight import METHOD, Sight, _encoder, _merge, _parts
from microscope.engine.batch.work import Caller
from microscope.engine.generate import Together, stream
from microscope.records import GenerationSettings
from tests.engine.batch.conftest import QUESTIONS, SIZES, Asking
from tests.engine.conftest import Loaded
from tests.families import FAMILIES

# PaliGemma's processor has not caught up with NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Florence-2 is made to end with the last one.
FEW_TOKENS = GenerationSettings(max_new_tokens=2)


def encoder_of(model: PreTrainedModel) -> torch.nn.Module:
    module = _encoder(model)
    assert module is not None
    return module


def leads(answers: Iterable[Together]) -> list[float]:
    """Return by how much the first token is ahead: it hangs on what was seen, whatever token that is."""
    return [answer.leads[0] for answer in answers]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_picture_is_encoded_once(
    family: str,
    asking: Callable[..., Asking],
    loaded: Callable[..., Loaded],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, stack = loaded(family).model, replace(asking(family).stack(FEW_TOKENS), way=Way(SHARED))
    caller, kind = Caller(model, stack), type(encoder_of(model))
    real, floats = getattr(kind, METHOD), []

    @wraps(real)
    def count(self: torch.nn.Module, pixel_values: torch.Tensor, *given: Any, **named: Any) -> object:
        floats.append(pixel_values.numel())
        return real(self, pixel_values, *given, **named)

    monkeypatch.setattr(kind, METHOD, count)
    for batch in batches(stack, range(len(stack.prompts))):
        caller.call(batch, Way(SHARED))
    assert caller._sight is not None
    assert caller._sight.encoded == len(SIZES)
    # What the real encoder was given is each picture's pixels, and none of them twice.
    assert sum(floats) == sum(one["pixel_values"].numel() for one in stack.pictures)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_question_is_answered_about_its_own_picture(
    family: str, asking: Callable[..., Asking], loaded: Callable[..., Loaded]
) -> None:
    """The first two pictures are of one size: nothing but their features tells them apart."""
    model, stack = loaded(family).model, asking(family).stack(FEW_TOKENS)
    caller = Caller(model, stack)
    numbers = [len(QUESTIONS), 0, len(QUESTIONS) + 1, 1]
    expected = [caller.alone(number) for number in numbers]
    found = caller.call(numbers, Way(SHARED))
    assert [one.ids for one in found] == [one.ids for one in expected]
    assert leads(found) == pytest.approx(leads(expected), abs=2e-5)
    # Otherwise it would not show if one were answered about another's.
    assert abs(leads(expected)[0] - leads(expected)[1]) > 2e-4
    # The second time all of them are known.
    again = caller.call(numbers[:2], Way(SHARED))
    assert caller._sight is not None
    assert caller._sight.encoded == 2
    assert leads(again) == pytest.approx(leads(expected)[:2], abs=2e-5)


def test_afterwards_the_model_sees_for_itself(asking: Callable[..., Asking], loaded: Callable[..., Loaded]) -> None:
    model, stack = loaded("llava").model, asking("llava").stack(FEW_TOKENS)
    sight, module = Sight(model, stack.pictures), encoder_of(model)
    with pytest.raises(ZeroDivisionError), sight.attached():
        1 / (METHOD not in vars(module))
    assert METHOD not in vars(module)
    before = list(stream(model, stack.inputs(0), FEW_TOKENS))
    Caller(model, stack).call([0, 3], Way(SHARED))
    assert METHOD not in vars(module)
    assert next(iter(stream(model, stack.inputs(0), FEW_TOKENS))) == before[0]


def test_what_shows_a_picture_comes_once_and_what_says_how_large_it_is_for_each(
    asking: Callable[..., Asking], loaded: Callable[..., Loaded]
) -> None:
    stack = asking("qwen2_5_vl").stack()
    first, _, third = stack.pictures
    inputs = Sight(loaded("qwen2_5_vl").model, stack.pictures).inputs([2, 0, 2])
    assert torch.equal(inputs["pixel_values"], torch.cat([third["pixel_values"], first["pixel_values"]]))
    grids = [one["image_grid_thw"] for one in (third, first, third)]
    assert torch.equal(inputs["image_grid_thw"], torch.cat(grids))


@pytest.mark.parametrize("most", [0, 1])
def test_without_room_pictures_are_encoded_again(
    most: int, asking: Callable[..., Asking], loaded: Callable[..., Loaded]
) -> None:
    model, stack = loaded("llava").model, asking("llava").stack(FEW_TOKENS)
    caller = Caller(model, stack)
    caller._sight = Sight(model, stack.pictures, most_bytes=most)
    together = caller.call([0, 3, 6], Way(TOGETHER))
    for _ in range(2):
        assert leads(caller.call([0, 3, 6], Way(SHARED))) == pytest.approx(leads(together), abs=1e-5)
    assert caller._sight.encoded > len(SIZES)
    assert len(caller._sight._seen) == 1


def test_a_model_without_an_encoder_of_its_own_is_left_alone() -> None:
    plain = cast("PreTrainedModel", torch.nn.Linear(1, 1))
    assert not Sight.possible(plain)
    with pytest.raises(ValueError, match="no encoder of its own"), Sight(plain, []).attached():
        pytest.fail("there is nothing to stand before")


TENSOR = torch.arange(12.0).reshape(6, 2)


def test_what_an_encoder_gives_is_told_apart_and_put_together_again() -> None:
    output = BaseModelOutputWithPooling(last_hidden_state=TENSOR, pooler_output=TENSOR)
    for found in (TENSOR, list(TENSOR), tuple(TENSOR), output):
        parts = _parts(found, 3)
        assert len(parts) == 3
        merged = _merge([parts[2], parts[0], parts[0]])
        assert type(merged) is type(found)
        rows = merged.pooler_output if isinstance(merged, BaseModelOutputWithPooling) else merged
        assert torch.equal(torch.stack(list(rows)), TENSOR[[4, 5, 0, 1, 0, 1]])
    # What the language model does not read is not kept.
    assert _parts(output, 3)[0].last_hidden_state is None


@pytest.mark.parametrize("found", [TENSOR, list(TENSOR)])
def test_what_is_not_as_much_of_each_picture_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match="6 parts for 4 pictures"):
        _parts(found, 4)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="an encoder gave int, which is not known"):
        _parts(3, 1)


def test_layers_are_told_from_pictures(asking: Callable[..., Asking], loaded: Callable[..., Loaded]) -> None:
    """Qwen3-VL's encoder gives features of several layers beside the last one's."""
    model, stack = loaded("qwen3_vl").model, asking("qwen3_vl").stack()
    seen: list[Any] = []
    sight = Sight(model, stack.pictures)
    inputs: Inputs = sight.inputs([1, 0])
    with sight.attached(), torch.no_grad():
        seen.append(encoder_of(model).get_image_features(inputs["pixel_values"], inputs["image_grid_thw"]))  # type: ignore[operator]
    with torch.no_grad():
        for number in (1, 0):
            picture = stack.pictures[number]
            seen.append(encoder_of(model).get_image_features(picture["pixel_values"], picture["image_grid_thw"]))  # type: ignore[operator]
    both, *each = [one.deepstack_features for one in seen]
    assert len(both) == len(each[0]) == 2
    for number, layer in enumerate(both):
        # Of each layer, an entry for each picture.
        expected = [entry for one in each for entry in one[number]]
        torch.testing.assert_close(list(layer), expected, atol=1e-5, rtol=0)
