"""The plots of an analysis as inline SVG: scores, differences, a run's steps, with intervals; computes nothing.

`assets/report/figures.css` colours them, on the report as on any page; colour is never the only sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from microscope.evaluation.analyse.phrases import MINUS, number, percent, points, span
from microscope.evaluation.analysis import Analysis, Effect, Estimate, Moment, Timeline
from microscope.evaluation.reports.drawing import (
    Scale,
    brief,
    figure,
    line,
    percentage,
    safe,
    ticks,
    told_apart,
    words,
)

ROW, BAR, LINE, DOT = 44, 28, 16, 5.5
NAME_WIDTH = 34
PAIR_WIDTH = 15
AXIS = 26
TIMELINE_HEIGHT, TIMELINE_TOP = 240, 14
# Names of steps stand at least this share of the width apart.
APART = 11.0


@dataclass(frozen=True)
class Row:
    """One line of a plot of intervals; `strong` ones are filled, the others hollow.

    `name` is what fits, `under` its second line; `full` is all of it, for who points at it or listens.
    """

    name: str
    full: str
    estimate: Estimate
    note: str
    strong: bool = True
    under: str = ""


def interval_plot(analysis: Analysis, ident: str = "scores") -> str:
    """Return each arm's score with its interval and its letters."""
    names = brief([mark.label for mark in analysis.marks], NAME_WIDTH)
    rows = [
        Row(name, mark.label, mark.score, f"{percent(mark.score.value)}  {mark.letters}")
        for name, mark in zip(names, analysis.marks, strict=True)
    ]
    described = "; ".join(f"{mark.label} {_said(mark.score)}, letters {mark.letters}" for mark in analysis.marks)
    title = f"Scores with {100 * analysis.options.level:g} % intervals"
    return _intervals(ident, title, f"{described}. Arms that share a letter are not separated.", rows, zero=False)


def difference_plot(analysis: Analysis, ident: str = "differences") -> str:
    """Return each pair's difference with its interval beside nought; pairs that are not separated are hollow."""
    full, keys = labels(analysis), [mark.key for mark in analysis.marks]
    short = told_apart([mark.label for mark in analysis.marks])
    # Names that do not fit beside each other stand in two lines.
    fitting = brief(short, NAME_WIDTH - 2)
    beside = brief(short, PAIR_WIDTH) == fitting
    names = dict(zip(keys, fitting, strict=True))
    rows = [
        Row(
            f"{names[pair.second]} {MINUS} {names[pair.first]}" if beside else names[pair.second],
            f"{full[pair.second]} {MINUS} {full[pair.first]}",
            pair.difference,
            points(pair.difference.value),
            pair.separated,
            "" if beside else f"{MINUS} {names[pair.first]}",
        )
        for pair in analysis.pairs
    ]
    described = "; ".join(f"{row.full}: {row.note}, {'separated' if row.strong else 'not separated'}" for row in rows)
    return _intervals(ident, "Differences with their intervals, in points", described, rows, zero=True)


def effect_plot(effects: Sequence[Effect], ident: str = "effects") -> str:
    """Return each contrast of an ablation with its interval beside nought."""
    names = brief([effect.name for effect in effects], NAME_WIDTH)
    rows = [
        Row(name, effect.name, effect.difference, points(effect.difference.value))
        for name, effect in zip(names, effects, strict=True)
    ]
    described = "; ".join(f"{row.full}: {row.note}" for row in rows)
    return _intervals(ident, "What each factor does, in points", described, rows, zero=True)


def timeline_plot(timeline: Timeline, ident: str = "timeline") -> str:
    """Return a run's scores by step with their band; steps that are separated from the best are hollow."""
    moments = timeline.moments
    ends = _ends([moment.score for moment in moments])
    marks = ticks(100 * min(ends), 100 * max(ends), 5)
    bottom = TIMELINE_HEIGHT - AXIS
    # From the bottom up, in pixels: the scale's percentages are of the height that is left for the plot.
    vertical = Scale(marks[0] / 100, marks[-1] / 100, 100, 0)
    steps = [moment.step for moment in moments]
    across = Scale(min(steps), max(steps) if len(set(steps)) > 1 else min(steps) + 1, 12, 94)
    body = []
    for mark in marks:
        y = _pixels(vertical, mark / 100)
        body.append(line(("10%", y), ("100%", y), "grid"))
        body.append(words(_tick(mark, marks), "8.5%", y + 4, "tick", "end"))
    body.append(_band(moments, across, vertical))
    body += [_moment(moment, timeline, across, vertical) for moment in moments]
    body += _step_names(timeline, across, bottom)
    described = "; ".join(
        f"step {moment.step:,} {_said(moment.score)}"
        f"{', separated from the best' if moment.separated_from_best else ''}"
        for moment in moments
    )
    title = f"Score by step of {timeline.run}"
    return figure(ident, title, f"{described}. {timeline.sentence}", TIMELINE_HEIGHT, body)


def labels(analysis: Analysis) -> dict[str, str]:
    """Return what to call each arm, by its key."""
    return {mark.key: mark.label for mark in analysis.marks}


