"""What is newer and allowed, proven by the real pip over a folder of tiny packages, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.packages.pip import UnresolvedError
from microscope.space.refresh import Refreshed, Refresher, body_of, lines_of, message_of, title_of
from tests.space.indexes import PROJECT, README, REQUIREMENTS, write_index

NEWER = (
    ("gradio", "6.32.0", ()),
    ("gradio", "6.33.0b1", ()),
    ("gradio", "7.0.0", ()),
    ("transformers", "5.24.1", ()),
)
LOG = "https://github.example/owner/it/actions/runs/7"


def write_project(folder: Path) -> Path:
    root = folder / "project"
    root.mkdir()
    for name, text in PROJECT.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Refreshed]:
    """Return a project, which stays as it is, and what was found for it."""
    root = write_project(tmp_path_factory.mktemp("looked"))
    return root, Refresher(root, write_index(root.parent / "index", *NEWER)).look()


@pytest.fixture
def found(looked: tuple[Path, Refreshed]) -> Refreshed:
    return looked[1]


def test_the_newest_that_the_rules_allow_is_found_and_resolves(looked: tuple[Path, Refreshed]) -> None:
    root, found = looked
    assert [change.written for change in found.changes] == ["gradio==6.32.0", "transformers>=5.24,<5.25"]
    assert (found.refused, dict(found.ahead)) == ((), {"gradio": "7.0.0"})
    assert found.resolved.version("gradio") == "6.32.0"
    assert found.resolved.version("transformers") == "5.24.1"
    assert found.resolved.version("torch") == "2.13.0"
    assert found.files["README.md"] == README.replace("6.31.0", "6.32.0")
    assert found.files["requirements.txt"] == REQUIREMENTS.replace(">=5.23,<5.24", ">=5.24,<5.25")
    # Looking writes nothing.
    assert {name: (root / name).read_text(encoding="utf-8") for name in PROJECT} == PROJECT


def test_what_was_found_is_written_and_then_nothing_is_new(found: Refreshed, root: Path) -> None:
    refresher = Refresher(root, write_index(root.parent / "index", *NEWER))
    refresher.write(found)
    again = refresher.look()
    assert again.changes == ()
    assert dict(again.files) == {name: (root / name).read_text(encoding="utf-8") for name in PROJECT}


def test_line_breaks_stay_what_they_are(root: Path) -> None:
    (root / "requirements.txt").write_bytes(REQUIREMENTS.replace("\n", "\r\n").encode())
    refresher = Refresher(root, write_index(root.parent / "index", *NEWER))
    refresher.write(refresher.look())
    assert (root / "requirements.txt").read_bytes().splitlines(keepends=True)[1] == b"transformers>=5.24,<5.25\r\n"


def test_what_does_not_resolve_stays_away_and_the_rest_goes_on(root: Path) -> None:
    pip = write_index(root.parent / "index", ("gradio", "6.32.0", ("spaces>=1",)), ("trackio", "0.44.0", ()))
    found = Refresher(root, pip).look()
    assert [change.written for change in found.changes] == ["trackio>=0.44,<0.45"]
    assert [change.written for change, _ in found.refused] == ["gradio==6.32.0"]
    assert "spaces" in found.refused[0][1]
    assert found.resolved.version("trackio") == "0.44.0"
    assert any(line.startswith("gradio==6.32.0 stays away: ") for line in lines_of(found))


def test_a_build_that_does_not_even_resolve_as_it_is_is_an_error(root: Path) -> None:
    pip = write_index(root.parent / "index", *NEWER)
    (root / "requirements.txt").write_text(REQUIREMENTS + "nowhere>=1\n", encoding="utf-8")
    with pytest.raises(UnresolvedError, match="nowhere"):
        Refresher(root, pip).look()


def test_a_version_that_somebody_built_alone_stays_and_stops_nothing(root: Path) -> None:
    pip = write_index(root.parent / "index", *NEWER, ("flash", "1.0+cu12", ()))
    (root / "requirements.txt").write_text(REQUIREMENTS + "flash==1.0+cu12\n", encoding="utf-8")
    found = Refresher(root, pip).look()
    assert [change.name for change in found.changes] == ["gradio", "transformers"]
    assert found.resolved.version("flash") == "1.0+cu12"


@pytest.mark.parametrize("name", ["README.md", "requirements.txt"])
def test_a_file_that_cannot_be_read_is_told(root: Path, name: str) -> None:
    refresher = Refresher(root, write_index(root.parent / "index", *NEWER))
    (root / name).write_bytes(PROJECT[name].encode("utf-16"))
    with pytest.raises(UserError, match=f"{name} is no UTF-8 text: save it as UTF-8."):
        refresher.look()
    (root / name).unlink()
    with pytest.raises(UserError, match=rf"{name} cannot be read \(No such file or directory\)"):
        refresher.look()


def test_a_file_that_cannot_be_written_is_told(found: Refreshed, root: Path) -> None:
    (root / "requirements.txt").unlink()
    (root / "requirements.txt").mkdir()
    with pytest.raises(UserError, match=r"requirements.txt cannot be written \(Is a directory\)"):
        Refresher(root, write_index(root.parent / "index", *NEWER)).write(found)


def test_changes_of_a_run_before_are_taken_instead_of_looking(root: Path) -> None:
    pip = write_index(root.parent / "index", *NEWER, ("transformers", "5.25.0", ()))
    found = Refresher(root, pip).look("transformers>=5.24,<5.25")
    assert [change.written for change in found.changes] == ["transformers>=5.24,<5.25"]
    assert found.ahead == {}
    with pytest.raises(UserError, match="no change that is allowed here"):
        Refresher(root, pip).look("torch==2.14.0")


def test_it_is_told_in_lines(found: Refreshed) -> None:
    assert lines_of(found) == (
        "gradio        ==6.31.0  ->  ==6.32.0",
        "transformers  >=5.23,<5.24  ->  >=5.24,<5.25",
        "gradio 7.0.0 is out and not allowed by itself: change its line by hand.",
        "torch stays as it is: what ZeroGPU supports decides.",
        "The build for Python 3.12 gets gradio 6.32.0, transformers 5.24.1, spaces 0.51.3, torch 2.13.0.",
    )
    assert message_of(found).splitlines()[0] == "Refresh dependencies: gradio==6.32.0, transformers>=5.24,<5.25"


def test_the_pull_request_says_what_moved_and_how_the_tests_ended(found: Refreshed) -> None:
    assert title_of(found, "success") == "Refresh dependencies: gradio, transformers"
    assert title_of(found, "failure") == "Refresh dependencies: gradio, transformers (tests do not pass)"
    body = body_of(found, "success", LOG)
    assert "| gradio | `==6.31.0` | `==6.32.0` |" in body
    assert f"All tests passed with these versions ([log]({LOG}))." in body
    assert "starts no workflow" in body
    assert "- gradio 7.0.0 is out" in body
    assert f"**The tests did not pass with these versions** ([log]({LOG}))" in body_of(found, "failure", LOG)
    assert "Nobody has run the tests." in body_of(found, "", "")
