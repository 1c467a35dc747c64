"""The whole analysis: degenerate sets are answered for, order does not matter, and a large set takes no time."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from microscope.errors import UserError
from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import BETTER, NOT_WORSE, UNCLEAR, WORSE, Analysis, Options
from tests.evaluation.analyse.made import arm, drawn, results, shuffled
from tests.evaluation.statistics.cases import FOUR


def test_four_checkpoints_have_the_overall_test_of_the_reference() -> None:
    found = analyse(results(FOUR.scores, per_image=3))
    expected = FOUR.expected["global_cluster_wald"]
    assert found.overall.f == pytest.approx(expected["F"])
    assert list(found.overall.df) == expected["df"]
    assert found.overall.p == pytest.approx(expected["F_p"])
    assert "All checkpoints being equal: F(3, 17) = 6.22, p = 0.005." in found.sentences
    assert (found.n, found.images, found.binary, found.outcome) == (60, 20, True, "")


def test_every_pair_of_several_has_its_sentence_and_one_pair_is_the_verdict() -> None:
    assert len(analyse(results(drawn(200, [0.5, 0.6, 0.7]))).sentences) == 3 + 1 + 1
    two = analyse(results(drawn(200, [0.5, 0.6])))
    assert len(two.sentences) == 1, "the timeline's"
    assert two.overall is None


@pytest.mark.parametrize(
    ("means", "margin", "outcome"),
    [
        ([0.5, 0.9], None, BETTER),
        ([0.5, 0.9, 0.51], None, UNCLEAR),
        ([0.5, 0.9, 0.2], 0.1, WORSE),
        ([0.5, 0.9, 0.5], 0.2, NOT_WORSE),
    ],
)
def test_the_outcome_is_the_worst_over_the_candidates(means: list[float], margin: float | None, outcome: str) -> None:
    assert analyse(results(drawn(500, means)), Options("step-1000", margin)).outcome == outcome


def same(one: Analysis, other: Analysis) -> bool:
    """Tell whether two analyses are the same but for the numbers of items in slices."""
    plain = [replace(made, slices=tuple(replace(part, items=()) for part in made.slices)) for made in (one, other)]
    return asdict(plain[0]) == asdict(plain[1])


def test_order_changes_no_digit_and_slices_have_the_given_numbers() -> None:
    made = results(drawn(300, [0.5, 0.6, 0.62]), failures=[{2: "lost"}, {}, {}])
    mixed = shuffled(made)
    plain, other = analyse(made), analyse(mixed)
    assert same(plain, other)
    for one, two in zip(plain.slices, other.slices, strict=True):
        ids = {made.items[row].id for row in one.items}
        assert {mixed.items[row].id for row in two.items} == ids
        assert list(two.items) == sorted(two.items)


def test_degenerate_sets_are_answered_for() -> None:
    one_item = analyse(results(np.array([[1.0, 0.0]])))
    assert one_item.pairs[0].difference.value == -1
    one_image = analyse(results(drawn(5, [0.5, 0.8])))
    assert one_image.images == 1
    assert "no spread" in one_image.method
    failed = analyse(results(np.zeros((60, 2)), failures=[dict.fromkeys(range(60), "lost")] * 2))
    assert not failed.pairs[0].separated
    right = analyse(results(np.ones((60, 3))))
    assert [mark.letters for mark in right.marks] == ["a", "a", "a"]
    assert right.overall.f == 0
    opposite = analyse(results(np.tile([0.0, 1.0], (60, 1))))
    assert opposite.pairs[0].separated
    assert opposite.pairs[0].more_items is None
    soft = analyse(results(np.random.default_rng(0).choice([0, 0.3, 0.6, 0.9, 1], (60, 2))))
    assert not soft.binary
    assert soft.pairs[0].h is None
    assert "Student's t, within 0 and 1" in soft.method
    alone = analyse(results(drawn(60, [0.5])))
    assert (alone.pairs, alone.overall, alone.timelines) == ((), None, ())


def test_one_arm_may_be_its_own_baseline() -> None:
    assert analyse(results(drawn(60, [0.5])), Options("step-1000", 0.02)).outcome == ""


def test_nothing_is_refused_in_a_sentence() -> None:
    with pytest.raises(UserError, match="Run the set through"):
        analyse(replace(results(np.ones((3, 1))), answers=()))


def test_an_ablation_has_effects_and_the_method_names_what_was_done() -> None:
    cells = (("A", "all"), ("A", "25 %"), ("B", "all"), ("B", "25 %"))
    arms = [arm(n, factors=(("template", a), ("keep", b))) for n, (a, b) in enumerate(cells)]
    found = analyse(results(drawn(300, [0.8, 0.7, 0.8, 0.6]), arms=arms), Options("step-1000", 0.02))
    assert len(found.effects) == 3
    for words in ("CR1", "59 degrees", "Wilson", "Holm over 3 pairs", "80 % power", "No worse", "Benjamini"):
        assert words in found.method


def test_a_hundred_thousand_items_through_eight_arms_take_little_time() -> None:
    made = results(drawn(100_000, [0.3, 0.5, 0.6, 0.7, 0.72, 0.75, 0.8, 0.81]))
    items = tuple(
        replace(item, kind=f"kind-{row % 12}", tags=(f"a:{row % 20}", f"b:{row % 13}", f"tag-{row % 30}"))
        for row, item in enumerate(made.items)
    )
    begun = time.process_time()
    found = analyse(replace(made, items=items))
    assert time.process_time() - begun < 5, "a second on an idle machine"
    assert len(found.slices) > 80
    assert len(found.pairs) == 28


def test_under_six_images_no_f_is_told() -> None:
    few = analyse(results(drawn(15, [0.4, 0.6, 0.9]), per_image=5))
    assert few.images == 3
    assert few.overall is None
    assert not any("F(" in sentence for sentence in few.sentences)
