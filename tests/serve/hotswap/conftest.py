"""What tests of swapping share: a lab whose app has started, with a checkpoint that was used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.hub.loopback_hub import LoopbackHub
from tests.serve.hotswap.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Return a lab with a catalogue of one checkpoint at its Hub; nothing is published, and no app started."""
    torch.set_num_threads(1)
    (tmp_path / "hub" / "lab").mkdir(parents=True)
    with LoopbackHub(tmp_path / "hub") as hub:
        made = Lab(hub, tmp_path)
        made.write()
        yield made
        hub.recover()
        for swapper in made.swappers:
            swapper.close()
