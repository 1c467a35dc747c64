"""What is left is the least that kernel and cgroups leave; what ran out is told apart from what failed."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from microscope.engine.memory import available_bytes, device_memory, is_out_of_memory, private_bytes, trim

GIB = 2**30
MEMINFO = {"proc/meminfo": f"MemTotal: {32 * 2**20} kB\nMemFree: 1 kB\nMemAvailable:   {20 * 2**20} kB\n"}
V1, V2 = "sys/fs/cgroup/memory", "sys/fs/cgroup"


def version_2(group: str, most: str, used: int, spare: int) -> dict[str, str]:
    return {
        f"{V2}{group}/memory.max": f"{most}\n",
        f"{V2}{group}/memory.current": f"{used}\n",
        f"{V2}{group}/memory.stat": f"anon 7\ninactive_file {spare}\nactive_file 9\n",
    }


def version_1(most: int, used: int, spare: int) -> dict[str, str]:
    return {
        f"{V1}/memory.limit_in_bytes": f"{most}\n",
        f"{V1}/memory.usage_in_bytes": f"{used}\n",
        f"{V1}/memory.stat": f"inactive_file 1\ntotal_inactive_file {spare}\n",
    }


def machine(root: Path, *parts: dict[str, str]) -> Path:
    for name, text in {key: text for part in parts for key, text in part.items()}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_a_limit_the_kernels_estimate_holds(tmp_path: Path) -> None:
    assert available_bytes(machine(tmp_path, MEMINFO)) == 20 * GIB


@pytest.mark.parametrize(
    "group",
    [version_2("", str(8 * GIB), 5 * GIB, GIB), version_1(8 * GIB, 5 * GIB, GIB)],
    ids=["version 2", "version 1"],
)
def test_a_cgroup_leaves_its_limit_less_what_is_used_and_not_reclaimable(
    tmp_path: Path, group: dict[str, str]
) -> None:
    assert available_bytes(machine(tmp_path, MEMINFO, group)) == 4 * GIB


def test_the_kernels_estimate_bounds_a_wide_cgroup(tmp_path: Path) -> None:
    assert available_bytes(machine(tmp_path, MEMINFO, version_2("", str(99 * GIB), 0, 0))) == 20 * GIB


def test_an_ancestors_limit_holds_too(tmp_path: Path) -> None:
    groups = version_2("/a", str(6 * GIB), 4 * GIB, 0), version_2("/a/b", "max", GIB, 0)
    root = machine(tmp_path, MEMINFO, {"proc/self/cgroup": "0::/a/b\n"}, *groups)
    assert available_bytes(root) == 2 * GIB


def test_a_cgroup_without_a_limit_bounds_nothing(tmp_path: Path) -> None:
    assert available_bytes(machine(tmp_path, MEMINFO, version_2("", "max", 5, 0))) == 20 * GIB
    assert available_bytes(machine(tmp_path, version_1(2**63 - 4096, 5, 0))) == 20 * GIB


def test_a_cgroup_that_is_full_leaves_nothing(tmp_path: Path) -> None:
    assert available_bytes(machine(tmp_path, MEMINFO, version_2("", str(GIB), GIB + 5, 0))) == 0


def test_a_cgroup_that_tells_its_limit_alone_bounds_nothing(tmp_path: Path) -> None:
    assert available_bytes(machine(tmp_path, MEMINFO, {f"{V2}/memory.max": str(GIB)})) == 20 * GIB


def test_a_system_that_does_not_tell_is_not_guessed(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_this_machine_tells() -> None:
    available = available_bytes()
    assert available is not None
    assert 0 < available <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.skipif(private_bytes() is None, reason="no /proc here")
def test_memory_that_was_freed_goes_back_to_the_system() -> None:
    size, count = 32 * 2**10, 4096
    # What others freed before would be filled first.
    trim()
    # What other tests left in the heap would be used first.
    trim()
    before = private_bytes()
    blocks = [torch.ones(size, dtype=torch.uint8) for _ in range(count)]
    held = private_bytes()
    # The last one keeps the heap from shrinking by itself.
    del blocks[:-1]
    trim()
    after = private_bytes()
    assert before is not None
    assert held is not None
    assert after is not None
    assert held - before >= size * count * 0.9
    if platform.libc_ver()[0] == "glibc":
        assert held - after >= size * count * 0.9


def test_the_cpu_allocators_own_error_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**47, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_pythons_own_error_is_out_of_memory() -> None:
    with pytest.raises(MemoryError) as caught:
        bytearray(2**50)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of ..."),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, other allocations: 4 MB, max allowed: ...)"),
        RuntimeError("unable to mmap 10 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ],
    ids=lambda error: str(error)[:30],
)
def test_what_says_that_memory_ran_out_is_told_apart(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: device-side assert triggered"),
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        ValueError("Cannot allocate memory"),
        OSError(errno.ENOENT, os.strerror(errno.ENOENT)),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_failures_are_not_out_of_memory(error: BaseException) -> None:
    assert not is_out_of_memory(error)


def test_asking_a_card_before_its_first_use_opens_none() -> None:
    """In a child process: another test's card would already be open here."""
    program = (
        "import torch; from microscope.engine.memory import device_memory, trim\n"
        "print(device_memory('cuda'), device_memory('cuda:1'))\n"
        "trim(); print(torch.cuda.is_initialized())"
    )
    child = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert child.stdout.splitlines() == ["None None", "False"]


def test_the_cpu_has_no_memory_of_its_own() -> None:
    assert device_memory("cpu") is None
