"""The verdict in a sentence, and a sentence for each pair; knows no page.

There are three forms, and no bare rank: separated; not separated, with what this set could have seen; and no worse
than the margin.
"""

from __future__ import annotations

from collections.abc import Sequence

from microscope.evaluation.analyse.outcomes import shown_worse
from microscope.evaluation.analyse.pairs import chosen_pairs
from microscope.evaluation.analyse.phrases import counted, level, listed, number, p_value, percent, points, size, span
from microscope.evaluation.analyse.prepared import Prepared
from microscope.evaluation.analysis import NOT_WORSE, WORSE, Estimate, Mark, Overall, Pair
from microscope.evaluation.statistics import FEWEST_FOR_P, design_effect, detectable_before
from microscope.evaluation.statistics.planning import DISAGREEMENT


def verdict_of(prepared: Prepared, marks: Sequence[Mark], pairs: Sequence[Pair]) -> str:
    """Return the sentence to show first."""
    if len(marks) == 1:
        return _alone(prepared, marks[0])
    if len(marks) == 2:  # noqa: PLR2004 (one pair is the verdict)
        return pair_sentence(prepared, pairs[0], about=True)
    if prepared.baseline is not None:
        return _against(prepared, pairs)
    return _by_letters(prepared, marks, pairs)


def pair_sentence(prepared: Prepared, pair: Pair, *, about: bool = False) -> str:
    """Return what a pair says; `about` adds how many questions and images it is about."""
    names = _names(prepared)
    first, second = names[pair.first], names[pair.second]
    margin = _margin(prepared, pair)
    numbers = _numbers(prepared, pair.difference, about=about)
    if margin is not None and not (pair.separated and pair.difference.value > 0):
        return _by_margin(prepared, pair, margin, numbers)
    if pair.separated:
        better, worse = (second, first) if pair.difference.value > 0 else (first, second)
        turned = pair.difference if pair.difference.value > 0 else _turned(pair.difference)
        return f"{better} is better than {worse}: {_numbers(prepared, turned, about=about)}."
    return f"{first} and {second} are not separated: {second} is at {numbers}. {_seen(prepared, [pair])}"


def overall_sentence(overall: Overall) -> str:
    """Return what the test of all arms being equal says."""
    test = f"F({overall.df[0]}, {overall.df[1]}) = {number(overall.f, 2)}"
    p = "" if overall.p is None else f", p = {p_value(overall.p)}".replace("= <", "<")
    return f"All checkpoints being equal: {test}{p}."


def _alone(prepared: Prepared, mark: Mark) -> str:
    numbers = _about(prepared)
    between = span(mark.score)
    inside = f"{level(prepared.options.level)} interval {between}, {numbers}" if between else numbers
    sentence = f"{mark.label} scores {percent(mark.score.value)} ({inside})."
    if prepared.images < FEWEST_FOR_P:
        return f"{sentence} {_too_few(prepared)}"
    effect = max(design_effect(prepared.scores[:, 0], prepared.clusters) or 1.0, 1.0)
    options = prepared.options
    seen = detectable_before(len(prepared.scores), DISAGREEMENT, effect, options.power, options.level)
    return (
        f"{sentence} Beside a second checkpoint that disagrees with it on {100 * DISAGREEMENT:.0f} % of the "
        f"questions, this set could see a difference of {size(min(seen, 1.0))}."
    )


def _against(prepared: Prepared, pairs: Sequence[Pair]) -> str:
    """Return the verdict on each candidate against the baseline."""
    asked = pairs[: len(chosen_pairs(prepared)[0])]
    names = _names(prepared)
    parts = [f"{names[pair.second]} {_outcome(prepared, pair)}" for pair in asked]
    rest = f"{_about(prepared)}; Holm over {counted(len(asked), 'pair')}"
    return f"Against {names[asked[0].first]}: {'; '.join(parts)} ({rest})."


def _outcome(prepared: Prepared, pair: Pair) -> str:
    """Return what became of a candidate, as the end of a sentence that begins with its name."""
    numbers = _numbers(prepared, pair.difference, brief=True)
    margin = _margin(prepared, pair)
    if margin is not None and pair.outcome == NOT_WORSE:
        return f"is no worse by more than {size(margin)} ({numbers})"
    if margin is not None and pair.outcome == WORSE:
        if _shown(prepared, pair):
            return f"is worse by more than {size(margin)} ({numbers})"
        return f"is worse, and was found more than {size(margin)} below, which is not shown ({numbers})"
    if (pair.separated and margin is None) or (pair.separated and pair.difference.value > 0):
        return f"is {'better' if pair.difference.value > 0 else 'worse'} ({numbers})"
    seen = "too few images to tell" if pair.detectable is None else f"could only have seen {size(pair.detectable)}"
    within = "is not separated" if margin is None else f"cannot be told to be within {size(margin)}"
    within = f"is worse, and {within}" if pair.separated else within
    return f"{within} ({numbers}; {seen})"


def _shown(prepared: Prepared, pair: Pair) -> bool:
    """Tell whether a pair is shown to differ by more than the margin, and not only found to."""
    return pair.se is not None and shown_worse(pair.difference.value, pair.se, prepared.images, prepared.options)


