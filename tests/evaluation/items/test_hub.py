"""Streams of the `datasets` library, over files on this disk; nothing is fetched."""

from __future__ import annotations

from pathlib import Path

import datasets
import httpx
import pytest

from microscope.errors import UserError
from microscope.evaluation.items import opening
from microscope.evaluation.items.base import ItemSet
from microscope.evaluation.items.hub import Stream, _explain, hub_id, open_stream
from microscope.evaluation.items.reading import read_set
from tests.evaluation.items.sets import ROWS, jsonl, png, write, write_pictures


def stream(folder: Path, split: str | None = None, config: str | None = None) -> Stream:
    return open_stream(str(folder), config=config, split=split, offline=False)


def read(folder: Path, monkeypatch: pytest.MonkeyPatch, **given: str) -> ItemSet:
    monkeypatch.setattr(opening, "open_stream", lambda _, **named: open_stream(str(folder), **named))
    return read_set("org/name", **given)  # type: ignore[arg-type]


def write_typed(path: Path) -> None:
    path.parent.mkdir(parents=True)
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "question": datasets.Value("string"),
            "choices": datasets.List(datasets.Value("string")),
            "answer": datasets.ClassLabel(names=["cat", "dog"]),
        }
    )
    pictures = [{"bytes": png("red"), "path": None}, {"bytes": png("blue"), "path": "b.png"}, None]
    columns = {
        "image": pictures,
        "question": ["What is it?"] * 3,
        "choices": [["dog", "cat"]] * 3,
        "answer": [1, 0, -1],
    }
    datasets.Dataset.from_dict(columns, features=features).to_parquet(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("org/name", "org/name"),
        (" https://huggingface.co/datasets/org/name/ ", "org/name"),
        ("hf://datasets/org/name-2.0", "org/name-2.0"),
        ("data/items.csv", ""),
        ("org/../name", ""),
        ("/etc/passwd", ""),
        ("../up", ""),
        ("a/b/c", ""),
        ("name", ""),
    ],
)
def test_a_name_on_the_hub_is_known(text: str, found: str) -> None:
    assert hub_id(text) == found


def test_pictures_come_as_bytes_and_class_labels_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_typed(tmp_path / "data" / "train-00000-of-00001.parquet")
    found = read(tmp_path, monkeypatch)
    assert [item.answers for item in found.items] == [("A",), ("B",)]
    assert found.items[0].choices == ("dog", "cat")
    assert found.facts.name == "org/name"
    assert [(problem.row, problem.column) for problem in found.problems] == [(3, "image"), (3, "answer")]
    assert found.pictures.read(found.items[1].image).rgb[:3] == b"\0\0\xff"


def test_an_image_folder_is_read_in_the_split_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        write_pictures(tmp_path / split)
        rows = [{"file_name": row["image"], "question": row["question"], "answers": row["answers"]} for row in ROWS]
        write(tmp_path / split / "metadata.jsonl", jsonl(rows))
    with pytest.raises(UserError, match="several splits: name one of test, train"):
        stream(tmp_path)
    found = read(tmp_path, monkeypatch, split="test")
    assert found.facts.name == "org/name (test)"
    assert [item.answers for item in found.items] == [("red", "rot"), ("blue",)]
    assert found.pictures.read(found.items[0].image).rgb[:3] == b"\xff\0\0"


def test_json_has_its_columns_from_the_first_rows(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", jsonl(ROWS))
    table = stream(tmp_path).table
    assert table.columns == ("image", "question", "answers")
    assert [row.number for row in table.rows] == [1, 2]


def test_only_files_of_the_set_are_opened(tmp_path: Path) -> None:
    write(tmp_path / "secret.png", png())
    inside = write(tmp_path / "set" / "train.jsonl", jsonl(ROWS)).parent
    write(inside / "a.png", png())
    fetch = stream(inside).fetch
    assert fetch(str(inside / "a.png")) == png()
    for path in (
        str(tmp_path / "secret.png"),
        str(inside / ".." / "secret.png"),
        "https://example.org/a.png",
        "hf://datasets/other/set/a.png",
        f"hf://datasets/{inside}/../a.png",
        f"http://example.org/x::hf://datasets/{inside}/a.png",
        "file:///etc/passwd",
    ):
        with pytest.raises(UserError, match="not a file of the data set"):
            fetch(path)
    with pytest.raises(UserError, match="could not be fetched"):
        fetch(str(inside / "gone.png"))


def test_a_wrong_split_or_configuration_lists_the_others(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", jsonl(ROWS))
    with pytest.raises(UserError, match="no such split: name one of train"):
        stream(tmp_path, split="dev")
    with pytest.raises(UserError, match="configurations, or not this one: name one of default"):
        stream(tmp_path, config="other")


def test_a_stream_that_breaks_says_where(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", jsonl(ROWS) * 40 + "{broken\n")
    with pytest.raises(UserError, match="broke after row"):
        list(stream(tmp_path).table.rows)


def test_offline_nothing_is_asked() -> None:
    with pytest.raises(UserError, match="runs offline: download"):
        open_stream("org/name", config=None, split=None, offline=True)


def test_a_folder_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no files"):
        stream(tmp_path)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' is a gated dataset on the Hub."), "HF_TOKEN"),
        (datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub"), "no data set a/b"),
        (ConnectionError("Couldn't reach 'a/b' on the Hub"), "could not be reached"),
        (httpx.ConnectError("refused"), "could not be reached"),
        (RuntimeError("Dataset scripts are no longer supported, but found b.py"), "not run"),
        (
            ValueError("Config name is missing.\nPlease pick one among the available configs: ['x', 'y']\nExample"),
            "name one of x, y",
        ),
        (ValueError("Unknown split \"dev\". Should be one of ['train']. Available splits"), "name one of train"),
        (KeyError("something"), "could not be read as it is"),
    ],
)
def test_every_failure_has_its_advice(error: Exception, sentence: str) -> None:
    assert sentence in _explain("a/b", error)
