"""A page of items as the gallery draws it in the browser, and what the browser asks for as a view; knows no Gradio.

Everything is plain JSON. Texts travel as they are, cut where they are long: the browser shows them as text alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from microscope.errors import UserError
from microscope.evaluation.analysis import Slice
from microscope.evaluation.items.base import Pictures
from microscope.evaluation.results import ArmAnswers
from microscope.records import Item
from microscope.ui.evaluate.gallery_query import PAGE, RIGHT, Found, Index, View, query
from microscope.ui.evaluate.gallery_thumbs import Thumbnails, large

# Of each text so many letters, on a card and where an item is shown large.
CARD_LETTERS, LARGE_LETTERS = 400, 20_000
CARD_ANSWERS, LARGE_ANSWERS = 6, 100
# So many kinds and tags can be chosen from; others are found by searching or by a slice.
MOST_NAMES = 200
# What is chosen in words; arms and slices are chosen by number.
CHOSEN = ("show", "search", "kind", "tag", "sort")

Json = dict[str, Any]


class Shown(Protocol):
    """What the gallery needs of the state of a visit: results with their index, the pictures, and named slices."""

    @property
    def index(self) -> Index | None:
        """The index of the results that are shown; None where there are none yet."""

    @property
    def pictures(self) -> Pictures | None:
        """Where the set's pictures are; None where they cannot be had any more."""

    @property
    def slices(self) -> Sequence[Slice]:
        """The slices that items can be opened from, by their number."""


def opening(shown: Shown, thumbs: Thumbnails, view: View | None = None, *, chosen: int | None = None) -> Json | None:
    """Return the payload that shows results from the start, with the first page; None where there are no results.

    `chosen` is the number of the slice whose items are shown alone.
    """
    index = shown.index
    if index is None:
        return None
    found = query(index, _within(shown, view or View(), chosen))
    return _facts(shown, index) | {
        "mode": "open",
        "view": _view(found.view, chosen),
        "page": _page(found, index, shown.pictures, thumbs),
    }


def change(shown: Shown, thumbs: Thumbnails) -> Json | None:
    """Return the payload for results that grew: the page keeps what the visitor chose, and asks anew for its items.

    A page that shows nothing yet, or other results, opens as new.
    """
    opened = opening(shown, thumbs)
    return None if opened is None else opened | {"mode": "change"}


def more(shown: Shown, thumbs: Thumbnails, asked: Mapping[str, Any]) -> Json | None:
    """Return the payload of one more page: `asked` has a `view` and an `offset`, as the browser sent them.

    With `open` it is an opening: the browser has lost what it knew.
    """
    if shown.index is None:
        return None
    if asked.get("open") is True:
        return opening(shown, thumbs)
    sent = asked.get("view")
    told = {**(sent if isinstance(sent, Mapping) else {}), "offset": asked.get("offset")}
    view = _within(shown, read_view(told), _whole(told.get("slice")))
    page = _page(query(shown.index, view), shown.index, shown.pictures, thumbs)
    return page | {"mode": "page", "ask": _whole(asked.get("ask"))}


def enlarged(shown: Shown, asked: Mapping[str, Any]) -> Json | None:
    """Return the payload of an item in full with its large picture and the evidence's boxes.

    A picture that cannot be read leaves the sentence that says why in its place.
    """
    if shown.index is None:
        return None
    index, number = shown.index, item_number(shown, asked)
    told = _item(index, number, LARGE_LETTERS, LARGE_ANSWERS)
    item = index.results.items[number]
    told["boxes"] = [[box.left, box.top, box.right, box.bottom] for box in item.evidence]
    told["src"], told["no_picture"] = _read(shown.pictures, lambda pictures: large(pictures.read(item.image)))
    return {"mode": "large", "ask": _whole(asked.get("ask")), "item": told}


def item_number(shown: Shown, asked: Mapping[str, Any]) -> int:
    """Return the item number in what the browser sent; a `UserError` where the results have none of that number."""
    number = _whole(asked.get("number"))
    if shown.index is None or number is None or not 0 <= number < shown.index.n:
        raise UserError("This item is not in the results that are shown: open the results again.")
    return number


