"""From results to all that they say, in one call; each part has its own module and knows none of the others' words."""

from __future__ import annotations

from dataclasses import replace

from microscope.evaluation.analyse.cautions import cautions_of
from microscope.evaluation.analyse.effects import effects_of
from microscope.evaluation.analyse.groups import groupings, spoken, words
from microscope.evaluation.analyse.marks import marks_of
from microscope.evaluation.analyse.outcomes import worst
from microscope.evaluation.analyse.pairs import chosen_pairs, pairs_of
from microscope.evaluation.analyse.phrases import counted, level
from microscope.evaluation.analyse.prepared import Prepared, prepare
from microscope.evaluation.analyse.slices import slices_of
from microscope.evaluation.analyse.timelines import timelines_of
from microscope.evaluation.analyse.traits import traits_of
from microscope.evaluation.analyse.verdict import overall_sentence, pair_sentence, verdict_of
from microscope.evaluation.analysis import Analysis, Options, Overall, Slice
from microscope.evaluation.results import Results
from microscope.evaluation.statistics import FEWEST_FOR_P, equal_all

ALL_AGAINST_ALL = Options()
# Of two arms the test of all being equal is that of the pair.
FEWEST_ARMS = 3


def analyse(results: Results, options: Options = ALL_AGAINST_ALL) -> Analysis:
    """Return all that results say: marks, pairs, slices, timelines, error analysis, ablation, and the verdict.

    The same answers in another order give the same analysis, but for the numbers of items in slices, which are those
    of the results given. Raises `UserError` where there is nothing to analyse, or the options do not fit.
    """
    prepared = prepare(results, options)
    pairs = pairs_of(prepared)
    marks = marks_of(prepared, pairs)
    said = spoken(prepared.results)
    groups = groupings(prepared.results, said)
    slices = slices_of(prepared, groups)
    timelines = timelines_of(prepared, marks)
    overall = _overall(prepared)
    asked = len(chosen_pairs(prepared)[0])
    sentences = [] if len(pairs) < FEWEST_ARMS else [pair_sentence(prepared, pair) for pair in pairs]
    sentences += [] if overall is None else [overall_sentence(overall)]
    sentences += [timeline.sentence for timeline in timelines]
    return Analysis(
        n=len(prepared.scores),
        images=prepared.images,
        binary=prepared.binary,
        verdict=verdict_of(prepared, marks, pairs),
        sentences=tuple(sentences),
        method=method_of(prepared, asked, len(slices)),
        warnings=cautions_of(prepared, marks),
        outcome="" if prepared.baseline is None else worst(pair.outcome for pair in pairs[:asked]),
        marks=marks,
        pairs=pairs,
        overall=overall,
        slices=tuple(_placed(part, prepared) for part in slices),
        timelines=timelines,
        traits=traits_of(prepared, (*groups, words(said))),
        effects=effects_of(prepared),
        options=options,
    )


def method_of(prepared: Prepared, asked: int, slices: int) -> str:
    """Return how the numbers were made, in the words of a paper's method section."""
    options, means = prepared.options, prepared.means
    if means is None:
        return "All questions are about one image, which has no spread: there are no intervals and no tests."
    kind = "Wilson's at the effective number of items" if prepared.binary else "Student's t, within 0 and 1"
    about = f"{counted(len(prepared.scores), 'question')} about {counted(prepared.images, 'image')}"
    clustered = f"{means.correction}, {prepared.images - 1} degrees of freedom"
    parts = [
        f"Every checkpoint answered the same {about}; a failed answer scores 0.",
        f"Questions about one image are not independent: covariances are clustered by image ({clustered}).",
        f"Intervals are {level(options.level)}; those of scores are {kind}, those of differences are paired t.",
    ]
    if asked and prepared.images >= FEWEST_FOR_P:
        parts.append(
            f"Two checkpoints are separated where p after Holm over {counted(asked, 'pair')} is below "
            f"{prepared.alpha:g}; the difference a set could see is for {100 * options.power:g} % power"
            f"{' in one pair by itself, before Holm' if asked > 1 else ''}."
        )
    every = len(prepared.names) * (len(prepared.names) - 1) // 2
    if asked < every and prepared.images >= FEWEST_FOR_P:
        parts.append(f"Pairs without the baseline are corrected over all {every:,} pairs.")
    if options.margin is not None and options.baseline is not None:
        parts.append(
            f"“No worse” means that the one-sided {level(options.level)} bound of the difference is above "
            f"minus {100 * options.margin:g} points."
        )
    if slices:
        parts.append(f"P-values of the {counted(slices, 'slice')} are corrected by Benjamini and Hochberg's method.")
    return " ".join(parts)


def _overall(prepared: Prepared) -> Overall | None:
    # Under six images there is no p, and an F alone says nothing.
    if prepared.means is None or len(prepared.names) < FEWEST_ARMS or prepared.images < FEWEST_FOR_P:
        return None
    test = equal_all(prepared.means)
    return Overall(test.f, (test.df1, test.df2), test.p)


def _placed(part: Slice, prepared: Prepared) -> Slice:
    """Return a slice with its items as the given results number them."""
    return replace(part, items=tuple(sorted(prepared.rows[list(part.items)].tolist())))
