"""What results say, as plain data: scores with intervals, pairs, slices, a timeline, and the verdict in a sentence.

Everything that shows a result (the page, the report, the command line, trackers) reads this and computes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

# How a comparison with a baseline ends, from good to bad; exit codes of the command line in `EXITS`.
BETTER, NOT_WORSE, UNCLEAR, WORSE = "better", "not worse", "cannot tell", "worse"
EXITS = {BETTER: 0, NOT_WORSE: 0, WORSE: 3, UNCLEAR: 4}


@dataclass(frozen=True)
class Options:
    """What is asked of results: the arm to hold the others against, and the margin that it may be worse by.

    `baseline` None holds all against all. `margin` is a difference of scores: 0.02 is two percentage points.
    """

    baseline: str | None = None
    margin: float | None = None
    level: float = 0.95
    power: float = 0.80


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means with its interval; no interval where fewer than two images carry it."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Mark:
    """One arm's score. `letters`: arms that share one are not separated.

    `strict` and `lenient` are the mean under those rules, `unparsed` the share of answers in which the scorer could
    read none, `failed` and `cut` counts, `complete` the mean over items that no arm failed at. `n` items count.
    """

    key: str
    label: str
    score: Estimate
    se: float | None
    strict: float
    lenient: float
    unparsed: float
    failed: int
    cut: int
    complete: float | None
    letters: str
    n: int


@dataclass(frozen=True)
class Pair:
    """The second arm less the first, on the same items.

    `p` is None under six images; `p_holm` is corrected over the pairs that were asked about. `detectable` is the
    smallest difference this set sees with the power asked for, `more_items` how many items (in all) would show the
    difference that was found. `fixed` are items that only the second has right, `broken` only the first. `h` (Cohen,
    of shares right), `dz` and `d` are effect sizes, None where undefined. `mcnemar` is the exact p where every image
    has one question and scores are 0 or 1; `sign_flip` the exact test's (Westfall-Young) where there are few images.
    `inferior_by` is the most that the second may be worse by: minus the lower one-sided bound of the difference.
    """

    first: str
    second: str
    difference: Estimate
    se: float | None
    p: float | None
    p_holm: float | None
    separated: bool
    detectable: float | None
    more_items: int | None
    fixed: int
    broken: int
    h: float | None
    dz: float | None
    d: float | None
    design_effect: float | None
    mcnemar: float | None
    sign_flip: float | None
    inferior_by: float | None
    outcome: str = UNCLEAR


@dataclass(frozen=True)
class Slice:
    """Items that have something in common: `name` is what (kind, tag, length), `value` which.

    `scores` are by arm, in their order. `difference` and `p_bh` (Benjamini-Hochberg over all slices tried) are of the
    candidate less the reference: the last arm less the baseline, or less the first.
    """

    name: str
    value: str
    items: tuple[int, ...]
    images: int
    scores: tuple[Estimate, ...]
    difference: Estimate | None
    p_bh: float | None


@dataclass(frozen=True)
class Moment:
    """One step of a training run with its score."""

    key: str
    step: int
    score: Estimate
    separated_from_best: bool


@dataclass(frozen=True)
class Timeline:
    """The steps of one run in order, which one is recommended (its key), and why in a sentence."""

    run: str
    moments: tuple[Moment, ...]
    recommended: str
    sentence: str


@dataclass(frozen=True)
class Trait:
    """What goes with failure of an arm: items that have the trait fail more (or less) often than those without."""

    arm: str
    trait: str
    items: int
    failure_with: float
    failure_without: float
    difference: Estimate
    p_bh: float | None


@dataclass(frozen=True)
class Effect:
    """A contrast of an ablation: a main effect, or how two of them interact."""

    name: str
    difference: Estimate
    p: float | None
    p_holm: float | None
    sentence: str


@dataclass(frozen=True)
class Overall:
    """The test of all arms being equal: F with its degrees of freedom."""

    f: float
    df: tuple[int, int]
    p: float | None


@dataclass(frozen=True)
class Analysis:
    """All that results say.

    `verdict` is the sentence to show first; `sentences` say the rest, one a pair or a step. `method` says how
    intervals were made, in a sentence. `warnings` are what makes the numbers less than they seem (few images,
    failures, cut answers, scores that hang on the rules). `outcome` is the worst over the candidates where there is a
    baseline.
    """

    n: int
    images: int
    binary: bool
    verdict: str
    sentences: tuple[str, ...]
    method: str
    warnings: tuple[str, ...]
    outcome: str
    marks: tuple[Mark, ...]
    pairs: tuple[Pair, ...]
    overall: Overall | None
    slices: tuple[Slice, ...]
    timelines: tuple[Timeline, ...]
    traits: tuple[Trait, ...]
    effects: tuple[Effect, ...]
    options: Options
