"""A commit that changes nothing that decides an answer is the same checkpoint; anything else is another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from microscope.catalog.hub import hub_client
from microscope.catalog.spec import ModelSpec
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher
from microscope.serve.hotswap.sameness import same_files
from tests.serve.hotswap.lab import Lab


@pytest.mark.parametrize(
    ("name", "same"), [("README.md", True), ("trainer_state.json", True), ("generation_config.json", False)]
)
def test_only_what_decides_an_answer_counts(name: str, same: bool, lab: Lab) -> None:  # noqa: FBT001
    fetcher = Fetcher(Downloads(hub_client(lab.hub.url), lab.home / "cache"))
    first = fetcher.fetch(ModelSpec("one", "One", "lab/run", revision=lab.publish(300)))
    (lab.home / "hub" / "lab" / "run" / name).write_text('{"use_cache": true}')
    second = fetcher.fetch(ModelSpec("two", "Two", "lab/run", revision=lab.hub.commit("lab/run")))
    assert first.revision != second.revision
    assert same_files(first, second) is same


def test_what_was_deleted_cannot_be_told_to_be_the_same(lab: Lab) -> None:
    fetcher = Fetcher(Downloads(hub_client(lab.hub.url), lab.home / "cache"))
    one = fetcher.fetch(ModelSpec("one", "One", "lab/run", revision=lab.publish(300)))
    shutil.rmtree(one.folder)
    assert not same_files(one, one)


def test_other_weights_are_others(lab: Lab) -> None:
    fetcher = Fetcher(Downloads(hub_client(lab.hub.url), lab.home / "cache"))
    one, other = (
        fetcher.fetch(ModelSpec(str(step), "Ours", "lab/run", revision=lab.publish(step))) for step in (300, 800)
    )
    assert not same_files(one, other)
    assert same_files(one, one)
    assert isinstance(one.folder, Path)
