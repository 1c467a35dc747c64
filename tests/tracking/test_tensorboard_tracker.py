"""TensorBoard is an extra; what is told to it is read back by its own reader by `make oracles`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.tracking.base import Thumbnail
from microscope.tracking.tensorboard_tracker import TRACKER, markdown, own_folder
from tests.tracking.told import RUN, png


def test_without_its_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with (
        pytest.raises(UserError, match=r'TensorBoard is not installed: run pip install "\.\[tensorboard\]"'),
        TRACKER.start(RUN, tmp_path / "runs"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_every_run_has_a_folder_of_its_own(tmp_path: Path) -> None:
    names = [own_folder(tmp_path / "scenes", "tiny/run").name for _ in range(3)]
    assert names == ["tiny-run", "tiny-run-2", "tiny-run-3"]


def test_a_row_is_markdown_whatever_its_cells_hold() -> None:
    cells = ("a|b", "two\nlines", None, 0.5, Thumbnail(png(), "a.png"))
    assert markdown(cells) == "| a\\|b | two lines |  | 0.5 | a.png |"
