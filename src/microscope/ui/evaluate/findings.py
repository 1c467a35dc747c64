"""Draws what results say, from the verdict to the small print; computes nothing and knows no component."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from microscope.evaluation.analysis import Analysis
from microscope.evaluation.reports import difference_plot, effect_plot, heat_map, interval_plot, timeline_plot
from microscope.ui.evaluate import tables, words
from microscope.ui.evaluate.markup import empty, folded, listing, note, part, scrolled

# Of many checkpoints there are many pairs; more sentences than that are read on request.
MOST_SENTENCES = 6


def verdict(analysis: Analysis | None) -> str:
    """Return the verdict, the sentences that say the rest, and what makes the numbers less than they seem."""
    if analysis is None:
        return empty(words.NO_RESULTS)
    return "".join(
        (
            f'<p class="vm-verdict" data-outcome="{escape(analysis.outcome)}">{escape(analysis.verdict)}</p>',
            *_sentences(analysis.sentences),
            part(words.WARNINGS, listing(analysis.warnings), kind="vm-warnings"),
        )
    )


def _sentences(said: Sequence[str]) -> tuple[str, str]:
    more = said[MOST_SENTENCES:]
    return listing(said[:MOST_SENTENCES]), folded(words.MORE.format(count=len(more)), listing(more))


def findings(analysis: Analysis | None) -> str:
    """Return everything that the verdict rests on: pictures, tables, and how it was computed."""
    if analysis is None:
        return ""
    return "".join(
        (
            part(words.PLOT, interval_plot(analysis)),
            tables.marks(analysis),
            *_timelines(analysis),
            tables.effects(analysis, effect_plot(analysis.effects) if analysis.effects else ""),
            tables.pairs(analysis, difference_plot(analysis) if analysis.pairs else ""),
            tables.slices(analysis, scrolled(words.HEAT, heat_map(analysis))),
            tables.traits(analysis),
            folded(words.NOTES, note(analysis.method)),
        )
    )


def _timelines(analysis: Analysis) -> list[str]:
    return [
        part(
            words.TIMELINE.format(run=one.run),
            f'<p class="vm-said">{escape(one.sentence)}</p>',
            timeline_plot(one, f"timeline-{place}"),
            note(words.TIMELINE_NOTE),
        )
        for place, one in enumerate(analysis.timelines)
    ]
