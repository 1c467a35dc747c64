"""Tells a tracker what an evaluation found, as the plain records of `tracking`; computes no number of its own.

Each training run is a line of the tracker's charts, with a point at each of its steps; a checkpoint that belongs to
no run, and each combination of an ablation, has a line of its own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from microscope.errors import UserError
from microscope.evaluation.analysis import Analysis, Mark
from microscope.evaluation.regressions import BASELINE, Regression, regressions, same_line
from microscope.evaluation.results import PLAIN_TEMPLATE, Arm, Results
from microscope.records import Picture
from microscope.tracking.base import (
    ERROR,
    WARN,
    Alert,
    Cell,
    CheckpointVersion,
    Destination,
    MetricPoint,
    Setting,
    Table,
    Thumbnail,
    TrackedRun,
)

KIND = "kind"
MOST_ROWS, THUMBNAIL = 32, 128
DISAGREEMENTS = "disagreements"


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name, and the numbers of its arms by step."""

    name: str
    arms: tuple[int, ...]


def track(
    destination: Destination,
    results: Results,
    analysis: Analysis,
    picture: Callable[[str], Picture] | None = None,
    previous: Results | None = None,
) -> tuple[Alert, ...]:
    """Write an evaluation to a tracker, one run a line, and return the alerts that were raised.

    `picture` gives a picture of the set by its name, for the thumbnails of the table of disagreements: without it
    there are none. `previous` are earlier results of the same set, to hold a new step of a training run against.
    Raises `UserError` where the tracker is not installed, or the earlier results are of another set.
    """
    worse = regressions(results, analysis, previous)
    rows = _rows(results, picture)
    raised: list[Alert] = []
    for line in lines_of(results):
        alerts = [_alert(one) for one in worse if one.arm in [results.arms[number] for number in line.arms]]
        with destination.start(_run(destination.project, line, results, analysis)) as log:
            log.metrics(metrics_of(line, results, analysis))
            if rows:
                log.table(_table(line, results, analysis, rows))
            for version in versions_of(line, results, analysis):
                log.checkpoint(version)
            for alert in alerts:
                log.alert(alert)
        raised += alerts
    return tuple(raised)


def lines_of(results: Results) -> tuple[Line, ...]:
    """Return the lines in the order of their first arms."""
    lines: list[list[int]] = []
    for number, arm in enumerate(results.arms):
        line = next((line for line in lines if same_line(results.arms[line[0]], arm)), None)
        if line is None:
            lines.append([number])
        else:
            line.append(number)
    return tuple(_line(results.arms, numbers) for numbers in lines)


def metrics_of(line: Line, results: Results, analysis: Analysis) -> tuple[MetricPoint, ...]:
    """Return a line's numbers: score with interval, its other rules, what could not be read, and the score by kind."""
    kinds = sorted((part for part in analysis.slices if part.name == KIND), key=lambda part: part.value)
    points = []
    for number in line.arms:
        arm, mark = results.arms[number], _mark(results, analysis, number)
        found: list[tuple[str, float | None]] = [
            ("score/mean", mark.score.value),
            ("score/low", mark.score.low),
            ("score/high", mark.score.high),
            ("score/strict", mark.strict),
            ("score/lenient", mark.lenient),
            ("answers/unparsed", mark.unparsed),
            ("answers/failed", float(mark.failed)),
            ("answers/cut", float(mark.cut)),
            *(
                (f"{KIND}/{part.value}", part.scores[number].value)
                for part in sorted(kinds, key=lambda one: one.value)
            ),
        ]
        points += [MetricPoint(name, float(value), arm.step) for name, value in found if value is not None]
    return tuple(points)


def versions_of(line: Line, results: Results, analysis: Analysis) -> tuple[CheckpointVersion, ...]:
    """Return a line's checkpoints for a model registry; none of an ablation, which varies what is not in the weights.

    The champion is the best step, if the analysis separates it from every other step of the line.
    """
    if any(results.arms[number].factors for number in line.arms):
        return ()
    scores = {number: _mark(results, analysis, number).score.value for number in line.arms}
    best = max(line.arms, key=lambda number: scores[number])
    apart = {frozenset((pair.first, pair.second)) for pair in analysis.pairs if pair.separated}
    key = results.arms[best].key
    others = [results.arms[number].key for number in line.arms if number != best]
    alone = bool(others) and all(frozenset((key, other)) in apart for other in others)
    return tuple(
        CheckpointVersion(
            model=line.name,
            key=results.arms[number].checkpoint,
            revision=results.answers[number].facts.revision,
            weights=results.answers[number].facts.weights,
            score=scores[number],
            step=results.arms[number].step,
            champion=alone and number == best,
        )
        for number in line.arms
    )


