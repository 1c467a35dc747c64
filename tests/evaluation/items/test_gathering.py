"""Picture cells become names, and every picture is looked at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.gathering import Namer, SetPictures, look_at
from microscope.evaluation.items.places import Folder
from microscope.evaluation.items.scratch import Scratch
from microscope.records import Picture
from tests.evaluation.items.sets import base64_of, png, write

DATA = png("red", (9, 7))


@pytest.fixture
def pictures(tmp_path: Path) -> SetPictures:
    """Return the pictures of a folder with one in it."""
    write(tmp_path / "img" / "a.png", DATA)
    return SetPictures(Folder(tmp_path), Scratch())


@pytest.mark.parametrize(
    "value",
    [
        "img/a.png",
        "a.png",
        {"bytes": None, "path": "img/a.png"},
        DATA,
        bytearray(DATA),
        {"bytes": DATA, "path": "/somewhere/else.png"},
        {"bytes": base64_of(DATA)},
        base64_of(DATA),
        base64_of(DATA)[:20] + "\n" + base64_of(DATA)[20:],
        f"data:image/png;base64,{base64_of(DATA)}",
        [{"bytes": DATA}],
    ],
)
def test_a_picture_comes_in_many_ways(value: object, pictures: SetPictures) -> None:
    name = Namer(pictures, "").name(value)
    assert (pictures.read(name).width, pictures.read(name).height) == (9, 7)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "no picture in this row"),
        (" ", "no picture in this row"),
        ({"bytes": None, "path": None}, "no picture in this row"),
        ([DATA, DATA], "2 pictures"),
        (3, "3 is no picture"),
        ("b.png", r"no file b\.png in the folder"),
        ("https://example.org/a.png", "download"),
        ("../../etc/passwd", "leads out"),
        ("data:image/png;base64,%%%", "base64 is damaged"),
        ("A" * 64, "no file AAAA"),
        (bytes(11 * 1024**2), "larger than 10 MB"),
    ],
)
def test_what_is_no_picture_is_said(value: object, sentence: str, pictures: SetPictures) -> None:
    with pytest.raises(UserError, match=sentence):
        Namer(pictures, "").name(value)


def test_a_stream_fetches_what_it_names_itself_and_no_text() -> None:
    pictures = SetPictures(None, Scratch())
    asked: list[str] = []

    def fetch(path: str) -> bytes:
        asked.append(path)
        return DATA

    namer = Namer(pictures, "", fetch)
    assert pictures.read(namer.name({"bytes": None, "path": "inner.png"})).width == 9
    assert asked == ["inner.png"]
    with pytest.raises(UserError, match="a stream does not have"):
        namer.name("inner.png")
    with pytest.raises(UserError, match="download the file first"):
        namer.name("https://example.org/a.png")
    with pytest.raises(UserError, match="no picture other"):
        pictures.read("other")


def test_equal_files_are_decoded_once_and_broken_ones_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        write(tmp_path / name, DATA)
    write(tmp_path / "c.png", png("blue"))
    write(tmp_path / "d.png", b"no picture")
    write(tmp_path / "e.png", bytes(11 * 1024**2))
    pictures = SetPictures(Folder(tmp_path), Scratch())
    kept = pictures.scratch.keep(png("green"))
    decoded: list[str] = []
    read = SetPictures.read

    def counted(self: SetPictures, name: str) -> Picture:
        decoded.append(name)
        return read(self, name)

    monkeypatch.setattr(SetPictures, "read", counted)
    told: list[tuple[int, int]] = []
    names = ["a.png", "b.png", "c.png", "d.png", "e.png", kept]
    looked = look_at(pictures, names, lambda done, total: told.append((done, total)))
    assert set(looked.facts) == {"a.png", "b.png", "c.png", kept}
    assert looked.facts["a.png"] == looked.facts["b.png"]
    assert (looked.facts["a.png"].width, looked.facts["a.png"].height) == (9, 7)
    assert looked.facts["a.png"].digest == read(pictures, "a.png").digest
    assert "not an image" in looked.broken["d.png"]
    assert "larger than 10 MB" in looked.broken["e.png"]
    assert len({"a.png", "b.png"} & set(decoded)) == 1
    assert sorted(decoded) == sorted(set(decoded))
    assert told == [(6, 6)]
