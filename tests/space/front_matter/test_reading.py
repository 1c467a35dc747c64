"""READMEs as people write them: what is right is left alone, what is wrong is told in its line with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.front_matter import FrontMatter, front_matter_of, hardware_of, read_front_matter, replace_field
from microscope.space.front_matter.reading import read_readme
from tests.space.front_matter.readmes import HEAD, RIGHT, WRONG, Told, readme, swapped

CASES = [*RIGHT.values(), *(text for text, _ in WRONG.values())]
SLIPS = [
    "\n",
    "\t",
    ": ",
    "- ",
    "#",
    "&a ",
    "*a",
    "!x ",
    "|",
    ">",
    "'",
    '"',
    "{",
    "[",
    "]",
    "%",
    "@",
    "---\n",
    "\x00",
    "\u2028",
]


def test_the_readme_of_this_repository_has_no_fault() -> None:
    front = front_matter_of(REPOSITORY / "README.md", REPOSITORY)
    assert (front.problems, front.warnings) == ((), ())
    assert front.text("sdk") == "gradio"
    assert hardware_of(front) is not None


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_left_alone(name: str) -> None:
    front = read_front_matter(RIGHT[name])
    assert front.problems + front.warnings == ()
    assert "title" in front.fields


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_in_its_line_with_what_to_do(name: str) -> None:
    text, expected = WRONG[name]
    front = read_front_matter(text)
    found = [*front.problems, *front.warnings]
    assert [(one.key, one.line, one.level) for one in found] == [(one.key, one.line, one.level) for one in expected]
    for problem, told in zip(found, expected, strict=True):
        assert_is_told(problem.sentence, told)


def assert_is_told(sentence: str, told: Told) -> None:
    """Find the words in a sentence, which is one, and ends as one."""
    for word in told.words:
        assert word in sentence, sentence
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    assert ". " not in sentence.replace("org/name. ", "")


def test_there_are_many_real_cases() -> None:
    assert len(RIGHT) >= 30
    assert len(WRONG) >= 60


def test_every_fault_is_told_at_once_in_the_order_of_lines() -> None:
    front = read_front_matter(readme("colorFrom: teal\nemoji: x\npinned: yes\nhardware: t4\nsuggested_storage: small"))
    assert [one.key for one in front.problems] == ["colorFrom", "emoji", "pinned", "hardware"]
    assert [one.line for one in front.problems] == [6, 7, 8, 9]
    assert [one.key for one in front.warnings] == ["suggested_storage"]


def test_fields_are_what_the_hub_reads() -> None:
    front = read_front_matter(readme("pinned: yes\nfullWidth: True\nmodels: [a/b]\nhf_oauth_expiration_minutes: 010"))
    assert front.fields["pinned"] == "yes"
    assert front.fields["fullWidth"] is True
    assert front.fields["models"] == ("a/b",)
    assert front.fields["hf_oauth_expiration_minutes"] == 10
    assert (front.text("fullWidth"), front.text("models"), front.text("nothing")) == ("true", "", "")
    assert front.lines["models"] == 8


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ("suggested_hardware: t4-small", "t4-small"),
        ('suggested_hardware: "zero-a10g"', "zero-a10g"),
        ("suggested_hardware: local-cuda", None),
        ("suggested_hardware: t5-huge", None),
        ("suggested_hardware: [t4-small]", None),
        ("", None),
    ],
)
def test_the_tier_is_the_one_that_the_front_matter_names(fields: str, name: str | None) -> None:
    found = hardware_of(read_front_matter(readme(fields)))
    assert (found.name if found is not None else None) == name


def test_files_that_fields_name_are_looked_for(tmp_path: Path) -> None:
    named = readme("app_file: main.py")
    missing = read_front_matter(named, tmp_path).problems
    assert [(one.key, one.line) for one in missing] == [("app_file", 6)]
    assert "'main.py'" in missing[0].sentence
    assert "app.py" in read_front_matter(readme(""), tmp_path).problems[0].sentence
    (tmp_path / "main.py").touch()
    (tmp_path / "app.py").touch()
    assert read_front_matter(named, tmp_path).problems == ()
    assert read_front_matter(readme(""), tmp_path).problems == ()


def test_a_docker_space_needs_its_dockerfile(tmp_path: Path) -> None:
    text = "---\ntitle: x\nsdk: docker\n---\n"
    assert "no Dockerfile" in read_front_matter(text, tmp_path).problems[0].sentence
    (tmp_path / "Dockerfile").touch()
    assert read_front_matter(text, tmp_path).problems == ()


def test_a_folder_is_no_file_to_start(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    assert read_front_matter(readme("app_file: src"), tmp_path).problems[0].key == "app_file"


def test_a_readme_that_cannot_be_read_is_a_problem_of_it(tmp_path: Path) -> None:
    gone = front_matter_of(tmp_path / "README.md")
    assert "No such file" in gone.problems[0].sentence
    (tmp_path / "README.md").write_bytes(b"---\ntitle: caf\xe9\n---\n")
    assert "save it as UTF-8" in front_matter_of(tmp_path / "README.md").problems[0].sentence


def test_line_breaks_are_kept_when_a_readme_is_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"\xef\xbb\xbf---\r\ntitle: x\r\n---\n")
    assert read_readme(tmp_path / "README.md") == "\ufeff---\r\ntitle: x\r\n---\n"


@pytest.mark.parametrize(
    "text",
    [
        swapped("title: " + "[" * 3000),
        swapped("title: " + "[" * 3000 + "]" * 3000),
        "---\na: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n---\n",
        "---\n&a title: *a\n---\n",
        "---\nmodels: &m [*m]\n---\n",
        swapped("title: " + "9" * 5000),
        "---\n? [a, b]\n: c\n---\n",
        "---\n<<: {a: b}\n---\n",
        readme('title2: "\\ud83d"'),
        swapped("sdk_version: .nan"),
        "---\n\u2028\n---\n",
        "-" * 10000,
        "---\n" * 1000,
        "---\n%YAML 9.9\n---\n",
    ],
    ids=range(14),
)
def test_whatever_stands_there_is_a_problem_and_no_crash(text: str) -> None:
    front = read_front_matter(text)
    assert isinstance(front, FrontMatter)
    assert front.problems
    assert all(one.line >= 1 and one.sentence for one in front.problems)


def test_a_readme_of_many_lines_is_read_quickly_and_only_at_its_head() -> None:
    front = read_front_matter(readme("pinned: yes") + "word: [\n" * 200_000)
    assert [one.line for one in front.problems] == [6]


def test_the_head_of_the_cases_has_no_fault() -> None:
    assert read_front_matter(f"---\n{HEAD}---\n").problems == ()


@given(st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_readme_with_slips_of_the_pen_is_told_or_right_and_can_be_changed_or_not(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(CASES))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        slip = data.draw(st.one_of(st.sampled_from(SLIPS), st.text(max_size=3)))
        text = text[:place] + slip + text[place + data.draw(st.integers(0, 3)) :]
    front = read_front_matter(text)
    for problem in (*front.problems, *front.warnings):
        assert 1 <= problem.line <= len(text) + 1
        assert problem.sentence.encode().count(b"\n") == 0
    try:
        changed = replace_field(text, "suggested_hardware", "l4x1")
    except UserError:
        return
    expected = {**front.fields, "suggested_hardware": "l4x1"}
    assert repr(sorted(read_front_matter(changed).fields.items())) == repr(sorted(expected.items()))
