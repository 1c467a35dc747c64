"""The tiers, and the detection of a machine from kernel files, the platform's word and a GPU probe."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from microscope.hardware import (
    GB,
    GIB,
    TIERS,
    Accelerator,
    Machine,
    Platform,
    core_limit,
    detect,
    memory_limit,
    mismatch,
    parse_bytes,
    tier,
    torch_accelerator,
    working_budget,
)

MEBIBYTE = 2**20
T4 = Accelerator("cuda", "Tesla T4", 15_843_721_216, (7, 5))
A10G = Accelerator("cuda", "NVIDIA A10G", 23_609_475_072, (8, 6))


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a machine with 32 GiB of RAM and no limits."""
    return write(tmp_path, {"proc/meminfo": f"MemTotal:       {32 * MEBIBYTE} kB\nMemFree: 1 kB\n"})


def found(root: Path, gpu: Accelerator | None = None, **platform: object) -> Machine:
    return detect(Platform(**platform), root, lambda: gpu)  # type: ignore[arg-type]


def not_asked() -> Accelerator | None:
    pytest.fail("the GPU was asked for")


def test_the_documented_tiers_are_known() -> None:
    names = {known.name for known in TIERS}
    assert len(names) == len(TIERS)
    assert {"cpu-basic", "cpu-upgrade", "zero-a10g", "t4-small", "t4-medium", "l4x1", "l40sx1"} <= names
    assert {"a10g-small", "a10g-large", "a100-large", "local-cpu", "local-cuda", "local-mps"} <= names
    assert tier("t3-tiny") is None


@pytest.mark.parametrize("name", ["t4-small", "t4-medium"])
def test_a_t4_loads_in_float16(name: str) -> None:
    known = tier(name)
    assert known is not None
    assert known.dtype == "float16"
    assert 0 < known.weights_budget_bytes < known.vram_bytes == 16 * GB


def test_newer_gpus_load_in_bfloat16_and_cpus_in_the_checkpoints_own_dtype() -> None:
    for known in TIERS:
        if known.name.startswith("t4"):
            continue
        assert known.dtype == ("bfloat16" if known.gpus else "auto"), known.name


def test_a_space_can_have_all_but_the_local_tiers() -> None:
    assert {known.name for known in TIERS if not known.on_hub} == {"local-cpu", "local-cuda", "local-mps"}


def test_several_cards_do_not_add_up_to_one() -> None:
    two, one = tier("a10g-largex2"), tier("a10g-large")
    assert two is not None
    assert one is not None
    assert (two.gpus, two.vram_bytes) == (2, one.vram_bytes)


def test_zerogpu_packs_little_of_its_card() -> None:
    zero = tier("zero-a10g")
    assert zero is not None
    assert zero.weights_budget_bytes == 8 * GB < zero.vram_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GB", 8 * GB),
        ("512MiB", 512 * MEBIBYTE),
        ("1000000", 10**6),
        ("15Gi", 15 * GIB),
        ("1.5 k", 1500),
        ("2t", 2 * 10**12),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "8 XB", "i", "8iB", "1e9", "eight", "8GBB", "٨GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_bytes(text)


def test_memory_without_limits_is_the_machines(root: Path) -> None:
    assert memory_limit(root) == 32 * GIB


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/memory.max": str(4 * GIB)},
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/memory.max": "max",
            "sys/fs/cgroup/a/memory.max": str(4 * GIB),
        },
        {"proc/self/cgroup": "0::/of/the/host\n", "sys/fs/cgroup/memory.max": str(4 * GIB)},
        {"proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": str(4 * GIB)},
        {"proc/self/cgroup": "4:cpu,memory:/x\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": str(4 * GIB)},
    ],
    ids=["v2", "v2 parent", "v2 container", "v1", "v1 container"],
)
def test_a_cgroup_bounds_memory(root: Path, files: dict[str, str]) -> None:
    assert memory_limit(write(root, files)) == 4 * GIB


def test_an_unlimited_cgroup_bounds_nothing(root: Path) -> None:
    write(
        root, {"sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}
    )
    assert memory_limit(root) == 32 * GIB


def test_a_path_out_of_the_cgroup_tree_is_not_followed(root: Path) -> None:
    files = {"proc/self/cgroup": "0::/../../../outside\n", "outside/memory.max": "1", "sys/fs/cgroup/cpu.max": "max"}
    write(root, files)
    assert memory_limit(root) == 32 * GIB


def test_the_platforms_figure_bounds_memory(root: Path) -> None:
    assert found(root, memory_bytes=16 * GIB).ram_bytes == 16 * GIB
    assert found(root, memory_bytes=64 * GIB).ram_bytes == 32 * GIB


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/cpu.max": "50000 100000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
    ],
    ids=["v2", "v1"],
)
def test_a_quota_below_one_core_is_one_core(root: Path, files: dict[str, str]) -> None:
    assert core_limit(write(root, files)) == 1


@pytest.mark.parametrize(
    "files", [{}, {"sys/fs/cgroup/cpu.max": "max 100000"}, {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}]
)
def test_without_a_quota_the_cores_are_those_we_may_run_on(root: Path, files: dict[str, str]) -> None:
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert core_limit(write(root, files)) == expected


def test_a_laptop_without_a_gpu_is_a_local_cpu(root: Path) -> None:
    machine = found(root, cores=4)
    assert (machine.kind, machine.tier.name, machine.cores) == ("cpu", "local-cpu", 4)
    assert (machine.vram_bytes, machine.memory_bytes, machine.dtype) == (0, 32 * GIB, "auto")
    assert machine.weights_budget_bytes == 16 * GIB