def _by_margin(prepared: Prepared, pair: Pair, margin: float, numbers: str) -> str:
    first, second = (_names(prepared)[key] for key in (pair.first, pair.second))
    least = pair.inferior_by or 0.0
    worst = f"; at most {size(least)} worse, one-sided" if least > 0 else ""
    if pair.outcome == NOT_WORSE:
        lower = f", though lower than it: {numbers}" if pair.separated else f": {numbers}"
        return f"{second} is no worse than {first} by more than {size(margin)}{lower}{worst}."
    if pair.outcome == WORSE:
        if _shown(prepared, pair):
            return f"{second} is worse than {first} by more than {size(margin)}: {numbers}."
        start = f"{second} is worse than {first}, and was found more than {size(margin)} below it"
        return f"{start}: {numbers}. That it is worse by more than {size(margin)} is not shown."
    seen = (
        "" if pair.detectable is None else f" This set could only have seen a difference of {size(pair.detectable)}."
    )
    if pair.separated:
        start = f"{second} is worse than {first}, whether by more than {size(margin)} cannot be told"
        return f"{start}: {numbers}{worst}.{seen}"
    return f"It cannot be told whether {second} is within {size(margin)} of {first}: {numbers}{worst}.{seen}"


def _by_letters(prepared: Prepared, marks: Sequence[Mark], pairs: Sequence[Pair]) -> str:
    """Return the verdict on all against all: who is level with the best, and whom they are better than."""
    names = _names(prepared)
    apart = {frozenset((pair.first, pair.second)) for pair in pairs if pair.separated}
    ranked = sorted(marks, key=lambda mark: -round(mark.score.value, 12))
    best = ranked[0].key
    level_with = [mark.key for mark in ranked if frozenset((best, mark.key)) not in apart]
    behind = [mark.key for mark in ranked if mark.key not in level_with]
    ending = f" ({_about(prepared)}; Holm over {counted(len(pairs), 'pair')})."
    if not apart:
        return f"No two of {listed([names[mark.key] for mark in marks])} are separated. {_seen(prepared, pairs)}"
    among = [pair for pair in pairs if {pair.first, pair.second} <= set(level_with)]
    if len(level_with) == 1:
        start = f"{names[best]} is better than {listed([names[key] for key in behind])}"
        return start + ending
    clique = not any(pair.separated for pair in among)
    called = [names[key] for key in level_with]
    if clique:
        start = f"{listed(called)} are not separated from each other{_brief_seen(among)}"
    else:
        with_best = [pair for pair in among if best in (pair.first, pair.second)]
        start = f"{called[0]} is not separated from {listed(called[1:])}{_brief_seen(with_best)}"
    below_all = [key for key in behind if all(frozenset((key, one)) in apart for one in level_with)]
    below_some = [key for key in behind if key not in below_all]
    every = "both" if len(level_with) == 2 else "all"  # noqa: PLR2004 (of two one says both)
    clauses = [f"{every} are better than {listed([names[key] for key in below_all])}"] if below_all else []
    clauses += [_better_than(key, level_with, apart, names) for key in below_some]
    inner = [pair for pair in among if pair.separated]
    clauses += [pair_sentence(prepared, pair).removesuffix(".") for pair in inner]
    return "; ".join([start, *clauses]) + ending


def _better_than(key: str, better: Sequence[str], apart: set[frozenset[str]], names: dict[str, str]) -> str:
    """Return which of those at the top an arm is behind, and which it is level with."""
    above = [names[one] for one in better if frozenset((one, key)) in apart]
    beside = [names[one] for one in better if frozenset((one, key)) not in apart]
    verb = "is" if len(above) == 1 else "are"
    return f"{listed(above)} {verb} better than {names[key]}, which is not separated from {listed(beside)}"


def _numbers(prepared: Prepared, estimate: Estimate, *, about: bool = False, brief: bool = False) -> str:
    """Return a difference with its interval: `+7.2 points (95 % interval 3.1 to 11.3)`."""
    between = span(estimate)
    inside = [f"{level(prepared.options.level)} interval {between}"] if between else []
    if about:
        inside.append(_about(prepared))
    if brief:
        return ", ".join([points(estimate.value), *inside])
    return points(estimate.value) + (f" ({', '.join(inside)})" if inside else "")


def _seen(prepared: Prepared, pairs: Sequence[Pair]) -> str:
    """Return what the set could have seen of the pairs."""
    found = [pair.detectable for pair in pairs if pair.detectable is not None]
    if not found:
        return _too_few(prepared)
    low, high = size(min(found)), size(max(found))
    between = high if low == high else f"{low.removesuffix(' points').removesuffix(' point')} to {high}"
    return f"This set could only have seen a difference of {between}."


def _brief_seen(pairs: Sequence[Pair]) -> str:
    found = [pair.detectable for pair in pairs if pair.detectable is not None]
    return f" (this set could only have seen {size(max(found))})" if found else ""


def _too_few(prepared: Prepared) -> str:
    return (
        f"{counted(prepared.images, 'image').capitalize()} cannot tell two checkpoints apart, whatever their "
        f"difference: it takes {FEWEST_FOR_P}."
    )


def _about(prepared: Prepared) -> str:
    return f"{counted(len(prepared.scores), 'question')} about {counted(prepared.images, 'image')}"


def _margin(prepared: Prepared, pair: Pair) -> float | None:
    """Return the margin that a pair is held to: only those with the baseline are."""
    return prepared.options.margin if pair.first == prepared.options.baseline else None


def _names(prepared: Prepared) -> dict[str, str]:
    return {arm.key: name for arm, name in zip(prepared.results.arms, prepared.names, strict=True)}


def _turned(estimate: Estimate) -> Estimate:
    low, high = estimate.low, estimate.high
    return Estimate(-estimate.value, None if high is None else -high, None if low is None else -low)
