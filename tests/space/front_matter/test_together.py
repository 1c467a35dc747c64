"""Rules between fields that need more than one case; the others are in the cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.front_matter import read_front_matter
from tests.space.front_matter.readmes import readme

ZERO = "title: x\nsdk: gradio\nsdk_version: 6.31.0\nsuggested_hardware: zero-a10g\n"


@pytest.mark.parametrize("python", ["3.12", "3.12.12", "3.10", "3.10.13"])
def test_zerogpu_has_these_pythons(python: str) -> None:
    front = read_front_matter(readme(f'python_version: "{python}"', ZERO))
    assert front.problems + front.warnings == ()


@pytest.mark.parametrize("python", ["3.9", "3.11", "3.13", "3.12.1", "3.10.14", "3.1"])
def test_zerogpu_has_no_other_python(python: str) -> None:
    front = read_front_matter(readme(f'python_version: "{python}"', ZERO))
    assert [one.key for one in front.problems] == ["python_version"]


def test_any_python_runs_on_other_hardware() -> None:
    front = read_front_matter(readme('python_version: "3.13"', ZERO.replace("zero-a10g", "t4-small")))
    assert front.problems + front.warnings == ()


def test_what_is_wrong_by_itself_is_told_once() -> None:
    front = read_front_matter(readme("python_version: 3.10", ZERO))
    assert [one.key for one in front.problems] == ["python_version"]
    unknown = read_front_matter("---\ntitle: x\nsdk: gradioo\napp_port: 1\n---\n")
    assert [one.key for one in unknown.problems] == ["sdk"]


@pytest.mark.parametrize("oauth", ["", "hf_oauth: false\n"])
def test_sign_in_is_asked_for_before_its_details_count(oauth: str) -> None:
    front = read_front_matter(readme(f"{oauth}hf_oauth_expiration_minutes: 60"))
    assert [one.key for one in front.warnings] == ["hf_oauth_expiration_minutes"]
    assert front.problems == ()


def test_a_built_page_need_not_be_there(tmp_path: Path) -> None:
    text = "---\ntitle: x\nsdk: static\napp_file: dist/index.html\n---\n"
    assert [one.key for one in read_front_matter(text, tmp_path).problems] == ["app_file"]
    built = text.replace("app_file", "app_build_command: npm run build\napp_file")
    assert read_front_matter(built, tmp_path).problems == ()
