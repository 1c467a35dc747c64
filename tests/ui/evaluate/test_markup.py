"""Pieces of HTML: what is text is escaped, tables and bars can be read out, and what is empty is nothing."""

from __future__ import annotations

from microscope.ui.evaluate import markup
from microscope.ui.evaluate.markup import Markup

NASTY = '<script>"&'
ESCAPED = "&lt;script&gt;&quot;&amp;"


def test_every_piece_escapes_what_it_is_given() -> None:
    pieces = (
        markup.note(NASTY),
        markup.empty(NASTY),
        markup.status(NASTY),
        markup.listing([NASTY]),
        markup.part(NASTY, "<p></p>"),
        markup.folded(NASTY, "<p></p>"),
        markup.scrolled(NASTY, "<p></p>"),
        markup.table(NASTY, [NASTY, NASTY], [[NASTY, NASTY]]),
        markup.bar(NASTY, 0.5, NASTY),
    )
    for piece in pieces:
        assert NASTY not in piece
        assert ESCAPED in piece


def test_markup_is_shown_as_it_is_and_text_is_not() -> None:
    assert markup.written(Markup("<b>1</b>")) == "<b>1</b>"
    assert markup.written("<b>1</b>") == "&lt;b&gt;1&lt;/b&gt;"


def test_what_is_empty_is_nothing() -> None:
    assert markup.note("") == ""
    assert markup.listing([]) == ""
    assert markup.part("Heading", "", "") == ""
    assert markup.folded("Heading", "") == ""
    assert markup.scrolled("Name", "") == ""
    assert markup.table("Caption", ["A", "B"], []) == ""


def test_a_table_says_its_roles_and_the_column_of_every_cell() -> None:
    drawn = markup.table("Scores", ["Name", "Score"], [["a", "1"], ["b", Markup("<b>2</b>")]])
    assert drawn.count('role="row"') == 3
    assert '<th scope="row" role="rowheader">a</th><td role="cell" data-name="Score">1</td>' in drawn
    assert '<td role="cell" data-name="Score"><b>2</b></td>' in drawn
    assert '<caption class="vm-hidden">Scores</caption>' in drawn
    assert 'role="region" tabindex="0" aria-label="Scores"' in drawn


def test_a_bar_stays_within_its_bounds_and_is_read_out() -> None:
    assert 'aria-valuenow="100" aria-valuetext="done"' in markup.bar("Run", 1.7, "done")
    assert "width: 0.0%" in markup.bar("Run", -1, "begins")


def test_a_part_can_be_open_from_the_start() -> None:
    assert markup.folded("A", "b").startswith('<details class="vm-part"><summary>')
    assert markup.folded("A", "b", opened=True).startswith('<details class="vm-part" open>')
