"""What the tests of the trackers share: Trackio asking nobody who its user is."""

from __future__ import annotations

from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def whoami(*args: object, **kwargs: object) -> NoReturn:
        raise OSError("a test asks no network")

    monkeypatch.setattr("huggingface_hub.whoami", whoami)
