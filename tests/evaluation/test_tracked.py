"""What an evaluation found is told to a tracker as it is: settings, numbers by step, disagreements, alerts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image

from microscope.errors import UserError
from microscope.evaluation.analyse import analyse
from microscope.evaluation.analysis import Options
from microscope.evaluation.results import Results
from microscope.evaluation.tracked import MOST_ROWS, lines_of, metrics_of, track, versions_of
from microscope.records import Picture
from microscope.tracking import find_tracker
from microscope.tracking.base import (
    Alert,
    CheckpointVersion,
    Destination,
    MetricPoint,
    Table,
    Thumbnail,
    TrackedRun,
)
from microscope.tracking.history import past_runs
from tests.evaluation.analyse.made import arm, drawn, results

COUNT, OPTIONS, FOLDER = 300, Options(), Path("nowhere")


@dataclass
class Heard:
    """What one run was told."""

    run: TrackedRun
    points: list[MetricPoint] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    versions: list[CheckpointVersion] = field(default_factory=list)

    def metrics(self, points: Sequence[MetricPoint]) -> None:
        self.points += points

    def table(self, table: Table) -> None:
        self.tables.append(table)

    def alert(self, alert: Alert) -> None:
        self.alerts.append(alert)

    def checkpoint(self, version: CheckpointVersion) -> None:
        self.versions.append(version)


@dataclass
class Ear:
    """A tracker that remembers."""

    runs: list[Heard] = field(default_factory=list)
    key: str = "ear"
    label: str = "Ear"

    @contextmanager
    def start(self, run: TrackedRun, folder: Path) -> Iterator[Heard]:
        assert folder == FOLDER
        self.runs.append(Heard(run))
        yield self.runs[-1]


def heard(whole: Results, options: Options = OPTIONS, **more: object) -> list[Heard]:
    """Return what was told of results."""
    ear = Ear()
    track(Destination(ear, FOLDER, "project"), whole, analyse(whole, options), **more)  # type: ignore[arg-type]
    return ear.runs


def picture(name: str) -> Picture:
    return Picture(400, 200, bytes([250, 0, 0]) * 80_000)


def test_a_training_run_is_one_line_by_step_and_others_have_lines_of_their_own() -> None:
    alone = arm(7, key="base", checkpoint="base", label="the base", run=None, step=None)
    whole = results(drawn(COUNT, [0.5, 0.6, 0.7, 0.5]), arms=[arm(2), alone, arm(0), arm(1, run="other")])
    assert [(line.name, line.arms) for line in lines_of(whole)] == [
        ("scenes", (2, 0)),
        ("the base", (1,)),
        ("other", (3,)),
    ]


def test_each_combination_of_an_ablation_is_a_line_and_no_version_of_a_model() -> None:
    arms = [
        arm(0, key=f"step-1000 {keep}", keep=share, factors=(("keep", keep),))
        for keep, share in (("all", None), ("half", 0.5))
    ]
    whole = results(drawn(COUNT, [0.9, 0.4]), arms=arms)
    told = heard(whole)
    assert [one.run.name for one in told] == ["scenes, keep all", "scenes, keep half"]
    assert [one.run.config["factor.keep"] for one in told] == ["all", "half"]
    assert [one.versions for one in told] == [[], []]


def test_a_line_has_score_interval_rules_and_kinds_at_every_step() -> None:
    scores = drawn(COUNT, [0.5, 0.7])
    strict, lenient = scores * 0, np.maximum(scores, 0.5)
    whole = results(scores, strictness=(strict, lenient))
    whole = replace(whole, parsed=np.arange(COUNT * 2).reshape(COUNT, 2) % 8 > 0)
    analysis = analyse(whole)
    points = {(one.name, one.step): one.value for one in metrics_of(lines_of(whole)[0], whole, analysis)}
    assert {step for _, step in points} == {1000, 2000}
    for column, (step, mark) in enumerate(zip((1000, 2000), analysis.marks, strict=True)):
        assert points["score/mean", step] == pytest.approx(scores[:, column].mean())
        assert (points["score/low", step], points["score/high", step]) == (mark.score.low, mark.score.high)
        assert points["score/strict", step] == 0
        assert points["score/lenient", step] == pytest.approx(lenient[:, column].mean())
        assert points["answers/unparsed", step] == pytest.approx(1 - whole.parsed[:, column].mean())
        of_kind = [number for number, item in enumerate(whole.items) if item.kind == "count"]
        assert points["kind/count", step] == pytest.approx(scores[of_kind, column].mean())


def test_on_one_image_there_is_a_score_and_no_interval() -> None:
    whole = results([[1.0], [0.0], [1.0]])
    (told,) = heard(whole)
    names = {one.name for one in told.points}
    assert "score/mean" in names
    assert not {"score/low", "score/high"} & names


def test_a_runs_settings_say_everything_that_decides_its_numbers() -> None:
    whole = results(drawn(COUNT, [0.5, 0.6]), total=COUNT + 5)
    (told,) = heard(whole, Options(baseline="step-1000", margin=0.02))
    config = told.run.config
    assert (told.run.project, told.run.name) == ("project", "scenes")
    assert told.run.tags == ("scenes", "exact", "partial")
    assert (config["set.digest"], config["scorer"], config["items"]) == ("d" * 64, "exact", COUNT)
    assert (config["settings.max_new_tokens"], config["settings.seed"]) == (64, 0)
    assert (config["baseline"], config["margin"]) == ("step-1000", 0.02)
    for key in ("step-1000", "step-2000"):
        assert config[f"checkpoint.{key}.revision"] == "abc123"
        assert config[f"checkpoint.{key}.weights"] == "weights-1"
        assert config[f"checkpoint.{key}.versions"] == "torch 2.13.0, transformers 5.23.0"
    assert all(value is None or isinstance(value, str | int | float) for value in config.values())


def test_the_table_has_the_first_disagreements_with_small_pictures_each_read_once() -> None:
    scores = np.ones((COUNT, 2))
    scores[10:200, 1] = 0
    read = []

    def counted(name: str) -> Picture:
        read.append(name)
        return picture(name)

    (told,) = heard(results(scores), picture=counted)
    (table,) = told.tables
    assert len(table.rows) == MOST_ROWS
    assert table.columns == (
        *("item", "picture", "question", "accepted"),
        *("answer: step-1000", "score: step-1000", "answer: step-2000", "score: step-2000"),
    )
    first = dict(zip(table.columns, table.rows[0], strict=True))
    assert (first["item"], first["answer: step-1000"], first["score: step-2000"]) == ("item-00010", "one", 0.0)
    thumbnail = first["picture"]
    assert isinstance(thumbnail, Thumbnail)
    with Image.open(io.BytesIO(thumbnail.png)) as small:
        assert (small.size, small.convert("RGB").getpixel((5, 5))) == ((128, 64), (250, 0, 0))
    assert read == sorted(set(read))


def test_of_one_checkpoint_the_table_has_what_it_got_wrong_and_why() -> None:
    whole = results([[1.0], [0.0], [0.0]] * 4, failures=[{1: "The picture is too large."}])
    (told,) = heard(whole)
    (table,) = told.tables
    assert "picture" not in table.columns
    assert [row[0] for row in table.rows] == [f"item-{n:05}" for n in range(12) if n % 3]
    assert [row[3] for row in table.rows[:2]] == ["The picture is too large.", "two"]


def test_where_all_agree_there_is_no_table() -> None:
    (told,) = heard(results([[1.0, 1.0], [0.0, 0.0]] * 10))
    assert told.tables == []


def test_a_line_shows_the_baselines_answers_beside_its_own() -> None:
    base = arm(7, key="base", checkpoint="base", label="the base", run=None, step=None)
    whole = results(drawn(COUNT, [0.5, 0.7]), arms=[arm(0), base])
    scenes, alone = heard(whole, Options(baseline="base"))
    assert scenes.tables[0].columns[3::2] == ("answer: base", "answer: step-1000")
    assert alone.tables[0].columns[3::2] == ("answer: base",)


def test_a_picture_that_cannot_be_read_costs_its_thumbnail_alone() -> None:
    def broken(name: str) -> NoReturn:
        raise UserError("it is gone")

    (told,) = heard(results(drawn(COUNT, [0.3, 0.7])), picture=broken)
    assert len(told.tables[0].rows) == MOST_ROWS
    assert "picture" not in told.tables[0].columns


def test_alerts_go_to_the_line_of_what_got_worse_and_are_returned() -> None:
    whole = results(drawn(COUNT, [0.8, 0.8, 0.5]), arms=[arm(0, run="good"), arm(1), arm(2)])
    analysis = analyse(whole, Options(baseline="step-1000"))
    ear = Ear()
    raised = track(Destination(ear, FOLDER, "project"), whole, analysis)
    good, scenes = ear.runs
    assert good.alerts == []
    assert tuple(scenes.alerts) == raised
    assert [(one.title, one.level, one.step) for one in raised] == [
        ("step 3000 is worse than the baseline", "error", 3000),
        ("step 3000 is worse than the step before", "warn", 3000),
    ]
    assert "points less than step 1000 on the same 300 items" in raised[0].text


def test_a_new_step_raises_an_alert_by_what_was_evaluated_before() -> None:
    scores = drawn(COUNT, [0.8, 0.5])
    before, now = (results(scores[:, [n]], arms=[arm(n)]) for n in (0, 1))
    (told,) = heard(now, previous=before)
    assert [one.title for one in told.alerts] == ["step 2000 is worse than the step before"]


def test_the_champion_is_the_best_step_if_it_is_separated_from_every_other() -> None:
    for shares, champions in (((0.5, 0.9, 0.6), [False, True, False]), ((0.5, 0.9, 0.89), [False] * 3)):
        whole = results(drawn(COUNT, shares))
        versions = versions_of(lines_of(whole)[0], whole, analyse(whole))
        assert [one.champion for one in versions] == champions
        assert [(one.model, one.key, one.step) for one in versions] == [
            ("scenes", f"step-{step}", step) for step in (1000, 2000, 3000)
        ]
    whole = results(drawn(COUNT, [0.9]))
    assert [one.champion for one in versions_of(lines_of(whole)[0], whole, analyse(whole))] == [False]


def test_trackio_keeps_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def whoami(*args: object, **kwargs: object) -> NoReturn:
        raise OSError("a test asks no network")

    monkeypatch.setattr("huggingface_hub.whoami", whoami)
    whole = results(drawn(COUNT, [0.5, 0.8, 0.6]))
    analysis = analyse(whole)
    raised = track(Destination(find_tracker("trackio"), tmp_path, "My scenes"), whole, analysis, picture)
    (run,) = past_runs(tmp_path, "My scenes")
    assert run.metrics["score/mean"] == tuple(
        (step, pytest.approx(mark.score.value)) for step, mark in zip((1000, 2000, 3000), analysis.marks, strict=True)
    )
    assert run.config["verdict"] == analysis.verdict
    assert [one.alert for one in run.alerts] == list(raised)
    assert len(list((tmp_path / "media").rglob("*.png"))) == MOST_ROWS
