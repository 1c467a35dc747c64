"""Models are kept in the machine's dtype, on its device, and looked for on disk only when they are not resident."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from microscope.engine.cache import ModelCache
from microscope.engine.models import Models
from microscope.errors import UserError
from tests.families import local_of


@pytest.mark.parametrize(
    ("machine", "own", "expected"),
    [
        ("float32", "auto", torch.float32),
        ("bfloat16", "auto", torch.bfloat16),
        ("float32", "bfloat16", torch.bfloat16),
        ("auto", "auto", torch.float32),
    ],
)
def test_a_checkpoint_loads_in_its_own_dtype_or_the_machines(
    machine: str, own: str, expected: torch.dtype, checkpoint: Callable[..., Path]
) -> None:
    models = Models(ModelCache(10**9), "cpu", machine)
    with models.lease(local_of(checkpoint("idefics3"), dtype=own)) as lease:
        assert lease.resident.model.dtype == expected


def test_the_expected_size_is_that_in_the_dtype(checkpoint: Callable[..., Path]) -> None:
    local = local_of(checkpoint("idefics3"), dtype="auto")
    room = local.bytes * 3 // 4
    with pytest.raises(UserError, match="needs"), Models(ModelCache(room), "cpu", "float32").lease(local):
        pytest.fail("in float32 there is no room")
    with Models(ModelCache(room), "cpu", "bfloat16").lease(local) as lease:
        assert lease.resident.bytes <= room * 1.1


def test_the_files_of_a_resident_model_are_not_looked_at(checkpoint: Callable[..., Path], tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoint("idefics3"), tmp_path / "run")
    local = local_of(folder)
    models = Models(ModelCache(10**9), "cpu", "float32")
    with models.lease(local) as lease:
        assert lease.loaded_in is not None
    shutil.rmtree(folder)
    with models.lease(local) as lease:
        assert lease.loaded_in is None


def test_a_model_that_is_placed_stays(checkpoint: Callable[..., Path]) -> None:
    local, other = local_of(checkpoint("idefics3")), local_of(checkpoint("llava"))
    models = Models(ModelCache(local.bytes * 3 // 2), "cpu", "float32")
    assert models.place(local) == models.cache.snapshot()[0].bytes > 0
    with models.lease(local) as lease:
        assert lease.loaded_in is None
    with pytest.raises(UserError, match="needs"), models.lease(other):
        pytest.fail("nothing may be evicted for it")
