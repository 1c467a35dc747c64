"""The report's tables: scores, pairs, slices, effects, error analysis; computes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from microscope.evaluation.analyse.phrases import MINUS, NOTHING, number, p_value, percent, points, span
from microscope.evaluation.analyse.slices import reference_and_candidate
from microscope.evaluation.analysis import Analysis, Pair, Slice, Trait
from microscope.evaluation.reports.heat import LONGEST_NAME, heat_map
from microscope.evaluation.reports.markup import (
    NUMBER,
    Head,
    bullets,
    figure,
    folded,
    foreign,
    note,
    section,
    table,
    text,
)
from microscope.evaluation.reports.svg import difference_plot, effect_plot, interval_plot, labels, timeline_plot
from microscope.evaluation.results import Results

MOST_SLICES = 60
CHANGE = ("Difference", "Interval", "p (BH)")
# More sentences than these are folded away.
MOST_SENTENCES = 8


def scores(analysis: Analysis) -> str:
    """Return each arm's score as a plot and a table."""
    heads = [
        Head("Checkpoint"),
        *(Head(title, NUMBER) for title in ("Score", "Interval", "Letters", "Strict", "Lenient")),
        *(Head(title, NUMBER) for title in ("Unread", "Failed", "Cut", "Without failures", "Questions")),
    ]
    rows = [
        (
            foreign(mark.label),
            percent(mark.score.value),
            span(mark.score) or NOTHING,
            mark.letters,
            percent(mark.strict),
            percent(mark.lenient),
            percent(mark.unparsed),
            f"{mark.failed:,}",
            f"{mark.cut:,}",
            NOTHING if mark.complete is None else percent(mark.complete),
            f"{mark.n:,}",
        )
        for mark in analysis.marks
    ]
    caption = "Checkpoints that share a letter are not separated. Scores in percent."
    return section("Scores", figure(interval_plot(analysis), caption), table("Scores", heads, rows))


def pairs(analysis: Analysis) -> str:
    """Return each pair's difference as a plot, a table, and a second one with sizes and further tests."""
    if not analysis.pairs:
        return ""
    names = labels(analysis)
    called = [f"{foreign(names[pair.second])} {MINUS} {foreign(names[pair.first])}" for pair in analysis.pairs]
    titles = ("Points", "Interval", "p", "p (Holm)", "Separated", "Could have seen", "Fixed", "Broken")
    heads = [Head("Second less first"), *(Head(title, NUMBER) for title in titles)]
    rows = [(name, *_tested(pair)) for name, pair in zip(called, analysis.pairs, strict=True)]
    more = ("h", "d_z", "d", "Design effect", "Items to show it", "At most worse by", "McNemar p", "Sign-flip p")
    sizes = [Head("Second less first"), *(Head(title, NUMBER) for title in more)]
    others = [(name, *_sized(pair)) for name, pair in zip(called, analysis.pairs, strict=True)]
    caption = "Hollow dots are not separated after Holm's correction. Intervals are of each pair by itself."
    return section(
        "Differences",
        _sentences(analysis),
        figure(difference_plot(analysis), caption),
        table("Every pair on the same questions, differences in points", heads, rows),
        folded("Effect sizes and further tests", table("Sizes and tests of every pair", sizes, others)),
    )


def _sentences(analysis: Analysis) -> str:
    """Return the sentences, folded where they are many: the table says the same."""
    said = bullets(analysis.sentences)
    return folded("Every pair in a sentence", said) if len(analysis.sentences) > MOST_SENTENCES else said


def _tested(pair: Pair) -> tuple[str, ...]:
    return (
        _points(pair.difference.value),
        span(pair.difference) or NOTHING,
        p_value(pair.p),
        p_value(pair.p_holm),
        "yes" if pair.separated else "no",
        _optional(pair.detectable, 100, 1),
        f"{pair.fixed:,}",
        f"{pair.broken:,}",
    )


def _sized(pair: Pair) -> tuple[str, ...]:
    return (
        _optional(pair.h, 1, 2),
        _optional(pair.dz, 1, 2),
        _optional(pair.d, 1, 2),
        _optional(pair.design_effect, 1, 2),
        NOTHING if pair.more_items is None else f"{pair.more_items:,}",
        _optional(pair.inferior_by, 100, 1),
        p_value(pair.mcnemar),
        p_value(pair.sign_flip),
    )


