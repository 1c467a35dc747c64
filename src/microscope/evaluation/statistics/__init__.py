"""Honest numbers about scores whose items share images; knows arrays alone, no item, checkpoint or answer.

Scores are float64 of shape (n, K), one row an item and one column an arm (a checkpoint); clusters, shape (n,), say
which image an item is about. Images count, not items: every error, test and plan here starts from `clustered`. "Second
less first" is the direction of every difference. What a sample is too small for is None, and never a number.
"""

from __future__ import annotations

from microscope.evaluation.statistics.differences import Difference, NonInferiority, differences, non_inferior
from microscope.evaluation.statistics.factors import Contrast, factorial
from microscope.evaluation.statistics.flips import SignFlip, sign_flip
from microscope.evaluation.statistics.intervals import clopper_pearson, interval, wilson
from microscope.evaluation.statistics.letters import compact_letters
from microscope.evaluation.statistics.means import FEW, FEWEST_CLUSTERS, FEWEST_FOR_P, Means, choose, clustered
from microscope.evaluation.statistics.multiplicity import benjamini_hochberg, holm
from microscope.evaluation.statistics.omnibus import CochransQ, FTest, cochrans_q, equal_all
from microscope.evaluation.statistics.paired import McNemar, Odds, mcnemar, newcombe, odds, tango
from microscope.evaluation.statistics.planning import detectable, detectable_before, items_needed, items_needed_from
from microscope.evaluation.statistics.sequential import Sequential, confidence_sequence, e_value, e_values
from microscope.evaluation.statistics.sizes import cohens_d, cohens_dz, cohens_h, design_effect, icc

__all__ = [
    "FEW",
    "FEWEST_CLUSTERS",
    "FEWEST_FOR_P",
    "CochransQ",
    "Contrast",
    "Difference",
    "FTest",
    "McNemar",
    "Means",
    "NonInferiority",
    "Odds",
    "Sequential",
    "SignFlip",
    "benjamini_hochberg",
    "choose",
    "clopper_pearson",
    "clustered",
    "cochrans_q",
    "cohens_d",
    "cohens_dz",
    "cohens_h",
    "compact_letters",
    "confidence_sequence",
    "design_effect",
    "detectable",
    "detectable_before",
    "differences",
    "e_value",
    "e_values",
    "equal_all",
    "factorial",
    "holm",
    "icc",
    "interval",
    "items_needed",
    "items_needed_from",
    "mcnemar",
    "newcombe",
    "non_inferior",
    "odds",
    "sign_flip",
    "tango",
    "wilson",
]
