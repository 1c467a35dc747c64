"""The difference between two answers, word by word, as data and as HTML; knows no checkpoint and no Gradio."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from html import escape
from typing import Literal

Kind = Literal["same", "only_first", "only_second"]

# Words of scripts that put no spaces between them count one character each.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_MARKS = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u205e\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_LETTER = rf"[^\s{_UNSPACED}{_MARKS}]"
# A word, or one mark, with the white space that belongs to it: what follows, and in front of the first what precedes.
_WORD = re.compile(rf"(?:\A\s+)?(?:[{_UNSPACED}]|{_LETTER}+(?:['\u2019.,_-]{_LETTER}+)*|[{_MARKS}])\s*")

# The search for the longest common run takes time with the cube of the length where the same few words repeat, as the
# answers of a checkpoint do that fell into a loop: more pairs of equal words than this are aligned without it.
_MOST_PAIRS = 150_000

_CLASSES = {"only_first": ("del", "vm-del"), "only_second": ("ins", "vm-ins")}


@dataclass(frozen=True)
class Chunk:
    """A run of text that both answers have, or only one of them."""

    kind: Kind
    text: str


def word_diff(first: str, second: str) -> tuple[Chunk, ...]:
    """Return the runs of words that two answers share and those that only one has, in reading order.

    Joined, the runs that are not `only_second` are exactly the first answer. White space alone makes no difference:
    where the words are the same, the first answer's spacing stands, and an answer without a word has no run.
    """
    left, right = _words(first), _words(second)
    chunks = []
    for kind, start, end in _runs(left, right):
        words = right if kind == "only_second" else left
        chunks.append(Chunk(kind, "".join(words[start:end])))
    return tuple(chunks)


def agreement(first: str, second: str) -> float:
    """Return the share of words and marks that two answers have in common order: 0 for none, 1 for the same words.

    It is the F-score of ROUGE-L on cased words: twice the longest common subsequence over both lengths.
    """
    left, right = _keys(_words(first)), _keys(_words(second))
    total = len(left) + len(right)
    return 2 * len(_common_subsequence(left, right)) / total if total else 1.0


def diff_html(first: str, second: str, labels: tuple[str, str]) -> str:
    """Return the difference as HTML, with `labels` naming the two answers.

    Meaning does not rest on colour: removed and added words are `del` and `ins`, and hidden text around each says in
    which answer it stands, to screen readers and in copied text.
    """
    names = {"only_first": labels[0], "only_second": labels[1]}
    key = "".join(
        f'<{tag} class="{style}">{escape(f"only in {names[kind]}")}</{tag}> '
        for kind, (tag, style) in _CLASSES.items()
    )
    body = "".join(_chunk_html(chunk, names) for chunk in word_diff(first, second))
    return f'<p class="vm-diff-key">{key.rstrip()}</p><p class="vm-diff" dir="auto">{body}</p>'


def _chunk_html(chunk: Chunk, names: dict[str, str]) -> str:
    if chunk.kind == "same":
        return escape(chunk.text)
    tag, style = _CLASSES[chunk.kind]
    words = chunk.text.rstrip()
    space = chunk.text[len(words) :]
    opening = f'<span class="vm-hidden">[{escape(f"only in {names[chunk.kind]}")}: </span>'
    return f'<{tag} class="{style}">{opening}{escape(words)}<span class="vm-hidden">]</span></{tag}>{space}'


def _words(text: str) -> list[str]:
    """Split a text into words and marks, each with the white space after it; joined, they are the text."""
    return _WORD.findall(text)


def _keys(words: list[str]) -> list[str]:
    return [word.strip() for word in words]


def _runs(left: list[str], right: list[str]) -> Iterator[tuple[Kind, int, int]]:
    """Yield (kind, start, end) for each run; the positions count in `right` where the kind is `only_second`."""
    at_left = at_right = 0
    for start_left, start_right, length in _blocks(_keys(left), _keys(right)):
        if start_left > at_left:
            yield "only_first", at_left, start_left
        if start_right > at_right:
            yield "only_second", at_right, start_right
        if length:
            yield "same", start_left, start_left + length
        at_left, at_right = start_left + length, start_right + length


def _blocks(left: list[str], right: list[str]) -> list[tuple[int, int, int]]:
    """Return (start in left, start in right, length) of the runs in common, and one of length 0 at the end."""
    counts = Counter(right)
    if sum(counts[word] for word in left) <= _MOST_PAIRS:
        matcher = SequenceMatcher(None, left, right, autojunk=False)
        return [(block.a, block.b, block.size) for block in matcher.get_matching_blocks()]
    blocks: list[tuple[int, int, int]] = []
    for at_left, at_right in _common_subsequence(left, right):
        if blocks and (at_left, at_right) == (blocks[-1][0] + blocks[-1][2], blocks[-1][1] + blocks[-1][2]):
            blocks[-1] = (*blocks[-1][:2], blocks[-1][2] + 1)
        else:
            blocks.append((at_left, at_right, 1))
    return [*blocks, (len(left), len(right), 0)]


def _common_subsequence(left: list[str], right: list[str]) -> list[tuple[int, int]]:
    """Return the positions of a longest common subsequence, in order, a whole row of the table in one integer.

    The algorithm of Crochemore, Iliopoulos, Pinzon and Reid (2001): a bit that is 0 marks where the length grows.
    """
    places: dict[str, int] = {}
    for position, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << position
    full = (1 << len(left)) - 1
    rows = [full]
    for word in right:
        row = rows[-1]
        found = row & places.get(word, 0)
        rows.append(((row + found) | (row - found)) & full)
    pairs = []
    at_left, at_right = len(left), len(right)
    while at_left and at_right:
        bit = 1 << at_left - 1
        if rows[at_right] & bit:
            at_left -= 1
        elif not rows[at_right - 1] & bit:
            at_right -= 1
        else:
            at_left, at_right = at_left - 1, at_right - 1
            pairs.append((at_left, at_right))
    return pairs[::-1]
