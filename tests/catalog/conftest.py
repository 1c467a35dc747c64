"""A loopback Hub with a run of checkpoints, and a cache of its own for the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from microscope.catalog.hub import hub_client
from tests.hub.checkpoints import write_adapter, write_checkpoint
from tests.hub.loopback_hub import LoopbackHub


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the Hub's cache for one test."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    """Serve `org/model`, a run in branches, a run in subfolders, and an adapter."""
    folder = tmp_path / "hub"
    write_checkpoint(folder / "org/model", parameters=1200)
    (folder / "org/model/README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
    (folder / "org/run").mkdir()
    (folder / "org/run/README.md").write_text("---\nlicense: mit\n---\n# A run\n")
    for step in (1000, 200, 30):
        write_checkpoint(folder / f"org/run@step-{step}", parameters=step)
    write_checkpoint(folder / "org/run@v1.0")
    (folder / "org/run@broken").mkdir()
    (folder / "org/run@broken/config.json").write_text("{}")
    write_checkpoint(folder / "org/folders")
    for name in ("checkpoint-900", "checkpoint-1000", "deep/epoch-2"):
        write_checkpoint(folder / "org/folders" / name)
    write_adapter(folder / "org/folders/lora")
    (folder / "org/folders/checkpoint-900/global_step900").mkdir()
    (folder / "org/folders/checkpoint-900/global_step900/states.pt").write_bytes(b"state")
    (folder / "org/folders/half").mkdir()
    (folder / "org/folders/half/config.json").write_text("{}")
    with LoopbackHub(folder) as server:
        server.tags.add("org/run@v1.0")
        yield server


@pytest.fixture
def api(hub: LoopbackHub) -> HfApi:
    """Return a client of the loopback Hub."""
    return hub_client(hub.url)