def read_view(told: Mapping[str, Any]) -> View:
    """Return the view that the browser sent; what is missing or of another type is as in a new one."""
    texts = {name: told[name] for name in CHOSEN if isinstance(told.get(name), str)}
    first, second, offset = (_whole(told.get(name)) for name in ("first", "second", "offset"))
    return View(**texts, first=first or 0, second=second, offset=offset or 0)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _within(shown: Shown, view: View, chosen: int | None) -> View:
    if chosen is None or not 0 <= chosen < len(shown.slices):
        return view
    return replace(view, items=shown.slices[chosen].items)


def _facts(shown: Shown, index: Index) -> Json:
    results = index.results
    return {
        "key": f"{results.set.digest}:{':'.join(arm.key for arm in results.arms)}",
        "arms": [arm.label for arm in results.arms],
        "items": index.n,
        "of": results.total,
        "kinds": [list(pair) for pair in index.kinds[:MOST_NAMES]],
        "tags": [list(pair) for pair in index.tags[:MOST_NAMES]],
        "slices": [[f"{one.name}: {one.value}", len(one.items)] for one in shown.slices],
        "count": PAGE,
        "right": RIGHT,
    }


def _view(view: View, chosen: int | None) -> Json:
    told = {name: getattr(view, name) for name in (*CHOSEN, "first", "second")}
    return told | {"slice": chosen}


def _page(found: Found, index: Index, pictures: Pictures | None, thumbs: Thumbnails) -> Json:
    # The first item of each picture stands for it: several may share one.
    first: dict[int, int] = {}
    for number in found.numbers:
        first.setdefault(int(index.results.clusters[number]), number)
    places = {cluster: place for place, cluster in enumerate(first)}
    items = [
        _item(index, number, CARD_LETTERS, CARD_ANSWERS) | {"picture": places[int(index.results.clusters[number])]}
        for number in found.numbers
    ]
    return {
        "offset": found.view.offset,
        "total": found.total,
        "counts": dict(found.counts),
        "items": items,
        "pictures": [list(_small(index, cluster, number, pictures, thumbs)) for cluster, number in first.items()],
    }


def _small(index: Index, cluster: int, number: int, pictures: Pictures | None, thumbs: Thumbnails) -> tuple[str, str]:
    digest, name = index.results.images[cluster].digest, index.results.items[number].image
    return _read(pictures, lambda held: thumbs.get(digest, name, held))


def _read(pictures: Pictures | None, read: Callable[[Pictures], str]) -> tuple[str, str]:
    """Return a picture's address, or no address and the sentence that says why."""
    if pictures is None:
        return "", "The picture is not at hand any more: open the set again to see it."
    try:
        return read(pictures), ""
    except UserError as error:
        return "", str(error)


def _item(index: Index, number: int, letters: int, answers: int) -> Json:
    results = index.results
    item, order = results.items[number], results.order
    image = results.images[int(results.clusters[number])]
    return {
        "number": number,
        "place": int(order[number]) + 1 if len(order) == index.n else number + 1,
        "size": [image.width, image.height],
        "id": _cut(item.id, letters),
        "question": _cut(item.question, letters),
        "answers": [_cut(one, letters) for one in item.answers[:answers]],
        "more_answers": max(0, len(item.answers) - answers),
        "choices": _choices(item, letters),
        "kind": _cut(item.kind, letters),
        "tags": [_cut(tag, letters) for tag in item.tags[:answers]],
        "arms": [_arm(index, one, arm, number, letters) for arm, one in enumerate(results.answers)],
    }


def _choices(item: Item, letters: int) -> list[str]:
    return [_cut(choice, letters) for choice in item.choices[:LARGE_ANSWERS]]


def _arm(index: Index, answers: ArmAnswers, arm: int, number: int, letters: int) -> Json:
    strict, normal, lenient = (round(float(score), 4) for score in index.results.scores[:, number, arm])
    return {
        "text": _cut(answers.texts[number], letters),
        "scores": [strict, normal, lenient],
        "rules": bool(index.rules_matter[number, arm]),
        "unparsed": bool(index.unparsed[number, arm]),
        "failed": answers.failures.get(number, ""),
        "cut": number in answers.cut,
    }


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
