"""A zip as a place: read where it is, and no harm from a bad one."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items import archive
from microscope.evaluation.items.archive import Archive
from microscope.evaluation.items.scratch import Scratch
from tests.evaluation.items.sets import png, write, write_zip


def opened(path: Path) -> Archive:
    return Archive(path, Scratch())


def test_files_are_read_where_they_are_and_nothing_stays_unpacked(tmp_path: Path) -> None:
    scratch = Scratch()
    place = Archive(write_zip(tmp_path / "a.zip", {"img/a.png": png(), "t.csv": "x", "__MACOSX/a.png": b""}), scratch)
    assert place.names() == ("img/a.png", "t.csv")
    assert place.read("t.csv", 10) == b"x"
    assert place.picture("img/a.png").width == 8
    assert list(scratch.folder.iterdir()) == []
    with pytest.raises(UserError, match=r"no file b\.png in the zip"):
        place.picture("b.png")


def test_many_threads_may_read_at_once(tmp_path: Path) -> None:
    colors = [f"#{number:02x}0000" for number in range(60)]
    place = opened(write_zip(tmp_path / "a.zip", {f"{at}.png": png(color) for at, color in enumerate(colors)}))
    with ThreadPoolExecutor(8) as pool:
        reds = list(pool.map(lambda at: place.picture(f"{at}.png").rgb[0], range(60)))
    assert reds == list(range(60))


def test_a_member_that_leads_out_is_no_file_of_it(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"../out.png": png(), "/abs.png": png(), "C:/w.png": png(), "a.png": png()})
    assert opened(path).names() == ("a.png",)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as file:
        link = zipfile.ZipInfo("a.png")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match="is a link"):
        opened(path).picture("a.png")


def test_a_picture_beyond_the_limit_is_not_unpacked(tmp_path: Path) -> None:
    place = opened(write_zip(tmp_path / "a.zip", {"a.png": bytes(11 * 1024**2)}))
    with pytest.raises(UserError, match="more than 10 MB"):
        place.picture("a.png")


def test_a_bomb_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{number}.png": bytes(1024**2) for number in range(4)})
    opened(path)
    monkeypatch.setattr(archive, "RATIO_FROM", 1024**2)
    with pytest.raises(UserError, match="would unpack to 4 MB"):
        opened(path)
    monkeypatch.setattr(archive, "RATIO_FROM", 1024**3)
    monkeypatch.setattr(archive, "MAX_UNPACKED", 3 * 1024**2)
    with pytest.raises(UserError, match="would unpack to 4 MB"):
        opened(path)


def test_a_member_gives_no_more_than_it_declares(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": bytes(1024**2)})
    data = path.read_bytes()
    true, claimed = struct.pack("<L", 1024**2), struct.pack("<L", 100)
    assert data.count(true) == 2
    path.write_bytes(data.replace(true, claimed))
    with pytest.raises(UserError, match="damaged in the zip"):
        opened(path).read("a.png", 1_000)


def test_more_members_than_a_set_has_are_refused_before_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{number}": b"" for number in range(5)})
    monkeypatch.setattr(archive, "MAX_FILES", 4)
    with monkeypatch.context() as unlisted:
        unlisted.setattr(zipfile, "ZipFile", None)
        with pytest.raises(UserError, match="5 files"):
            opened(path)
    # An archive that declares fewer at its end than it has.
    data = bytearray(path.read_bytes())
    end = data.rfind(archive.END_MARK)
    data[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    path.write_bytes(data)
    with pytest.raises(UserError, match="5 files"):
        opened(path)


def test_a_password_or_a_rare_packing_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": png()})
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= archive.ENCRYPTED
    with pytest.raises(UserError, match="password"):
        opened(write(tmp_path / "b.zip", bytes(data))).read("a.png", 1_000)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("a.png", png())
    with pytest.raises(UserError, match="rare way"):
        opened(write(tmp_path / "c.zip", target.getvalue())).read("a.png", 1_000)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"PK\x05\x06"])
def test_what_is_no_zip_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.zip is not a zip"):
        opened(write(tmp_path / "a.zip", data))


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.png": png(), "b.png": png()})
    data = bytearray(path.read_bytes())
    data[45:60] = bytes(15)
    place = opened(write(path, bytes(data)))
    with pytest.raises(UserError, match=r"a\.png is damaged"):
        place.picture("a.png")
    assert place.picture("b.png").width == 8
