"""Secrets in what would be uploaded, as a check; those here are nobody's, put together so that none stands here."""

from __future__ import annotations

from pathlib import Path

import pytest

from microscope.space.findings import Status
from microscope.space.preflight import secrets
from microscope.space.preflight.base import Project
from microscope.space.preflight.secrets import CHECK
from tests.space.preflight.projects import OURS, only, problem, write

HUB = "hf_" + "aB3dE6gH9j" * 4
SECRETS = {
    "a token of the Hub": HUB,
    "AWS Access Key": "AKIA" + "IOSFODNN7QWERTYU",
    "GitHub Token": "ghp_" + "aB3dE6gH9jK2" * 3,
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Slack Token": "xoxb-" + "123456789012-abcdefGHIJKL",
    "Basic Auth Credentials": "https://ada:" + "lovelace7@example.org/",
    "Secret Keyword": "password = '" + "tr0ub4dor&3'",
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_there_are_none_in_ours() -> None:
    found = only(CHECK.run(OURS))
    assert found.status is Status.OK, found


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items())
def test_a_secret_is_told_by_file_and_line_and_never_shown(project: Project, kind: str, secret: str) -> None:
    write(
        project,
        "src/microscope/mine.py",
        f"# mine\n\nvalue = {secret!r}\n" if "'" not in secret else f"\n\n{secret}\n",
    )
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "src/microscope/mine.py, line 3" in found.detail
    assert kind in found.detail
    assert not [part for part in (secret, secret[-8:]) if part in found.detail + found.advice]


def test_every_secret_of_a_file_is_told(project: Project) -> None:
    write(project, "src/a.py", "".join(f"x = {secret!r}\n" for secret in (HUB, SECRETS["GitHub Token"], HUB)))
    assert [one.detail.split(" holds")[0] for one in CHECK.run(project)] == [
        "src/a.py, line 1",
        "src/a.py, line 3",
        "src/a.py, line 2",
    ]


@pytest.mark.parametrize("name", [".env", "src/.env.local", "assets/id_rsa", "src/server.pem"])
def test_a_file_of_secrets_is_told_by_its_name(project: Project, name: str) -> None:
    write(project, name, "A=b\n")
    found = CHECK.run(project)
    if "/" in name:
        assert only(found).detail == f"{name} is a file of secrets."
    else:
        # At the top only what is named is uploaded.
        assert only(found).status is Status.OK


@pytest.mark.parametrize(
    "line",
    [
        f"token = '{HUB}'  # pragma: allowlist secret",
        "commit = 'c8b5b1e54b41a4f9ad6a8b0a9d2bd0c0d3c1e4f5'",
        "token = os.environ['HF_TOKEN']",
        "password = 'a sentence about what it is'",
        "hf_token_of_the_visitor = None",
    ],
)
def test_what_is_none_is_not_told(project: Project, line: str) -> None:
    write(project, "src/a.py", f"{line}\n")
    assert only(CHECK.run(project)).status is Status.OK


def test_pictures_and_weights_are_no_texts(project: Project) -> None:
    write(project, "assets/a.bin", b"\0" + HUB.encode())
    assert only(CHECK.run(project)).status is Status.OK


def test_without_the_library_tokens_of_the_hub_are_found_and_the_rest_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "find_spec", lambda _name: None)
    write(project, "src/a.py", f"a = '{HUB}'\nb = '{SECRETS['GitHub Token']}'\n")
    found = CHECK.run(project)
    assert [one.status for one in found] == [Status.FAILED, Status.WARNING]
    assert "pip install detect-secrets" in found[1].advice
