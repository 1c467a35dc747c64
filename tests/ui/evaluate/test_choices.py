"""What a visitor chose, read from fields' values: what is taken, and the sentence for what is not."""

from __future__ import annotations

from typing import Any

import pytest

from microscope.errors import UserError
from microscope.ui.evaluate import words
from microscope.ui.evaluate.choices import (
    FIELDS,
    Source,
    limited,
    read_choices,
    read_columns,
    read_factors,
)
from tests.ui.evaluate.samples import item_set

GOOD: dict[str, Any] = {
    "checkpoints": ["a", "b", "a"],
    "scorer": "exact",
    "new_tokens": 32,
    "limit": 0,
    "at_random": True,
    "early": False,
    "baseline": "",
    "margin": 2.5,
    "first": "",
    "first_levels": "",
    "second": "",
    "second_levels": "",
}


def test_values_become_choices() -> None:
    choices = read_choices(list(GOOD.values()))
    assert choices.checkpoints == ("a", "b")
    assert (choices.new_tokens, choices.limit, choices.margin) == (32, 0, 2.5)
    assert (choices.baseline, choices.factors) == (None, ())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("new_tokens", 0, words.NEW_TOKENS),
        ("new_tokens", None, words.NEW_TOKENS),
        ("new_tokens", 5000, words.NEW_TOKENS),
        ("limit", -1, words.LIMIT),
        ("margin", 101, words.MARGIN),
        ("margin", float("nan"), words.MARGIN),
    ],
)
def test_a_value_out_of_bounds_is_a_sentence(name: str, value: float | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_choices(list((GOOD | {name: value}).values()))


def test_factors_are_read_in_pairs_and_what_is_not_varied_is_left_out() -> None:
    assert read_factors(["", "x, y", "budget", "1, 2"]) == (("budget", ("1", "2")),)
    prompts = "{question}\nLook, then say: {question}"
    assert read_factors(["template", prompts, None, None]) == (("template", tuple(prompts.splitlines())),)


def test_one_thing_cannot_be_varied_twice() -> None:
    with pytest.raises(UserError, match="Temperature; choose two different ones"):
        read_factors(["temperature", "0, 1", "temperature", "0, 0.7"])


def test_columns_are_read_and_none_at_all_means_guessing() -> None:
    assert read_columns([""] * len(FIELDS)) is None
    chosen = read_columns(["picture", *[""] * (len(FIELDS) - 1)])
    assert chosen is not None
    assert (chosen["image"], chosen["question"]) == ("picture", "")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source(words.UPLOAD), words.NO_FILE),
        (Source(words.HUB, hub="  "), words.NO_HUB_ID),
        (Source(words.HUB, hub="../../etc/passwd"), "named owner/name"),
        (Source(words.HUB, hub="https://example.org/a/b"), "named owner/name"),
        (Source(words.HUB, hub="items.csv"), "named owner/name"),
    ],
)
def test_a_source_without_what_it_needs_is_a_sentence(source: Source, said: str) -> None:
    with pytest.raises(UserError, match=said):
        source.checked()


def test_a_source_is_taken_without_the_spaces_around_it() -> None:
    assert Source(words.HUB, hub=" owner/name ", split=" test ").checked() == Source(
        words.HUB, hub="owner/name", split="test"
    )


def test_a_limit_takes_the_first_or_always_the_same_draw_and_says_so() -> None:
    items = item_set()
    assert limited(items, 0, at_random=True) is items
    assert limited(items, 40, at_random=True) is items
    first = limited(items, 6, at_random=False)
    assert first.items == items.items[:6]
    assert list(first.images) == ["0.png", "1.png"]
    drawn = limited(items, 6, at_random=True)
    assert drawn.items == limited(items, 6, at_random=True).items != first.items
    assert [items.items.index(one) for one in drawn.items] == sorted(items.items.index(one) for one in drawn.items)
    assert drawn.facts.name == "sample, 6 items"
    assert len({items.facts.digest, first.facts.digest, drawn.facts.digest}) == 3
