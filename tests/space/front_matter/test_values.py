"""YAML's words as the Hub reads them, and not as PyYAML does."""

from __future__ import annotations

import math

import pytest
import yaml

from microscope.space.front_matter.values import Value, read_value


def value(text: str) -> Value:
    """Return the value of the key `a`."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return read_value(node, before=1).content["a"]


@pytest.mark.parametrize(
    ("written", "kind", "content"),
    [
        ("yes", "text", "yes"),
        ("No", "text", "No"),
        ("on", "text", "on"),
        ("true", "flag", True),
        ("FALSE", "flag", False),
        ("'true'", "text", "true"),
        ("", "nothing", None),
        ("~", "nothing", None),
        ("null", "nothing", None),
        ("'null'", "text", "null"),
        ("7860", "number", 7860),
        ("010", "number", 10),
        ("0x10", "number", 16),
        ("-1_000", "number", -1000),
        ("3.10", "number", 3.1),
        ("1:30", "text", "1:30"),
        ("1:30.5", "text", "1:30.5"),
        ("6.31.0", "text", "6.31.0"),
        ("2026-11-21", "date", "2026-11-21"),
        ("!!str 3.10", "text", "3.10"),
        ("!!int '5'", "number", 5),
        ("!x 5", "tagged", "5"),
        ("=", "text", "="),
        ('"\\ud83d\\ude80"', "text", "🚀"),
        ('"\\ud83d"', "text", "\ufffd"),
        ("|\n  x\n  y\n", "text", "x\ny\n"),
    ],
)
def test_a_word_is_what_the_hub_takes_it_for(written: str, kind: str, content: object) -> None:
    found = value(f"a: {written}")
    assert (found.kind, found.content) == (kind, content)


def test_no_number_is_one_no_less() -> None:
    assert math.isnan(value("a: .nan").content)
    assert value(f"a: {'9' * 5000}").content == math.inf


def test_what_is_written_is_kept_beside_what_it_means() -> None:
    found = value("a: 3.10")
    assert (found.written, found.shown, found.line) == ("3.10", "'3.10'", 2)


def test_a_value_stands_in_the_line_of_its_key_and_an_item_in_its_own() -> None:
    found = value("b: 1\na:\n- x\n\n- y\n")
    assert found.line == 3
    assert [item.line for item in found.content] == [4, 6]
    assert found.plain == ("x", "y")


def test_fields_have_theirs_and_what_is_given_twice_keeps_the_first() -> None:
    found = value("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert found.plain == {"b": 1, "c": 2}
    assert found.twice == {"b": 5}


def test_what_refers_to_itself_comes_to_an_end() -> None:
    assert value("a: &a [*a]").plain == ((),)
    bomb = "b: &b [x, x, x]\nc: &c [*b, *b, *b]\na: [*c, *c, *c]"
    assert value(bomb).plain == ((), (), ()) or len(str(value(bomb).plain)) < 200
