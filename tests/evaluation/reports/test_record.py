"""The record has all that it takes to check a claim, and the same bytes for the same answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Options
from microscope.evaluation.reports.record import TIMES, record_text, report_json
from microscope.evaluation.reports.tables import items_csv
from microscope.evaluation.results import Results
from tests.evaluation.analyse.made import results, shuffled
from tests.evaluation.reports.findings import HUGE, MADE, hostile, plain


def record(made: Results, when: str = MADE, options: Options = Options()) -> dict[str, Any]:
    return report_json(made, analyse(made, options), made=when, versions={"tool": "1"}, citation="cite")


def test_the_same_answers_in_another_order_are_the_same_bytes() -> None:
    assert record_text(record(shuffled(plain()))) == record_text(record(plain()))


def test_only_times_tell_a_resumed_run_from_another() -> None:
    made = plain()
    resumed = replace(
        made,
        answers=tuple(replace(one, facts=replace(one.facts, way="one by one, after a pause")) for one in made.answers),
    )
    one, two = record(made), record(shuffled(resumed), "2027-01-01T00:00:00Z")
    assert one != two
    assert one.pop(TIMES)["made"] == MADE
    assert two.pop(TIMES)["ways"]["step-1000"] == "one by one, after a pause"
    assert record_text(one) == record_text(two)


def test_another_answer_is_another_record() -> None:
    made = plain()
    texts = ("something else", *made.answers[0].texts[1:])
    other = replace(made, answers=(replace(made.answers[0], texts=texts), *made.answers[1:]))
    assert record(other)["items"]["sha256"] != record(made)["items"]["sha256"]


def test_everything_that_made_a_number_is_there() -> None:
    made = plain()
    found = record(made, options=Options("step-1000", 0.02))
    assert found["set"] == {"name": "scenes", "digest": "d" * 64, "rows": 100, "refused": 0}
    assert found["items"]["sha256"] == hashlib.sha256(items_csv(made).encode()).hexdigest()
    assert (found["items"]["done"], found["items"]["total"], found["items"]["images"]) == (100, 100, 20)
    arm = found["arms"][0]
    assert (arm["key"], arm["run"], arm["step"], arm["template"]) == ("step-1000", "scenes", 1000, "{question}")
    assert arm["settings"]["temperature"] == 0
    assert (arm["facts"]["revision"], arm["facts"]["weights"]) == ("abc123", "weights-1")
    assert arm["facts"]["versions"]["torch"] == "2.13.0"
    assert "way" not in arm["facts"]
    assert found["analysis"]["options"] == {"baseline": "step-1000", "margin": 0.02, "level": 0.95, "power": 0.8}
    assert len(found["analysis"]["pairs"]) == 3
    assert found["analysis"]["slices"][0]["items"] > 4
    assert (found["scorer"], found["citation"], found["versions"]) == ("exact", "cite", {"tool": "1"})


def test_any_json_reader_takes_it_whatever_is_in_it() -> None:
    for made in (hostile(), results(np.tile([0.0, 1.0, 0.0], (60, 1)))):
        text = record_text(record(made))
        assert text.isascii()
        json.loads(text, parse_constant=lambda name: (_ for _ in ()).throw(AssertionError(name)))
    assert len(text) < len(HUGE) * 10
