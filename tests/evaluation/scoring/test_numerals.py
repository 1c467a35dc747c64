"""Numbers as programs, people and sentences write them; what is no number, or several, is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.evaluation.scoring.numerals import as_text, only_number, plain, spoken, written


def decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("7", "7"),
        (" -7.50 ", "-7.5"),
        ("1e3", "1000"),
        ("12%", "0.12"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1,000", None),
        ("$50", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("0x10", None),
        ("", None),
        ("1e99999999", None),
    ],
)
def test_a_plain_number_is_what_programs_write(text: str, wanted: str | None) -> None:
    assert plain(text) == decimal(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1,000", "1000"),
        ("12,345,678.9", "12345678.9"),
        ("1,00", None),
        ("1,5", None),
        ("$50", "50"),
        ("-$50", "-50"),
        ("$-50", "-50"),
        ("-$-50", None),
        ("50 €", "50"),
        ("\u221298", "-98"),
        ("\uff17", "7"),
        ("10\u00b2", None),
        ("\u2460", None),
        ("7.", "7"),
        ("12 %", "0.12"),
        ("7 dogs", None),
        ("7-8", None),
    ],
)
def test_a_written_number_has_commas_currency_and_a_full_stop(text: str, wanted: str | None) -> None:
    assert written(text) == decimal(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Seven", "7"),
        ("twenty-three", "23"),
        ("two hundred and five", "205"),
        ("a hundred", "100"),
        ("three hundred thousand and twelve", "300012"),
        ("two million four thousand", "2004000"),
        ("1.5 million", "1500000"),
        ("nineteen hundred", "1900"),
        ("one two", None),
        ("twenty thirteen", None),
        ("five twenty", None),
        ("thousand million", None),
        ("and seven", None),
        ("seven dogs", None),
        ("7", None),
        ("a", None),
        ("", None),
    ],
)
def test_a_spoken_number_is_in_words(text: str, wanted: str | None) -> None:
    assert spoken(text) == decimal(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I see (7) dogs.", "7"),
        ("Seven dogs, all 7 of them", "7"),
        ("twenty three dogs", "23"),
        ("two hundred and five", "205"),
        ("about 2 million people", "2000000"),
        ("it rose by 50 percent", "0.5"),
        ("it rose by 50 % then", "0.5"),
        ("it weighs 50kg", "50"),
        ("one and two", None),
        ("5 or 7", None),
        ("on 2020-01-02", None),
        ("room B2 has 3", None),
        ("at 3:45", None),
        ("no number", None),
        ("", None),
    ],
)
def test_a_sentence_gives_its_only_number(text: str, wanted: str | None) -> None:
    assert only_number(text) == decimal(wanted)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_a_number_survives_being_written(number: Decimal) -> None:
    assert written(as_text(number)) == number
    assert written(f"{number:,}") == number


@given(st.text())
def test_no_text_breaks_a_reading(text: str) -> None:
    for read in (plain, written, spoken, only_number):
        number = read(text)
        assert number is None or number.is_finite()


def test_digits_are_as_few_as_say_it() -> None:
    assert [as_text(Decimal(text)) for text in ("7.0", "-0.0", "1e3", "100", "0.50")] == [
        "7",
        "0",
        "1000",
        "100",
        "0.5",
    ]
