"""Draws findings and costs as HTML that screen readers and small screens can read; knows no component.

Everything comes in as text and is escaped here. An address in it becomes a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from microscope.space.findings import Finding, Status
from microscope.ui.space import words

_ADDRESS = re.compile(r"https://[\w./\-]*[\w/\-]")
# Where the script says what came of a press; a screen reader announces it.
_SAID = '<p role="status" class="vm-hidden vm-copied"></p>'


def banner(findings: Sequence[Finding], hint: str) -> str:
    """Return what the page begins with for the owner while something is to do; nothing where nothing is."""
    if not findings:
        return ""
    name = escape(words.begin(len(findings)))
    subjects = escape(",".join(finding.subject for finding in findings))
    return (
        f'<details class="vm-setup" data-setup="{subjects}" open><summary>{name}</summary>'
        f"{note(words.ONLY_YOU, hint)}{_list(findings, 'banner', 'h2')}{note(words.WHOLE_LIST)}</details>{_SAID}"
    )


def groups(findings: Sequence[Finding]) -> str:
    """Return the whole list, what is to do first."""
    parts = []
    for heading, stati in words.GROUPS:
        found = [finding for finding in findings if finding.status in stati]
        if found:
            found.sort(key=lambda finding: finding.status is not Status.FAILED)
            parts.append(f"<section><h3>{escape(heading)}</h3>{_list(found, heading, 'h4')}</section>")
        elif Status.FAILED in stati:
            parts.append(note(words.ALL_DONE))
    return "".join(parts) + _SAID


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Return names with what they stand for."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<dl class="vm-costs">{rows}</dl>'


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a small table of numbers, the first cell of each row its head."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<table class="vm-amounts"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def link(address: str, name: str) -> str:
    """Return a link that leaves the page where it is."""
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(name)}</a>'


def note(*sentences: str) -> str:
    """Return sentences in small print."""
    return f'<p class="vm-note">{_linked(" ".join(filter(None, sentences)))}</p>'


def _list(findings: Sequence[Finding], prefix: str, level: str) -> str:
    items = "".join(
        _item(finding, f"{prefix}-{place}".lower().replace(" ", "-"), level) for place, finding in enumerate(findings)
    )
    return f'<ul class="vm-checklist">{items}</ul>'


def _item(finding: Finding, key: str, level: str) -> str:
    failed = finding.status is Status.FAILED
    badge = f' <span class="vm-badge">{escape(words.FAILED)}</span>' if failed else ""
    head = f"<{level}>{escape(finding.subject)}{badge}</{level}>"
    return f'<li data-status="{finding.status.value}">{head}{"".join(_body(finding, key))}</li>'


def _body(finding: Finding, key: str) -> Iterator[str]:
    yield f"<p>{_linked(finding.detail)}</p>"
    if finding.advice:
        yield f"<p>{_linked(finding.advice)}</p>"
    if finding.value:
        label, name = escape(f"{words.COPY} the text for {finding.subject}"), f"copy-{escape(key)}"
        said = f'data-done="{escape(words.COPIED)}" data-else="{escape(words.NOT_COPIED)}"'
        yield (
            f'<div class="vm-value"><pre id="{name}">{escape(finding.value)}</pre>'
            f'<button type="button" data-copy="{name}" aria-label="{label}" {said}>{escape(words.COPY)}</button></div>'
        )


def _linked(sentence: str) -> str:
    """Return a sentence with its addresses as links."""
    parts, at = [], 0
    for found in _ADDRESS.finditer(sentence):
        parts += [escape(sentence[at : found.start()]), link(found[0], found[0].removeprefix("https://"))]
        at = found.end()
    return "".join([*parts, escape(sentence[at:])])