def _line(arms: tuple[Arm, ...], numbers: list[int]) -> Line:
    ordered = sorted(numbers, key=lambda number: arms[number].step or 0)
    first = arms[ordered[0]]
    name = first.run if first.run is not None and first.step is not None else first.label
    levels = ", ".join(f"{factor} {level}" for factor, level in first.factors)
    return Line(f"{name}, {levels}" if levels and levels not in name else name, tuple(ordered))


def _run(project: str, line: Line, results: Results, analysis: Analysis) -> TrackedRun:
    tags = [results.set.name, results.scorer]
    if len(results.items) < results.total:
        tags.append("partial")
    group = f"{results.set.name} {results.set.digest[:8]}"
    return TrackedRun(project, line.name, dict(_config(line, results, analysis)), tuple(tags), group)


def _config(line: Line, results: Results, analysis: Analysis) -> Iterator[tuple[str, Setting]]:
    """Yield everything that decides the line's numbers, by name."""
    first = results.arms[line.arms[0]]
    yield from ((f"set.{name}", value) for name, value in asdict(results.set).items())
    yield from (("items", analysis.n), ("items_in_set", results.total), ("images", analysis.images))
    yield "scorer", results.scorer
    yield from ((f"settings.{name}", value) for name, value in asdict(first.settings).items())
    if first.template != PLAIN_TEMPLATE:
        yield "template", first.template
    yield from (("keep", first.keep), ("precision", first.precision))
    yield from ((f"factor.{name}", level) for name, level in first.factors)
    options = analysis.options
    yield from (("baseline", options.baseline), ("margin", options.margin), ("level", options.level))
    yield from (("verdict", analysis.verdict), ("method", analysis.method))
    for number in line.arms:
        key, facts = results.arms[number].key, asdict(results.answers[number].facts)
        versions = facts.pop("versions")
        yield from ((f"checkpoint.{key}.{name}", value) for name, value in facts.items())
        yield f"checkpoint.{key}.versions", ", ".join(f"{name} {version}" for name, version in versions)


def _mark(results: Results, analysis: Analysis, number: int) -> Mark:
    """Return an arm's mark: an analysis may list them in another order."""
    return next(mark for mark in analysis.marks if mark.key == results.arms[number].key)


def _alert(found: Regression) -> Alert:
    where = "the baseline" if found.against == BASELINE else "the step before"
    level = ERROR if found.against == BASELINE else WARN
    return Alert(f"{found.arm.label} is worse than {where}", found.sentence, level, found.arm.step)


def _rows(results: Results, picture: Callable[[str], Picture] | None) -> tuple[tuple[int, Cell], ...]:
    """Return the first items that arms disagree on (with one arm, that it has not right), each with its thumbnail."""
    scores = results.matrix
    telling = np.ptp(scores, axis=1) > 0 if scores.shape[1] > 1 else scores[:, 0] < 1
    chosen = np.flatnonzero(telling)[:MOST_ROWS].tolist()
    names = dict.fromkeys(results.items[number].image for number in chosen)
    thumbnails = {name: _thumbnail(name, picture) for name in names} if picture is not None else {}
    return tuple((number, thumbnails.get(results.items[number].image)) for number in chosen)


def _thumbnail(name: str, picture: Callable[[str], Picture]) -> Cell:
    """Return a small picture; its name alone where it cannot be read, as a run's numbers do not hang on it."""
    with suppress(UserError):
        found = picture(name)
        image = Image.frombytes("RGB", (found.width, found.height), found.rgb)
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        file = io.BytesIO()
        image.save(file, format="PNG")
        return Thumbnail(file.getvalue(), name)
    return name


def _table(line: Line, results: Results, analysis: Analysis, rows: tuple[tuple[int, Cell], ...]) -> Table:
    """Return the table of disagreements as a line sees it: its arms' answers, and the baseline's before them."""
    base = [number for number, arm in enumerate(results.arms) if arm.key == analysis.options.baseline]
    arms = list(dict.fromkeys((*base, *line.arms)))
    pictured = any(isinstance(cell, Thumbnail) for _, cell in rows)
    columns = ["item", *(["picture"] if pictured else []), "question", "accepted"]
    for number in arms:
        columns += [f"answer: {results.arms[number].key}", f"score: {results.arms[number].key}"]
    scores = results.matrix
    made = []
    for place, cell in rows:
        item = results.items[place]
        row: list[Cell] = [item.id, *([cell] if pictured else []), item.question, " | ".join(item.answers)]
        for number in arms:
            answers = results.answers[number]
            row += [answers.failures.get(place, answers.texts[place]), float(scores[place, number])]
        made.append(tuple(row))
    return Table(DISAGREEMENTS, tuple(columns), tuple(made))
