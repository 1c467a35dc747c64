"""The verdict has three forms and no more, follows the letters, and never is a bare rank."""

from __future__ import annotations

import numpy as np

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analyse.phrases import MINUS
from microscope.evaluation.analyse.verdict import overall_sentence
from microscope.evaluation.analysis import WORSE, Options, Overall
from tests.evaluation.analyse.made import drawn, results
from tests.evaluation.statistics.cases import FOUR

ABOUT = "750 questions about 150 images"


def verdict(means: list[float], options: Options = Options(), count: int = 750, seed: int = 0) -> str:
    return analyse(results(drawn(count, means, seed=seed)), options).verdict


def test_a_separated_pair_names_the_better_one_first() -> None:
    for means in ([0.7, 0.9], [0.9, 0.7]):
        better, worse = ("step 2000", "step 1000") if means[1] > means[0] else ("step 1000", "step 2000")
        found = verdict(means)
        assert found.startswith(f"{better} is better than {worse}: +20.0 points (95 % interval 1")
        assert found.endswith(f", {ABOUT}).")


def test_a_pair_that_is_not_separated_says_what_could_have_been_seen() -> None:
    found = verdict([0.8, 0.82])
    assert found.startswith(
        f"step 1000 and step 2000 are not separated: step 2000 is at +2.0 points (95 % interval {MINUS}"
    )
    assert "This set could only have seen a difference of " in found


def test_a_margin_has_its_own_form() -> None:
    assert verdict([0.8, 0.79], Options("step-1000", 0.05)).startswith(
        f"step 2000 is no worse than step 1000 by more than 5.0 points: {MINUS}"
    )
    assert verdict([0.8, 0.6], Options("step-1000", 0.05)).startswith(
        f"step 2000 is worse than step 1000 by more than 5.0 points: {MINUS}20.0 points"
    )
    assert verdict([0.8, 0.79], Options("step-1000", 0.01)).startswith(
        f"It cannot be told whether step 2000 is within 1.0 point of step 1000: {MINUS}"
    )
    assert verdict([0.8, 0.95], Options("step-1000", 0.01)).startswith("step 2000 is better than step 1000: +")


def test_worse_by_an_unknown_part_of_the_margin_is_both_said() -> None:
    found = verdict([0.8, 0.75], Options("step-1000", 0.06))
    assert found.startswith(
        f"step 2000 is worse than step 1000, whether by more than 6.0 points cannot be told: {MINUS}"
    )


def test_several_arms_follow_the_letters() -> None:
    found = verdict([0.3, 0.8, 0.82])
    assert found.startswith(
        "step 3000 and step 2000 are not separated from each other (this set could only have seen "
    )
    assert found.endswith(f"; both are better than step 1000 ({ABOUT}; Holm over 3 pairs).")
    assert verdict([0.3, 0.5, 0.8]).startswith("step 3000 is better than step 2000 and step 1000 (")
    none = verdict([0.8, 0.805, 0.81])
    assert none.startswith(
        "No two of step 1000, step 2000 and step 3000 are separated. This set could only have seen "
    )


def test_letters_that_overlap_are_not_simplified() -> None:
    found = analyse(results(FOUR.scores, per_image=3)).verdict
    assert found.startswith("step 4000 and step 3000 are not separated from each other")
    assert "step 4000 is better than step 2000, which is not separated from step 3000" in found
    assert "step 4000 is better than step 1000, which is not separated from step 3000" in found


def test_against_a_baseline_every_candidate_is_judged() -> None:
    found = verdict([0.8, 0.3, 0.82, 0.9], Options("step-1000"))
    assert found.startswith(f"Against step 1000: step 2000 is worse ({MINUS}50.0 points, 95 % interval {MINUS}")
    assert "; step 3000 is not separated (+" in found
    assert "; could only have seen " in found
    assert "; step 4000 is better (+10.0 points" in found
    assert found.endswith(f"({ABOUT}; Holm over 3 pairs).")
    held = verdict([0.8, 0.3, 0.795, 0.95], Options("step-1000", 0.05))
    assert "step 2000 is worse by more than 5.0 points (" in held
    assert "step 3000 is no worse by more than 5.0 points (" in held
    assert "step 4000 is better (" in held


def test_one_arm_has_its_score_and_what_such_a_set_could_see() -> None:
    found = verdict([0.8])
    assert found.startswith("step 1000 scores 80.0 % (95 % interval 7")
    assert "disagrees with it on 20 % of the questions, this set could see a difference of " in found


def test_too_few_images_say_so_whatever_they_show() -> None:
    assert "1 image cannot tell two checkpoints apart" in verdict([0.2, 0.9], count=5)
    assert "5 images cannot tell two checkpoints apart" in verdict([0.2, 0.9], count=25)
    assert "1 image cannot tell" in verdict([0.5], count=1)
    assert "too few images to tell" in verdict([0.2, 0.9, 0.5], Options("step-1000"), count=25)


def test_arms_alike_are_not_separated() -> None:
    same = drawn(750, [0.5])
    found = analyse(results(np.hstack([same, same]))).verdict
    assert found.startswith("step 1000 and step 2000 are not separated: step 2000 is at 0.0 points")
    assert "could only have seen a difference of 5." in found


def test_further_below_than_the_margin_is_not_shown_to_be() -> None:
    options = Options("step-1000", 0.045)
    found = analyse(results(drawn(750, [0.8, 0.75])), options)
    assert found.outcome == WORSE
    assert found.pairs[0].difference.high is not None
    assert found.pairs[0].difference.high > -0.045
    assert found.verdict.startswith(
        f"step 2000 is worse than step 1000, and was found more than 4.5 points below it: {MINUS}5.1 points"
    )
    assert found.verdict.endswith("That it is worse by more than 4.5 points is not shown.")
    held = verdict([0.8, 0.75, 0.9], options)
    assert "step 2000 is worse, and was found more than 4.5 points below, which is not shown (" in held


def test_the_test_of_all_has_its_sign_at_every_p() -> None:
    assert overall_sentence(Overall(0.0, (3, 17), 1.0)).endswith(", p = 1.000.")
    assert overall_sentence(Overall(6.2, (3, 17), 0.0048)).endswith(", p = 0.005.")
    assert overall_sentence(Overall(60.2, (3, 17), 1e-9)).endswith(", p < 0.001.")
