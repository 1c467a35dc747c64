"""Tests of the difference between two answers."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from microscope.ui.compare.diff import Chunk, agreement, diff_html, word_diff

WORDS = st.text(alphabet="ab, .\n\t猫né'-<&", max_size=60)


class Reader(HTMLParser):
    """Collects what a screen reader gets: all text, and the text of `del` and `ins` elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.marked, self.open = "", [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag in ("del", "ins"):
            self.marked.append((tag, dict(attrs)["class"], ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"del", "ins"} & set(self.open):
            tag, style, text = self.marked[-1]
            self.marked[-1] = (tag, style, text + data)


def kept(chunks: tuple[Chunk, ...], other: str) -> str:
    """Return the text of one answer: everything but what only the other one has."""
    return "".join(chunk.text for chunk in chunks if chunk.kind != other)


def without_space(text: str) -> str:
    """Return the text without its white space."""
    return re.sub(r"\s", "", text)


def test_words_that_changed_stand_between_words_that_did_not() -> None:
    assert word_diff("a red three here", "a blue three") == (
        Chunk("same", "a "),
        Chunk("only_first", "red "),
        Chunk("only_second", "blue "),
        Chunk("same", "three "),
        Chunk("only_first", "here"),
    )


def test_the_longest_common_run_is_kept_whole() -> None:
    first = "a blue triangle at the top right and a red three at the center"
    second = "a red three at the center and a blue triangle at the top right"
    assert Chunk("same", "a blue triangle at the top right") in word_diff(second, first)


def test_a_full_stop_is_a_word_of_its_own_and_an_apostrophe_is_not() -> None:
    assert word_diff("It doesn't.", "It doesn't")[-1] == Chunk("only_first", ".")
    assert word_diff("3.14", "3.15") == (Chunk("only_first", "3.14"), Chunk("only_second", "3.15"))


def test_scripts_without_spaces_are_compared_by_character_and_others_by_word() -> None:
    assert word_diff("赤い猫", "黒い猫") == (
        Chunk("only_first", "赤"),
        Chunk("only_second", "黒"),
        Chunk("same", "い猫"),
    )
    assert word_diff("नमस्ते दुनिया", "नमस्कार दुनिया")[0] == Chunk("only_first", "नमस्ते ")


def test_white_space_alone_makes_no_difference() -> None:
    assert word_diff("  two\n\nlines ", "two lines") == (Chunk("same", "  two\n\nlines "),)
    assert word_diff(" ", "\n") == ()


@given(WORDS, WORDS)
def test_the_runs_hold_both_answers(first: str, second: str) -> None:
    chunks = word_diff(first, second)
    assert kept(chunks, "only_second") == (first if first.strip() else "")
    assert without_space(kept(chunks, "only_first")) == without_space(second)
    assert all(chunk.text for chunk in chunks)


@given(WORDS, WORDS)
def test_agreement_is_symmetric_and_one_only_for_the_same_words(first: str, second: str) -> None:
    value = agreement(first, second)
    assert 0 <= value <= 1
    assert value == agreement(second, first)
    assert (value == 1) == all(chunk.kind == "same" for chunk in word_diff(first, second))


def test_agreement_counts_words_in_common_order() -> None:
    assert agreement("a b c d", "a x c d") == 0.75
    assert agreement("a b", "c d") == 0
    assert agreement("a b", "b a") == 0.5
    assert agreement("", "") == 1


def test_answers_that_fell_into_loops_are_compared_at_once() -> None:
    first, second = "red blue " * 1000, "red red blue blue " * 500
    start = time.perf_counter()
    chunks = word_diff(first, second)
    assert time.perf_counter() - start < 5  # the search for common runs alone takes forty seconds
    assert kept(chunks, "only_second") == first
    assert kept(chunks, "only_first") == second
    assert agreement(first, second) == 0.75


def test_html_shows_tags_of_an_answer_as_text() -> None:
    reader = Reader(diff_html("<b>bold</b> & more", "plain & more", ("<i>one</i>", '"two"')))
    assert "<b>bold</b>" in reader.text.replace("[only in <i>one</i>: ", "").replace("]", "")
    assert reader.open == []


def test_html_says_in_words_which_answer_a_word_stands_in() -> None:
    reader = Reader(diff_html("a red cat", "a blue cat", ("step 500", "step 4000")))
    assert reader.marked == [
        ("del", "vm-del", "only in step 500"),
        ("ins", "vm-ins", "only in step 4000"),
        ("del", "vm-del", "[only in step 500: red]"),
        ("ins", "vm-ins", "[only in step 4000: blue]"),
    ]
    assert reader.text.endswith("a [only in step 500: red] [only in step 4000: blue] cat")


def test_html_marks_nothing_where_the_answers_are_the_same() -> None:
    html = diff_html("the same", "the same", ("one", "two"))
    assert html.endswith('<p class="vm-diff" dir="auto">the same</p>')
