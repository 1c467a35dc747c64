"""The gallery shows what arms disagree on, a fair share of each kind, with pictures that are small."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
from PIL import Image

from microscope.evaluation.analysis import Options
from microscope.evaluation.reports.gallery import gallery, shelves, thumbnail
from tests.evaluation.analyse.made import results
from tests.evaluation.reports.findings import EMOJI, HUGE, RIGHT_TO_LEFT, SCRIPT, hostile, picture, plain


def test_lost_and_gained_items_take_turns() -> None:
    scores = np.ones((100, 2))
    scores[:80, 1] = 0
    scores[80:90, 0] = 0
    lost, gained = shelves(results(scores), Options(), most=30)
    assert (lost.title, lost.total, lost.rows) == ("step 2000 scores lower than step 1000", 80, tuple(range(20)))
    assert (gained.title, gained.total, gained.rows) == (
        "step 2000 scores higher than step 1000",
        10,
        tuple(range(80, 90)),
    )


def test_of_several_arms_the_two_best_come_first_unless_there_is_a_baseline() -> None:
    scores = np.array([[0, 1, 1], [0, 1, 0], [1, 1, 1]] * 4, float)
    found = shelves(results(scores), Options())
    assert [(shelf.title, shelf.total) for shelf in found] == [
        ("step 2000 scores higher than step 3000", 4),
        ("Others disagree", 4),
    ]
    found = shelves(results(scores), Options("step-1000"))
    assert [shelf.title for shelf in found] == ["step 3000 scores higher than step 1000", "Others disagree"]


def test_where_nobody_disagrees_it_is_what_all_have_wrong() -> None:
    alone = results(np.array([[1.0], [0.0], [0.5]]))
    (shelf,) = shelves(alone, Options())
    assert (shelf.title, shelf.rows) == ("Nobody is right", (1, 2))
    assert "Every item was answered right" in gallery(results(np.ones((4, 2))), Options(), picture)


def test_a_thumbnail_is_a_small_jpeg() -> None:
    kind, _, body = thumbnail(picture("image-0.png")).partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(body)))
    assert (image.format, image.size) == ("JPEG", (160, 120))


def test_a_card_has_question_references_and_how_each_answer_was_scored() -> None:
    made = results(np.array([[0.0, 1.0], [0.5, 0.0], [0.0, 1.0]]), failures=[{0: "It was lost."}, {}])
    parsed = made.parsed.copy()
    parsed[2, 0] = False
    found = gallery(replace(made, parsed=parsed), Options(), picture)
    assert found.count("<article") == 3
    for words in ("✗ failed</span> It was lost.", "✓ right", "◐ 0.50", "✗ wrong", "✗ unread", "Accepted:"):
        assert words in found


def test_a_picture_that_cannot_be_read_is_a_sentence() -> None:
    scores = np.tile([0.0, 1.0], (35, 1))
    found = gallery(results(scores), Options(), picture)
    assert found.count('class="blank"') == 5
    assert found.count("<img") == 30
    assert SCRIPT not in found


def test_hostile_texts_are_shown_as_texts_and_huge_ones_cut() -> None:
    found = gallery(hostile(), Options(), picture)
    assert SCRIPT not in found
    assert "onerror=alert(1)>" not in found
    assert HUGE not in found
    assert RIGHT_TO_LEFT in found
    assert EMOJI in found
    assert not re.search(r"[\ud800-\udfff]", found)


def test_the_plain_run_stays_within_its_limit() -> None:
    assert gallery(plain(), Options(), picture).count("<article") <= 60
