"""Plays a scenario in this process, which it puts in Zero mode, with a device API and a Hub on loopback.

`python -m tests.zero.play HOME SCENARIO`, with the variable HOME naming the same folder, writes facts to
`HOME/steps.jsonl`. What fails ends it all; the steps before keep their facts.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from pathlib import Path

import torch

from microscope.engine.torchvision_repair import repair_torchvision
from microscope.space.zero_mode import environment
from tests.hub.loopback_hub import LoopbackHub
from tests.zero.cpu_shim import install
from tests.zero.device_api import serve
from tests.zero.stage import Stage


def main() -> None:
    """Play the scenario, and end its workers, which would wait for their next call for ever."""
    home, scenario = Path(sys.argv[1]), sys.argv[2]
    # One thread: sums are taken in the same order everywhere.
    torch.set_num_threads(1)
    with serve() as api, LoopbackHub(home / "hub") as hub:
        os.environ.update({**environment(api.url, home), "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_TELEMETRY": "1"})
        api.witness = lambda: len(hub.requests)
        install()
        repair_torchvision()
        try:
            # Not before: it imports `spaces`.
            importlib.import_module(f"tests.zero.scenarios.{scenario}").play(Stage(api, hub, home))
        finally:
            for worker in multiprocessing.active_children():
                worker.kill()


if __name__ == "__main__":
    main()
