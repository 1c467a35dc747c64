"""One field changes and every other byte stays."""

from __future__ import annotations

from typing import Any

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.front_matter import hardware_of, read_front_matter, replace_field
from microscope.space.front_matter.reading import read_readme
from tests.space.front_matter.readmes import RIGHT, WRONG, readme, swapped


def test_the_tier_of_this_repository_is_one_line() -> None:
    text = read_readme(REPOSITORY / "README.md")
    before = read_front_matter(text).text("suggested_hardware")
    changed = replace_field(text, "suggested_hardware", "a10g-small")
    lines = list(zip(text.splitlines(), changed.splitlines(), strict=True))
    assert [pair for pair in lines if pair[0] != pair[1]] == [
        (f"suggested_hardware: {before}", "suggested_hardware: a10g-small")
    ]
    found = hardware_of(read_front_matter(changed))
    assert found is not None
    assert found.name == "a10g-small"
    assert replace_field(changed, "suggested_hardware", before) == text


@pytest.mark.parametrize(
    ("line", "key", "value", "expected"),
    [
        ("suggested_hardware: t4-small", "suggested_hardware", "l4x1", "suggested_hardware: l4x1"),
        ("suggested_hardware:   t4-small  # why", "suggested_hardware", "l4x1", "suggested_hardware:   l4x1  # why"),
        ("suggested_hardware : t4-small", "suggested_hardware", "l4x1", "suggested_hardware : l4x1"),
        ("'suggested_hardware': 't4-small'", "suggested_hardware", "l4x1", "'suggested_hardware': \"l4x1\""),
        ("suggested_hardware: t4-smal", "suggested_hardware", "t4-small", "suggested_hardware: t4-small"),
        ("suggested_hardware:", "suggested_hardware", "t4-small", "suggested_hardware: t4-small"),
        ("suggested_hardware: # none", "suggested_hardware", "t4-small", "suggested_hardware: t4-small # none"),
        ("suggested_hardware: ~", "suggested_hardware", "t4-small", "suggested_hardware: t4-small"),
        ("pinned: false", "pinned", True, "pinned: true"),
        ("pinned: yes", "pinned", False, "pinned: false"),
        ("emoji: 🔬", "emoji", "👩‍💻", 'emoji: "👩‍💻"'),
        ("short_description: x", "short_description", "a: b # c", 'short_description: "a: b # c"'),
        (
            "short_description: x",
            "short_description",
            "Two words (and more)",
            "short_description: Two words (and more)",
        ),
        ("short_description: x", "short_description", "no", 'short_description: "no"'),
        ("short_description: >-\n  x\n  y", "short_description", "z", "short_description: z"),
        ("short_description: x\n  y", "short_description", "z", "short_description: z"),
        ("license: mit", "license", "apache-2.0", "license: apache-2.0"),
        (
            "hf_oauth: true\nhf_oauth_expiration_minutes: 5",
            "hf_oauth_expiration_minutes",
            60,
            "hf_oauth: true\nhf_oauth_expiration_minutes: 60",
        ),
    ],
)
@pytest.mark.parametrize("after", ["", "\nheader: mini  # last"])
def test_a_value_is_replaced_in_its_place(line: str, key: str, value: Any, expected: str, after: str) -> None:
    assert replace_field(readme(line + after), key, value) == readme(expected + after)


def test_a_version_stays_in_quotes_and_one_of_three_numbers_without() -> None:
    assert replace_field(swapped('python_version: "3.12"'), "python_version", "3.10") == swapped(
        'python_version: "3.10"'
    )
    assert 'python_version: "3.10"' in replace_field(swapped("python_version: 3.12"), "python_version", "3.10")
    assert "sdk_version: 6.32.1\n" in replace_field(readme(""), "sdk_version", "6.32.1")


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_field_that_is_not_there_becomes_the_last(line_break: str) -> None:
    text = readme("pinned: false  # stays").replace("\n", line_break)
    changed = replace_field(text, "suggested_hardware", "t4-small")
    added = f"{line_break}suggested_hardware: t4-small"
    assert changed == text.replace("# stays", f"# stays{added}")


def test_line_breaks_of_windows_stay() -> None:
    text = readme("suggested_hardware: t4-small\npinned: false").replace("\n", "\r\n")
    assert replace_field(text, "suggested_hardware", "l4x1") == text.replace("t4-small", "l4x1")


def test_a_readme_that_is_wrong_elsewhere_can_be_changed() -> None:
    text = readme("hardware: x\nsuggested_hardware: y\ncolorFrom: teal")
    assert "suggested_hardware: t4-small\n" in replace_field(text, "suggested_hardware", "t4-small")


@pytest.mark.parametrize("name", RIGHT)
def test_whatever_is_right_can_have_its_title_changed_and_nothing_else(name: str) -> None:
    text = RIGHT[name]
    changed = replace_field(text, "title", "Another: title")
    before, after = read_front_matter(text), read_front_matter(changed)
    assert after.fields == {**before.fields, "title": "Another: title"}
    assert after.problems + after.warnings == ()
    common = text.index("title")
    assert changed[:common] == text[:common]


@pytest.mark.parametrize("name", [name for name, case in WRONG.items() if not read_front_matter(case[0]).fields])
def test_what_cannot_be_read_is_not_changed(name: str) -> None:
    with pytest.raises(UserError, match=r"README\.md cannot be changed: .*\.$"):
        replace_field(WRONG[name][0], "title", "x")


@pytest.mark.parametrize(
    ("text", "key", "value", "words"),
    [
        (readme("suggested_hardware: t4-small"), "suggested_hardware", "t5-huge", "suggested_hardware is 't5-huge'"),
        (readme(""), "suggested_hardware", "zerogpu", "did you mean 'zero-a10g'"),
        (readme(""), "pinned", "yes", "write true or false"),
        (readme(""), "sugested_hardware", "t4-small", "did you mean 'suggested_hardware'?"),
        (readme(""), "hardware", "t4-small", "suggested_hardware instead"),
        (readme("models:\n- a/b"), "models", "c/d", "by hand"),
        (readme("pinned: false\npinned: true"), "pinned", True, "by hand"),
        (readme("colorFrom: &c red\ncolorTo: *c"), "colorTo", "blue", "by hand"),
        (readme("colorFrom: &c red\ncolorTo: *c"), "colorFrom", "blue", "cannot be changed|by hand"),
        (readme("short_description: x"), "short_description", "x" * 61, "61 characters"),
    ],
)
def test_what_would_be_wrong_is_refused(text: str, key: str, value: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        replace_field(text, key, value)
