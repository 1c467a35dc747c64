"""Draws the standing of swaps as HTML that screen readers and small screens can read; knows no component."""

from __future__ import annotations

import re
from html import escape

from microscope.serve.hotswap.record import Decision, Judgement
from microscope.serve.hotswap.standing import Row, Standing, State
from microscope.ui.evaluate.markup import bar, note
from microscope.ui.models import swap_words as words

SHOWN = 7
# What a button of a row sends, with the row's key.
SWITCH, UNDO = "switch_to", "undo"
_COMMIT = re.compile(r"[0-9a-f]{8,}")


def said(standing: Standing) -> str:
    """Return the line that a screen reader reads out: what happens now, or how it ended and for whom."""
    busy = next((one for one in map(words.under_way, standing.rows) if one), "") if standing.busy else ""
    sentence = busy or standing.sentence or words.NEVER
    kind = "vm-said vm-failed" if standing.failed else "vm-said"
    line = f'<p role="status" aria-live="polite" class="{kind}">{escape(sentence)}</p>'
    if standing.busy or not standing.finished:
        return line
    return line + note(words.looked(standing.by, words.moment(standing.finished)))


def rows(standing: Standing) -> str:
    """Return what there is to say of each checkpoint; those of which there is nothing are named in one sentence."""
    told = [row for row in standing.rows if _tells(row)]
    same = [row.label for row in standing.rows if not _tells(row)]
    listed = "".join(_row(row, standing) for row in told)
    drawn = f'<ul class="vm-swaps" aria-label="{escape(words.ROWS)}">{listed}</ul>' if listed else ""
    known = standing.finished and not standing.busy and not standing.failed
    return drawn + (note(words.unchanged(same)) if known else "")


def record(standing: Standing) -> str:
    """Return the decisions that were made, the newest first, folded away."""
    made = standing.decisions
    body = "".join(map(_decision, made))
    listed = f'<ol class="vm-decisions">{body}</ol>' if made else note(words.NO_RECORD)
    return f"<details><summary>{escape(words.RECORD)} ({len(made)})</summary>{listed}</details>"


def short(state: str) -> str:
    """Return a commit, several joined by `+`, or the hash of a folder, cut to what people compare by."""
    return _COMMIT.sub(lambda found: found[0][:SHOWN], state) or words.UNKNOWN


def _tells(row: Row) -> bool:
    return row.state is not State.UNCHANGED or row.can_switch or row.can_undo


def _row(row: Row, standing: Standing) -> str:
    decision = _decided(row, standing)
    parts = (
        f'<h4>{escape(row.label)} <span class="vm-badge">{escape(words.STATES[row.state])}</span></h4>',
        _commits(*_pair(row, decision)),
        f"<p>{escape(row.sentence)}</p>" if row.sentence else "",
        _progress(row),
        _facts(decision.judgement if decision is not None else Judgement()),
        "" if standing.busy else _buttons(row, staging=standing.staging),
    )
    return f'<li class="vm-swap" data-state="{row.state.value}" data-key="{escape(row.key)}">{"".join(parts)}</li>'


def _decided(row: Row, standing: Standing) -> Decision | None:
    """Return the last decision about a checkpoint where it is what the row tells of."""
    if row.state not in (State.SWITCHED, State.KEPT, State.STAGED):
        return None
    return next((one for one in standing.decisions if one.key == row.key), None)


def _pair(row: Row, decision: Decision | None) -> tuple[str, str]:
    """Return what a row's change leads from and to; the same twice where nothing changed."""
    if row.candidate:
        return row.current, row.candidate
    if row.state is State.SWITCHED and decision is not None:
        return decision.current.state, decision.candidate.state
    return row.current, row.current


def _commits(before: str, after: str) -> str:
    if not before and not after:
        return ""
    name = f'<span class="vm-hidden">{escape(words.COMMITS)}: </span>'
    first, second = (f'<code title="{escape(one)}">{escape(short(one))}</code>' for one in (before, after))
    if before == after:
        return f'<p class="vm-commits">{name}{first}</p>'
    arrow = f'<span aria-hidden="true">\N{RIGHTWARDS ARROW}</span><span class="vm-hidden"> {escape(words.TO)} </span>'
    return f'<p class="vm-commits">{name}{first} {arrow} {second}</p>'


def _progress(row: Row) -> str:
    share = words.progress(row)
    return bar(words.under_way(row), row.done / row.total, share) + note(share) if share else ""


def _facts(judgement: Judgement) -> str:
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in words.judged(judgement)
    )
    return f'<dl class="vm-facts">{pairs}</dl>' if pairs else ""


def _buttons(row: Row, *, staging: bool) -> str:
    offered = [(SWITCH, words.by_hand(row, staging=staging))] if row.can_switch else []
    offered += [(UNDO, words.UNDO)] if row.can_undo else []
    drawn = "".join(
        f'<button type="button" data-act="{act}" data-key="{escape(row.key)}" '
        f'aria-label="{escape(name)}: {escape(row.label)}">{escape(name)}</button>'
        for act, name in offered
    )
    return f'<p class="vm-acts">{drawn}</p>' if drawn else ""


def _decision(decision: Decision) -> str:
    change = _commits(decision.current.state, decision.candidate.state)
    when = f'<time datetime="{escape(decision.when)}">{escape(words.moment(decision.when))}</time>'
    action = words.ACTIONS.get(decision.action, decision.action)
    head = f"{when} <b>{escape(action)}</b> {escape(decision.label)}, {escape(decision.by)}"
    return f'<li data-action="{escape(decision.action)}"><p>{head}</p>{change}{note(decision.sentence)}</li>'
