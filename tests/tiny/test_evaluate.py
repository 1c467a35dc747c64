"""Evaluation: checkpoints in training order, scored by real generation on equal questions, beside a baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from microscope.tiny.draw import QUESTION_KINDS, draw_items
from microscope.tiny.evaluate import (
    Evaluation,
    answer_items,
    checkpoint_folders,
    most_frequent_answers,
    run,
    to_json,
    training_step,
)


@pytest.fixture(scope="module")
def evaluations(micro_run: Path) -> list[Evaluation]:
    return run("heldout", 16, 0, micro_run / "checkpoints")


def test_every_checkpoint_is_scored_in_training_order(evaluations: list[Evaluation]) -> None:
    assert [(found.checkpoint, found.step) for found in evaluations] == [("scenes-step-1", 1), ("scenes-step-3", 3)]
    for found in evaluations:
        assert found.n == 16
        assert set(found.by_kind) == set(found.baseline) == set(QUESTION_KINDS)
        assert found.exact_match == pytest.approx(sum(found.by_kind.values()) / 8)
        assert found.exact_match < 0.5
        assert found.baseline == evaluations[0].baseline


def test_the_json_is_a_list_with_one_object_a_checkpoint(evaluations: list[Evaluation]) -> None:
    rows = json.loads(to_json(evaluations))
    assert [row["step"] for row in rows] == [1, 3]
    for row, found in zip(rows, evaluations, strict=True):
        assert list(row) == ["checkpoint", "step", "n", "exact_match", "by_kind", "baseline"]
        assert row["by_kind"] == found.by_kind


def test_folders_are_ordered_by_step_and_others_left_out(tmp_path: Path) -> None:
    for name in ("scenes-step-1000", "scenes-step-250", "scenes-step-30", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "notes").mkdir()
    names = [path.name for path in checkpoint_folders(tmp_path)]
    assert names == ["scenes-step-30", "scenes-step-250", "scenes-step-1000", "final"]
    assert training_step(tmp_path / "epoch-2-step-1500") == 1500
    assert training_step(tmp_path / "final") is None


def test_a_folder_without_checkpoints_gives_nothing(tmp_path: Path) -> None:
    assert run("heldout", 8, 0, tmp_path) == []


def test_answers_in_batches_are_the_answers_one_by_one(micro_run: Path) -> None:
    folder, items = micro_run / "checkpoints" / "scenes-step-3", list(draw_items("heldout", 8, 1))
    assert answer_items(folder, items) == [answer_items(folder, [item])[0] for item in items]


def test_the_number_of_threads_is_given_back(micro_run: Path) -> None:
    before = torch.get_num_threads()
    answer_items(micro_run / "checkpoints" / "scenes-step-1", list(draw_items("heldout", 1, 1)))
    assert torch.get_num_threads() == before


def test_the_baseline_is_the_best_constant_answer_on_the_same_items() -> None:
    items = list(draw_items("heldout", 400, 9))
    frequent = most_frequent_answers(items)
    for kind in QUESTION_KINDS:
        answers = [item.question.answer for item in items if item.question.kind == kind]
        assert answers.count(frequent[kind]) == max(answers.count(answer) for answer in answers)


def test_shipped_checkpoints_learn_to_read_heldout_digits(shipped_checkpoints: Path, tmp_path: Path) -> None:
    folders = checkpoint_folders(shipped_checkpoints)
    assert len(folders) >= 5
    for folder in (folders[0], folders[-1]):
        (tmp_path / folder.name).symlink_to(folder)
    first, last = run("heldout", 160, 1, tmp_path)
    assert first.exact_match < 0.55
    assert last.exact_match > 0.75
    assert all(last.by_kind[kind] > last.baseline[kind] for kind in QUESTION_KINDS)


def test_shipped_checkpoints_are_small(shipped_checkpoints: Path) -> None:
    for folder in checkpoint_folders(shipped_checkpoints):
        assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) <= 3_000_000
