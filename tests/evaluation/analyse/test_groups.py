"""Items are divided by what is written of them and by what can be measured, each item where it belongs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microscope.evaluation.analyse import groups
from microscope.evaluation.analyse.groups import Grouping
from microscope.evaluation.results import ImageFacts, Results
from microscope.records import Box, Item
from tests.evaluation.analyse.made import results

BOX = Box(0.1, 0.1, 0.5, 0.5)


def of(*items: Item, images: tuple[ImageFacts, ...] = ()) -> dict[str, dict[str, list[int]]]:
    """Return the members of every value of every grouping of items, one picture each."""
    made = made_of(items, images)
    found = (*groups.groupings(made, groups.spoken(made)), groups.words(groups.spoken(made)))
    return {grouping.name: members(grouping) for grouping in found}


def made_of(items: tuple[Item, ...], images: tuple[ImageFacts, ...] = ()) -> Results:
    made = results(np.ones((len(items), 1)), per_image=1)
    return replace(made, items=items, images=images or made.images)


def members(grouping: Grouping) -> dict[str, list[int]]:
    return {value: rows.tolist() for value, rows in zip(grouping.values, grouping.members(), strict=True)}


def item(question: str = "what?", answer: str = "yes", **fields: object) -> Item:
    return Item(id="i", image="p", question=question, answers=(answer,) if answer else (), **fields)


def test_kinds_and_tags_divide_and_who_has_none_is_in_no_part() -> None:
    found = of(
        item(kind="count", tags=("crowded", "light:dim")),
        item(tags=("light: dim ", "crowded", "crowded")),
        item(kind="left", tags=("light:bright", "kind:old", "odd:")),
    )
    assert found["kind"] == {"count": [0], "left": [2]}
    assert found["tag"] == {"crowded": [0, 1], "odd:": [2]}
    assert found["light"] == {"bright": [2], "dim": [0, 1]}
    assert found["tag kind"] == {"old": [2]}


def test_lengths_divide_in_thirds_and_ties_stay_together() -> None:
    found = of(*(item("w " * words, "a " * min(words, 2)) for words in (1, 2, 3, 4, 5, 6)), item("w " * 6, ""))
    assert found["question length"] == {
        "up to 3 words": [0, 1, 2],
        "over 3 words, up to 5 words": [3, 4],
        "over 5 words": [5, 6],
    }
    assert found["answer length"] == {"up to 2 words": [0, 1, 2, 3, 4, 5]}
    assert set(of(item("one"), item("two"))["question length"]) == {"up to 1 word"}


def test_pictures_divide_by_size_and_shape() -> None:
    sizes = ((100, 100), (1000, 1000), (2000, 1000), (1000, 2000))
    images = tuple(ImageFacts(str(number), *size) for number, size in enumerate(sizes))
    found = of(*(item() for _ in images), images=images)
    assert found["image shape"] == {"landscape": [2], "portrait": [3], "square": [0, 1]}
    assert found["image size"] == {
        "up to 1 megapixels": [0, 1],
        "over 1 megapixels, up to 2 megapixels": [2, 3],
    }


def test_boxes_are_counted() -> None:
    found = of(*(item(evidence=(BOX,) * count) for count in (0, 1, 5, 3)))
    assert found["boxes"] == {"0": [0], "1": [1], "3 or more": [2, 3]}


def test_words_are_bare_and_an_item_says_each_once() -> None:
    found = of(item("Is the red, RED ball “red”?"), item("don't"), item("..."), item(""))
    assert found["says"] == {"ball": [0], "don't": [1], "is": [0], "red": [0], "the": [0]}
    assert found["first word"] == {"don't": [1], "is": [0]}


def test_of_very_many_values_the_most_frequent_stay() -> None:
    many = [item(kind=f"kind-{number:03}") for number in range(groups.MOST_VALUES + 20)]
    found = of(*many, item(kind="kind-069"), item(kind="kind-069"))
    assert len(found["kind"]) == groups.MOST_VALUES
    assert found["kind"]["kind-069"] == [69, 70, 71]
