"""Images are the files' tensors themselves, kept open within their budget and told apart by the files' state."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from microscope.engine.files import LocalCheckpoint
from microscope.engine.loading.images import Fact, Images, WeightImage, identity_of, map_files, mapped_bytes
from microscope.engine.memory import private_bytes
from tests.engine.test_weights import split
from tests.families import local_of

PATIENCE = 60.0
LARGE = 64 * 2**20


@pytest.fixture
def local(checkpoint: Callable[..., Path], tmp_path: Path) -> LocalCheckpoint:
    return local_of(shutil.copytree(checkpoint("idefics3"), tmp_path / "run"))


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Keep the collector of cycles from hiding that references are not enough."""
    gc.disable()
    yield
    gc.enable()


def image(name: str, size: int) -> WeightImage:
    return WeightImage(((name, 0, 0, 0),), {}, (), size)


def test_an_image_has_the_files_tensors_and_headers(local: LocalCheckpoint) -> None:
    expected, found = load_file(local.weights[0]), map_files(identity_of(local))
    assert found.tensors.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.tensors.items())
    assert found.bytes == sum(tensor.nbytes for tensor in expected.values())
    assert found.facts == tuple(Fact(name, "F32", tuple(expected[name].shape)) for name in sorted(expected))


def test_shards_make_one_image_with_the_header_of_the_whole(local: LocalCheckpoint) -> None:
    whole = map_files(identity_of(local))
    split(local.folder)
    parts = map_files(identity_of(local_of(local.folder)))
    assert len(parts.identity) > 1
    assert parts.header == whole.header
    assert all(torch.equal(tensor, whole.tensors[name]) for name, tensor in parts.tensors.items())


def test_a_file_in_another_state_is_another_image(local: LocalCheckpoint) -> None:
    first, path = identity_of(local), local.weights[0]
    assert identity_of(local) == first
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    second = identity_of(local)
    state = path.stat()
    shutil.copyfile(path, path.with_name("new"))
    os.utime(path.with_name("new"), ns=(0, state.st_mtime_ns))
    path.with_name("new").replace(path)
    assert len({first, second, identity_of(local)}) == 3


def test_a_damaged_file_cannot_be_mapped(local: LocalCheckpoint) -> None:
    local.weights[0].write_bytes(b"damaged")
    with pytest.raises(SafetensorError):
        map_files(identity_of(local))
    local.weights[0].unlink()
    with pytest.raises(OSError, match="No such file"):
        identity_of(local)


@pytest.mark.skipif(private_bytes() is None, reason="the system does not tell what memory is the process's own")
def test_a_mapped_file_costs_no_memory_of_the_processs_own(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(LARGE // 4)}, tmp_path / "model.safetensors")
    state = (tmp_path / "model.safetensors").stat()
    identity = ((str(tmp_path / "model.safetensors"), state.st_size, state.st_mtime_ns, state.st_ino),)
    before = private_bytes()
    found = map_files(identity)
    assert found.tensors["weight"].min() == 1
    assert private_bytes() - before < LARGE / 4
    assert mapped_bytes(found.tensors.values(), [tmp_path / "model.safetensors"]) == LARGE
    assert mapped_bytes(found.tensors.values(), [tmp_path / "other"]) == 0
    assert mapped_bytes([torch.ones(3)], [tmp_path / "model.safetensors"]) == 0


def test_what_is_written_to_a_tensor_is_noticed(local: LocalCheckpoint) -> None:
    found = map_files(identity_of(local))
    assert not found.written_to
    name = min(found.tensors)
    with torch.no_grad():
        torch.nn.Parameter(found.tensors[name], requires_grad=False).view(-1)[:1].add_(1)
    assert found.written_to


@pytest.mark.usefixtures("no_collection")
def test_an_image_goes_with_its_last_reference(local: LocalCheckpoint) -> None:
    images, found = Images(10**9), map_files(identity_of(local))
    images.keep(found)
    gone = weakref.ref(found)
    images.forget(found)
    del found
    assert gone() is None


def test_the_least_recently_used_go_first_and_the_budget_is_kept() -> None:
    images = Images(100)
    first, second, third = image("1", 40), image("2", 40), image("3", 40)
    for one in (first, second):
        images.keep(one)
    assert images.find(first.identity) is first
    images.keep(third)
    assert [images.find(one.identity) for one in (first, second, third)] == [first, None, third]
    assert images.bytes == 80


def test_an_image_above_the_budget_is_not_kept_and_sends_nobody_away() -> None:
    images, small = Images(100), image("small", 100)
    images.keep(small)
    images.keep(image("large", 101))
    assert images.find(small.identity) is small
    assert images.bytes == 100


def test_an_image_that_is_kept_again_counts_once() -> None:
    images, one = Images(100), image("1", 60)
    images.keep(one)
    images.keep(one)
    assert images.bytes == 60


def test_several_threads_keep_the_budget() -> None:
    images, start, most = Images(100), threading.Barrier(4), []

    def work(number: int) -> None:
        start.wait(PATIENCE)
        for count in range(200):
            images.keep(image(f"{number}.{count % 7}", 30))
            images.forget(image(f"{number}.{count % 5}", 30))
            most.append(images.bytes)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(most) == 800
    assert max(most) <= 100


def test_a_lock_that_was_held_at_the_fork_is_opened() -> None:
    images = Images(100)
    images._lock.acquire()
    images.after_fork()
    assert images.bytes == 0


def test_mapping_files_again_and_again_keeps_no_memory(checkpoint: Callable[..., Path]) -> None:
    """The library's `get_tensor` keeps two small objects for every tensor."""
    identity = identity_of(local_of(checkpoint("idefics3")))
    for _ in range(5):
        map_files(identity)
    gc.collect()
    before, rounds = sys.getallocatedblocks(), 50
    for _ in range(rounds):
        map_files(identity)
    gc.collect()
    assert (sys.getallocatedblocks() - before) / rounds < 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.bool])
def test_every_dtype_and_an_empty_tensor_are_read_as_the_library_reads_them(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    saved = {"some": torch.arange(12).reshape(3, 4).to(dtype), "none": torch.empty(0, 3, dtype=dtype)}
    save_file(saved, tmp_path / "model.safetensors")
    state = (tmp_path / "model.safetensors").stat()
    identity = ((str(tmp_path / "model.safetensors"), state.st_size, state.st_mtime_ns, state.st_ino),)
    found = map_files(identity).tensors
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert torch.equal(found[name].view(torch.uint8), tensor.view(torch.uint8))


def test_a_dtype_that_is_not_known_is_left_to_the_library(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"one": torch.zeros(4, dtype=torch.uint16)}, path)
    state = path.stat()
    with pytest.raises(SafetensorError, match="one has the dtype U16"):
        map_files(((str(path), state.st_size, state.st_mtime_ns, state.st_ino),))
