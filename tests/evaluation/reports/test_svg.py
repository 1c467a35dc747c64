"""Plots show every arm, pair and step, say it in words too, and stand in any page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analyse.phrases import MINUS
from microscope.evaluation.analysis import Analysis
from microscope.evaluation.reports.svg import difference_plot, effect_plot, interval_plot, timeline_plot
from tests.evaluation.analyse.made import arm, drawn, results
from tests.evaluation.reports.findings import ablation, hostile, plain


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 (our own)


def of(root: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class") == f"vm-fig-{kind}"]


def every_plot(made: Analysis) -> list[str]:
    lines = [timeline_plot(line) for line in made.timelines]
    return [interval_plot(made), difference_plot(made), effect_plot(made.effects), *lines]


def test_every_arm_has_its_dot_interval_and_letters() -> None:
    made = analyse(plain())
    root = parsed(interval_plot(made))
    assert len(of(root, "dot")) == 3
    assert len(of(root, "bar")) == 9
    assert [element.text for element in of(root, "value")] == ["40.0 %  b", "70.0 %  a", "75.0 %  a"]
    assert "step 1000 40.0 % (" in (root[1].text or "")


def test_dots_stand_where_the_scores_are() -> None:
    made = analyse(plain())
    root = parsed(interval_plot(made))
    places = [float((dot.get("cx") or "").rstrip("%")) for dot in of(root, "dot")]
    marks = {float(tick.text or ""): tick for tick in of(root, "tick")}
    scale = [float((line.get("x1") or "").rstrip("%")) for line in of(root, "grid")]
    low, high = min(marks), max(marks)
    expected = [
        scale[0] + (100 * mark.score.value - low) / (high - low) * (scale[-1] - scale[0]) for mark in made.marks
    ]
    assert np.allclose(places, expected, atol=0.02)


def test_pairs_that_are_not_separated_are_hollow_and_nought_is_marked() -> None:
    root = parsed(difference_plot(analyse(plain())))
    assert (len(of(root, "dot")), len(of(root, "ring")), len(of(root, "zero"))) == (2, 1, 1)
    assert of(root, "text")[0].text == f"…2000 {MINUS} …1000"


def test_a_timeline_has_its_band_its_recommendation_and_hollow_steps() -> None:
    made = analyse(plain())
    root = parsed(timeline_plot(made.timelines[0]))
    (band,) = of(root, "band")
    assert len((band.get("points") or "").split()) == 6
    assert (len(of(root, "dot")), len(of(root, "ring")), len(of(root, "chosen"))) == (2, 1, 1)
    assert [element.text for element in of(root, "value")] == ["3,000"]
    assert made.timelines[0].sentence in (root[1].text or "")


def test_steps_that_stand_close_share_one_name_and_the_recommended_keeps_its_own() -> None:
    arms = [arm(number, key=str(step), step=step) for number, step in enumerate((1, 2, 3, 4, 10_000))]
    made = analyse(results(drawn(100, [0.5, 0.9, 0.5, 0.5, 0.6]), arms=arms))
    root = parsed(timeline_plot(made.timelines[0]))
    names = {element.text for element in (*of(root, "value"), *of(root, "tick"))}
    assert {"2", "10,000"} <= names
    assert not {"1", "3", "4"} & names


def test_pairs_of_long_names_stand_in_two_lines_and_are_told_apart() -> None:
    arms = [
        replace(
            arm(place, key=f"k{place}"),
            label=f"scenes-step-4000, temperature {place % 2}, asked {'once' * (place // 2 + 3)}",
        )
        for place in range(4)
    ]
    made = analyse(results(drawn(60, [0.5, 0.6, 0.7, 0.8]), arms=arms))
    root = parsed(difference_plot(made))
    lines = [element.text or "" for element in of(root, "text")]
    assert len(lines) == 2 * len(made.pairs)
    rows = list(zip(lines[::2], lines[1::2], strict=True))
    assert len(set(rows)) == len(made.pairs)
    assert all(under.startswith(MINUS) for _, under in rows)
    assert float(root.get("height") or 0) > float(parsed(difference_plot(analyse(plain()))).get("height") or 0)
    assert "temperature 1, asked onceonceonceonce" in (root[1].text or "")


def test_an_ablations_effects_are_drawn() -> None:
    made = analyse(ablation())
    assert len(of(parsed(effect_plot(made.effects)), "dot")) == 3


def test_degenerate_results_are_drawn_too() -> None:
    for scores in (np.ones((40, 2)), np.array([[1.0, 0.0]]), np.ones((40, 1)), np.tile([0.0, 1.0], (40, 1))):
        for svg in every_plot(analyse(results(scores))):
            assert not re.search(r"nan|inf[^o]", svg)
            parsed(svg)
    single = analyse(plain())
    line = replace(single.timelines[0], moments=single.timelines[0].moments[2:])
    parsed(timeline_plot(line))


def test_names_of_others_are_never_markup_and_positions_are_shares_of_the_width() -> None:
    for svg in every_plot(analyse(hostile())):
        root = parsed(svg)
        assert {element.tag for element in root.iter()} <= {
            *("svg", "title", "desc", "g", "line", "text", "circle", "polygon", "polyline")
        }
        assert root.get("width") == "100%"
        assert "style=" not in svg
