"""What the platform is to an app that starts on ZeroGPU."""

from __future__ import annotations

from pathlib import Path

import httpx

from microscope.hardware import detect
from microscope.settings import Settings
from microscope.space.zero_mode import REPORT, environment, listen


def test_only_a_report_is_heard() -> None:
    with listen() as listener:
        assert httpx.post(f"{listener.url}/schedule", trust_env=False).status_code == 404
        assert not listener.heard.is_set()
        assert httpx.post(f"{listener.url}{REPORT}?a=b", trust_env=False).status_code == 200
        assert listener.heard.is_set()
    with listen() as another:
        assert not another.heard.is_set()


def test_the_variables_are_those_of_a_space_on_zerogpu(tmp_path: Path) -> None:
    settings = Settings.from_environment(environment("http://127.0.0.1:1", tmp_path))
    assert settings.on_space
    assert detect(settings.platform).tier.name == "zero-a10g"
    assert (tmp_path / "cgroup").read_text() == "0::/space\n"
