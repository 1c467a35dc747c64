"""What the command line prints of findings: lines for people, JSON for programs, and a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from microscope.errors import UserError
from microscope.lens.events import LensEvent
from microscope.lens.findings import Heat
from microscope.lens.inquiry import Inquiry
from microscope.records import AnswerEvent, AnswerRequest, GenerationSettings, State
from microscope.ui.lens.printed import as_json, as_lines, check_png, write_png
from microscope.ui.lens.words import WORDS
from tests.ui.lens import samples

DONE = AnswerEvent("a", State.DONE)
FOUND = LensEvent(DONE, samples.finding(), samples.change())
FAILED = LensEvent(AnswerEvent("b", State.FAILED, message="It is too large."))
REQUEST = AnswerRequest(samples.picture(), samples.QUESTION, ("a", "b"), GenerationSettings())
WHOLE = Inquiry("relevance")


def test_a_finding_is_a_few_lines() -> None:
    lines = as_lines([FOUND, FAILED], WHOLE).splitlines()
    assert lines[0] == f"a: {''.join(samples.ANSWER)}"
    assert lines[1].startswith("  Relevance (")
    assert lines[2] == "  the best 20 % of the patches keep 83% of the probability per token, a random 20 % keeps 31%"
    assert lines[3] == "  strongest at (left, top): 25% 38%, 25% 25%, 12% 38%"
    assert (
        lines[4]
        == "  without 3 patches: The blue circle (p per token 0.840 -> 0.120; with their pixels blanked 0.040)"
    )
    assert lines[5:] == ["b: It is too large."]


def test_a_map_that_is_by_chance_is_said_to_be() -> None:
    finding, badge = samples.finding(), samples.badge()
    chance = Heat("relevance", None, finding.vision, badge=replace(badge, keep=badge.random_keep))
    lines = as_lines([LensEvent(DONE, replace(finding, heats=(chance,)))], WHOLE).splitlines()
    assert lines[3] == f"  {WORDS['by_chance']}"
    assert WORDS["by_chance"] not in as_lines([FOUND], WHOLE)


def test_a_map_without_a_badge_has_no_line_of_one() -> None:
    lines = as_lines([LensEvent(DONE, samples.finding())], Inquiry("attention", 1)).splitlines()
    assert len(lines) == 3
    assert not any("best 20 %" in line for line in lines)


def test_a_token_that_an_answer_has_not_is_said() -> None:
    said = as_lines([LensEvent(DONE, samples.finding())], Inquiry("attention", 40))
    assert said == f"a: {''.join(samples.ANSWER)}\n  this answer has no such token"


def test_cells_without_a_place_are_never_the_strongest() -> None:
    finding = samples.finding(layout=samples.tiled())
    (heat,) = [one for one in finding.heats if (one.method, one.token) == ("relevance", None)]
    values = heat.values.copy()
    values[[cell.box is None for cell in finding.layout.cells]] = 1e6
    changed = replace(finding, heats=(replace(heat, values=values),))
    assert as_lines([LensEvent(DONE, changed)], WHOLE) == as_lines([LensEvent(DONE, finding)], WHOLE)


def test_json_has_one_object_a_checkpoint_with_everything() -> None:
    found, failed = json.loads(as_json(REQUEST, [FOUND, FAILED]))
    fields = ["checkpoint", "state", "message", "question", "finding", "change"]
    assert list(found) == list(failed) == fields
    assert (found["checkpoint"], found["state"], found["question"]) == ("a", "done", samples.QUESTION)
    assert found["finding"]["answer"]["text"] == "".join(samples.ANSWER)
    assert found["change"]["rejected"] == [1, 2, 3]
    assert (failed["state"], failed["message"]) == ("failed", "It is too large.")
    assert (failed["finding"], failed["change"]) == (None, None)


def test_the_picture_shows_what_was_found_and_leaves_out_what_failed(tmp_path: Path) -> None:
    sizes = []
    for events in ([FOUND], [FOUND, FAILED], [FOUND, FOUND]):
        path = tmp_path / "maps.png"
        write_png(path, REQUEST, events, WHOLE)
        with Image.open(path) as image:
            assert image.format == "PNG"
            sizes.append(image.tobytes())
    assert sizes[0] == sizes[1] != sizes[2]


def test_a_place_for_a_picture_is_checked_before_anything_is_computed(tmp_path: Path) -> None:
    check_png(tmp_path / "maps.png")
    check_png(Path("maps.png"))
    with pytest.raises(UserError, match=r"^There is no folder .*nowhere to write the picture into"):
        check_png(tmp_path / "nowhere" / "maps.png")
    with pytest.raises(UserError, match="is a folder; name a file"):
        check_png(tmp_path)
