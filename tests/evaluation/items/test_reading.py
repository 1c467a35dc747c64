"""Sets read whole: every format gives the same items, and no row of ten thousand is lost."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from microscope.errors import UserError
from microscope.evaluation.items.gathering import SetPictures
from microscope.evaluation.items.reading import digest_items, embedded_set, preview_columns, read_set
from microscope.evaluation.items.report import validation_report
from microscope.tiny.evalset import read_evalset
from tests.evaluation.items.sets import ROWS, base64_of, csv_text, jsonl, png, write, write_pictures, write_zip

EVALSET = Path(__file__).resolve().parents[3] / "assets" / "evalset"
COLORS = {"a.png": "red", "b.png": "blue"}
Writer = Callable[[Path], Path]


def joined(row: dict[str, object]) -> str:
    return "|".join(row["answers"])  # type: ignore[arg-type]


def table(delimiter: str = ",") -> str:
    rows = [[row["image"], row["question"], joined(row)] for row in ROWS]
    return csv_text([["image", "question", "answers"], *rows], delimiter)


def with_pictures(column: list[object]) -> pa.Table:
    return pa.table(
        {"image": column, "question": [row["question"] for row in ROWS], "answers": [row["answers"] for row in ROWS]}
    )


def parquet(path: Path, column: list[object]) -> Path:
    pq.write_table(with_pictures(column), path)
    return path


def beside(folder: Path) -> Path:
    for row in ROWS:
        stem = str(row["image"]).removesuffix(".png")
        write(folder / f"{stem}.txt", "\n".join([str(row["question"]), *row["answers"]]))  # type: ignore[misc]
    return folder


def image_folder(folder: Path) -> Path:
    rows = [
        {"file_name": f"img/{row['image']}", "question": row["question"], "answers": row["answers"]} for row in ROWS
    ]
    write_pictures(folder / "img")
    write(folder / "metadata.jsonl", jsonl(rows))
    return folder


def zipped_parquet(folder: Path) -> Path:
    data = parquet(folder / "inner.parquet", ["a.png", "b.png"]).read_bytes()
    pictures = {f"images/{name}": png(color) for name, color in COLORS.items()}
    return write_zip(folder / "set.zip", {"data/test.parquet": data, **pictures})


BYTES = [png(color) for color in COLORS.values()]
FORMATS: dict[str, Writer] = {
    "csv": lambda folder: write(write_pictures(folder) / "set.csv", table()),
    "csv, utf-16": lambda folder: write(write_pictures(folder) / "set.csv", table(";").encode("utf-16")),
    "tsv": lambda folder: write(write_pictures(folder) / "set.tsv", table("\t")),
    "jsonl": lambda folder: write(write_pictures(folder) / "set.jsonl", jsonl(ROWS)),
    "json": lambda folder: write(write_pictures(folder) / "set.json", json.dumps(ROWS)),
    "parquet of paths": lambda folder: parquet(write_pictures(folder) / "set.parquet", ["a.png", "b.png"]),
    "parquet of bytes": lambda folder: parquet(folder / "set.parquet", BYTES),  # type: ignore[arg-type]
    "parquet of structs": lambda folder: parquet(folder / "s.parquet", [{"bytes": d, "path": "x.png"} for d in BYTES]),
    "parquet of base64": lambda folder: parquet(folder / "s.parquet", [base64_of(data) for data in BYTES]),
    "base64 in jsonl": lambda folder: write(
        folder / "set.jsonl",
        jsonl([row | {"image": f"data:image/png;base64,{base64_of(d)}"} for row, d in zip(ROWS, BYTES, strict=True)]),
    ),
    "zip": lambda folder: write_zip(
        folder / "set.zip", {"in/set.csv": table(), **{f"in/{name}": png(color) for name, color in COLORS.items()}}
    ),
    "zip of parquet": zipped_parquet,
    "zip of texts": lambda folder: write_zip(
        folder / "set.zip",
        {str(path.relative_to(folder)): path.read_bytes() for path in beside(write_pictures(folder)).iterdir()},
    ),
    "folder": lambda folder: write(write_pictures(folder) / "set.csv", table()).parent,
    "folder of texts": lambda folder: beside(write_pictures(folder)),
    "image folder": image_folder,
}


@pytest.mark.parametrize("write_set", FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_set(write_set: Writer, tmp_path: Path) -> None:
    found = read_set(write_set(tmp_path))
    reference = write(write_pictures(tmp_path / "reference") / "set.csv", table())
    assert found.problems == ()
    assert [(item.question, item.answers) for item in found.items] == [
        ("Which colour?", ("red", "rot")),
        ("Which colour?", ("blue",)),
    ]
    assert found.facts.digest == read_set(reference).facts.digest
    assert [found.pictures.read(item.image).rgb[:3] for item in found.items] == [b"\xff\0\0", b"\0\0\xff"]
    assert {image.digest for image in found.images.values()} == {
        found.pictures.read(item.image).digest for item in found.items
    }
    assert found.scorer == "exact"


def test_the_embedded_set_is_what_its_own_room_reads() -> None:
    found = embedded_set(EVALSET)
    assert found.items == read_evalset(EVALSET)
    assert found.problems == ()
    assert found.unit == "line"


KINDS = 12


def broken(number: int) -> tuple[str, ...]:
    """Return the cells of a row that is broken in the way that its number says."""
    id_, image, question = f"{number}", f"{number % 9}.png", f"Question {number}?"
    first, second, box = "cat", "dog", "0,0,4,4"
    return (
        (id_, image, "", "A", first, second, box),
        (id_, image, question, "", first, second, box),
        (id_, image, question, "bird", first, second, box),
        (id_, "gone.png", question, "A", first, second, box),
        (id_, "broken.png", question, "A", first, second, box),
        (id_, "cut.png", question, "A", first, second, box),
        (id_, "../out.png", question, "A", first, second, box),
        (id_, "https://example.org/a.png", question, "A", first, second, box),
        (id_, image, "x" * 2_001, "A", first, second, box),
        (id_, image, question, "A", first, "", box),
        (id_, image, question, "A", first, second, box, "surplus"),
        (id_, "", question, "A\0", first, second, box),
    )[number % KINDS]


def test_of_ten_thousand_rows_each_broken_one_is_named_once(tmp_path: Path) -> None:
    for number in range(9):
        write(tmp_path / f"{number}.png", png(f"#{number}0{number}0{number}0"))
    write(tmp_path / "broken.png", b"not a picture")
    write(tmp_path / "cut.png", png()[:45])
    rows: list[tuple[str, ...]] = [("id", "image", "question", "answer", "A", "B", "bbox")]
    for number in range(10_000):
        good = (f"{number}", f"{number % 9}.png", f"Question\n{number}?", "B", "cat", "dog", "0,0,4,4")
        rows.append(broken(number // 20) if number % 20 == 7 else good)
    lines, line = {}, 1
    for number, row in enumerate(rows):
        lines[number] = line
        line += 1 + sum(cell.count("\n") for cell in row)
    expected = {lines[number + 1] for number in range(10_000) if number % 20 == 7}
    path = write(tmp_path / "set.csv", csv_text(rows))
    told: list[tuple[int, int]] = []
    begun = time.perf_counter()
    found = read_set(path, tell=lambda done, total: told.append((done, total)))
    report = validation_report(found)
    assert time.perf_counter() - begun < 60
    assert len(found.items) == 9_500
    assert (found.facts.rows, found.facts.refused) == (10_000, 500)
    named = [line.split(":")[0].split()[-1] for line in report.splitlines() if line.startswith("  line ")]
    assert sorted(map(int, named)) == sorted(expected)
    assert all(problem.refused for problem in found.problems)
    assert len({problem.message.rstrip(" 0123456789") for problem in found.problems}) >= 10
    assert found.items[0].evidence != ()
    assert told[0] == (1_000, 0)
    assert told[-1] == (11, 11)


def test_a_set_without_a_good_row_names_the_first_problems(tmp_path: Path) -> None:
    rows = [("image", "question", "answers"), *(("gone.png", "q?", "x"),) * 8]
    with pytest.raises(
        UserError, match=r"No row of set can be used. Line 2: image: There is no file gone.png.*3 more"
    ):
        read_set(write(tmp_path / "set.csv", csv_text(rows)))


def test_a_table_without_rows_or_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="columns and no rows"):
        read_set(write(tmp_path / "set.csv", "image,question,answers\n"))
    with pytest.raises(UserError, match="which column holds the image and the answers"):
        read_set(write(tmp_path / "set.csv", "x,question\n1,q?\n"))


def test_a_persons_columns_are_taken(tmp_path: Path) -> None:
    rows = [("pic", "answer", "say", "ask"), ("a.png", "wrong", "right", "q?")]
    found = read_set(
        write(write_pictures(tmp_path) / "set.csv", csv_text(rows)), columns={"answers": "say", "question": "ask"}
    )
    assert found.items[0].answers == ("right",)
    assert found.columns.guessed == ("image",)


def test_a_limit_reads_the_first_rows_and_says_so(tmp_path: Path) -> None:
    path = FORMATS["csv"](tmp_path)
    found = read_set(path, limit=1)
    assert (len(found.items), found.facts.rows) == (1, 1)
    assert found.notes == ("Only the first 1 rows were read.",)
    assert read_set(path, limit=2).notes == ()
    with pytest.raises(UserError, match="1 or more"):
        read_set(path, limit=0)


def test_pictures_in_a_scratch_folder_go_with_the_set(tmp_path: Path) -> None:
    found = read_set(FORMATS["parquet of bytes"](tmp_path))
    assert isinstance(found.pictures, SetPictures)
    folder = found.pictures.scratch.folder
    assert len(list(folder.iterdir())) == 2
    with ThreadPoolExecutor(8) as pool:
        names = [found.items[number % 2].image for number in range(64)]
        assert len({picture.digest for picture in pool.map(found.pictures.read, names)}) == 2
    del found
    gc.collect()
    assert not folder.exists()


def test_a_preview_shows_the_columns_and_some_rows(tmp_path: Path) -> None:
    rows = [("image", "what", "gt"), *((f"{number}.png", "Is it?", "yes") for number in range(8))]
    preview = preview_columns(write(tmp_path / "set.csv", csv_text(rows)))
    assert preview.columns == ("image", "what", "gt")
    assert (preview.guessed.image, preview.guessed.question, preview.guessed.answers) == ("image", "what", "gt")
    assert preview.rows[0] == ("0.png", "Is it?", "yes")
    assert len(preview.rows) == 5


def test_the_digest_changes_with_what_decides_a_score_and_with_nothing_else(tmp_path: Path) -> None:
    base = [ROWS[0] | {"id": "1"}, ROWS[1] | {"id": "2"}]

    def digest(**change: object) -> str:
        rows = [base[0] | change, base[1]]
        found = read_set(write(write_pictures(tmp_path) / "set.jsonl", jsonl(rows)))
        assert digest_items(found.items, found.images) == found.facts.digest
        return found.facts.digest

    write(tmp_path / "copy.png", png("red"))
    same = digest()
    assert digest(image="copy.png", kind="other", tags=["t"]) == same
    changes: list[dict[str, object]] = [{"question": "x?"}, {"answers": ["red"]}, {"image": "b.png"}, {"id": "3"}]
    assert len({same, *(digest(**change) for change in changes)}) == 5
