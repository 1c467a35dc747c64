"""A folder's files, and that no name leads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items import places
from microscope.evaluation.items.places import (
    Folder,
    is_litter,
    is_picture,
    locate,
    read_file,
    safe_name,
    unique_files,
)
from tests.evaluation.items.sets import png, write


@pytest.mark.parametrize(
    ("text", "folder", "name"),
    [
        ("a.png", "", "a.png"),
        (" ./img//a.png ", "", "img/a.png"),
        ("img\\a.png", "", "img/a.png"),
        ("../img/a.png", "tables/", "img/a.png"),
        ("img/../a.png", "", "a.png"),
        ("a: b.png", "", "a: b.png"),
    ],
)
def test_a_name_is_seen_from_its_table(text: str, folder: str, name: str) -> None:
    assert safe_name(text, folder) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/etc/passwd", "not relative"),
        ("~/a.png", "not relative"),
        ("C:\\a.png", "not relative"),
        ("\\\\server\\a.png", "not relative"),
        ("../a.png", "leads out"),
        ("img/../../a.png", "leads out"),
        ("..\\..\\a.png", "leads out"),
        ("https://example.org/a.png", "download"),
        ("file:///etc/passwd", "download"),
        ("hf://datasets/a/b/c.png", "download"),
        ("", "not a file's name"),
        ("a\0.png", "not a file's name"),
        ("a" * 2_000, "not a file's name"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        safe_name(text)


def test_links_are_followed_within_the_folder_and_not_out_of_it(tmp_path: Path) -> None:
    write(tmp_path / "secret.png", png())
    inside = write(tmp_path / "set" / "a.png", png()).parent
    (inside / "within.png").symlink_to(inside / "a.png")
    (inside / "out.png").symlink_to(tmp_path / "secret.png")
    (inside / "up").symlink_to(tmp_path)
    (inside / "round.png").symlink_to(inside / "round.png")
    folder = Folder(inside)
    assert folder.has("within.png")
    assert folder.picture("within.png").width == 8
    for name in ("out.png", "up/secret.png"):
        for use in (folder.has, folder.picture, lambda name: folder.read(name, 100)):
            with pytest.raises(UserError, match="link out of the folder"):
                use(name)
    with pytest.raises(UserError):
        folder.picture("round.png")
    with pytest.raises(UserError, match="leads out"):
        folder.picture("../secret.png")


def test_hidden_files_and_litter_are_not_listed(tmp_path: Path) -> None:
    for name in ("b/c.png", "a.png", ".git/config", "__MACOSX/a.png", "Thumbs.db", "b/.DS_Store"):
        write(tmp_path / name, b"x")
    assert Folder(tmp_path).names() == ("a.png", "b/c.png")
    assert Folder(tmp_path, listed=False).names() == ()
    assert is_litter("b/.DS_Store")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "MAX_FILES", 1)
    write(tmp_path / "a", b"")
    write(tmp_path / "b", b"")
    with pytest.raises(UserError, match="more than 1 files"):
        Folder(tmp_path)


def test_a_file_is_looked_for_beside_the_table_then_from_the_top_then_anywhere(tmp_path: Path) -> None:
    for name in ("t/a.png", "a.png", "top.png", "deep/down/only.png", "x/twice.png", "y/twice.png"):
        write(tmp_path / name, png())
    folder = Folder(tmp_path)
    by_last = unique_files(folder.names())
    assert locate(folder, "a.png", "t/", by_last) == "t/a.png"
    assert locate(folder, "top.png", "t/", by_last) == "top.png"
    assert locate(folder, "images/only.png", "t/", by_last) == "deep/down/only.png"
    with pytest.raises(UserError, match=r"no file twice\.png in the folder"):
        locate(folder, "twice.png", "t/", by_last)
    with pytest.raises(UserError, match="leads out"):
        locate(folder, "../../only.png", "t/", by_last)


def test_a_name_longer_than_the_disk_allows_is_not_there(tmp_path: Path) -> None:
    assert not Folder(tmp_path).has("a" * 1_000)


def test_a_file_is_read_within_its_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a", b"12345")
    assert read_file(path, 5) == b"12345"
    with pytest.raises(UserError, match="larger than"):
        read_file(path, 4)
    with pytest.raises(UserError, match="no file b"):
        read_file(tmp_path / "b", 4)
    with pytest.raises(UserError, match="could not be read"):
        read_file(tmp_path, 4)


def test_pictures_are_known_by_name() -> None:
    assert is_picture("A.JPG")
    assert not is_picture("a.csv")
