"""The scorer of lists: the same things in any order, parted by commas or `and`."""

from __future__ import annotations

import re
import unicodedata

from microscope.evaluation.scoring.base import NORMAL, STRICT, Score, Scorer
from microscope.evaluation.scoring.prose import stated, unwrapped
from microscope.evaluation.scoring.text import bare, normalise
from microscope.records import Item

# A comma before three digits and no more is a number's own.
_COMMA = re.compile(r"(?<!\d),|,(?!\d{3}(?!\d))")
_PARTS = re.compile(rf"{_COMMA.pattern}|[;&\n]|\band\b", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+", re.MULTILINE)


def score(answer: str, item: Item, strictness: str) -> Score:
    """Return 1 where the answer names the things of a reference and no other; lenient gives F1 for a part of them."""
    named = _strict_parts(answer)
    best = float(any(named == _strict_parts(one) for one in item.answers))
    if strictness != STRICT and best < 1:
        named = _parts(answer)
        best = float(any(named == _parts(one) for one in item.answers))
        if strictness != NORMAL and best < 1:
            said = {_bare_parts(answer), _bare_parts(stated(answer) or answer)}
            best = max((f1(named, _bare_parts(one)) for named in said for one in item.answers), default=0.0)
    return Score(best, parsed=best > 0 or bool(_parts(answer)))


def f1(named: frozenset[str], wanted: frozenset[str]) -> float:
    """Return twice the shared parts over all parts of both; 1 where both are empty."""
    total = len(named) + len(wanted)
    return 2 * len(named & wanted) / total if total else 1.0


def _strict_parts(text: str) -> frozenset[str]:
    """Return what commas part, verbatim."""
    return frozenset(part.strip() for part in _COMMA.split(text)) - {""}


def _parts(text: str) -> frozenset[str]:
    """Return what commas, semicolons, lines and `and` part, normalised."""
    return frozenset(normalise(part) for part in _PARTS.split(unicodedata.normalize("NFKC", text))) - {""}


def _bare_parts(text: str) -> frozenset[str]:
    """Return the parts without bullets, articles and quotation marks, and with numbers in digits."""
    plain = unwrapped(_BULLET.sub("", unicodedata.normalize("NFKC", text)))
    return frozenset(bare(part) for part in _PARTS.split(plain)) - {""}


SCORER = Scorer(
    key="set",
    label="Set",
    note=(
        "The answer names the things of a reference list and no other, in any order, parted by commas or `and`; "
        "lenient gives F1 for a part of them."
    ),
    score=score,
    binary=False,
)
