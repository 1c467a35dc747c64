"""Which file of a folder or archive is the table, and texts beside pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.finding import choose_table, find_rows, read_beside, read_text_table
from microscope.evaluation.items.places import Folder
from tests.evaluation.items.sets import png, write


@pytest.mark.parametrize(
    ("names", "split", "chosen"),
    [
        (["a.png", "set.csv"], None, ("set.csv",)),
        (["other.csv", "metadata.jsonl"], None, ("metadata.jsonl",)),
        (["deep/down.csv", "top.csv"], None, ("top.csv",)),
        (["train/metadata.csv", "test/metadata.csv"], "test", ("test/metadata.csv",)),
        (["my_test.csv", "my_train.csv", "latest.csv"], "test", ("my_test.csv",)),
        (["data/t-00001-of-00002.parquet", "data/t-00000-of-00002.parquet"], None, None),
        (["a.png", "a.json", "dataset_info.json"], None, ()),
        (["a.png", "notes.txt"], None, ()),
    ],
)
def test_the_table_is_found(names: list[str], split: str | None, chosen: tuple[str, ...] | None) -> None:
    assert choose_table(names, split) == (tuple(sorted(names)) if chosen is None else chosen)


def test_several_tables_are_named() -> None:
    with pytest.raises(UserError, match=r"several tables.*test\.csv, train\.csv"):
        choose_table(["train.csv", "test.csv"], None)
    with pytest.raises(UserError, match="split dev"):
        choose_table(["train.csv", "test.csv"], "dev")


def test_a_suffix_that_says_nothing_leaves_it_to_the_contents() -> None:
    assert read_text_table(b'{"a": 1}\n', "").columns == ("a",)
    assert read_text_table(b"a;b\n1;2\n", ".dat").columns == ("a", "b")


def test_a_table_knows_its_folder(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "set.csv", "a,b\n1,2\n")
    folder = Folder(tmp_path)
    assert find_rows(folder, None, folder.path).folder == "deep/"


def test_texts_beside_pictures_are_rows(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        write(tmp_path / f"{name}.png", png())
    write(tmp_path / "a.txt", "Which colour?\n\nred\nrot\n")
    write(tmp_path / "b.json", json.dumps([{"question": "One?", "answer": "1"}, {"question": "Two?", "answer": "2"}]))
    write(tmp_path / "d.json", "{")
    write(tmp_path / "README.txt", "nothing of it")
    table = read_beside(Folder(tmp_path))
    rows = list(table.rows)
    assert table.columns == ("image", "question", "answers", "answer")
    assert dict(rows[0].cells) == {"image": "a.png", "question": "Which colour?", "answers": ["red", "rot"]}
    assert [(row.number, row.cells.get("image"), row.where) for row in rows[1:3]] == [
        (2, "b.png", "b.json"),
        (3, "b.png", "b.json"),
    ]
    assert "c.png has no .txt or .json" in rows[3].broken
    assert "d.json cannot be used" in rows[4].broken
    assert "README.txt" in table.notes[0]


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.png", png())
    folder = Folder(tmp_path)
    with pytest.raises(UserError, match="no table in the folder"):
        find_rows(folder, None, folder.path)
