"""Findings as HTML: escaped, with their texts to copy and their addresses as links."""

from __future__ import annotations

import re

import pytest

from microscope.space.findings import Finding, Status
from microscope.ui.space import words
from microscope.ui.space.markup import banner, facts, groups, link, note, table

EVIL = "<img src=x onerror=alert(1)>"
TODO = Finding(
    "Storage", Status.WARNING, "It is lost.", "See https://huggingface.co/pricing, then run it.", "a <b>\nc"
)
FAILED = Finding("Sign-in", Status.FAILED, "Nobody can.", "Write it.", "hf_oauth: true")
FINE = Finding("Hardware", Status.OK, "It is there.")
OPEN = Finding("Token", Status.SKIPPED, "Not needed.")


def test_nothing_to_do_draws_no_banner() -> None:
    assert banner((), "hint") == ""


def test_the_banner_counts_names_and_explains() -> None:
    drawn = banner((FAILED, TODO), "No secret is needed.")
    assert words.begin(2) in drawn
    assert 'data-setup="Sign-in,Storage"' in drawn
    assert "No secret is needed." in drawn
    assert words.WHOLE_LIST in drawn


def test_the_list_begins_with_what_is_to_do_and_failures_before_all() -> None:
    drawn = groups([FINE, TODO, OPEN, FAILED])
    assert re.findall(r"<h4>([\w-]+)", drawn) == ["Sign-in", "Storage", "Hardware", "Token"]
    assert re.findall(r"<h3>([\w ]+)", drawn) == [name for name, _ in words.GROUPS]
    assert drawn.count(words.FAILED) == 1
    assert words.ALL_DONE not in drawn


def test_where_nothing_is_missing_it_says_so() -> None:
    drawn = groups([FINE, OPEN])
    assert words.ALL_DONE in drawn
    assert "To do" not in drawn


def test_a_text_to_copy_has_a_button_that_names_it() -> None:
    drawn = banner((TODO,), "")
    (name,) = re.findall(r'<pre id="([\w-]+)">a &lt;b&gt;\nc</pre>', drawn)
    assert f'data-copy="{name}" aria-label="Copy the text for Storage"' in drawn
    assert "<button" not in groups([FINE])


def test_names_of_texts_are_their_own_in_the_banner_and_in_the_list() -> None:
    page = banner((FAILED, TODO), "") + groups([FAILED, TODO, FINE])
    names = re.findall(r' id="([\w-]+)"', page)
    assert len(names) == len(set(names)) == 4


def test_an_address_is_a_link_without_the_comma_after_it() -> None:
    assert f"{link('https://huggingface.co/pricing', 'huggingface.co/pricing')}, then run it." in groups([TODO])


@pytest.mark.parametrize(
    "drawn",
    [
        banner((Finding(EVIL, Status.WARNING, EVIL, EVIL, EVIL),), EVIL),
        groups([Finding(EVIL, Status.FAILED, EVIL, EVIL, EVIL)]),
        facts([(EVIL, EVIL)]),
        table(EVIL, (EVIL,), [(EVIL, EVIL)]),
        link(f'https://a.b/"{EVIL}', EVIL),
        note(EVIL),
    ],
)
def test_whatever_comes_in_is_text(drawn: str) -> None:
    assert "<img" not in drawn
    assert "&lt;img" in drawn


def test_a_table_has_heads_for_rows_and_columns() -> None:
    drawn = table("Days", ("Visitor", "Runs"), [("somebody", "3")])
    assert "<caption>Days</caption>" in drawn
    assert '<th scope="col">Runs</th>' in drawn
    assert '<th scope="row">somebody</th><td>3</td>' in drawn
