"""Draws an analysis as tables: scores, pairs, slices, effects, traits; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microscope.evaluation.analyse.phrases import counted, number, p_value, percent, points, span
from microscope.evaluation.analysis import Analysis, Effect, Estimate, Mark, Pair, Slice, Trait
from microscope.ui.evaluate import words
from microscope.ui.evaluate.markup import Cell, Markup, folded, note, part, table, written

# More columns than that are read better in the heat map.
MOST_COLUMNS = 4
MOST_SLICES = 20
MOST_TRAITS = 5
# An arrow for the eye, a word for the ear.
TO = '<span class="vm-to" aria-hidden="true">→</span><span class="vm-hidden">and</span>'


def marks(analysis: Analysis) -> str:
    """Return the scores, each with its interval."""
    body = table(words.MARKS_CAPTION, words.MARKS_HEADS, (list(_mark(mark)) for mark in analysis.marks))
    return part(words.MARKS, body, note(words.MARKS_NOTE) if body else "")


def pairs(analysis: Analysis, plot: str = "") -> str:
    """Return the differences of pairs under a picture of them, open where they are few."""
    names = labels(analysis)
    body = table(words.PAIRS_CAPTION, words.PAIRS_HEADS, (list(_pair(pair, names)) for pair in analysis.pairs))
    few = len(analysis.pairs) <= MOST_COLUMNS
    return folded(words.PAIRS, plot, body, note(words.PAIRS_NOTE) if body else "", opened=few)


def slices(analysis: Analysis, heat: str = "") -> str:
    """Return the slices, each a button that opens its items, and `heat`, a picture of all of them."""
    shown = [mark.label for mark in analysis.marks] if len(analysis.marks) <= MOST_COLUMNS else []
    paired = any(one.difference is not None for one in analysis.slices)
    heads = [*words.SLICES_HEADS, *shown, *(words.SLICES_TAIL if paired else ())]
    rows = [
        list(_slice(number_, one, columns=bool(shown), paired=paired))
        for number_, one in enumerate(analysis.slices[:MOST_SLICES])
    ]
    body = table(words.SLICES_CAPTION, heads, rows)
    more = words.SLICES_SHOWN.format(shown=len(rows), count=len(analysis.slices))
    notes = (note(_between(analysis) + words.SLICES_NOTE) if paired else "") + (
        note(more) if len(analysis.slices) > len(rows) else ""
    )
    return folded(words.SLICES, body, notes if body else "", heat if body else "")


def _between(analysis: Analysis) -> str:
    """Say which two the differences of slices are between: the last less the baseline, or less the first."""
    keys, names = [mark.key for mark in analysis.marks], labels(analysis)
    first = keys[0] if analysis.options.baseline is None else analysis.options.baseline
    second = [key for key in keys if key != first][-1]
    return words.SLICES_BETWEEN.format(first=names[first], second=names[second])


def effects(analysis: Analysis, plot: str = "") -> str:
    """Return what an ablation found, under a picture of it."""
    body = table(words.EFFECTS_CAPTION, words.EFFECTS_HEADS, map(_effect, analysis.effects))
    return folded(words.EFFECTS, plot, body, opened=True)


def traits(analysis: Analysis) -> str:
    """Return what goes with errors."""
    names = labels(analysis)
    of_each = ([trait for trait in analysis.traits if trait.arm == key][:MOST_TRAITS] for key in names)
    body = table(words.TRAITS_CAPTION, words.TRAITS_HEADS, (_trait(one, names) for some in of_each for one in some))
    return folded(words.TRAITS, note(words.TRAITS_NOTE) if body else "", body)


def labels(analysis: Analysis) -> Mapping[str, str]:
    """Return what people call each arm, by key."""
    return {mark.key: mark.label for mark in analysis.marks}


def scored(estimate: Estimate) -> str:
    """Return a score with its interval: `96.8 % (94.8 to 98.2)`."""
    ends = span(estimate)
    return f"{percent(estimate.value)} ({ends})" if ends else percent(estimate.value)


def _mark(mark: Mark) -> Iterator[Cell]:
    yield mark.label
    yield Markup(f"<b>{number(100 * mark.score.value)}</b>")
    yield span(mark.score) or words.NONE
    yield mark.letters or words.NONE
    yield f"{number(100 * mark.strict)} to {number(100 * mark.lenient)}"
    yield number(100 * mark.unparsed)
    yield f"{mark.failed:,}"
    yield f"{mark.cut:,}"


def _pair(pair: Pair, names: Mapping[str, str]) -> Iterator[Cell]:
    first, second = (names.get(key, key) for key in (pair.first, pair.second))
    yield Markup(f"{written(first)} {TO} {written(second)}")
    said = written(points(pair.difference.value))
    yield Markup(f"<b>{said}</b>" if pair.separated else said)
    yield span(pair.difference) or words.NONE
    yield p_value(pair.p)
    yield p_value(pair.p_holm)
    yield number(100 * pair.detectable) if pair.detectable is not None else words.NONE
    yield f"{pair.fixed:,} and {pair.broken:,}"
    yield _sizes(pair)


def _sizes(pair: Pair) -> str:
    named = (("h", pair.h), ("d_z", pair.dz), ("d", pair.d))
    return ", ".join(f"{name} {number(value, 2)}" for name, value in named if value is not None) or words.NONE


def _slice(place: int, one: Slice, *, columns: bool, paired: bool) -> Iterator[Cell]:
    name = written(f"{one.name}: {one.value}")
    yield Markup(f'<button type="button" class="vm-link" data-slice="{place}">{name}</button>')
    yield f"{len(one.items):,} on {counted(one.images, 'image')}"
    if columns:
        for score in one.scores:
            yield number(100 * score.value)
    if paired:
        yield points(one.difference.value) if one.difference is not None else words.NONE
        yield (span(one.difference) if one.difference is not None else "") or words.NONE
        yield p_value(one.p_bh)


def _effect(effect: Effect) -> list[Cell]:
    return [
        effect.name,
        points(effect.difference.value),
        span(effect.difference) or words.NONE,
        p_value(effect.p_holm),
        effect.sentence,
    ]


def _trait(trait: Trait, names: Mapping[str, str]) -> list[Cell]:
    return [
        trait.trait,
        names.get(trait.arm, trait.arm),
        f"{trait.items:,}",
        number(100 * trait.failure_with),
        number(100 * trait.failure_without),
        points(trait.difference.value),
        p_value(trait.p_bh),
    ]
