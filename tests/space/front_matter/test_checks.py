"""The checks of single values, apart from any key."""

from __future__ import annotations

import pytest
import yaml

from microscope.space.front_matter import checks
from microscope.space.front_matter.checks import Check
from microscope.space.front_matter.values import read_value


def said(check: Check, written: str) -> list[str]:
    """Return what a check says about a value as written in YAML."""
    node = yaml.compose(f"k: {written}", Loader=yaml.SafeLoader)
    assert node is not None
    return [problem.sentence for problem in check("k", read_value(node, before=0).content["k"])]


def test_the_nearest_word_is_named_whatever_its_case() -> None:
    assert checks.suggest("COLORFROM", ("colorFrom", "colorTo")) == "did you mean 'colorFrom'?"
    assert checks.suggest("zzz", ("a", "b")) == "allowed are a, b"
    assert checks.suggest("zzz", ("a", "b"), "ask") == "ask"


def test_a_text_is_advised_about() -> None:
    check = checks.text(checks.one_of(("on", "off")))
    assert said(check, "'on'") == []
    assert said(check, "onn") == ["k is 'onn'; did you mean 'on'?"]
    assert said(check, "''") == ["k is empty; give it a value, or remove the line."]
    assert said(check, "5") == ['k is 5, which YAML reads as a number; write "5" in quotes.']
    assert said(check, "{a: b}") == ["k is indented fields; write one value."]


def test_a_flag_is_true_or_false_alone() -> None:
    assert said(checks.flag, "true") == said(checks.flag, "False") == []
    for written in ("yes", "off", "1", "''", "[true]"):
        assert "write true or false" in said(checks.flag, written)[0]
    assert said(checks.flag, "'False'") == ["k is 'False' in quotes, a text; write false alone."]
    assert "no value" in said(checks.flag, "")[0]


@pytest.mark.parametrize("written", ["1", "10"])
def test_a_whole_number_has_bounds_that_belong_to_it(written: str) -> None:
    assert said(checks.whole(1, 10), written) == []


@pytest.mark.parametrize("written", ["0", "11", "1.5", "true", "one", ".inf", "[1]", "-1"])
def test_what_is_no_whole_number_within_the_bounds_is_told_them(written: str) -> None:
    assert "a whole number from 1 to 10" in said(checks.whole(1, 10), written)[0]


def test_a_version_without_quotes_is_told_what_became_of_it() -> None:
    check = checks.version(checks.matching(r"\d\.\d+", "write x.y"))
    assert said(check, "'3.10'") == []
    assert "the number 3.1;" in said(check, "3.10")[0]
    assert "would become" in said(check, "3.12")[0]
    assert said(check, "31.5") == ["k is '31.5'; write x.y."]
    assert said(check, "3") == ["k is '3'; write x.y."]


def test_an_item_is_told_as_one() -> None:
    check = checks.listed(checks.text(checks.one_of(("on", "off"))))
    assert said(check, "[on, 'off', 7]")[0].startswith("an item of k is 7")
    assert said(check, "on") == ["k is 'on', one value; write a list, one - value a line."]
    assert "no value" in said(check, "")[0]
    assert said(check, "[]") == []


def test_one_value_stands_for_a_list_where_that_is_allowed() -> None:
    check = checks.listed(checks.text(checks.one_of(("on", "off"))), single=True)
    assert said(check, "'on'") == said(check, "['on', 'off']") == []
    assert said(check, "onn") == ["k is 'onn'; did you mean 'on'?"]
