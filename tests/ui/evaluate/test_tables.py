"""An analysis as tables: every number with what makes it honest, and every name escaped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.evaluation.analyse import analyse
from microscope.evaluation.analyse.slices import reference_and_candidate
from microscope.evaluation.analysis import Options
from microscope.ui.evaluate import tables, words
from tests.ui.evaluate.samples import NASTY, analysis_of, arm, item_set, results_of

ESCAPED = "&lt;b&gt;step &amp; 2000&lt;/b&gt;"
SAID = analysis_of()


def test_scores_have_interval_letters_range_and_counts() -> None:
    drawn = tables.marks(SAID)
    assert ESCAPED in drawn
    assert NASTY not in drawn
    for cell in ("<b>55.0</b>", "40.0 to 69.0", ">a<", "50.0 to 60.0", ">5.0<", ">2<", ">1<"):
        assert cell in drawn
    assert words.MARKS_NOTE in drawn


def test_pairs_have_difference_interval_p_and_what_could_have_been_seen() -> None:
    drawn = tables.pairs(SAID)
    for cell in ("step 300", ESCAPED, "<b>+25.0 points</b>", "10.0 to 40.0", "0.002", "0.004", "18.2", "12 and 2"):
        assert cell in drawn
    assert "h 0.54, d_z 0.45" in drawn
    assert ", d 0" not in drawn


def test_a_pair_that_few_images_cannot_test_has_no_p() -> None:
    pair = replace(SAID.pairs[0], p=None, p_holm=None, detectable=None, separated=False, h=None, dz=None)
    drawn = tables.pairs(analysis_of(pairs=(pair,)))
    assert "<b>" not in drawn
    assert drawn.count(f">{words.NONE}<") == 4


def test_slices_are_buttons_that_carry_their_place() -> None:
    drawn = tables.slices(SAID, "<svg></svg>")
    assert f'<button type="button" class="vm-link" data-slice="0">kind: {ESCAPED}</button>' in drawn
    assert 'data-slice="1">kind: colour</button>' in drawn
    assert "2 on 2 images" in drawn
    assert "0.010" in drawn
    assert "<svg></svg>" in drawn


@pytest.mark.parametrize("baseline", [None, "step-300", "step-2000", "step-6000"])
def test_slices_say_which_two_their_differences_are_between(baseline: str | None) -> None:
    arms = [arm("step-300"), arm("step-2000"), arm("step-6000")]
    found = results_of(item_set(), arms)
    said = analyse(found, Options(baseline=baseline))
    pair = reference_and_candidate(found, said.options)
    assert pair is not None
    first, second = (arms[place].label for place in pair)
    assert f"Difference: {second} less {first}, in points." in tables.slices(said)


def test_many_columns_are_left_to_the_heat_map_and_many_slices_to_the_files() -> None:
    many = analysis_of(marks=SAID.marks * 3, slices=SAID.slices * 20)
    drawn = tables.slices(many)
    assert 'data-name="step 300"' not in drawn
    assert drawn.count("data-slice") == tables.MOST_SLICES
    assert words.SLICES_SHOWN.format(shown=tables.MOST_SLICES, count=40) in drawn


def test_slices_of_one_checkpoint_have_scores_and_no_difference() -> None:
    alone = tuple(replace(one, difference=None, p_bh=None, scores=one.scores[:1]) for one in SAID.slices)
    drawn = tables.slices(analysis_of(marks=SAID.marks[:1], pairs=(), slices=alone))
    assert 'data-name="step 300"' in drawn
    assert words.SLICES_TAIL[0] not in drawn
    assert words.SLICES_NOTE not in drawn


def test_effects_and_traits_say_what_they_are_of() -> None:
    assert "More pixels help." in tables.effects(SAID)
    assert "step 300" in tables.traits(SAID)
    assert "+30.0 points" in tables.traits(SAID)


def test_what_an_analysis_has_not_is_not_drawn() -> None:
    bare = analysis_of(marks=(), pairs=(), slices=(), effects=(), traits=())
    for draw in (tables.marks, tables.pairs, tables.slices, tables.effects, tables.traits):
        assert draw(bare) == ""
