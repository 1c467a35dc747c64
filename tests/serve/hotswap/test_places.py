"""A place says which weights are meant, and is fixed where commits say so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microscope.catalog.spec import ModelSpec
from microscope.serve.hotswap.places import Place, at, is_commit, place_of
from tests.serve.hotswap.samples import A, B

SPEC = ModelSpec("key", "Label", "lab/run", revision="main", subfolder="last", base="lab/base", base_revision="v1")


def test_a_specification_goes_to_another_place_and_stays_what_it_is_otherwise() -> None:
    place = Place("/models/one")
    moved = at(replace(SPEC, system="Be brief."), place)
    assert place_of(moved) == place
    assert moved.folder
    assert (moved.key, moved.label, moved.system) == ("key", "Label", "Be brief.")
    assert at(moved, place_of(SPEC)) == replace(SPEC, system="Be brief.")


@pytest.mark.parametrize(
    ("revision", "commit"), [(A, True), ("main", False), (None, False), (A[:7], False), (A.upper(), False)]
)
def test_only_a_whole_hash_is_a_commit(revision: str | None, commit: bool) -> None:  # noqa: FBT001
    assert is_commit(revision) is commit


def test_the_state_is_told_as_answers_tell_it_and_its_name_is_short() -> None:
    assert (Place("lab/run", A).state, Place("lab/run", A).name) == (A, "lab/run at aaaaaaa")
    adapter = Place("lab/run", A, base="lab/base", base_revision=B)
    assert (adapter.state, adapter.name) == (f"{B}+{A}", "lab/run at bbbbbbb+aaaaaaa")
    assert (Place("lab/run", "main").state, Place("lab/run", "main").name) == ("", "lab/run")


def test_a_folder_is_called_by_its_name_alone() -> None:
    assert Place("/home/ada/secret/checkpoint-500").name == "checkpoint-500"
