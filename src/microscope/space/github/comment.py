"""The comment about a preview as Markdown: what others wrote stands in it as text alone; asks nobody.

A branch's name is shown as a span of code, a log as a block of code, each behind more backticks than it has itself: in
there nothing is markup, nothing is a link, and nobody is mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from microscope.space.causes import clean

MARK = "<!-- microscope space preview -->"
# GitHub takes 65,536 characters.
LONGEST_LINE, LONGEST_LOG, LONGEST_NAME = 500, 20_000, 200
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[\w./-]*)?", re.ASCII)


@dataclass(frozen=True)
class Push:
    """What is previewed: a commit of a branch, and the pull request that proposes it (None: none does)."""

    number: int | None
    commit: str = ""
    branch: str = ""

    @property
    def name(self) -> str:
        """Return what it is called: the pull request, else the commit."""
        return f"#{self.number}" if self.number is not None else self.commit[:7] or "a checkout"


@dataclass(frozen=True)
class Place:
    """The preview Space: its name and its page on the Hub."""

    space: str
    page: str

    @property
    def link(self) -> str:
        """Return it as a link."""
        return f"[{self.space}]({self.page})"


@dataclass(frozen=True)
class Seen:
    """How a preview stands: in a few words, at which address, and what is known of the cause where it fails."""

    result: str
    address: str
    version: str
    hardware: str
    when: datetime
    details: Sequence[str] = ()


def shown(push: Push, place: Place, seen: Seen) -> str:
    """Return the comment for a preview that the Space was given."""
    address = seen.address if _ADDRESS.fullmatch(seen.address) else place.page
    facts = (
        f"Space: {place.link}",
        f"Commit: {_commit(push)}",
        f"Version: {code(seen.version)}",
        *((f"Hardware: {code(seen.hardware)}",) if seen.hardware else ()),
        f"Time: {seen.when:%Y-%m-%d %H:%M} UTC",
    )
    whose = f"The preview Space shows the newest push among all open pull requests: {push.name}."
    return _page(
        f"**[Preview]({address}): {seen.result}.**",
        "\n".join(f"- {fact}" for fact in facts),
        fold(seen.details),
        whose,
    )


def refused(push: Push, place: Place, sentence: str) -> str:
    """Return the comment for a preview of which nobody can say that it is there, with the sentence that says why."""
    return _page(f"**No preview** of {_commit(push)} on {place.link}: the job for it failed.", fold([sentence]))


def replaced(by: int, place: Place) -> str:
    """Return the comment for a preview whose place another pull request's took."""
    return _page(
        f"**Preview replaced.** {place.link} shows the newest push among all open pull requests: now #{by}. Push to "
        "this one, or run its Preview job again, to see it there."
    )


def closed(number: int, shows: int | None, place: Place) -> str:
    """Return the comment for a closed pull request; `shows` is the one on the Space (None: no one's)."""
    if shows == number:
        return _page(
            f"**Preview ended**, for this pull request is closed. {place.link} shows its last push until one to an "
            "open pull request takes its place."
        )
    now = f" {place.link} shows #{shows} now." if shows is not None else ""
    return _page(f"**Preview gone**, and this pull request is closed.{now}")


def code(text: str) -> str:
    """Return a text of anybody's as a span of code on one line."""
    text = " ".join(_plain(text).split())[:LONGEST_NAME] or "?"
    ticks = "`" * (_longest_run(text) + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{edge}{text}{edge}{ticks}"


def fold(lines: Sequence[str]) -> str:
    """Return lines of anybody's as a folded block of code, the last ones where they are too many; nothing for none."""
    kept = _last(_plain(one)[:LONGEST_LINE] for line in lines for one in line.splitlines())
    if not kept:
        return ""
    text = "\n".join(kept)
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"<details><summary>What is known of the cause</summary>\n\n{ticks}text\n{text}\n{ticks}\n\n</details>"


def _last(lines: Iterable[str]) -> list[str]:
    kept: list[str] = []
    left = LONGEST_LOG
    for line in reversed(list(lines)):
        left -= len(line) + 1
        if left < 0:
            kept.append("…")
            break
        kept.append(line)
    return kept[::-1]


def _commit(push: Push) -> str:
    at = push.commit if re.fullmatch(r"[0-9a-f]{7,40}", push.commit) else "this pull request"
    return f"{at} of {code(push.branch)}" if push.branch else at


def _plain(text: str) -> str:
    """Return a text without tokens, and without characters that turn the direction of reading or show nothing."""
    return "".join(one if one.isprintable() else " " for one in clean(text))


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _page(*paragraphs: str) -> str:
    return "\n\n".join((MARK, *(paragraph for paragraph in paragraphs if paragraph))) + "\n"
