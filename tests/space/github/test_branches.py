"""Commits on a branch of our own: the work tree and others' work stay, and the token is seen by the remote alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.github.branches import MAIL, Checkout
from tests.hub.github.loopback_git import LoopbackGit
from tests.space.clones import commit_all, git, make_clone

BRANCH = "refresh/dependencies"
FILES = {"README.md": "one\n", "requirements.txt": "torch==1\n", "other.txt": "kept\n"}
TOKEN = "ghs_token"  # noqa: S105  (of nobody)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return make_clone(tmp_path, FILES)


@pytest.fixture
def server(places: tuple[Path, Path]) -> Iterator[LoopbackGit]:
    """Serve the bare repository, and make the server the clone's remote."""
    bare, clone = places
    with LoopbackGit(bare, TOKEN) as server:
        git(clone, "remote", "set-url", "origin", server.url)
        yield server


def refreshed(clone: Path, text: str, token: str = TOKEN) -> tuple[str, bool]:
    """Push a commit with one file changed, and return it and whether anything was pushed."""
    checkout = Checkout(clone, token)
    commit = checkout.commit({"requirements.txt": text}, "Refresh\n\nWhy.\n")
    return commit, checkout.push(commit, BRANCH)


def test_a_commit_has_the_files_and_the_work_tree_stays(places: tuple[Path, Path]) -> None:
    bare, clone = places
    (clone / "other.txt").write_text("half done\n", encoding="utf-8")
    (clone / "README.md").write_text("staged\n", encoding="utf-8")
    git(clone, "add", "README.md")
    before = git(clone, "status", "--porcelain", "--branch")
    commit, pushed = refreshed(clone, "torch==2\n", token="")
    assert (pushed, git(bare, "rev-parse", BRANCH)) == (True, commit)
    assert git(bare, "diff", "--name-only", "main", BRANCH) == "requirements.txt"
    assert git(bare, "show", f"{BRANCH}:requirements.txt") == "torch==2"
    assert git(bare, "log", "-1", "--format=%ae %ce %s %b", BRANCH) == f"{MAIL} {MAIL} Refresh Why."
    assert git(clone, "status", "--porcelain", "--branch") == before
    assert (clone / "requirements.txt").read_text(encoding="utf-8") == "torch==1\n"


def test_the_branch_is_one_commit_however_often(places: tuple[Path, Path]) -> None:
    bare, clone = places
    refreshed(clone, "torch==2\n", token="")
    first = git(bare, "rev-parse", BRANCH)
    assert refreshed(clone, "torch==2\n", token="")[1] is False
    assert git(bare, "rev-parse", BRANCH) == first
    commit, pushed = refreshed(clone, "torch==3\n", token="")
    assert (pushed, git(bare, "rev-list", "--count", f"main..{BRANCH}")) == (True, "1")
    assert git(bare, "rev-parse", BRANCH) == commit
    commit_all(clone, {"other.txt": "main went on\n"}, "second")
    _, pushed = refreshed(clone, "torch==3\n", token="")
    assert (pushed, git(bare, "rev-list", "--count", f"main..{BRANCH}")) == (True, "1")


def test_what_somebody_committed_to_it_is_never_lost(places: tuple[Path, Path]) -> None:
    bare, clone = places
    commit, _ = refreshed(clone, "torch==2\n", token="")
    git(clone, "checkout", "--quiet", commit)
    theirs = commit_all(clone, {"other.txt": "mended\n"}, "mend the tests", BRANCH)
    git(clone, "checkout", "--quiet", "main")
    with pytest.raises(UserError, match="Somebody has committed to refresh/dependencies"):
        refreshed(clone, "torch==3\n", token="")
    assert git(bare, "rev-parse", BRANCH) == theirs


def test_a_token_reaches_the_remote_and_nobody_else(places: tuple[Path, Path], server: LoopbackGit) -> None:
    bare, clone = places
    commit, pushed = refreshed(clone, "torch==2\n")
    assert (pushed, git(bare, "rev-parse", BRANCH)) == (True, commit)
    shown = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert set(server.seen) == {f"Basic {shown}"}
    for file in clone.joinpath(".git").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert TOKEN.encode() not in content, file
            assert shown.encode() not in content, file
    assert refreshed(clone, "torch==3\n")[1] is True


def test_what_is_refused_is_one_sentence_without_addresses(places: tuple[Path, Path], server: LoopbackGit) -> None:
    bare, clone = places
    for token, may_write in (("ghs_wrong", True), (TOKEN, False), ("", True)):
        server.may_write = may_write
        with pytest.raises(UserError, match="contents: write") as refused:
            refreshed(clone, "torch==2\n", token)
        assert "127.0.0.1" not in str(refused.value)
    assert git(bare, "branch", "--list", BRANCH) == ""
    git(clone, "remote", "set-url", "origin", "http://user:secret@127.0.0.1:1/it.git")
    with pytest.raises(UserError, match="Git did not do it") as lost:
        refreshed(clone, "torch==2\n")
    assert "secret" not in str(lost.value)


def test_where_there_is_nothing_to_push_to_it_says_so(places: tuple[Path, Path], tmp_path: Path) -> None:
    _, clone = places
    git(clone, "remote", "remove", "origin")
    with pytest.raises(UserError, match="no remote named origin"):
        refreshed(clone, "torch==2\n")
    (tmp_path / "plain").mkdir()
    with pytest.raises(UserError, match="no Git repository"):
        refreshed(tmp_path / "plain", "torch==2\n")


def test_somebody_who_pushes_at_the_same_moment_wins(
    places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare, clone = places
    checkout = Checkout(clone)
    commit = checkout.commit({"requirements.txt": "torch==2\n"}, "Refresh")
    # What was looked up just before is out of date.
    monkeypatch.setattr(Checkout, "_at", lambda *_: "")
    git(bare, "branch", BRANCH, "main")
    with pytest.raises(UserError, match="meanwhile"):
        checkout.push(commit, BRANCH)


def test_changes_of_one_s_own_are_told(places: tuple[Path, Path]) -> None:
    _, clone = places
    checkout = Checkout(clone)
    assert checkout.changed(("README.md", "requirements.txt")) == ()
    (clone / "requirements.txt").write_text("mine\n", encoding="utf-8")
    (clone / "other.txt").write_text("mine\n", encoding="utf-8")
    assert checkout.changed(("README.md", "requirements.txt")) == ("requirements.txt",)
