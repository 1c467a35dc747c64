"""How a comparison with a baseline ends: better, not worse, worse, or it cannot be told; knows no sentence.

Without a margin, an arm is better or worse where it is separated from the baseline, and else it cannot be told.

With a margin D, "no worse" means: not worse by more than D. One-sided bounds of the difference decide, each at the
level asked for:

- better: separated from the baseline, and above it;
- not worse: the lower bound is above -D. So is an arm that is separated and below the baseline, but by less than D;
- worse: the upper bound is below -D (shown to be worse by more than the margin), or the arm is separated, below the
  baseline, and was found worse by more than D;
- cannot tell: everything else, as a set that is too small for the margin.

Over several candidates the worst counts: worse, cannot tell, not worse, better. That all are no worse needs no
correction for their number, since every single one has to be shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from microscope.evaluation.analysis import BETTER, NOT_WORSE, UNCLEAR, WORSE, Options
from microscope.evaluation.statistics import FEWEST_FOR_P, Difference, non_inferior

FROM_WORST = (WORSE, UNCLEAR, NOT_WORSE, BETTER)


def outcome_of(found: Difference, images: int, options: Options, *, separated: bool) -> str:
    """Return how the second arm does against the first; it cannot be told under six pictures."""
    if images < FEWEST_FOR_P:
        return UNCLEAR
    if separated and found.difference > 0:
        return BETTER
    if options.margin is None or options.baseline is None:
        return WORSE if separated else UNCLEAR
    if non_inferior(found.difference, found.se, images, options.margin, options.level).holds:
        return NOT_WORSE
    shown = shown_worse(found.difference, found.se, images, options)
    return WORSE if shown or (separated and found.difference < -options.margin) else UNCLEAR


def shown_worse(difference: float, se: float, images: int, options: Options) -> bool:
    """Tell whether a difference is shown to be below minus the margin, by its upper one-sided bound."""
    upper = -non_inferior(-difference, se, images, 0, options.level).bound
    return options.margin is not None and upper < -options.margin


def worst(outcomes: Iterable[str]) -> str:
    """Return the worst of the candidates' outcomes; empty where there is none."""
    found = set(outcomes)
    return next((outcome for outcome in FROM_WORST if outcome in found), "")
