"""The heat map of arms by slices: a table, so that it is read, copied and heard like one; computes nothing."""

from __future__ import annotations

from microscope.evaluation.analyse.phrases import number, percent
from microscope.evaluation.analysis import Analysis, Estimate, Slice
from microscope.evaluation.reports.markup import foreign, text

MOST_ROWS, LONGEST_NAME = 30, 80


def heat_map(analysis: Analysis, most: int = MOST_ROWS) -> str:
    """Return each arm's score in each slice, the worst slices first; empty where there is none.

    Every cell has its number in percent; the paler it is, the lower among all that are shown.
    """
    slices = analysis.slices[:most]
    values = [one.value for part in slices for one in part.scores]
    if not values:
        return ""
    low, high = min(values), max(values)
    heads = "".join(f'<th scope="col">{foreign(mark.label, LONGEST_NAME)}</th>' for mark in analysis.marks)
    rows = "".join(_row(part, low, high) for part in slices)
    caption = f"Score in each slice, in percent: paler is lower, from {percent(low)} to {percent(high)}"
    return (
        f'<table class="vm-heat"><caption><span>{caption}</span></caption>'
        f'<thead><tr><th scope="col">Slice</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _row(part: Slice, low: float, high: float) -> str:
    name = f"{text(part.name, LONGEST_NAME)}: {foreign(part.value, LONGEST_NAME)} <small>({len(part.items):,})</small>"
    return f'<tr><th scope="row">{name}</th>{"".join(_cell(one, low, high) for one in part.scores)}</tr>'


def _cell(score: Estimate, low: float, high: float) -> str:
    share = (score.value - low) / (high - low) if high > low else 1.0
    return f'<td style="--share:{share:.2f}">{number(100 * score.value, 0)}</td>'
