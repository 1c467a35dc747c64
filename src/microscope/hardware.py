"""The machine: the tiers a Space can have and what is found at run time; knows no model and imports nothing of ours.

Importing it loads no torch. Asking for a GPU (`torch_accelerator`) does, and only on a machine that may have one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GB = 10**9
GIB = 2**30

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}

# The share of RAM that checkpoints may take where they have no memory of their own: the app, the pictures and the
# system live there as well.
RAM_SHARE = 0.5

# The driver's context, and the workspaces of the libraries on it.
CONTEXT_BYTES = 600 * 10**6

# What a new ZeroGPU worker streams to its card before it can answer: all of it, for every visitor.
ZERO_PACK_BYTES = 8 * GB


@dataclass(frozen=True)
class Tier:
    """One kind of hardware, sizes in bytes of decimal GB as the platform states them (0: not known in advance).

    `vram_bytes` is one card's, `gpus` how many there are. `dtype` is what checkpoints load in ("auto": their own),
    `image_budget` bounds an image in pixels, `price_per_hour` is in dollars (None: nobody is billed by the hour).
    """

    name: str
    cores: int = 0
    ram_bytes: int = 0
    vram_bytes: int = 0
    gpus: int = 0
    price_per_hour: float | None = None
    dtype: str = "auto"
    image_budget: int = 768 * 768

    @property
    def weights_budget_bytes(self) -> int:
        """Return the bytes that resident weights may take on this tier as stated; 0 where its memory is unknown."""
        return weights_budget(self.name, self.vram_bytes, self.ram_bytes)

    @property
    def on_hub(self) -> bool:
        """Tell whether a Space can have it; the others are machines of one's own."""
        return not self.name.startswith("local-")


