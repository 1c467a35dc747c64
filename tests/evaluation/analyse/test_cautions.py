"""Each warning comes where it should, says what to do, and does not come otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse.cautions import cautions_of
from microscope.evaluation.analyse.marks import marks_of
from microscope.evaluation.analyse.pairs import pairs_of
from microscope.evaluation.analyse.prepared import prepare
from microscope.evaluation.analysis import Options
from microscope.evaluation.results import Results
from tests.evaluation.analyse.made import arm, drawn, results


def cautions(made: Results) -> tuple[str, ...]:
    prepared = prepare(made, Options())
    return cautions_of(prepared, marks_of(prepared, pairs_of(prepared)))


def test_a_sound_run_has_none() -> None:
    assert cautions(results(drawn(200, [0.5, 0.7]))) == ()


def test_few_images() -> None:
    assert cautions(results(drawn(25, [0.5, 0.7])))[0].startswith("5 images are too few to tell")
    assert cautions(results(drawn(5, [0.5, 0.7])))[0].startswith("1 image is too few to tell")
    (few,) = cautions(results(drawn(50, [0.5, 0.7])))
    assert few.startswith("With 10 images")


def test_a_run_that_is_not_over() -> None:
    (sentence,) = cautions(results(drawn(200, [0.5, 0.7]), total=1000))
    assert sentence.startswith("200 of 1,000 items have been answered.")


def test_failures_with_the_complete_cases() -> None:
    scores = drawn(200, [0.5, 0.7])
    (sentence,) = cautions(results(scores, failures=[{1: "lost", 2: "lost"}, {3: "late"}]))
    assert sentence.startswith("Failed, and scored as wrong: step 1000 at 2 items and step 2000 at 1 item.")
    assert "Over the items that none failed at: step 1000 " in sentence
    (sentence,) = cautions(results(scores * 0, failures=[dict.fromkeys(range(200), "lost"), {}]))
    assert sentence.endswith("No item was answered by every checkpoint.")


def test_cut_and_unread_answers() -> None:
    made = results(drawn(200, [0.5, 0.7]))
    answers = (replace(made.answers[0], cut=frozenset({1})), made.answers[1])
    (cut,) = cautions(replace(made, answers=answers))
    assert cut.startswith("Cut off at the most new tokens: 1 answer of step 1000.")
    parsed = np.ones((200, 2), bool)
    parsed[:10, 0] = False
    assert cautions(replace(made, parsed=parsed)) == ()
    parsed[:11, 0] = False
    (unread,) = cautions(replace(made, parsed=parsed))
    assert "step 1000 5.5 %." in unread


def test_an_order_that_hangs_on_the_rules() -> None:
    scores = drawn(200, [0.5, 0.6, 0.9])
    turned = scores[:, [1, 0, 2]]
    (sentence,) = cautions(results(scores, strictness=(turned, scores)))
    assert sentence.startswith("Under strict rules the order turns round between step 2000 and step 1000:")
    assert cautions(results(scores, strictness=(scores * 0, scores * 0 + 1))) == ()


def test_equal_pictures_under_several_names() -> None:
    made = results(drawn(200, [0.5, 0.7]))
    items = tuple(replace(item, image="copy.png") if row == 1 else item for row, item in enumerate(made.items))
    (sentence,) = cautions(replace(made, items=items))
    assert sentence == ("Equal pictures under several names count as one image: image-00000.png and copy.png.")


def test_an_ablation_with_holes() -> None:
    cells = (("A", "all"), ("A", "25 %"), ("B", "all"))
    arms = [arm(n, factors=(("template", a), ("keep", b))) for n, (a, b) in enumerate(cells)]
    (sentence,) = cautions(results(drawn(200, [0.5, 0.6, 0.7]), arms=arms))
    assert sentence.startswith("Not every combination of template and keep was run")


def test_an_early_stop_is_told_as_one_and_what_is_missing_is_named() -> None:
    found = results(np.ones((40, 2)), total=100)
    early = cautions(replace(found, stopped_early="Decided after 40 of 100 questions."))
    assert any(one.startswith("Decided after 40 of 100 questions. The decision rests on those") for one in early)
    assert not any("have been answered" in warning for warning in early)
    gone = cautions(replace(found, missing={"gone": "Gone could not be evaluated."}))
    assert "Gone could not be evaluated." in gone
    assert any("have been answered" in warning for warning in gone)
