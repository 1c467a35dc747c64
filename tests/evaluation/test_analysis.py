"""The analysis is plain data, and how a comparison ends has an exit code for every ending."""

from __future__ import annotations

import pickle

from microscope.evaluation.analysis import BETTER, EXITS, NOT_WORSE, UNCLEAR, WORSE, Estimate, Options, Pair


def test_every_ending_has_an_exit_code_and_only_good_ones_are_nought() -> None:
    assert set(EXITS) == {BETTER, NOT_WORSE, UNCLEAR, WORSE}
    assert {ending for ending, code in EXITS.items() if code == 0} == {BETTER, NOT_WORSE}
    assert EXITS[WORSE] != EXITS[UNCLEAR]


def test_a_pair_says_nothing_of_how_it_ends_until_it_is_told() -> None:
    fields = ("se", "p", "p_holm", "detectable", "more_items", "h", "dz", "d", "design_effect")
    rest = dict.fromkeys((*fields, "mcnemar", "sign_flip", "inferior_by"))
    pair = Pair(first="a", second="b", difference=Estimate(0.1), separated=False, fixed=1, broken=0, **rest)
    assert pair.outcome == UNCLEAR
    assert pickle.loads(pickle.dumps(pair)) == pair  # noqa: S301 (our own bytes)


def test_nothing_asked_for_is_all_against_all_at_the_usual_levels() -> None:
    assert Options() == Options(baseline=None, margin=None, level=0.95, power=0.80)