def test_a_cpu_space_is_not_asked_for_its_gpu(root: Path) -> None:
    machine = detect(Platform("cpu-basic"), root, not_asked)
    assert (machine.kind, machine.tier.name) == ("cpu", "cpu-basic")


@pytest.mark.parametrize(("memory", "name"), [(16 * GIB, "cpu-basic"), (32 * GIB, "cpu-upgrade")])
def test_a_space_without_accelerator_is_told_apart_by_its_memory(root: Path, memory: int, name: str) -> None:
    assert detect(Platform("none", memory), root, not_asked).tier.name == name


def test_zerogpu_is_not_asked_for_its_gpu(root: Path) -> None:
    machine = detect(Platform("zero-a10g", zero_gpu=True), root, not_asked)
    assert (machine.kind, machine.tier.name, machine.dtype) == ("zero", "zero-a10g", "bfloat16")
    assert machine.memory_bytes == 48 * GB


def test_a_gpu_space_has_the_memory_that_its_card_reports(root: Path) -> None:
    machine = found(root, T4, accelerator="t4-small")
    assert (machine.kind, machine.tier.name, machine.dtype) == ("cuda", "t4-small", "float16")
    assert (machine.vram_bytes, machine.device_name) == (T4.vram_bytes, "Tesla T4")
    assert machine.weights_budget_bytes < T4.vram_bytes


def test_a_gpu_space_whose_card_is_unusable_runs_on_its_cpu(root: Path) -> None:
    machine = found(root, None, accelerator="t4-small")
    assert (machine.kind, machine.tier.name) == ("cpu", "cpu-basic")


@pytest.mark.parametrize(("accelerator", "dtype"), [(T4, "float16"), (A10G, "bfloat16")])
def test_a_local_gpu_loads_in_what_it_computes(root: Path, accelerator: Accelerator, dtype: str) -> None:
    machine = found(root, accelerator)
    assert (machine.tier.name, machine.dtype) == ("local-cuda", dtype)


def test_hardware_newer_than_the_table_counts_as_a_local_gpu(root: Path) -> None:
    assert found(root, A10G, accelerator="h900x1").tier.name == "local-cuda"


def test_an_apple_gpu_shares_the_memory(root: Path) -> None:
    machine = found(root, Accelerator("mps", "Apple GPU"))
    assert (machine.kind, machine.tier.name, machine.vram_bytes) == ("mps", "local-mps", 0)
    assert machine.memory_bytes == machine.ram_bytes


def test_the_gpu_is_asked_without_creating_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no GPU to ask here: the stand-in has only what creates no context, so another call would fail."""
    properties = SimpleNamespace(name="NVIDIA A10G", total_memory=23_609_475_072, major=8, minor=6)
    torch = ModuleType("torch")
    torch.cuda = SimpleNamespace(is_available=lambda: True, get_device_properties=lambda _: properties)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert torch_accelerator() == A10G


def test_this_machine_is_detected() -> None:
    machine = detect(Platform())
    assert machine.ram_bytes > GIB
    assert machine.cores >= 1


@pytest.mark.parametrize(
    ("vram", "ram", "weights", "expected"),
    [
        (16 * GB, 15 * GB, 12_800_000_000, 2_600_000_000),
        # The owner gave all of the card to weights.
        (16 * GB, 15 * GB, 16 * GB, 0),
        (0, 16 * GB, 8 * GB, 4 * GB),
        (0, 0, 0, 0),
    ],
)
def test_what_runs_has_memory_beside_the_weights(vram: int, ram: int, weights: int, expected: int) -> None:
    assert working_budget(vram, ram, weights) == expected


@pytest.mark.parametrize(
    ("asked", "gpu", "platform"),
    [
        ("zero-a10g", None, {"zero_gpu": True}),
        ("t4-small", T4, {"accelerator": "t4-small"}),
        ("cpu-upgrade", None, {"accelerator": "none", "memory_bytes": 32 * GIB}),
        # Machines of one's own, and hardware newer than the table.
        ("t4-small", None, {}),
        ("zero-a10g", A10G, {}),
        ("t4-small", A10G, {"accelerator": "h900x1"}),
    ],
)
def test_hardware_that_agrees_is_not_mentioned(
    root: Path, asked: str, gpu: Accelerator | None, platform: dict[str, object]
) -> None:
    known = tier(asked)
    assert known is not None
    assert mismatch(known, found(root, gpu, **platform)) == ""


@pytest.mark.parametrize(
    ("asked", "gpu", "platform", "here"),
    [
        ("zero-a10g", None, {"accelerator": "none", "memory_bytes": 16 * GIB}, "cpu-basic"),
        ("t4-small", A10G, {"accelerator": "a10g-small"}, "a10g-small"),
        ("t4-small", T4, {"accelerator": "t4-medium"}, "t4-medium"),
        ("cpu-basic", None, {"zero_gpu": True}, "zero-a10g"),
    ],
)
def test_other_hardware_than_was_asked_for_is_one_sentence(
    root: Path, asked: str, gpu: Accelerator | None, platform: dict[str, object], here: str
) -> None:
    known = tier(asked)
    assert known is not None
    said = mismatch(known, found(root, gpu, **platform))
    assert f"asks for {asked}, and this Space runs on {here}" in said
    assert said.endswith(f"write suggested_hardware: {here}.")
    assert said.count(". ") == 0
