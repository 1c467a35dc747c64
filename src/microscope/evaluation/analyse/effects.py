"""An ablation's contrasts: what each factor does, and how two of them interact; knows no page.

Arms that carry the same factors, in every combination of their levels, are an ablation. A factor with one level does
nothing that could be seen, and is left out.
"""

from __future__ import annotations

import numpy as np

from microscope.evaluation.analyse.estimates import difference
from microscope.evaluation.analyse.phrases import level, p_value, points, size, span
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analysis import Effect, Estimate
from microscope.evaluation.statistics import Contrast, factorial, holm


def varied(prepared: Prepared) -> tuple[str, ...]:
    """Return the names of the factors that every arm carries and that have several levels; empty: no ablation."""
    arms = prepared.results.arms
    names = [name for name, _ in arms[0].factors]
    if not names or any([name for name, _ in arm.factors] != names for arm in arms):
        return ()
    return tuple(name for name in names if len({dict(arm.factors)[name] for arm in arms}) > 1)


def complete(prepared: Prepared) -> bool:
    """Tell whether every combination of levels has an arm, without which effects cannot be told apart."""
    names = varied(prepared)
    rows = {tuple(dict(arm.factors)[name] for name in names) for arm in prepared.results.arms}
    return len(rows) == np.prod([len(set(column)) for column in zip(*rows, strict=True)])


def effects_of(prepared: Prepared) -> tuple[Effect, ...]:
    """Return main effects, then interactions of two factors, with Holm over all; none where it is no ablation."""
    names = varied(prepared)
    if not names or not complete(prepared) or prepared.means is None:
        return ()
    rows = [[dict(arm.factors)[name] for name in names] for arm in prepared.results.arms]
    contrasts = factorial(rows)
    values, errors = prepared.means.contrasts(np.array([one.weights for one in contrasts]))
    found = [
        difference(float(value), float(error), prepared.images, prepared.options.level)
        for value, error in zip(values, errors, strict=True)
    ]
    corrected = holm([np.nan if p is None else p for _, p in found])
    made = []
    for contrast, (estimate, p), adjusted in zip(contrasts, found, corrected.tolist(), strict=True):
        p_holm = None if p is None else adjusted
        sentence = _sentence(prepared, contrast, names, estimate, p_holm)
        made.append(Effect(_name(contrast, names), estimate, p, p_holm, sentence))
    return tuple(made)


def _name(contrast: Contrast, names: tuple[str, ...]) -> str:
    parts = zip(contrast.factors, contrast.levels, strict=True)
    return " × ".join(f"{names[factor]}: {start} → {end}" for factor, (start, end) in parts)


def _sentence(
    prepared: Prepared, contrast: Contrast, names: tuple[str, ...], estimate: Estimate, p_holm: float | None
) -> str:
    """Return what an effect is, and whether it can be told from none."""
    shown = p_holm is not None and p_holm < prepared.alpha
    sure = f"{level(prepared.options.level)} interval {span(estimate)}, p = {p_value(p_holm)} after Holm"
    sure = sure.replace("= <", "<")
    verdict = "" if shown else ", which cannot be told from none"
    change = points(estimate.value)
    (factor, *rest), ((start, end), *others) = contrast.factors, contrast.levels
    if not rest:
        # Over the levels of the others, with some of which it may do something else.
        mean = " on average" if len(names) > 1 else ""
        return f"{names[factor]} {end} instead of {start} changes the score by {change}{mean} ({sure}){verdict}."
    (origin, target), other = others[0], names[rest[0]]
    way = "lower" if estimate.value < 0 else "higher"
    return (
        f"What {names[factor]} {end} instead of {start} adds is {size(estimate.value)} {way} at {other} {target} than "
        f"at {origin} ({sure}){verdict}."
    )
