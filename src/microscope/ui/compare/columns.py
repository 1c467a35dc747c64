"""The answer columns as data and as HTML; knows no Gradio and no engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

from microscope.records import Answer, AnswerEvent, Facts, Outcome, State
from microscope.ui import text

REVISION_SHOWN = 12
WAITS = (State.QUEUED, State.FETCHING, State.LOADING)


@dataclass(frozen=True)
class Column:
    """One checkpoint's column: `state` is a `State` value or `stopped`."""

    key: str
    label: str
    state: str = State.QUEUED.value
    text: str = ""
    tokens: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    answer: Answer | None = None
    message: str = ""
    ahead: int = 0
    seconds: float = 0.0

    @property
    def finished(self) -> bool:
        """Tell whether nothing more will come."""
        return self.state in (State.DONE.value, State.FAILED.value, "stopped")


Columns = tuple[Column, ...]


def apply(columns: Columns, event: AnswerEvent) -> Columns:
    """Return the columns after an event; a column that is being answered keeps the text it has.

    One that waits has none: where it had some, its answer begins again.
    """
    return tuple(
        replace(
            column,
            state=event.state.value,
            text=event.text or ("" if event.state in WAITS else column.text),
            tokens=event.tokens or (0 if event.state in WAITS else column.tokens),
            bytes_done=event.bytes_done,
            bytes_total=event.bytes_total or column.bytes_total,
            answer=event.answer,
            message=event.message,
            ahead=event.ahead,
            seconds=event.seconds,
        )
        if column.key == event.checkpoint
        else column
        for column in columns
    )


def stop(columns: Columns) -> Columns:
    """Return the columns with everything unfinished marked as stopped."""
    return tuple(
        column if column.finished else replace(column, state="stopped", message=text.STOPPED) for column in columns
    )


def outcomes(columns: Columns) -> tuple[Outcome, ...]:
    """Return what became of each column, for the history and the exports."""
    return tuple(Outcome(one.key, one.label, one.answer, _message(one)) for one in columns)


def from_outcomes(found: tuple[Outcome, ...]) -> Columns:
    """Return the columns of a finished comparison."""
    return tuple(
        Column(
            one.checkpoint,
            one.label,
            State.DONE.value if one.answer else State.FAILED.value,
            one.answer.text if one.answer else "",
            answer=one.answer,
            message=one.message,
        )
        for one in found
    )


def render(columns: Columns) -> str:
    """Return the columns as HTML: one labelled region each, with state, answer and facts."""
    if not columns:
        return f'<p class="vm-empty">{escape(text.NO_ANSWERS)}</p>'
    return f'<div class="vm-columns">{"".join(_column(column) for column in columns)}</div>'


def announcement(columns: Columns) -> str:
    """Return one line for screen readers: how many answers stand and which is being written."""
    done = sum(column.finished for column in columns)
    writing = [column.label for column in columns if column.state == State.GENERATING.value]
    now = f"; {writing[0]} is answering" if writing else ""
    return f"{done} of {len(columns)} answers finished{now}."


def _column(column: Column) -> str:
    label, state = escape(column.label), escape(column.state)
    busy = "false" if column.finished else "true"
    return (
        f'<section class="vm-column" aria-label="Answer of {label}" aria-busy="{busy}" data-state="{state}">'
        f'<header><h3>{label}</h3><span class="vm-state">{escape(_state(column))}</span></header>'
        f"{_body(column)}{_facts(column)}</section>"
    )


def _state(column: Column) -> str:
    name = text.STATES[column.state]
    if column.state == State.FETCHING.value and column.bytes_total:
        return f"{name} {text.megabytes(column.bytes_done)} of {text.megabytes(column.bytes_total)}"
    if column.state == State.LOADING.value:
        return text.loading(column.bytes_done, column.bytes_total, column.ahead, column.seconds)
    if column.state == State.QUEUED.value and column.seconds:
        return text.queued(column.ahead, column.seconds)
    if column.state == State.GENERATING.value and column.tokens:
        return f"{name}, {_count(column.tokens)}"
    return name


def _body(column: Column) -> str:
    parts = []
    if column.text:
        parts.append(f'<p class="vm-answer">{escape(column.text)}</p>')
    elif column.state == State.DONE.value:
        parts.append(f'<p class="vm-note">{escape(text.EMPTY_ANSWER)}</p>')
    if column.message:
        parts.append(f'<p class="vm-message">{escape(column.message)}</p>')
    return "".join(parts)


def _facts(column: Column) -> str:
    if column.answer is None:
        return ""
    note = text.COMPUTED[column.answer.computed]
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts(column.answer.facts)
    )
    return f'<dl class="vm-facts">{listed}</dl>' + (
        f'<p class="vm-note">{escape(note[:1].upper() + note[1:])}.</p>' if note else ""
    )


def facts(found: Facts) -> tuple[tuple[str, str], ...]:
    """Return the facts of an answer as (name, value) pairs, in the order people read them."""
    rate = found.tokens_per_second
    ends = {"end": "", "length": ", cut at the limit", "stopped": ", stopped"}
    return (
        ("Revision", found.revision.removeprefix("sha256:")[:REVISION_SHOWN]),
        ("Prompt", f"{found.prompt_tokens} tokens, {found.image_tokens} of the image"),
        ("Answer", f"{_count(found.tokens)}{ends[found.finish]}"),
        ("First token", f"{found.first_token_seconds:.2f} s"),
        ("Speed", f"{rate:.0f} tokens/s" if rate else "one token"),
        ("Model", "in memory" if found.loaded_in is None else f"loaded in {found.loaded_in:.1f} s"),
        *((("In a batch", f"of {found.together}, whose time it is"),) if found.together > 1 else ()),
        ("Seed", str(found.seed)),
        ("Runs as", f"{found.dtype} on {found.device}"),
        *((("Made do", found.fallback),) if found.fallback else ()),
    )


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens} tokens"


def _message(column: Column) -> str:
    """Return why there is no whole answer, with what was written before a person pressed Stop."""
    return f"{column.message} {column.text}".strip() if column.state == "stopped" else column.message
