"""The standing as drawn: escaped, with roles and a live line, buttons only where they would do something."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from microscope.serve.hotswap.standing import Standing
from microscope.ui.models import swap_view as view
from microscope.ui.models import swap_words as words
from tests.ui.models.swaps import DONE, EVALUATING, FAILED, FETCHING, FOLDER, FRESH, NEW, OLD

ALL = (DONE, FETCHING, EVALUATING, FAILED, FRESH, Standing())


def item(drawn: str, key: str) -> str:
    """Return what is drawn of one checkpoint."""
    (found,) = re.findall(rf'<li class="vm-swap"[^>]* data-key="{key}">.*?</li>', drawn)
    return found


def buttons(drawn: str) -> list[tuple[str, str]]:
    """Return what the buttons do and say."""
    return re.findall(r'<button [^>]*data-act="(\w+)"[^>]*>([^<]*)</button>', drawn)


@pytest.mark.parametrize("standing", ALL)
def test_what_is_drawn_is_whole_and_names_no_element_of_somebody_elses(standing: Standing) -> None:
    class Names(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.opened: list[str] = []
            self.seen: set[str] = set()

        def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
            self.opened.append(tag)
            self.seen.add(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.opened.pop() == tag

    for drawn in (view.said(standing), view.rows(standing), view.record(standing)):
        names = Names()
        names.feed(drawn)
        assert names.opened == []
        assert "i" not in names.seen
        assert "<b>compared" not in drawn


def test_the_line_that_is_read_out_says_what_is_done_now_and_how_it_ended() -> None:
    assert 'role="status" aria-live="polite"' in view.said(DONE)
    assert DONE.sentence in view.said(DONE)
    assert words.looked("ana", "2026-11-29 07:12 UTC") in view.said(DONE)
    assert "Fetching Small VLM." in view.said(FETCHING)
    assert "Evaluating Small VLM" in view.said(EVALUATING)
    assert "Asked for" not in view.said(FETCHING)
    assert words.NEVER in view.said(FRESH)
    assert FETCHING.sentence in view.said(replace(FETCHING, rows=()))


def test_what_failed_is_marked_and_escaped() -> None:
    assert "The Hub &lt;b&gt;cannot&lt;/b&gt; be reached." in view.said(FAILED)
    assert "vm-failed" in view.said(FAILED)
    assert "vm-failed" not in view.said(DONE)


def test_each_checkpoint_of_which_there_is_something_to_say_has_its_place() -> None:
    drawn = view.rows(DONE)
    assert re.findall(r'data-state="(\w+)"', drawn) == [
        *("switched", "kept", "kept", "staged", "kept", "new", "edited", "gone", "failed")
    ]
    assert "Nothing newer is known of Same VLM and Still VLM." in drawn
    assert "Same VLM</h4>" not in drawn
    assert "Bad &amp; &lt;b&gt;VLM&lt;/b&gt;" in item(drawn, "bad")
    assert "&lt;i&gt;It&lt;/i&gt; is gated." in item(drawn, "bad")


def test_commits_lead_from_the_old_to_the_new_one() -> None:
    drawn = view.rows(DONE)
    for key in ("small", "medium", "packed"):
        assert re.findall(r'<code title="(\w+)">(\w+)</code>', item(drawn, key)) == [
            (OLD, "0123456"),
            (NEW, "89abcde"),
        ]
    assert re.findall(r"<code [^>]*>([^<]*)</code>", item(drawn, "words")) == ["sha256:ccccccc"]
    assert "<code" not in item(drawn, "gone")


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (OLD, "0123456"),
        (f"{OLD}+{NEW}", "0123456+89abcde"),
        (FOLDER, "sha256:ccccccc"),
        ("", words.UNKNOWN),
        ("v1", "v1"),
    ],
)
def test_commits_are_cut_short(state: str, shown: str) -> None:
    assert view.short(state) == shown


def test_a_verdict_stands_with_its_number_and_its_interval() -> None:
    drawn = view.rows(DONE)
    worse = item(drawn, "medium")
    assert "&lt;b&gt;compared&lt;/b&gt;: 600 questions about 150 images." in worse
    assert "<dt>Difference</dt><dd>\N{MINUS SIGN}6.1 points (\N{MINUS SIGN}9.0 to \N{MINUS SIGN}3.2)</dd>" in worse
    assert "<dt>Asked</dt><dd>600 questions about 150 images</dd>" in worse
    assert "<dl" not in item(drawn, "fresh")
    assert "<dl" not in item(drawn, "back")


def test_buttons_are_where_they_do_something() -> None:
    drawn = view.rows(DONE)
    assert {
        key: buttons(item(drawn, key)) for key in ("small", "medium", "large", "packed", "back", "fresh", "bad")
    } == {
        "small": [("undo", words.UNDO)],
        "medium": [("switch_to", words.SWITCH)],
        "large": [("switch_to", words.SWITCH)],
        "packed": [("undo", words.UNDO)],
        "back": [("switch_to", words.AGAIN)],
        "fresh": [],
        "bad": [],
    }
    assert f'aria-label="{words.SWITCH}: Medium VLM"' in drawn
    assert buttons(item(view.rows(replace(DONE, staging=True)), "medium")) == [("switch_to", words.STAGE)]


def test_while_something_is_done_nothing_can_be_pressed_and_progress_has_its_role() -> None:
    assert buttons(view.rows(replace(DONE, busy=True))) == []
    drawn = view.rows(FETCHING)
    assert 'role="progressbar" aria-label="Fetching Small VLM."' in drawn
    assert 'aria-valuenow="27" aria-valuetext="12.3 MB of 45.0 MB"' in drawn
    assert 'aria-valuenow="12" aria-valuetext="12 of 96 answers"' in view.rows(EVALUATING)
    assert "progressbar" not in view.rows(DONE)


def test_before_anything_was_looked_for_nothing_is_claimed() -> None:
    assert view.rows(FRESH) == ""
    assert view.rows(FAILED) == ""
    assert view.rows(Standing()) == ""


def test_the_record_says_who_when_and_why_the_newest_first() -> None:
    drawn = view.record(DONE)
    assert re.findall(r'data-action="(\w+)"', drawn) == ["switched", "kept", "kept", "staged", "undone"]
    assert f"{words.RECORD} (5)" in drawn
    assert '<time datetime="2026-11-29T07:12:05+00:00">2026-11-29 07:12 UTC</time>' in drawn
    assert "<b>Kept what answers</b> Medium VLM, webhook" in drawn
    assert "&lt;i&gt;eve&lt;/i&gt;" in drawn
    assert words.NO_RECORD in view.record(FRESH)
