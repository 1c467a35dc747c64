"""What the tests of the storage share: an answer, as long as a test needs it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microscope.records import Answer, Facts, Token


def _answer(text: str = "a red seven", checkpoint: str = "step-500", finish: str = "end") -> Answer:
    facts = Facts(
        revision="c0ffee",
        prompt_tokens=90,
        image_tokens=64,
        tokens=3,
        first_token_seconds=0.25,
        total_seconds=0.75,
        seed=7,
        dtype="float32",
        device="cpu",
        attention="sdpa",
        loaded_in=None,
        finish=finish,
        versions=(("torch", "2.13.0"), ("transformers", "5.23.0")),
    )
    tokens = (Token(5, "a", -0.1), Token(9, " red", -1 / 3), Token(11, " seven", 0.0))
    return Answer(checkpoint, text, tokens, facts, prompt="User: <image>What is this?\nAssistant:")


@pytest.fixture
def make_answer() -> Callable[..., Answer]:
    """Return a function that makes an answer of three tokens with a given text, checkpoint and finish."""
    return _answer
