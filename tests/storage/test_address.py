"""What decides an answer's tokens decides its address, and nothing else does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.records import GenerationSettings
from microscope.storage.address import AddressParts, content_address

PARTS = AddressParts(
    picture="ab" * 32,
    question="What is this?",
    prompt="User: <image>What is this?\nAssistant:",
    settings=GenerationSettings(),
    processor='{"size":64}',
    dtype="float32",
    device="cpu",
    attention="sdpa",
    torch="2.13.0",
    transformers="5.23.0",
    weights="c0ffee",
)
OTHER_SETTINGS = {
    "max_new_tokens": 65,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "repetition_penalty": 1.1,
    "seed": 1,
    "image_budget": 4096,
}
OTHER_PARTS = {field.name: "other" for field in fields(AddressParts)} | {
    "settings": GenerationSettings(seed=3),
    "rejected": (4,),
}

settings = st.builds(
    GenerationSettings,
    max_new_tokens=st.integers(1, 4),
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2),
    image_budget=st.sampled_from([None, 1, 2]),
)
words = st.text(max_size=2)
parts = st.builds(
    AddressParts,
    picture=words,
    question=words,
    prompt=words,
    settings=settings,
    processor=words,
    dtype=words,
    device=words,
    attention=words,
    torch=words,
    transformers=words,
    weights=words,
    rejected=st.lists(st.integers(0, 3), max_size=2, unique=True).map(sorted).map(tuple),
)


def test_an_address_is_64_hexadecimal_digits_and_stays_the_same_for_ever() -> None:
    # Answers are kept and shipped under their addresses: a changed rule must count ADDRESS_VERSION up.
    assert content_address(PARTS) == "d184994c5b88198356bbbe0d6943a0121c2a88c7e20d218978ab998997cecf61"


@pytest.mark.parametrize("name", OTHER_PARTS)
def test_every_part_changes_the_address(name: str) -> None:
    assert content_address(replace(PARTS, **{name: OTHER_PARTS[name]})) != content_address(PARTS)


@pytest.mark.parametrize("name", [field.name for field in fields(GenerationSettings)])
def test_every_setting_changes_the_address(name: str) -> None:
    other = replace(PARTS.settings, **{name: OTHER_SETTINGS[name]})
    assert content_address(replace(PARTS, settings=other)) != content_address(PARTS)


@given(parts, parts)
def test_addresses_are_equal_exactly_where_the_parts_are(one: AddressParts, other: AddressParts) -> None:
    assert (content_address(one) == content_address(other)) == (one == other)


@given(words, words, words)
def test_text_that_moves_from_one_part_to_the_next_changes_the_address(first: str, moved: str, last: str) -> None:
    left = replace(PARTS, question=first + moved, prompt=last)
    right = replace(PARTS, question=first, prompt=moved + last)
    assert (content_address(left) == content_address(right)) == (left == right)


def test_a_whole_number_counts_the_same_whatever_its_type() -> None:
    as_integers = replace(PARTS, settings=GenerationSettings(temperature=1, top_p=1, repetition_penalty=2))
    as_floats = replace(PARTS, settings=GenerationSettings(temperature=1.0, top_p=1.0, repetition_penalty=2.0))
    assert content_address(as_integers) == content_address(as_floats)


def test_the_order_of_rejected_tokens_does_not_count() -> None:
    assert content_address(replace(PARTS, rejected=(3, 1))) == content_address(replace(PARTS, rejected=(1, 3)))


def test_a_setting_that_is_no_number_has_no_address() -> None:
    with pytest.raises(ValueError, match="float"):
        content_address(replace(PARTS, settings=GenerationSettings(temperature=float("nan"))))


def test_another_process_computes_the_same_address() -> None:
    program = (
        "from microscope.records import GenerationSettings\n"
        "from microscope.storage.address import AddressParts, content_address\n"
        f"print(content_address({PARTS!r}))"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert child.stdout.strip() == content_address(PARTS)
