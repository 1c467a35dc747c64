"""The map of keys is exact, or there is none and a sentence says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, PreTrainedModel
from transformers.core_model_loading import Transpose, WeightConverter

from microscope.engine.loading import keys
from microscope.engine.loading.images import Fact, WeightImage, identity_of, map_files
from microscope.engine.loading.keys import Unmapped, map_keys
from tests.families import FAMILIES, local_of

# Families whose files have the names of the model's parameters; the others' are renamed when they are loaded.
IDENTICAL = {"idefics3", "smolvlm", "qwen3_vl", "florence2"}


def image_of(folder: Path) -> WeightImage:
    return map_files(identity_of(local_of(folder)))


def with_tensors(image: WeightImage, **tensors: torch.Tensor | None) -> WeightImage:
    """Return the image with some tensors replaced, added or, for None, taken away; keys have `__` for a dot."""
    changed: dict[str, Any] = image.tensors | {name.replace("__", "."): value for name, value in tensors.items()}
    kept = {name: value for name, value in changed.items() if value is not None}
    return replace(image, tensors=kept, facts=tuple(Fact(name, "", tuple(kept[name].shape)) for name in sorted(kept)))


@pytest.fixture(scope="module")
def model(checkpoint: Callable[..., Path]) -> PreTrainedModel:
    return AutoModelForImageTextToText.from_pretrained(checkpoint("idefics3"), dtype=torch.float32)


@pytest.fixture
def image(checkpoint: Callable[..., Path]) -> WeightImage:
    return image_of(checkpoint("idefics3"))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_has_its_tensor_of_the_file(family: str, dtype: str, checkpoint: Callable[..., Path]) -> None:
    image = image_of(checkpoint(family))
    model = AutoModelForImageTextToText.from_pretrained(checkpoint(family), dtype=getattr(torch, dtype))
    found = map_keys(model, image)
    assert set(found.values()) == set(image.tensors)
    state = model.state_dict()
    for name, key in found.items():
        assert torch.equal(image.tensors[key].to(state[name].dtype), state[name])
    assert {state[name].data_ptr() for name in found} == {tensor.data_ptr() for tensor in state.values()}
    assert (family in IDENTICAL) == all(name == key for name, key in found.items())


def test_a_tensor_without_a_place_is_named(model: PreTrainedModel, image: WeightImage) -> None:
    with pytest.raises(Unmapped, match=r"extra\.weight has no place in the model"):
        map_keys(model, with_tensors(image, extra__weight=torch.zeros(2)))


def test_a_parameter_that_no_file_has_is_named(model: PreTrainedModel, image: WeightImage) -> None:
    with pytest.raises(Unmapped, match=r"lm_head\.weight is not in the file"):
        map_keys(model, with_tensors(image, lm_head__weight=None))


def test_another_shape_is_told(model: PreTrainedModel, image: WeightImage) -> None:
    turned = image.tensors["lm_head.weight"].T
    with pytest.raises(Unmapped, match=r"lm_head\.weight has the shape \(64, \d+\) in the file and \(\d+, 64\)"):
        map_keys(model, with_tensors(image, lm_head__weight=turned))


@pytest.mark.parametrize("place", ["first", "last", "transposed"])
def test_other_values_are_told(place: str, model: PreTrainedModel, image: WeightImage) -> None:
    key = "model.text_model.layers.0.self_attn.q_proj.weight"
    changed = image.tensors[key].clone()
    if place == "transposed":
        changed = changed.T.contiguous()
    else:
        changed.view(-1)[0 if place == "first" else -1] += 1
    with pytest.raises(Unmapped, match=r"q_proj\.weight has other values in the file than in the model"):
        map_keys(model, with_tensors(image, **{key.replace(".", "__"): changed}))


def test_bits_are_compared_and_not_numbers(model: PreTrainedModel, image: WeightImage) -> None:
    name = "model.text_model.norm.weight"
    first = dict(model.named_parameters())[name]
    with torch.no_grad():
        kept = first.clone()
        first[0] = 0.0
        changed = first.clone()
        changed[0] = -0.0
        with pytest.raises(Unmapped, match="other values"):
            map_keys(model, with_tensors(image, **{name.replace(".", "__"): changed}))
        first[0] = changed[0] = float("nan")
        assert map_keys(model, with_tensors(image, **{name.replace(".", "__"): changed}))[name] == name
        first.copy_(kept)


def test_two_tensors_of_a_file_for_one_of_the_model_are_told(checkpoint: Callable[..., Path]) -> None:
    """Where they differ, the library would not tie them, and that is seen in the values alone."""
    tied = AutoModelForImageTextToText.from_pretrained(checkpoint("gemma3"), dtype=torch.float32)
    image = image_of(checkpoint("gemma3"))
    twice = with_tensors(image, language_model__lm_head__weight=tied.lm_head.weight.detach())
    with pytest.raises(Unmapped, match="are one in the model and two in the file"):
        map_keys(tied, twice)


def test_two_keys_that_are_renamed_to_one_are_told(checkpoint: Callable[..., Path]) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint("llava"), dtype=torch.float32)
    twice = with_tensors(image_of(checkpoint("llava")), lm_head__weight=model.lm_head.weight.detach())
    with pytest.raises(Unmapped, match="two tensors of the file have one place in the model"):
        map_keys(model, twice)


def test_what_is_converted_and_not_only_renamed_is_told(
    checkpoint: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = AutoModelForImageTextToText.from_pretrained(checkpoint("llava"), dtype=torch.float32)
    converter = WeightConverter("q_proj.weight", "q_proj.weight", operations=[Transpose(0, 1)])
    real = keys.get_model_conversion_mapping
    monkeypatch.setattr(keys, "get_model_conversion_mapping", lambda model: [*real(model), converter])
    with pytest.raises(Unmapped, match="is not only renamed but changed when it is loaded"):
        map_keys(model, image_of(checkpoint("llava")))


def test_a_model_with_more_than_tensors_in_its_state_is_told(
    model: PreTrainedModel, image: WeightImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(model.lm_head), "get_extra_state", lambda _: {"scale": 1}, raising=False)
    with pytest.raises(Unmapped, match="more than tensors"):
        map_keys(model, image)
