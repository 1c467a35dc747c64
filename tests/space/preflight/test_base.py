"""What a check is, and the project that it looks at."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from microscope.settings import REPOSITORY
from microscope.space.findings import Status
from microscope.space.payload import read_payload
from microscope.space.preflight import CHECKS
from microscope.space.preflight.base import Project, failed, fine, listed, models_client, warned
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.preflight.projects import OURS, change, copy_of_ours


def test_a_project_tells_what_its_readme_asks_for(tmp_path: Path) -> None:
    assert OURS.tier is not None
    assert (OURS.tier.name, OURS.python) == ("zero-a10g", "3.12")
    project = copy_of_ours(tmp_path)
    change(project, "README.md", "suggested_hardware: zero-a10g", "suggested_hardware: t4-small")
    change(project, "README.md", 'python_version: "3.12"', 'python_version: "3.10"')
    assert project.tier is not None
    assert (project.tier.name, project.python) == ("t4-small", "3.10")


def test_its_paths_are_what_is_uploaded() -> None:
    assert OURS.paths == tuple(file.path for file in read_payload(REPOSITORY, "0").files)
    assert {"app.py", "src/microscope/ui/app.py"} <= set(OURS.sources())


def test_a_project_without_a_readme_asks_for_nothing(tmp_path: Path) -> None:
    assert Project(tmp_path).tier is None
    assert Project(tmp_path).paths == ()


def test_a_token_for_one_space_is_not_shown_for_models(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HF_OIDC_RESOURCE", "HF_OIDC_ID_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert models_client("http://127.0.0.1:1", "hf_mine").token == "hf_mine"  # noqa: S105  (of nobody)
    assert models_client("http://127.0.0.1:1", "hf_jwt_of.nobody").token is False
    # A job that was to be keyless and gets no identity: the deploy itself says so.
    monkeypatch.setenv("HF_OIDC_RESOURCE", "spaces/owner/name")
    assert models_client("http://127.0.0.1:1").token is False


def test_a_keyless_token_that_cannot_be_had_is_no_end_of_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_OIDC_RESOURCE", "spaces/owner/name")
    monkeypatch.setenv("HF_OIDC_ID_TOKEN", "of-this-job")
    with LoopbackSpaces() as spaces:
        # The exchange is refused, and then nobody answers at all.
        assert models_client(spaces.url).token is False
        with patch("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1"):
            assert models_client(spaces.url).token is False


def test_no_two_checks_have_one_name() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_findings_have_their_status() -> None:
    assert [one.status for one in (failed("a", "b", "c"), warned("a", "b", "c"), fine("a", "b"))] == [
        Status.FAILED,
        Status.WARNING,
        Status.OK,
    ]


def test_many_names_are_not_all_listed() -> None:
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed(["a", "b"], 2) == "a, b"
