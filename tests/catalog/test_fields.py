"""The readers of single fields."""

from __future__ import annotations

from dataclasses import fields as fields_of

import pytest

from microscope.catalog.fields import FIELDS, GENERATION, nearest
from microscope.catalog.spec import ModelSpec
from microscope.records import GenerationSettings


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("parameters", "256M", 256_000_000),
        ("parameters", "2.2B", 2_200_000_000),
        ("parameters", "1200000", 1_200_000),
        ("min_vram", "8GB", 8 * 10**9),
        ("image_budget", "1024x768", 1024 * 768),
        ("image_budget", "262144", 262_144),
        ("dtype", "float16", "float16"),
        ("attention", "eager", "eager"),
        ("gated", "Yes", True),
        ("pin", "false", False),
        ("revision", "1.0", "1.0"),
        ("subfolder", "runs/step-5/", "runs/step-5"),
        ("prompt_template", "{image}\n{question}", "{image}\n{question}"),
    ],
)
def test_values_are_read(field: str, text: str, value: object) -> None:
    assert FIELDS[field](text) == value


@pytest.mark.parametrize(
    ("field", "text", "allowed"),
    [
        ("parameters", "many", "256M"),
        ("parameters", "-1", "256M"),
        ("min_vram", "8 apples", "8GB"),
        ("image_budget", "0x5", "32x32"),
        ("image_budget", "1024*1024", "1024x1024"),
        ("dtype", "bf16", "auto, float32, float16, bfloat16"),
        ("attention", "flash", "sdpa, eager, flash_attention_2"),
        ("gated", "perhaps", "true or false"),
        ("revision", "../x", "a branch, a tag or a commit"),
        ("subfolder", "a/../b", "a folder inside"),
        ("subfolder", "/", "a folder inside"),
        ("prompt_template", "{question}", "{image}"),
        ("prompt_template", "{image}", "{question}"),
        ("label", "  ", "not empty"),
    ],
)
def test_a_refusal_tells_what_is_allowed(field: str, text: str, allowed: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        FIELDS[field](text)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("max_new_tokens", "0"),
        ("max_new_tokens", "4097"),
        ("max_new_tokens", "1.5"),
        ("temperature", "-0.1"),
        ("temperature", "2.5"),
        ("temperature", "nan"),
        ("top_p", "0"),
        ("top_p", "1.1"),
        ("top_k", "-1"),
        ("repetition_penalty", "0.1"),
        ("seed", "4294967296"),
        ("seed", "x"),
    ],
)
def test_generation_settings_have_bounds(field: str, text: str) -> None:
    with pytest.raises(ValueError, match="number from"):
        GENERATION[field](text)


def test_the_defaults_of_generation_are_allowed() -> None:
    for field, parser in GENERATION.items():
        value = getattr(GenerationSettings(), field)
        assert parser(f"{value}") == value


def test_every_field_belongs_to_a_specification() -> None:
    assert set(FIELDS) <= {field.name for field in fields_of(ModelSpec)}
    assert set(GENERATION) <= {field.name for field in fields_of(GenerationSettings)}


def test_the_nearest_word_is_suggested_and_else_all_of_them() -> None:
    assert nearest("license", ["label", "licence"]) == "did you mean 'licence'?"
    assert nearest("xyz", ["label", "licence"]) == "allowed are label, licence"
