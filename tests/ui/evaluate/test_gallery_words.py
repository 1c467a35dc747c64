"""The words of the gallery are those that its scripts ask for, with the same places to fill."""

from __future__ import annotations

import re

from microscope.ui.evaluate.gallery_component import SCRIPTS
from microscope.ui.evaluate.gallery_query import COMPARING, FILTERS, SORTS
from microscope.ui.evaluate.gallery_words import GROUND, WORDS

CODE = "\n".join(path.read_text() for path in SCRIPTS)


def test_every_word_that_the_scripts_name_exists() -> None:
    named = set(re.findall(r"\bwords\.(\w+)", CODE)) | set(re.findall(r"\bsay\(\"(\w+)\"", CODE))
    assert named - set(WORDS) == set()
    assert len(named) > 30


def test_no_word_is_never_asked_for() -> None:
    prefixes = tuple(re.findall(r"(?:words\[|say\()`(\w+_)\$\{", CODE))
    quoted = set(re.findall(r"[\"'`](\w+)[\"'`]", CODE)) | set(re.findall(r"\bwords\.(\w+)", CODE)) | set(GROUND)
    assert {name for name in WORDS if name not in quoted and not name.startswith(prefixes)} == set()


def test_every_place_is_filled() -> None:
    for name, values in re.findall(r"\bsay\(\"(\w+)\", \{(.*?)\}\)", CODE, re.DOTALL):
        assert set(re.findall(r"\{(\w+)\}", WORDS[name])) <= set(re.findall(r"\b(\w+)\b", values)), name


def test_the_scripts_know_the_same_filters_and_sorts() -> None:
    for name, values in (("FILTERS", FILTERS), ("COMPARING", COMPARING), ("SORTS", SORTS)):
        listed = re.search(rf"const {name} = \[(.*?)\];", CODE)
        assert listed is not None
        assert tuple(re.findall(r'"(\w+)"', listed[1])) == values
    assert {f"show_{name}" for name in FILTERS} | {f"why_{name}" for name in FILTERS} <= set(WORDS)
    assert {f"sort_{name}" for name in SORTS} <= set(WORDS)
