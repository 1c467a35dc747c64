"""Where the front matter stands in a README, as the Hub's own pattern has it."""

from __future__ import annotations

import pytest
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from microscope.space.front_matter.block import find_block, line_at
from tests.space.front_matter.readmes import RIGHT, WRONG


@pytest.mark.parametrize("name", [*RIGHT, *WRONG])
def test_the_hubs_client_finds_the_same_text(name: str) -> None:
    text = RIGHT[name] if name in RIGHT else WRONG[name][0]
    block, _ = find_block(text)
    match = REGEX_YAML_BLOCK.search(text.removeprefix("\ufeff"))
    assert (block.text if block else None) == (match[2] if match else None)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_a_block_knows_its_place(line_break: str) -> None:
    text = line_break.join(["---", "title: x", "sdk: static", "---"])
    block, problems = find_block(text)
    assert block is not None
    assert problems == ()
    assert text[block.start : block.end] == block.text == f"title: x{line_break}sdk: static"
    assert block.line == 2


def test_the_first_end_counts() -> None:
    block, _ = find_block("---\na: 1\n---\nb: 2\n---\n")
    assert block is not None
    assert block.text == "a: 1"


@pytest.mark.parametrize("inner", ["a: ---", "---a", " ---", "----"])
def test_dashes_beside_other_text_end_nothing(inner: str) -> None:
    block, _ = find_block(f"---\nx: y\n{inner}\n---\n")
    assert block is not None
    assert block.text == f"x: y\n{inner}"


def test_a_byte_order_mark_is_told_and_what_follows_is_read() -> None:
    block, problems = find_block("\ufeff---\na: 1\n---\n")
    assert block is not None
    assert (block.text, block.line) == ("a: 1", 2)
    assert [one.level for one in problems] == ["error"]


def test_lines_are_counted_over_every_kind_of_break() -> None:
    text = "a\r\nb\rc\nd"
    assert [line_at(text, text.index(letter)) for letter in "abcd"] == [1, 2, 3, 4]
