"""Comparisons made by hand, for the tests of what is done with one."""

from __future__ import annotations

from microscope.records import Answer, Comparison, Facts, GenerationSettings, Outcome, Picture, Token

FACTS = Facts(
    revision="0123456789abcdef0123456789abcdef01234567",
    prompt_tokens=80,
    image_tokens=64,
    tokens=3,
    first_token_seconds=0.5,
    total_seconds=1.5,
    seed=7,
    dtype="bfloat16",
    device="cuda:0",
    attention="sdpa",
    loaded_in=None,
    finish="end",
    versions=(("microscope", "0.1.0"), ("torch", "2.13.0"), ("transformers", "5.23.0")),
)


def picture(width: int = 4, height: int = 3, shade: int = 200) -> Picture:
    """Return a picture of one grey."""
    return Picture(width, height, bytes([shade]) * (3 * width * height))


def outcome(key: str, text: str, *, facts: Facts = FACTS, label: str = "") -> Outcome:
    """Return the outcome of a checkpoint that answered."""
    tokens = tuple(Token(number, word, -0.5 * number) for number, word in enumerate(text.split()[:3], start=1))
    return Outcome(key, label or key, Answer(key, text, tokens, facts, f"<user><image>{key}<assistant>", "a" * 64))


def failure(key: str, message: str) -> Outcome:
    """Return the outcome of a checkpoint that did not answer."""
    return Outcome(key, key, None, message)


def comparison(*outcomes: Outcome, question: str = "What is it?", image: Picture | None = None) -> Comparison:
    """Return a finished comparison."""
    settings = GenerationSettings(max_new_tokens=32, temperature=0.7, seed=7)
    return Comparison(image or picture(), question, settings, outcomes, "2026-09-30T14:05:09+00:00", "count")
