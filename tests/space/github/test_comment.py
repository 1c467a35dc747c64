"""The comment about a preview: what it says, and that nothing of others' is markup in it."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from markdown_it import MarkdownIt

from microscope.space.github.comment import (
    LONGEST_LINE,
    LONGEST_LOG,
    LONGEST_NAME,
    MARK,
    Place,
    Push,
    Seen,
    closed,
    code,
    fold,
    refused,
    replaced,
    shown,
)

PLACE = Place("owner/preview", "https://huggingface.co/spaces/owner/preview")
PUSH = Push(12, "a" * 40, "topic")
SEEN = Seen(
    "it runs and answers",
    "https://owner-preview.hf.space",
    "1.2.3",
    "zero-a10g",
    datetime(2026, 11, 29, 6, 40, tzinfo=timezone.utc),
)
HOSTILE = "`@everyone` <img src=x onerror=alert(1)> [click](https://evil.example) </details> --> ![x](https://evil.example/x)"


def test_a_comment_says_all_that_there_is_to_know() -> None:
    assert shown(PUSH, PLACE, SEEN) == (
        f"{MARK}\n\n"
        "**[Preview](https://owner-preview.hf.space): it runs and answers.**\n\n"
        "- Space: [owner/preview](https://huggingface.co/spaces/owner/preview)\n"
        f"- Commit: {'a' * 40} of `topic`\n"
        "- Version: `1.2.3`\n"
        "- Hardware: `zero-a10g`\n"
        "- Time: 2026-11-29 06:40 UTC\n\n"
        "The preview Space shows the newest push among all open pull requests: #12.\n"
    )


def test_every_comment_begins_with_the_mark_and_names_the_space() -> None:
    for body in (shown(PUSH, PLACE, SEEN), refused(PUSH, PLACE, "no"), replaced(13, PLACE), closed(12, 12, PLACE)):
        assert body.startswith(f"{MARK}\n\n**")
        assert PLACE.link in body
    assert "now #13" in replaced(13, PLACE)
    assert "shows its last push until" in closed(12, 12, PLACE)
    assert "shows #13 now" in closed(12, 13, PLACE)
    assert closed(12, None, PLACE) == f"{MARK}\n\n**Preview gone**, and this pull request is closed.\n"


def test_an_address_that_could_be_markup_is_not_linked() -> None:
    for address in ("https://a.space) [x](https://evil.example", "javascript:alert(1)", "", "https://a b"):
        seen = Seen("it runs", address, "1", "", SEEN.when)
        assert f"[Preview]({PLACE.page})" in shown(PUSH, PLACE, seen)
    assert "Hardware" not in shown(PUSH, PLACE, seen)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("topic", "`topic`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a``", "``` a`` ```"),
        ("one\ntwo\r\n- three", "`one two - three`"),
        ("safe\u202egpj.exe\u200b", "`safe gpj.exe`"),
        ("hf_" + "x" * 30, "`[a token]`"),
        ("", "`?`"),
        ("\u2028", "`?`"),
    ],
)
def test_a_name_is_a_span_of_code_whatever_it_is(text: str, written: str) -> None:
    assert code(text) == written


def test_a_hostile_branch_stays_inside_its_span() -> None:
    body = shown(Push(12, "a" * 40, HOSTILE), PLACE, SEEN)
    line = next(line for line in body.splitlines() if line.startswith("- Commit"))
    assert line == f"- Commit: {'a' * 40} of {code(HOSTILE)}"
    span = re.fullmatch(r"(`+) ?(.*?) ?\1", code(HOSTILE))
    assert span is not None
    assert span[1] not in span[2]
    assert len(code("x" * 1000)) == LONGEST_NAME + 2


def test_a_reader_of_markdown_finds_no_markup_but_ours() -> None:
    seen = Seen("it does not work", "https://a.space", HOSTILE, HOSTILE, SEEN.when, (HOSTILE, "```", "# no", "<b>"))
    tokens = MarkdownIt("commonmark").parse(shown(Push(12, "a" * 40, HOSTILE), PLACE, seen))
    inline = [child for token in tokens for child in token.children or ()]
    assert [token.attrs["href"] for token in inline if token.type == "link_open"] == ["https://a.space", PLACE.page]
    assert {token.type for token in inline} & {"image", "html_inline"} == set()
    spans = [token.content for token in inline if token.type == "code_inline"]
    assert spans == [HOSTILE, HOSTILE, HOSTILE]
    html = [token.content.strip() for token in tokens if token.type == "html_block"]
    assert html == [MARK, "<details><summary>What is known of the cause</summary>", "</details>"]
    (block,) = [token.content for token in tokens if token.type == "fence"]
    assert block.splitlines() == [HOSTILE, "```", "# no", "<b>"]
    assert [token.type for token in tokens if token.type == "heading_open"] == []


def test_what_is_no_commit_is_not_written() -> None:
    assert HOSTILE not in refused(Push(12, HOSTILE, ""), PLACE, "no")
    assert "of this pull request on" in refused(Push(12, HOSTILE, ""), PLACE, "no")
    assert Push(None, "a" * 40).name == "aaaaaaa"
    assert Push(None).name == "a checkout"


def test_a_hostile_log_stays_inside_its_block() -> None:
    lines = ("it failed", "```", "</details>", HOSTILE, "````` five", "\x1b[31mred\x1b[0m", "a\nb")
    block = fold(lines)
    opening = block.splitlines()[2]
    ticks = opening.removesuffix("text")
    assert ticks == "`" * 6
    inside, after = block.split(f"{ticks}text\n")[1].split(f"\n{ticks}\n")
    assert inside.splitlines() == ["it failed", "```", "</details>", HOSTILE, "````` five", "red", "a", "b"]
    assert after == "\n</details>"


def test_a_long_log_keeps_its_end_and_fits() -> None:
    block = fold([f"line {number} {'x' * 1000}" for number in range(200)])
    assert "line 199" in block
    assert "line 0 " not in block
    assert block.splitlines()[3] == "…"
    assert max(map(len, block.splitlines())) <= LONGEST_LINE
    assert len(block) < LONGEST_LOG + 200
    assert fold([]) == ""
    token = "ghp_" + "a" * 30
    assert token not in fold([f"said {token}"])
