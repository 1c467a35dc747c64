"""What tests of every room share: processes, the browser, and that no file leaves the Hub's addresses changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
# Rooms whose files share an app and its answers, or models: in one process, and in one order.
TOGETHER = ("ui", "lens")


class Together(LoadScopeScheduling):
    """Gives a process the tests of a whole file, and of some rooms all of them."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        room = path.parts[1]
        return room if room in TOGETHER else path.as_posix()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Say what stays in one process where tests take several."""
    return Together(config, log)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium or Chrome; skip where there is none, and fail under CI, which must have one."""
    found = subprocess.run([ROOT / ".ci" / "chromium"], capture_output=True, text=True, check=True).stdout
    if not found:
        missing = "no Chromium or Chrome found; install one, or name it in the variable CHROMIUM"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return found


@pytest.fixture(scope="module", autouse=True)
def the_addresses_of_the_hub_stay() -> Iterator[None]:
    """Fail a file of tests that leaves other addresses to those after it, which then ask a Hub that is gone."""
    from huggingface_hub import constants

    names = ("ENDPOINT", "HUGGINGFACE_CO_URL_TEMPLATE", "HF_HUB_CACHE", "HF_TOKEN_PATH", "HF_HUB_OFFLINE")
    before = {name: getattr(constants, name) for name in names}
    yield
    assert {name: getattr(constants, name) for name in names} == before
