"""Each section shows what it is about, and is not there where there is nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse import analyse
from microscope.evaluation.reports import sections
from tests.evaluation.analyse.made import arm, drawn, results
from tests.evaluation.reports.findings import ablation, plain


def test_scores_have_interval_letters_and_what_makes_them_less() -> None:
    found = sections.scores(analyse(plain()))
    assert found.count('<th scope="row">') == 3
    for title in ("Interval", "Letters", "Strict", "Lenient", "Unread", "Failed", "Cut", "Without failures"):
        assert f">{title}</th>" in found


def test_pairs_have_p_holm_and_what_could_have_been_seen() -> None:
    made = analyse(plain())
    found = sections.pairs(made)
    assert found.count('<th scope="row">') == 6, "each pair in both tables"
    for title in ("p (Holm)", "Could have seen", "Fixed", "Broken", "d_z", "McNemar p", "Sign-flip p"):
        assert f">{title}</th>" in found
    assert "are not separated" in found


def test_many_sentences_are_folded_away() -> None:
    few, many = plain(), results(drawn(100, [0.4, 0.5, 0.6, 0.7, 0.8]))
    assert "Every pair in a sentence" not in sections.pairs(analyse(few))
    assert "Every pair in a sentence" in sections.pairs(analyse(many))


def test_slices_name_both_arms_compared_or_the_one() -> None:
    made = plain()
    found = sections.slices(made, analyse(made))
    assert ">step 1000</th>" in found
    assert ">step 3000</th>" in found
    assert ">p (BH)</th>" in found
    alone = results(drawn(100, [0.4]))
    found = sections.slices(alone, analyse(alone))
    assert "Sorted by the score." in found
    assert ">p (BH)</th>" not in found
    assert "vm-heat" not in found


def test_very_many_slices_are_cut_and_said_to_be() -> None:
    made = plain()
    whole = analyse(made)
    many = replace(whole, slices=whole.slices * 10)
    found = sections.slices(made, many)
    assert f"The worst 60 of {len(many.slices)} are shown." in found


def test_timelines_effects_and_traits() -> None:
    made = analyse(plain())
    assert made.timelines[0].sentence.replace(" %", "\N{NO-BREAK SPACE}%") in sections.timelines(made)
    traits = sections.traits(made)
    assert traits.count("<details>") == 3
    # Regions that are told apart by their names alone.
    assert len(set(re.findall(r'aria-label="([^"]*)"', traits))) == 3
    found = sections.effects(analyse(ablation()))
    assert found.count('<th scope="row">') == 3
    assert "What template B instead of A adds" in found


def test_what_there_is_none_of_is_left_out() -> None:
    made = results(np.ones((4, 1)), arms=[replace(arm(0), run=None)])
    found = analyse(made)
    assert sections.pairs(found) == ""
    assert sections.timelines(found) == ""
    assert sections.effects(found) == ""
    assert sections.traits(found) == ""
    assert sections.slices(made, replace(found, slices=())) == ""
