"""Inputs of another model's processor are told as such, and anything else is left as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from microscope.engine.fit import fitting
from microscope.errors import UserError
from tests.engine.conftest import Loaded

FITS = {"input_ids": torch.tensor([[1, 2, 3]])}


def test_tokens_that_the_model_does_not_know_are_refused_before_it_runs(loaded: Callable[..., Loaded]) -> None:
    inputs = {"input_ids": torch.tensor([[1, 10**6]])}
    with (
        pytest.raises(UserError, match="Model A and its processor do not fit"),
        fitting(loaded("llava").model, inputs, "Model A"),
    ):
        pytest.fail("on a GPU it would spoil the whole process")


@pytest.mark.parametrize("said", ["Image features and image tokens do not match", "kwargs are not used by the model"])
def test_what_the_library_says_of_it_becomes_a_sentence(said: str, loaded: Callable[..., Loaded]) -> None:
    with pytest.raises(UserError, match=r"processor_from in models\.yaml"), fitting(loaded("llava").model, FITS, "A"):
        raise ValueError(said)


def test_other_errors_stay_what_they_are(loaded: Callable[..., Loaded]) -> None:
    with pytest.raises(ValueError, match="a bug"), fitting(loaded("llava").model, FITS, "A"):
        raise ValueError("a bug")
