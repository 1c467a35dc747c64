"""The export says all that was found, in numbers that every JSON reader takes, and shows no pixel."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest

from microscope.lens.findings import Finding
from microscope.lens.report import findings_json
from microscope.records import Picture
from microscope.storage.records_json import answer_from_json
from tests.lens.samples import finding, heat, picture


def read(*findings: Finding, question: str = "What is this?", image: Picture | None = None) -> dict[str, Any]:
    """Return an export as a strict reader reads it: a NaN fails."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(name)

    text = findings_json(findings, question, image or picture())
    return json.loads(text, parse_constant=refuse)


def test_an_export_names_its_form_the_picture_and_the_question() -> None:
    image = picture(20, 10)
    found = read(finding(), question="Was ist das? \u4f55", image=image)
    assert found["format"] == "vlm-microscope/finding/1"
    assert found["picture"] == {"width": 20, "height": 10, "sha256": image.digest}
    assert found["question"] == "Was ist das? \u4f55"
    assert findings_json([finding()], "?", image).endswith("}\n")


def test_each_checkpoint_has_its_answer_as_it_was() -> None:
    found = read(finding(), finding(checkpoint="step-900"))["findings"]
    assert [one["checkpoint"] for one in found] == ["step-500", "step-900"]
    assert found[0]["label"] == "Step 500"
    assert repr(answer_from_json(found[0]["answer"])) == repr(finding().answer)
    assert found[0]["address"] == finding().address


def test_what_is_no_finite_number_is_null() -> None:
    found = read(finding(heat((1, math.nan, math.inf, -math.inf, 0))))["findings"][0]
    assert found["prior"] == [-2.5, None]
    assert found["answer"]["tokens"][1]["logprob"] is None
    assert found["heats"][0]["values"] == [1, None, None, None, 0]
    assert found["vision"] == [1, 2, 3, 4, None]


def test_places_are_boxes_in_the_order_of_the_cells() -> None:
    told = read(finding())["findings"][0]["layout"]
    assert told["boxes"] == [[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1], None]
    assert told["views"] == ["whole"] * 4 + ["newline"]
    assert told["positions"] == [5, 6, 7, 8, 9]
    assert (told["seen"], told["source"]) == ([0, 0, 1, 1], "by hand")
    assert told["frames"] == [
        {"name": "whole", "box": [0, 0, 1, 1], "rows": 2, "columns": 2, "width": 28, "height": 28}
    ]


def test_every_map_is_told_with_its_cost_and_badge() -> None:
    one, other = heat((0, 0, 0, 0, 0), method="attention"), replace(heat((1, 2, 3, 4, 5), token=1), badge=None)
    told = read(finding(one, other))["findings"][0]["heats"]
    assert [(heat["method"], heat["token"]) for heat in told] == [("attention", None), ("relevancy", 1)]
    assert told[0]["cost"] == {"seconds": 0.5, "forwards": 1, "backwards": 2, "vision": 3}
    assert told[0]["badge"]["keep"] == [0.1, 0.83, 1]
    assert told[1]["badge"] is None
    assert (told[1]["done"], told[1]["total"]) == (3, 4)


@pytest.mark.parametrize(
    ("value", "told"),
    [(1 / 3, 0.333333), (123456.789, 123457), (2e-9 / 3, 6.66667e-10), (-1 / 7, -0.142857), (0.1, 0.1)],
)
def test_values_have_six_significant_digits(value: float, told: float) -> None:
    values = read(finding(heat([value] * 5)))["findings"][0]["heats"][0]["values"]
    assert values == [told] * 5


def test_the_picture_is_not_in_it() -> None:
    many = replace(finding(), rows=np.zeros((2, 30, 30, 5), np.float16))
    text = findings_json([many], "?", picture(300, 300))
    assert len(text) < 5_000
