"""Draws the engine's overview as HTML that screen readers and small screens can read; knows no component."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from html import escape

from microscope.engine.build import UNBOUNDED
from microscope.engine.caching.states import CacheEvent
from microscope.engine.overview import ModelRow, Overview
from microscope.ui import text

MOST_EVENTS = 20


def summary(seen: Overview) -> str:
    """Return the plan, how much of the memory is taken, and who waits for it."""
    waiting = text.waits(seen.waiting, seen.longest_wait)
    return "".join((_note(seen.plan), _memory(seen.used, seen.budget), _note(waiting) if waiting else ""))


def table(seen: Overview, now: float) -> str:
    """Return one row for every checkpoint, and what the places mean.

    The roles are written out, since browsers drop those of a table that is laid out as cards.
    """
    if not seen.rows:
        return f'<p class="vm-empty">{escape(text.NO_MODELS)}</p>'
    heads = "".join(f'<th scope="col" role="columnheader">{escape(name)}</th>' for name in text.MODELS_COLUMNS)
    rows = "".join(_row(row, now) for row in seen.rows)
    return (
        f'<table class="vm-models" role="table"><caption class="vm-hidden">{escape(text.MODELS_CAPTION)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
    )


def legend() -> str:
    """Return what the places mean, folded away."""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(meaning)}</dd>" for name, meaning in text.PLACES.values())
    return f'<details class="vm-legend"><summary>{escape(text.PLACES_HEADING)}</summary><dl>{listed}</dl></details>'


def history(seen: Overview, now: float) -> str:
    """Return what happened lately, the newest first."""
    heading = f"<h3>{escape(text.EVENTS)}</h3>"
    if not seen.events:
        return f'{heading}<p class="vm-note">{escape(text.NO_EVENTS)}</p>'
    listed = "".join(_event(event, now) for event in seen.events[:MOST_EVENTS])
    return f'{heading}<ol class="vm-events">{listed}</ol>'


def said(sentence: str) -> str:
    """Return the line that tells what came of an action."""
    return f'<p role="status" aria-live="polite">{escape(sentence)}</p>'


def _memory(used: int, budget: int) -> str:
    name = escape(text.MEMORY)
    if not 0 < budget < UNBOUNDED:
        return f'<p class="vm-memory"><span>{name}</span> <span>{escape(text.memory_unbounded(used))}</span></p>'
    said, taken = escape(text.memory(used, budget)), min(used, budget)
    return (
        f'<p class="vm-memory"><span>{name}</span> <span>{said}</span></p>'
        f'<div class="vm-meter" role="meter" aria-label="{name}" aria-valuemin="0" aria-valuemax="{budget}" '
        f'aria-valuenow="{taken}" aria-valuetext="{said}"><div style="width: {taken / budget:.1%}"></div></div>'
    )


def _row(row: ModelRow, now: float) -> str:
    badge = f' <span class="vm-badge">{escape(text.PINNED)}</span>' if row.pinned else ""
    cells = zip(text.MODELS_COLUMNS[1:], _cells(row, now), strict=True)
    drawn = "".join(f'<td role="cell" data-name="{escape(name)}">{cell}</td>' for name, cell in cells)
    return (
        f'<tr role="row" data-place="{escape(row.place)}">'
        f'<th scope="row" role="rowheader">{escape(row.label)}{badge}</th>{drawn}</tr>'
    )


def _cells(row: ModelRow, now: float) -> Iterator[str]:
    yield _place(row)
    yield _weights(row)
    yield escape(text.in_use(row.leases, row.waiting))
    yield _moment(row.last_used, now)
    yield escape(row.note)


def _place(row: ModelRow) -> str:
    name = f'<span class="vm-place">{escape(text.PLACES[row.place][0])}</span>'
    if row.progress is None:
        return name
    share = min(max(row.progress, 0.0), 1.0)
    label = escape(text.WARMING.format(label=row.label))
    return f'{name} {share:.0%}<progress max="1" value="{share:.3f}" aria-label="{label}"></progress>'


def _weights(row: ModelRow) -> str:
    if not row.bytes:
        return escape(text.UNKNOWN_SIZE)
    mapped = text.mapped(row.mapped, row.bytes)
    return escape(text.megabytes(row.bytes)) + (f" <small>{escape(mapped)}</small>" if mapped else "")


def _event(event: CacheEvent, now: float) -> str:
    detail = f" <span>{escape(event.detail)}</span>" if event.detail else ""
    return (
        f'<li data-kind="{escape(event.kind)}">{_moment(event.when, now)} '
        f"<b>{escape(text.EVENT_KINDS[event.kind])}</b> {escape(event.label)}{detail}</li>"
    )


def _moment(when: float | None, now: float) -> str:
    if when is None:
        return escape(text.NEVER)
    written = datetime.fromtimestamp(when, timezone.utc).isoformat(timespec="seconds")
    return f'<time datetime="{written}">{escape(text.ago(now - when))}</time>'


def _note(sentence: str) -> str:
    return f'<p class="vm-note">{escape(sentence)}</p>'
