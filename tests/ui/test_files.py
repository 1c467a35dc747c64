"""Files that a page hands out are what was given, where it was asked for."""

from __future__ import annotations

from pathlib import Path

from microscope.ui.files import write_file


def test_a_file_holds_what_was_given_under_its_name(tmp_path: Path) -> None:
    path = write_file(str(tmp_path), "finding.json", b"{}\n")
    assert path == str(tmp_path / "finding.json")
    assert Path(path).read_bytes() == b"{}\n"


def test_a_file_is_written_anew(tmp_path: Path) -> None:
    write_file(str(tmp_path), "finding.png", b"a long first one")
    assert Path(write_file(str(tmp_path), "finding.png", b"short")).read_bytes() == b"short"