def _intervals(ident: str, title: str, description: str, rows: Sequence[Row], *, zero: bool) -> str:
    ends = [100 * end for end in _ends([row.estimate for row in rows])] + ([0.0] if zero else [])
    marks = ticks(min(ends), max(ends))
    scale = Scale(marks[0], marks[-1])
    height = ROW + (LINE if any(row.under for row in rows) else 0)
    bottom = height * len(rows) + 4
    body = [line((percentage(scale.at(mark)), 0), (percentage(scale.at(mark)), bottom), "grid") for mark in marks]
    if zero:
        body.append(line((percentage(scale.at(0)), 0), (percentage(scale.at(0)), bottom), "zero"))
    for place, row in enumerate(rows):
        body.append(_interval(row, scale, height * place))
    for place, mark in enumerate(marks):
        anchor = {0: "start", len(marks) - 1: "end"}.get(place, "middle")
        x = {"start": "0", "end": "100%"}.get(anchor, percentage(scale.at(mark)))
        body.append(words(_tick(mark, marks), x, bottom + 18, "tick", anchor))
    return figure(ident, title, description, bottom + AXIS, body)


def _interval(row: Row, scale: Scale, top: float) -> str:
    """Return a row: the name and a note above, the interval and its middle below."""
    y, estimate = top + BAR + (LINE if row.under else 0), row.estimate
    parts = [
        f"<title>{safe(row.full)}: {safe(row.note)} ({span(estimate) or 'no interval'})</title>",
        words(row.name, "0", top + 15),
        words(row.note, "100%", top + 15, "value", "end"),
    ]
    if row.under:
        parts.append(words(row.under, "0", top + 15 + LINE))
    if estimate.low is not None and estimate.high is not None:
        left, right = (percentage(scale.at(100 * end)) for end in (estimate.low, estimate.high))
        parts.append(line((left, y), (right, y), "bar"))
        parts += [line((end, y - 5), (end, y + 5), "bar") for end in (left, right)]
    kind = "dot" if row.strong else "ring"
    middle = percentage(scale.at(100 * estimate.value))
    parts.append(f'<circle class="vm-fig-{kind}" cx="{middle}" cy="{y:g}" r="{DOT}"/>')
    return f"<g>{''.join(parts)}</g>"


def _band(moments: Sequence[Moment], across: Scale, vertical: Scale) -> str:
    """Return the band of intervals and the line of scores: a picture in the picture that stretches to its width."""
    height = TIMELINE_HEIGHT - AXIS - TIMELINE_TOP
    above = [f"{across.at(one.step):.2f},{vertical.at(_high(one.score)):.2f}" for one in moments]
    below = [f"{across.at(one.step):.2f},{vertical.at(_low(one.score)):.2f}" for one in reversed(moments)]
    middle = [f"{across.at(one.step):.2f},{vertical.at(one.score.value):.2f}" for one in moments]
    return (
        f'<svg x="0" y="{TIMELINE_TOP}" width="100%" height="{height}" viewBox="0 0 100 100" '
        f'preserveAspectRatio="none">'
        f'<polygon class="vm-fig-band" points="{" ".join(above + below)}"/>'
        f'<polyline class="vm-fig-line" points="{" ".join(middle)}"/></svg>'
    )


def _moment(moment: Moment, timeline: Timeline, across: Scale, vertical: Scale) -> str:
    x, y = percentage(across.at(moment.step)), _pixels(vertical, moment.score.value)
    kind = "ring" if moment.separated_from_best else "dot"
    chosen = moment.key == timeline.recommended
    halo = f'<circle class="vm-fig-chosen" cx="{x}" cy="{y:g}" r="{DOT + 4}"/>' if chosen else ""
    title = f"step {moment.step:,}: {_said(moment.score)}{', recommended' if chosen else ''}"
    return f'<g><title>{title}</title>{halo}<circle class="vm-fig-{kind}" cx="{x}" cy="{y:g}" r="{DOT}"/></g>'


def _step_names(timeline: Timeline, across: Scale, bottom: float) -> list[str]:
    """Return the names of as many steps as fit, the recommended one always among them."""
    chosen = next(moment for moment in timeline.moments if moment.key == timeline.recommended)
    taken: list[float] = []
    found = []
    for moment in sorted(timeline.moments, key=lambda one: (one is not chosen, -one.step)):
        x = across.at(moment.step)
        if all(abs(x - other) >= APART for other in taken):
            taken.append(x)
            kind = "value" if moment is chosen else "tick"
            found.append(words(f"{moment.step:,}", percentage(x), bottom + 18, kind, "middle"))
    return found


def _pixels(vertical: Scale, value: float) -> float:
    return TIMELINE_TOP + vertical.at(value) / 100 * (TIMELINE_HEIGHT - AXIS - TIMELINE_TOP)


def _tick(mark: float, marks: Sequence[float]) -> str:
    """Return a tick's name with as many decimals as tell it from its neighbours."""
    return number(mark, 0 if all(float(one).is_integer() for one in marks) else 1)


def _ends(estimates: Sequence[Estimate]) -> list[float]:
    return [end for one in estimates for end in (_low(one), _high(one))]


def _low(estimate: Estimate) -> float:
    return estimate.value if estimate.low is None else estimate.low


def _high(estimate: Estimate) -> float:
    return estimate.value if estimate.high is None else estimate.high


def _said(estimate: Estimate) -> str:
    between = span(estimate)
    return f"{percent(estimate.value)} ({between})" if between else percent(estimate.value)