def weights_budget(tier: str, vram_bytes: int, ram_bytes: int) -> int:
    """Return the bytes that resident weights may take, leaving room for activations, the context and the app."""
    if tier == "zero-a10g":
        return ZERO_PACK_BYTES
    if vram_bytes:
        return max(0, vram_bytes - max(2 * GB, vram_bytes // 5))
    return int(ram_bytes * RAM_SHARE)


def working_budget(vram_bytes: int, ram_bytes: int, weights: int) -> int:
    """Return the bytes beside the weights' budget that activations and KV caches may take.

    On a card what weights leave, less the context of the driver and the libraries; in RAM half of what weights may
    take, for the app and the system live in the rest.
    """
    if vram_bytes:
        return max(0, vram_bytes - weights - CONTEXT_BYTES)
    return int(ram_bytes * RAM_SHARE / 2)


def _gpu(name: str, size: tuple[int, int, int], price: float, image_budget: int, gpus: int = 1) -> Tier:
    """Return the tier of an Ampere or newer GPU; `size` is cores, GB of RAM, and GB of memory on one card."""
    cores, ram, vram = size
    return Tier(name, cores, ram * GB, vram * GB, gpus, price, "bfloat16", image_budget)


SMALL_IMAGE = 1024 * 1024
MEDIUM_IMAGE = 1536 * 1536
LARGE_IMAGE = 2048 * 2048

TIERS: tuple[Tier, ...] = (
    Tier("cpu-basic", 2, 16 * GB, price_per_hour=0.0),
    Tier("cpu-upgrade", 8, 32 * GB, price_per_hour=0.03),
    # Half of an RTX PRO 6000 Blackwell, lent for one call at a time; the name is a historical one.
    Tier("zero-a10g", vram_bytes=48 * GB, gpus=1, dtype="bfloat16", image_budget=LARGE_IMAGE),
    # Turing computes no bfloat16, so checkpoints load in float16 there.
    Tier("t4-small", 4, 15 * GB, 16 * GB, 1, 0.40, "float16", SMALL_IMAGE),
    Tier("t4-medium", 8, 30 * GB, 16 * GB, 1, 0.60, "float16", SMALL_IMAGE),
    _gpu("l4x1", (8, 30, 24), 0.80, MEDIUM_IMAGE),
    _gpu("l4x4", (48, 186, 24), 3.80, MEDIUM_IMAGE, 4),
    _gpu("a10g-small", (4, 15, 24), 1.00, MEDIUM_IMAGE),
    _gpu("a10g-large", (12, 46, 24), 1.50, MEDIUM_IMAGE),
    _gpu("a10g-largex2", (24, 92, 24), 3.00, MEDIUM_IMAGE, 2),
    _gpu("a10g-largex4", (48, 184, 24), 5.00, MEDIUM_IMAGE, 4),
    _gpu("l40sx1", (8, 62, 48), 1.80, LARGE_IMAGE),
    _gpu("l40sx4", (48, 382, 48), 8.30, LARGE_IMAGE, 4),
    _gpu("l40sx8", (192, 1534, 48), 23.50, LARGE_IMAGE, 8),
    _gpu("a100-large", (12, 142, 80), 2.50, LARGE_IMAGE),
    _gpu("a100x4", (48, 568, 80), 10.00, LARGE_IMAGE, 4),
    _gpu("a100x8", (96, 1136, 80), 20.00, LARGE_IMAGE, 8),
    _gpu("rtx-pro-6000", (23, 256, 96), 2.75, LARGE_IMAGE),
    _gpu("rtx-pro-6000x2", (46, 512, 96), 5.50, LARGE_IMAGE, 2),
    _gpu("rtx-pro-6000x4", (92, 1024, 96), 11.00, LARGE_IMAGE, 4),
    _gpu("rtx-pro-6000x8", (184, 2048, 96), 22.00, LARGE_IMAGE, 8),
    Tier("local-cpu"),
    Tier("local-cuda", gpus=1, dtype="bfloat16", image_budget=MEDIUM_IMAGE),
    Tier("local-mps", gpus=1, dtype="bfloat16", image_budget=SMALL_IMAGE),
)


def tier(name: str) -> Tier | None:
    """Return the tier of that name, or None."""
    return next((known for known in TIERS if known.name == name), None)


def _known(name: str) -> Tier:
    """Return a tier that this file itself names."""
    return next(known for known in TIERS if known.name == name)


@dataclass(frozen=True)
class Platform:
    """What the environment says about the machine; `accelerator` is the Space's hardware ("none" without a GPU)."""

    accelerator: str | None = None
    memory_bytes: int | None = None
    cores: int | None = None
    zero_gpu: bool = False


@dataclass(frozen=True)
class Accelerator:
    """A GPU that torch can use: `kind` is "cuda" or "mps", `vram_bytes` 0 where it shares the machine's RAM."""

    kind: str
    name: str
    vram_bytes: int = 0
    capability: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Machine:
    """The machine we run on: `kind` is "cpu", "cuda", "mps" or "zero"; `ram_bytes` is what this process may use."""

    kind: str
    tier: Tier
    ram_bytes: int
    vram_bytes: int
    cores: int
    device_name: str
    dtype: str

    @property
    def memory_bytes(self) -> int:
        """Return the bytes of the memory that weights live in: the card's, or RAM where there is no card."""
        return self.vram_bytes or self.ram_bytes

    @property
    def weights_budget_bytes(self) -> int:
        """Return the bytes that resident weights may take here."""
        return weights_budget(self.tier.name, self.vram_bytes, self.ram_bytes)


def mismatch(asked: Tier, found: Machine) -> str:
    """Return one sentence where a Space runs on other hardware than is asked for; empty where the two agree.

    A machine of one's own, and hardware newer than the table, agree with everything.
    """
    if not found.tier.on_hub or found.tier == asked:
        return ""
    here = found.tier.name
    return (
        f"README.md asks for {asked.name}, and this Space runs on {here}: what is offered fits {here}; "
        f"choose {asked.name} in the Space's settings, or write suggested_hardware: {here}."
    )


def torch_accelerator() -> Accelerator | None:
    """Return the first GPU that torch can use, or None; creates no CUDA context, but initialises the driver."""
    # Imported here: torch takes seconds to import, and neither a CPU Space nor ZeroGPU needs to ask it.
    import torch

    if torch.cuda.is_available():
        # Properties come from the driver. `mem_get_info` would create a context, hundreds of MB of the card.
        properties = torch.cuda.get_device_properties(0)
        capability = (properties.major, properties.minor)
        return Accelerator("cuda", properties.name, properties.total_memory, capability)
    if torch.backends.mps.is_available():
        return Accelerator("mps", "Apple GPU")
    return None


def detect(
    platform: Platform,
    root: Path = Path("/"),
    probe: Callable[[], Accelerator | None] = torch_accelerator,
) -> Machine:
    """Return the machine, from what the platform says, the kernel's files under `root`, and the GPU `probe` finds.

    The probe is not called on ZeroGPU (the process has no card there) and on CPU Spaces.
    """
    ram = memory_limit(root, platform.memory_bytes)
    cores = platform.cores or core_limit(root)
    named = tier(platform.accelerator or "")
    if platform.zero_gpu:
        zero = _known("zero-a10g")
        return Machine("zero", zero, ram, zero.vram_bytes, cores, "ZeroGPU", zero.dtype)
    if platform.accelerator == "none" or (named is not None and not named.gpus):
        found = named or _known("cpu-basic" if ram <= 16 * GIB else "cpu-upgrade")
        return Machine("cpu", found, ram, 0, cores, "CPU", found.dtype)
    accelerator = probe()
    if accelerator is None:
        # A Space whose GPU is not usable still answers, on its CPU.
        found = _known("local-cpu" if named is None else "cpu-basic")
        return Machine("cpu", found, ram, 0, cores, "CPU", found.dtype)
    if accelerator.kind == "mps":
        return Machine("mps", _known("local-mps"), ram, 0, cores, accelerator.name, _known("local-mps").dtype)
    found = named or _known("local-cuda")
    dtype = found.dtype if accelerator.capability >= (8, 0) else "float16"
    return Machine("cuda", found, ram, accelerator.vram_bytes, cores, accelerator.name, dtype)


def parse_bytes(text: str) -> int:
    """Return the bytes that a size such as `8GB`, `512MiB`, `15Gi` or `1000000` names; raises ValueError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?", text.strip(), re.IGNORECASE | re.ASCII)
    if match is None or match[2].lower() not in _UNITS:
        raise ValueError(f"not a size: {text!r}")
    return round(float(match[1]) * _UNITS[match[2].lower()])


def memory_limit(root: Path = Path("/"), stated: int | None = None) -> int:
    """Return the bytes of RAM this process may use: the least of the machine's, its cgroups' and the stated figure."""
    figures = [int(text) for path in cgroup_limits(root) if (text := _read(path)).isdecimal()]
    total = _total_ram(root)
    if total:
        figures.append(total)
    if stated:
        figures.append(stated)
    return min(figures, default=0)


def core_limit(root: Path = Path("/")) -> int:
    """Return how many cores this process may use, at least 1: its affinity, bounded by the cgroup's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cgroup = root / "sys/fs/cgroup"
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(cgroup / "cpu/cpu.cfs_quota_us"), _read(cgroup / "cpu/cpu.cfs_period_us")
    if quota.isdecimal() and period.isdecimal() and int(period):
        cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


def _total_ram(root: Path) -> int:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    # No /proc on macOS.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if root == Path("/") else 0


def cgroup_limits(root: Path) -> Iterator[Path]:
    """Yield the files that may hold a memory limit for this process, in cgroup versions 1 and 2.

    A limit on any ancestor holds too. Inside a container the path of /proc/self/cgroup is often the host's and the
    container's own group is mounted at the top, so the top is always looked at.
    """
    mounts = {
        "": (root / "sys/fs/cgroup", "memory.max"),
        "memory": (root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    }
    seen: set[Path] = set()
    for line in ["0::/", "0:memory:/", *_read(root / "proc/self/cgroup").splitlines()]:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            if controller not in mounts:
                continue
            top, name = mounts[controller]
            # A group outside our namespace is shown by a path that leads up, and is none of ours to read.
            group = top if ".." in path else top / path.strip("/")
            while group not in seen and group.is_relative_to(top):
                seen.add(group)
                yield group / name
                group = group.parent


def _read(path: Path) -> str:
    """Return a small kernel file's text; empty where it is missing or unreadable, which is normal for them."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
