"""Plain records keep their promises, and a library that is missing is told in a sentence."""

from __future__ import annotations

import sys

import pytest

from microscope.errors import UserError
from microscope.tracking.base import MetricPoint, Thumbnail, by_step, need, safe_name


def test_numbers_are_gathered_by_step_in_order_and_those_without_one_come_first() -> None:
    points = [MetricPoint("b", 2, 20), MetricPoint("a", 1, 10), MetricPoint("c", 3, 20), MetricPoint("d", 4)]
    assert by_step(points) == [(None, {"d": 4}), (10, {"a": 1}), (20, {"b": 2, "c": 3})]
    assert by_step([MetricPoint("a", 1, 0), MetricPoint("b", 2)]) == [(None, {"b": 2}), (0, {"a": 1})]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("tiny, keep 50 %", "tiny- keep 50"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("org/name@main", "org-name@main"),
        ("Prüfung 3", "Prüfung 3"),
        ("x" * 300, "x" * 120),
        ("a\nb\x00c", "a-b-c"),
    ],
)
def test_a_name_becomes_one_that_can_be_a_folder(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_library_that_is_not_installed_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        UserError, match=r'Weights is not installed: run pip install "\.\[wandb\]" in the app’s folder'
    ):
        need("wandb", "Weights", 'pip install ".[wandb]"')


def test_a_library_that_is_installed_but_broken_is_a_bug_and_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError(f"no module of {name}'s", name="something_else")

    monkeypatch.setattr("microscope.tracking.base.import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="wandb"):
        need("wandb", "Weights", "pip install wandb")


def test_a_thumbnail_says_nothing_of_its_bytes_in_logs() -> None:
    assert repr(Thumbnail(b"secret", "a.png")) == "Thumbnail(caption='a.png')"
