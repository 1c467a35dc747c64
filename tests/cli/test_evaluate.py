"""A set through checkpoints by the command line: reports, a verdict, an exit status, and sentences for mistakes."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.cli.evaluate import margin_of
from microscope.errors import UserError
from tests.cli.commands import FOLDERS, Ran, Row, ran, shipped_rows, write_set

WORST, POOR, GOOD, BEST = (f"scenes-step-{step}" for step in (300, 2000, 4000, 6000))
REPORTS = {"report.html", "report.json", "items.csv", "items.parquet", "summary.csv"}
BROKEN = 20


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a set with 40 questions about 9 pictures."""
    return write_set(tmp_path_factory.mktemp("set"), shipped_rows(40))


def evaluated(items: Path | str, models: str, out: Path, *more: str) -> Ran:
    return ran("evaluate", "--set", items, "--models", models, "--out", out, "--max-new-tokens", "16", *more)


def record(out: Path) -> Row:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_reports_are_written_and_the_verdict_is_printed(items: Path, tmp_path: Path) -> None:
    found = evaluated(items, f"{WORST},{BEST}", tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    assert found.status == 0
    assert {path.name for path in out.iterdir()} == REPORTS
    lines = found.out.splitlines()
    assert lines[0].startswith(f"{BEST} is better than {WORST}: +")
    assert lines[0] == record(out)["analysis"]["verdict"]
    assert [line.split(":")[0].split()[-1] for line in lines[2:4]] == [WORST, BEST]
    assert all(line.endswith("n = 40") for line in lines[2:4])
    assert found.err.splitlines()[0].startswith("40 questions about 9 images, 2 to answer them; 0 of 80 answers are")
    assert f"80 answers computed, 0 from the store; {out / 'report.html'}" in found.err


def test_json_is_the_report_and_nothing_else(items: Path, tmp_path: Path) -> None:
    found = evaluated(items, f"{WORST},{BEST}", tmp_path, "--json")
    assert found.status == 0
    assert json.loads(found.out) == record(tmp_path)
    assert found.out == (tmp_path / "report.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("models", "more", "status", "outcome"),
    [
        ((WORST, BEST), ["--baseline", WORST], 0, "better"),
        ((WORST, BEST), ["--baseline", WORST, "--fail-if-worse", "2pp"], 0, "better"),
        ((BEST, WORST), ["--baseline", BEST], 3, "worse"),
        ((WORST, BEST), ["--baseline", BEST, "--fail-if-worse", "2pp"], 3, "worse"),
        ((GOOD, BEST), ["--baseline", GOOD], 4, "cannot tell"),
        ((GOOD, BEST), ["--baseline", GOOD, "--fail-if-worse", "0.1pp"], 4, "cannot tell"),
        ((BEST, GOOD), ["--baseline", BEST, "--fail-if-worse", "50%"], 0, "not worse"),
        ((POOR, BEST, WORST), ["--baseline", POOR], 3, "worse"),
        ((WORST, GOOD, BEST), ["--baseline", BEST, "--fail-if-worse", "0.05"], 3, "worse"),
        ((GOOD, BEST, WORST), ["--baseline", WORST], 0, "better"),
    ],
)
def test_the_exit_status_is_the_worst_outcome(
    items: Path, tmp_path: Path, models: tuple[str, ...], more: list[str], status: int, outcome: str
) -> None:
    found = evaluated(items, ",".join(models), tmp_path, *more)
    assert (found.status, record(tmp_path)["analysis"]["outcome"]) == (status, outcome)
    assert found.out.splitlines()[0] == record(tmp_path)["analysis"]["verdict"]


def test_all_takes_the_whole_catalogue(items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROSCOPE_MODELS", f"{FOLDERS[0]},{FOLDERS[1]}")
    assert evaluated(items, "all", tmp_path, "--limit", "5").status == 0
    assert [arm["key"] for arm in record(tmp_path)["arms"]] == [FOLDERS[0].name, FOLDERS[1].name]


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the key of a checkpoint that is in the catalogue, beside two others, and cannot be loaded."""
    folder = tmp_path / "damaged"
    shutil.copytree(FOLDERS[0], folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    others = [str(folder) for folder in FOLDERS if folder.name in (WORST, BEST)]
    monkeypatch.setenv("MICROSCOPE_MODELS", ",".join([*others, str(folder)]))
    return folder.name


def test_a_checkpoint_that_cannot_be_run_is_named_and_leaves_the_others(
    items: Path, tmp_path: Path, damaged: str
) -> None:
    found = evaluated(items, f"{WORST},{BEST},{damaged}", tmp_path / "out")
    assert found.status == 1
    assert f"{damaged} could not be evaluated: " in found.err
    assert [arm["key"] for arm in record(tmp_path / "out")["arms"]] == [WORST, BEST]


@pytest.mark.parametrize(("baseline", "status"), [(WORST, 4), (BEST, 3)])
def test_of_a_candidate_that_cannot_be_run_nothing_can_be_told(
    items: Path, tmp_path: Path, damaged: str, baseline: str, status: int
) -> None:
    found = evaluated(items, f"{WORST},{BEST},{damaged}", tmp_path / "out", "--baseline", baseline)
    assert found.status == status


def test_without_its_baseline_nothing_can_be_told_and_the_others_are_reported(
    items: Path, tmp_path: Path, damaged: str
) -> None:
    more = ["--baseline", damaged, "--fail-if-worse", "2pp"]
    found = evaluated(items, f"{WORST},{BEST},{damaged}", tmp_path / "out", *more)
    assert found.status == 4
    assert f"The baseline {damaged} has no answers" in found.err
    assert found.out.startswith(f"{BEST} is better than {WORST}: ")


def test_where_nothing_could_be_run_that_is_the_error(items: Path, tmp_path: Path, damaged: str) -> None:
    found = evaluated(items, damaged, tmp_path / "out")
    assert (found.status, found.out) == (1, "")
    assert found.err.splitlines()[-1].startswith(f"{damaged} could not be evaluated: ")
    assert not (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("models", "more", "sentence"),
    [
        ("scenes-step-301", [], "The checkpoint scenes-step-301 is not in the catalogue"),
        (" , ", [], "Name at least one checkpoint with --models"),
        (f"{WORST},{BEST}", ["--baseline", POOR], f"The baseline {POOR} is none of {WORST}, {BEST}"),
        (BEST, ["--baseline", BEST], "A baseline alone cannot be compared"),
        (f"{WORST},{BEST}", ["--fail-if-worse", "2pp"], "--fail-if-worse needs --baseline"),
        (f"{WORST},{BEST}", ["--baseline", BEST, "--fail-if-worse", "little"], "A margin of 'little' cannot be read"),
        (f"{WORST},{BEST}", ["--baseline", BEST, "--fail-if-worse", "0"], "A margin of '0' cannot be read"),
        (BEST, ["--scorer", "exat"], "There is no scorer 'exat'; did you mean 'exact'?"),
        (BEST, ["--tracker", "paper"], "There is no tracker 'paper'"),
        (BEST, ["--columns", "question"], "--columns takes pairs"),
        (BEST, ["--columns", "question="], "--columns takes pairs"),
        (BEST, ["--columns", "query=question"], "There is no field query"),
        (BEST, ["--columns", "question=querry"], "There is no column querry"),
        (BEST, ["--vary", "temperature"], "--vary takes a setting and its levels"),
        (BEST, ["--vary", "mood=good,bad"], "'mood' cannot be varied"),
        (BEST, ["--vary", "temperature=0.7"], "Temperature needs at least two different levels"),
        (BEST, ["--vary", "temperature=0,hot"], "Temperature cannot be 'hot'"),
        (BEST, ["--vary", "temperature=0,1", "--vary", "temperature=0,2"], "--vary names temperature twice"),
        (BEST, ["--limit", "0"], "At least one row must be read"),
        (BEST, ["--set", "nowhere.csv"], "There is no file or folder nowhere.csv"),
        (BEST, ["--max-new-tokens", "0"], "--max-new-tokens is '0'"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_on_standard_error(
    items: Path, tmp_path: Path, models: str, more: list[str], sentence: str
) -> None:
    found = evaluated(items, models, tmp_path, *more)
    assert (found.status, found.out) == (1, "")
    assert found.err.startswith(sentence)
    assert len(found.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_nothing_can_be_written_into_is_said(items: Path) -> None:
    found = evaluated(items, BEST, items)
    assert (found.status, found.out) == (1, "")
    assert found.err == f"Nothing can be written into {items} (File exists); name another folder with --out.\n"


@given(st.floats(0.001, 99.999), st.sampled_from(["", " "]), st.sampled_from(["pp", "%", "PP", "Pp"]))
def test_a_margin_in_points_is_a_hundredth(points: float, space: str, unit: str) -> None:
    assert margin_of(f" {points}{space}{unit} ") == points / 100


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_margin_without_a_unit_is_a_share(share: float) -> None:
    assert margin_of(str(share)) == share


def test_two_points_are_the_same_however_they_are_written() -> None:
    assert {margin_of(text) for text in ("2pp", "2%", "2.0 pp", "0.02", ".02", "2e-2")} == {0.02}


@given(st.text())
def test_whatever_is_written_is_a_share_or_a_sentence(text: str) -> None:
    try:
        margin = margin_of(text)
    except UserError:
        return
    assert 0 < margin < 1


@pytest.mark.parametrize("text", ["", "pp", "0", "0pp", "-2pp", "100pp", "1", "2", "nan", "inf", "nanpp", "2 points"])
def test_what_is_no_margin_is_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        margin_of(text)


def test_a_varied_setting_makes_arms_and_effects(items: Path, tmp_path: Path) -> None:
    found = evaluated(items, f"{WORST},{BEST}", tmp_path, "--vary", "temperature=0,0.7")
    assert found.status == 0
    arms = record(tmp_path)["arms"]
    assert [arm["key"] for arm in arms] == [
        f"{key} | temperature {level}" for key in (WORST, BEST) for level in ("0", "0.7")
    ]
    assert [arm["settings"]["temperature"] for arm in arms] == [0, 0.7, 0, 0.7]
    effects = record(tmp_path)["analysis"]["effects"]
    assert len(effects) >= 3
    assert all(effect["sentence"] in found.out for effect in effects)


def test_a_part_of_the_image_tokens_goes_through_the_lens(items: Path, tmp_path: Path) -> None:
    more = ["--limit", "2", "--vary", "keep=100%,50%"]
    found = evaluated(items, BEST, tmp_path / "first", *more)
    assert found.status == 0
    whole, half = record(tmp_path / "first")["arms"]
    assert (whole["keep"], half["keep"]) == (None, 0.5)
    rows = rows_of(tmp_path / "first" / "items.csv")
    addresses = [row[f"{arm['key']}.address"] for row in rows for arm in (whole, half)]
    assert len(set(addresses)) == 4
    assert not any(row[f"{half['key']}.failure"] for row in rows)
    again = evaluated(items, BEST, tmp_path / "second", *more)
    assert "0 answers computed, 4 from the store" in again.err
    assert rows_of(tmp_path / "second" / "items.csv") == rows


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def broken(number: int, row: Row) -> Row | str:
    """Return a row with one of several things wrong with it."""
    ways: tuple[Row | str, ...] = (
        {**row, "image": "gone.png"},
        {**row, "question": "  "},
        {**row, "answers": []},
        {name: value for name, value in row.items() if name != "image"},
        "{ this is not JSON",
    )
    return ways[number % len(ways)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """Return the file of a set with 200 rows, and the lines of the 20 that are broken."""
    rows: list[Row | str] = list(shipped_rows(200))
    lines = list(range(7, 200, 10))
    for number, line in enumerate(lines):
        rows[line - 1] = broken(number, shipped_rows(200)[line - 1])
    return write_set(tmp_path_factory.mktemp("many"), rows), lines


def test_broken_rows_are_each_named_and_the_rest_runs(many: tuple[Path, list[int]], tmp_path: Path) -> None:
    items, lines = many
    assert len(lines) == BROKEN
    found = evaluated(items, BEST, tmp_path)
    assert found.status == 0
    problems = rows_of(tmp_path / "problems.csv")
    assert [int(row["row"]) for row in problems if row["refused"] == "yes"] == lines
    assert all(row["message"] for row in problems)
    assert "of which 180 are items and 20 are refused" in found.err
    assert f"... all 20 are in {tmp_path / 'problems.csv'}" in found.err
    written = record(tmp_path)
    assert (written["set"]["rows"], written["set"]["refused"], written["items"]["done"]) == (200, BROKEN, 180)
    assert len(rows_of(tmp_path / "items.csv")) == 180


def test_a_better_set_leaves_no_old_problems(items: Path, tmp_path: Path) -> None:
    (tmp_path / "problems.csv").write_text("row\n", encoding="utf-8")
    assert evaluated(items, BEST, tmp_path).status == 0
    assert not (tmp_path / "problems.csv").exists()


def test_it_stops_as_soon_as_it_is_decided(many: tuple[Path, list[int]], tmp_path: Path) -> None:
    found = evaluated(many[0], f"{WORST},{BEST}", tmp_path, "--early", "--baseline", WORST)
    assert found.status == 0
    done = record(tmp_path)["items"]["done"]
    assert 0 < done < record(tmp_path)["items"]["total"] == 180
    assert f"Decided after {done} of 180 questions" in found.err


def test_columns_are_what_one_says_they_are(tmp_path: Path) -> None:
    renamed = [
        {"id": row["id"], "image": row["image"], "a": row["question"], "b": row["answers"], "x": "1", "y": "2"}
        for row in shipped_rows(5)
    ]
    items = write_set(tmp_path / "set", renamed)
    found = evaluated(items, BEST, tmp_path / "out", "--columns", "question=a, answers = b,tags=x,y")
    assert found.status == 0
    # The same questions about the same pictures: nothing is answered again.
    assert "0 answers computed, 5 from the store" in found.err
    assert {row["tags"] for row in rows_of(tmp_path / "out" / "items.csv")} == {"x:1 | y:2"}


def test_the_shipped_set_has_a_name_and_can_be_cut(tmp_path: Path) -> None:
    found = evaluated("embedded", BEST, tmp_path, "--limit", "10", "--scorer", "contains")
    assert found.status == 0
    assert "0 answers computed, 10 from the store" in found.err
    written = record(tmp_path)
    assert (written["set"]["name"], written["items"]["done"], written["scorer"]) == ("Embedded scenes", 10, "contains")


def test_a_tracker_is_told_in_the_data_folder(items: Path, tmp_path: Path, data: Path) -> None:
    found = evaluated(items, f"{BEST},{WORST}", tmp_path, "--baseline", BEST, "--tracker", "trackio", "--project", "p")
    assert found.status == 3
    assert found.out.splitlines()[0] == record(tmp_path)["analysis"]["verdict"]
    assert f"{WORST} is worse than the baseline: " in found.err
    (database,) = (data / "trackers" / "trackio").glob("p.db")
    with sqlite3.connect(database) as connection:
        metrics = [json.loads(text) for (text,) in connection.execute("SELECT metrics FROM metrics")]
    scores = {mark["score"]["value"] for mark in record(tmp_path)["analysis"]["marks"]}
    assert {round(row["score/mean"], 10) for row in metrics if "score/mean" in row} == {
        round(score, 10) for score in scores
    }


def test_a_tracker_that_is_not_installed_costs_no_report(
    items: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROSCOPE_TRACKER", "mlflow")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    found = evaluated(items, BEST, tmp_path)
    assert found.status == 1
    assert "is not installed" in found.err.splitlines()[-1]
    assert found.out.splitlines()[0] == record(tmp_path)["analysis"]["verdict"]


def test_what_is_decided_early_is_the_baselines(many: tuple[Path, list[int]], tmp_path: Path) -> None:
    found = evaluated(many[0], f"{WORST},{BEST}", tmp_path, "--early", "--baseline", BEST)
    assert found.status == 3
    assert [arm["key"] for arm in record(tmp_path)["arms"]] == [BEST, WORST]
    assert "(80 % power, if two disagree on 20 % of the questions)" in found.err
