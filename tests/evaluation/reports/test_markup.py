"""Pieces of HTML escape what they are given, and tables say what names what."""

from __future__ import annotations

from microscope.evaluation.reports import markup
from microscope.evaluation.reports.markup import NUMBER, Head

HOSTILE = "<b>\"'&"
SAFE = "&lt;b&gt;&quot;&#x27;&amp;"


def test_nothing_is_markup() -> None:
    assert markup.text(HOSTILE) == SAFE
    for piece in (
        markup.foreign(HOSTILE),
        markup.bullets([HOSTILE]),
        markup.section(HOSTILE, "x"),
        markup.figure("", HOSTILE),
        markup.note(HOSTILE),
        markup.folded(HOSTILE, ""),
        markup.table(HOSTILE, [Head(HOSTILE)], []),
    ):
        assert "<b>" not in piece
        assert SAFE in piece


def test_a_number_keeps_its_percent_sign() -> None:
    assert markup.text("95 % of it") == "95\N{NO-BREAK SPACE}% of it"


def test_huge_texts_are_cut_and_say_so() -> None:
    assert markup.text("a" * 1000, 10) == "aaaaaaaaaa… (1,000 letters)"
    assert len(markup.foreign("<" * 100_000)) < 3000


def test_a_table_scrolls_by_itself_and_names_rows_and_columns() -> None:
    found = markup.table("what", [Head("name"), Head("count", NUMBER)], [("a", "1"), ("b", "2")])
    assert found.startswith('<div class="scroll" role="region" tabindex="0" aria-label="what">')
    assert found.count('<th scope="row">') == 2
    assert '<th scope="col" class="number">count</th>' in found
    assert '<td class="number">2</td>' in found


def test_what_is_empty_is_not_there() -> None:
    assert markup.section("title", "", "") == ""
    assert markup.bullets([]) == ""
