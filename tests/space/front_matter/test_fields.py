"""The fields whose rule is their own: ids, lengths, durations, what is preloaded; the rest is in the cases."""

from __future__ import annotations

import pytest

from microscope.space.front_matter import read_front_matter
from microscope.space.front_matter.fields import hub_id_advice, unknown, utf16_length
from microscope.space.front_matter.values import Value
from tests.space.front_matter.readmes import COMMIT, readme


def levels(fields: str) -> list[tuple[str, str]]:
    """Return the keys and levels of all that is said about fields."""
    front = read_front_matter(readme(fields))
    return [(one.key, one.level) for one in (*front.problems, *front.warnings)]


@pytest.mark.parametrize("text", ["org/name", "gpt2", "a/b.c-d_e", "Qwen/Qwen2.5-VL-3B-Instruct"])
def test_an_id_is_right(text: str) -> None:
    assert hub_id_advice(text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a/b/c", "such as org/name"),
        ("a b", "such as org/name"),
        ("a/b@main", "such as org/name"),
        ("", "such as org/name"),
        ("a/..", "such as org/name"),
        ("https://huggingface.co/org/name", "the id alone, org/name"),
        ("hf.co/org/name", "the id alone, org/name"),
        ("https://huggingface.co/datasets/org/name/tree/main", "the id alone, org/name"),
        ("https://huggingface.co/spaces/org/name", "the id alone, org/name"),
    ],
)
def test_what_is_no_id_is_told_what_is(text: str, words: str) -> None:
    assert words in hub_id_advice(text)


def test_characters_are_counted_as_the_hub_does() -> None:
    assert [utf16_length(text) for text in ("", "é", "谢", "🔬", "👩‍💻", "\ud800")] == [0, 1, 1, 2, 5, 1]


@pytest.mark.parametrize("written", ["30m", "1h", "90 min", "2 hours", "1800s", "1.5h", "1d", "'45 minutes'"])
def test_a_duration_is_right(written: str) -> None:
    assert levels(f"startup_duration_timeout: {written}") == []


@pytest.mark.parametrize("written", ["30", "0h", "m", "1w", "-1h", "1 fortnight", "PT1H", "30mm"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    assert levels(f"startup_duration_timeout: {written}") == [("startup_duration_timeout", "error")]


@pytest.mark.parametrize(
    "entry",
    [
        "a/b ,c.json",
        "a/b c.json,,d.json",
        "a/b /c.json",
        f"a/b c.json {COMMIT[:-1]}",
        f"a/b c.json {COMMIT.upper()}",
        f"a/b c.json {COMMIT} more",
        "a/b c.json main",
        f"a/b@{COMMIT}",
    ],
)
def test_what_cannot_be_preloaded_is_refused(entry: str) -> None:
    assert levels(f'preload_from_hub:\n- "{entry}"') == [("preload_from_hub", "error")]


@pytest.mark.parametrize("version", ["6.31.0", "4.44.1", "6.0.0b1", "6.0.0rc2", "5.0.0-beta.2", "5.0.0.dev3"])
def test_a_version_of_gradio_has_its_shape(version: str) -> None:
    front = read_front_matter(f'---\ntitle: x\nsdk: gradio\nsdk_version: "{version}"\npython_version: "3.12"\n---\n')
    assert front.problems == ()


@pytest.mark.parametrize("version", ["6", "6.x", "^6.31", ">=6.31", "6.31.0.1", "6.31.0 ", "six"])
def test_what_is_no_version_of_gradio_is_refused(version: str) -> None:
    front = read_front_matter(f'---\ntitle: x\nsdk: gradio\nsdk_version: "{version}"\npython_version: "3.12"\n---\n')
    assert [one.key for one in front.problems] == ["sdk_version"]


@pytest.mark.parametrize("path", ["../app.py", "a//app.py", "/app.py", "a/./app.py", "..", "src\\app.py"])
def test_a_path_out_of_the_repository_is_refused(path: str) -> None:
    assert levels(f"app_file: '{path}'") == [("app_file", "error")]


@pytest.mark.parametrize("path", ["app.py", "./app.py", "src/ui/app.py", "a file.py", "dist/index.html"])
def test_a_path_in_the_repository_is_right(path: str) -> None:
    assert levels(f"app_file: {path}") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("T4-small", "did you mean 't4-small'?"),
        ("cpu", "write which one, cpu-basic, cpu-upgrade"),
        ("A100", "a100-large, a100x4, a100x8"),
        ("l4", "l4x1, l4x4"),
        ("ZeroGPU", "'zero-a10g'"),
        ("zero-gpu", "'zero-a10g'"),
        ("v5e-1x1", "any more"),
        ("gpu", "`microscope tiers`"),
    ],
)
def test_hardware_is_named_as_the_hub_names_it(text: str, words: str) -> None:
    (problem,) = read_front_matter(readme(f"suggested_hardware: {text}")).problems
    assert words in problem.sentence


def test_an_unknown_key_is_an_error_where_a_field_was_meant() -> None:
    assert unknown("sdk_versoin", Value(3, "text")).level == "error"
    assert unknown("widget", Value(3, "text")).level == "warning"
