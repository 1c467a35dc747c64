"""Scales, ticks and texts that fit."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from microscope.evaluation.reports.drawing import Scale, brief, figure, percentage, shortened, ticks, told_apart, words


@pytest.mark.parametrize(
    ("low", "high"), [(0, 100), (91.3, 96.9), (-3.2, 0.7), (0, 0), (50, 50.0001), (-100, 100), (99.99, 100)]
)
def test_ticks_are_round_span_the_range_and_are_few(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low + 1e-9
    assert found[-1] >= high - 1e-9
    assert 2 <= len(found) <= 8
    steps = {round(two - one, 9) for one, two in pairwise(found)}
    assert len(steps) == 1


def test_a_scale_keeps_to_its_edges() -> None:
    scale = Scale(10, 20, 0, 100)
    assert [scale.at(value) for value in (10, 15, 20, 5, 99)] == [0, 50, 100, 0, 100]
    assert percentage(scale.at(12.5)) == "25.00%"


def test_a_long_name_keeps_both_its_ends() -> None:
    assert shortened("scenes-step-6000 · template B · keep 25 %", 20) == "scenes-st…keep 25 %"
    assert shortened("short", 20) == "short"
    assert shortened("猫" * 30, 11) == "猫猫…猫猫"
    assert shortened("a \n b", 20) == "a b"
    assert shortened("a\ud83d", 20) == "a?"


def test_names_lose_the_words_that_all_begin_with() -> None:
    assert told_apart(["scenes-step-100", "scenes-step-2000"]) == ["…100", "…2000"]
    assert told_apart(["scenes-step-10", "scenes-step-100"]) == ["…10", "…100"]
    assert told_apart(["alpha", "beta"]) == ["alpha", "beta"]
    assert told_apart(["same", "same"]) == ["same", "same"]
    assert told_apart(["step", "step-2"]) == ["step", "step-2"]
    assert told_apart([]) == []


def test_brief_names_fit_and_stay_different() -> None:
    settings = [f"step-{step}, temperature {t}, template {q}" for step in (40, 60) for t in (0, 1) for q in "AB"]
    assert brief(["one", "two"], 34) == ["one", "two"]
    assert brief(settings, 24)[0] == "…40, …0, …A"
    # What is short leaves its room to what is long.
    asked = [f"step-{step}, t {t}, {word}" for step in (40, 60) for t in (0, 1) for word in ("yes", "y" * 20 + "es")]
    assert brief(asked, 20)[:2] == ["…40, …0, yes", "…40, …0, yyyyy…yyyes"]
    alike = [f"a very long name, {'x, ' * place}of something" for place in range(12)]
    unlike = ["p" * 30 + letter + "q" * 30 for letter in "abc"]
    wide = [f"{'猫' * place}, {'犬' * 9}, {place}" for place in range(1, 9)]
    for names in (settings, alike, unlike, wide):
        found = brief(names, 20)
        assert len(set(found)) == len(names)
        assert max(map(len, found)) <= 20
    assert brief(unlike, 20)[2].startswith("3: ppp")
    assert brief(["same" * 9, "same" * 9], 9) == ["same…same"] * 2


def test_a_figure_is_named_described_and_nothing_in_it_is_markup() -> None:
    svg = figure("a", "<b>", "a & b\ud83d", 100, [words("<script>", "0", 1)])
    root = ET.fromstring(svg)  # noqa: S314 (our own)
    title, description, text = root
    assert (title.text, description.text, text.text) == ("<b>", "a & b?", "<script>")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert root.get("role") == "img"