def timelines(analysis: Analysis) -> str:
    """Return each run's scores by step."""
    parts = [
        f"<h3>{text(line.run)}</h3>"
        + figure(timeline_plot(line, f"timeline-{place}"), f"{line.sentence} Hollow steps are separated from it.")
        for place, line in enumerate(analysis.timelines)
    ]
    return section("Training", *parts)


def slices(results: Results, analysis: Analysis) -> str:
    """Return the slices, worst first: a heat map where there are several arms, and a table of those compared."""
    if not analysis.slices:
        return ""
    pair = reference_and_candidate(results, analysis.options)
    shown = pair or (0,)
    heads = [Head("Slice"), *(Head(title, NUMBER) for title in (CHANGE if pair else ("Interval",)))]
    heads += [Head(analysis.marks[arm].label, NUMBER) for arm in shown]
    heads += [Head("Questions", NUMBER), Head("Images", NUMBER)]
    rows = [_slice(part, shown) for part in analysis.slices[:MOST_SLICES]]
    order = "Sorted by the difference between the two." if pair else "Sorted by the score."
    count = len(analysis.slices)
    most = f" The worst {MOST_SLICES} of {count:,} are shown." if count > MOST_SLICES else ""
    heat = f'<div class="scroll" role="region" tabindex="0" aria-label="Heat map">{heat_map(analysis)}</div>'
    return section(
        "Slices, worst first",
        note(f"{order}{most} Slices overlap, and many were tried: p-values are corrected for all of them."),
        table("Scores by slice, in percent; differences in points", heads, rows),
        heat if pair else "",
    )


def _slice(part: Slice, shown: Sequence[int]) -> list[str]:
    scores = [part.scores[arm] for arm in shown]
    if part.difference is None:
        change = [span(scores[0]) or NOTHING]
    else:
        change = [_points(part.difference.value), span(part.difference) or NOTHING, p_value(part.p_bh)]
    return [
        f"{text(part.name, LONGEST_NAME)}: {foreign(part.value, LONGEST_NAME)}",
        *change,
        *(number(100 * one.value) for one in scores),
        f"{len(part.items):,}",
        f"{part.images:,}",
    ]


def effects(analysis: Analysis) -> str:
    """Return an ablation's contrasts as sentences, a plot and a table."""
    if not analysis.effects:
        return ""
    heads = [Head("Contrast"), *(Head(title, NUMBER) for title in ("Points", "Interval", "p", "p (Holm)"))]
    rows = [
        (
            foreign(effect.name),
            _points(effect.difference.value),
            span(effect.difference) or NOTHING,
            p_value(effect.p),
            p_value(effect.p_holm),
        )
        for effect in analysis.effects
    ]
    return section(
        "Ablation",
        bullets(effect.sentence for effect in analysis.effects),
        figure(effect_plot(analysis.effects), "Main effects, then interactions, in points."),
        table("Contrasts, differences in points", heads, rows),
    )


def traits(analysis: Analysis) -> str:
    """Return what goes with failure, arm by arm, each behind a heading that opens."""
    parts = []
    for mark in analysis.marks:
        own = [trait for trait in analysis.traits if trait.arm == mark.key]
        if own:
            parts.append(folded(mark.label, _traits(mark.label, own)))
    if not parts:
        return ""
    return section(
        "What goes with failure",
        note("Shares of wrong answers among questions with and without a trait. What goes with it need not cause it."),
        *parts,
    )


def _traits(label: str, own: list[Trait]) -> str:
    titles = ("Wrong with", "Wrong without", *CHANGE, "Questions")
    heads = [Head("Trait"), *(Head(title, NUMBER) for title in titles)]
    rows = [
        (
            foreign(trait.trait, LONGEST_NAME),
            percent(trait.failure_with),
            percent(trait.failure_without),
            _points(trait.difference.value),
            span(trait.difference) or NOTHING,
            p_value(trait.p_bh),
            f"{trait.items:,}",
        )
        for trait in own
    ]
    return table(f"Traits with which {label} fails more or less often, the surest first", heads, rows)


def _points(difference: float) -> str:
    return points(difference).rsplit(" ", 1)[0]


def _optional(value: float | None, factor: float, digits: int) -> str:
    return NOTHING if value is None else number(factor * value, digits)
