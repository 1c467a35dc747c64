"""The words of the lens are those that its scripts ask for, with the same places to fill."""

from __future__ import annotations

import re

from microscope.lens.layout import MEASURED
from microscope.lens.stripes import STRIPES
from microscope.ui.lens.component import script
from microscope.ui.lens.words import WORDS

CODE = script()


def test_every_word_that_the_scripts_name_exists() -> None:
    named = set(re.findall(r"\bwords\.(\w+)", CODE)) | set(re.findall(r"\bsay\(\"(\w+)\"", CODE))
    assert named - set(WORDS) == set()
    assert len(named) > 50


def test_places_that_were_measured_are_said_to_be_as_coarse_as_they_are() -> None:
    assert f"1/{STRIPES}" in WORDS["source_measured"]
    assert f'source === "{MEASURED}" ? words.source_measured' in CODE


def test_no_word_is_never_asked_for() -> None:
    prefixes = tuple(re.findall(r"words\[`(\w+_)\$\{", CODE))
    quoted = set(re.findall(r"[\"'`](\w+)[\"'`]", CODE)) | set(re.findall(r"\bwords\.(\w+)", CODE))
    assert {name for name in WORDS if name not in quoted and not name.startswith(prefixes)} == set()


def test_every_place_is_filled() -> None:
    for name, values in re.findall(r"\bsay\(\"(\w+)\", \{(.*?)\}\)", CODE, re.DOTALL):
        assert set(re.findall(r"\{(\w+)\}", WORDS[name])) <= set(re.findall(r"\b(\w+)\b", values)), name
