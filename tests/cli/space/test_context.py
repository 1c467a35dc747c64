"""What commands about a Space have around them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import get_token

from microscope import __version__
from microscope.cli.space.context import Context, minutes, shown, tell, tell_log
from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.findings import Finding, Status
from microscope.space.hub import FAILURES
from microscope.space.smoke import HEALTH
from tests.space.shipping import write_project

TOKEN = "of-nobody"  # noqa: S105  # nobody's


@pytest.fixture
def seen() -> list[str | None]:
    """Return the tokens that the app was shown."""
    return []


@pytest.fixture(params=[False, True], ids=["public", "private"])
def app(request: pytest.FixtureRequest, seen: list[str | None]) -> Iterator[tuple[str, bool]]:
    """Return the address of an app that tells its digest, and whether it does so only to whoever shows a token."""

    class Health(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay quiet."""

        def do_GET(self) -> None:
            given = self.headers.get("Authorization")
            seen.append(given)
            self.send_response(404 if request.param and not given else 200)
            self.end_headers()
            self.wfile.write(b"not found" if request.param and not given else b'{"status": "ok", "digest": "abc"}')

    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", request.param
    server.shutdown()
    server.server_close()


def test_a_public_app_is_never_shown_a_token(app: tuple[str, bool], seen: list[str | None]) -> None:
    address, private = app
    context = Context(token=TOKEN)
    assert context.token_for(address) == (TOKEN if private else None)
    digest_at = context.steps().digest_at
    assert digest_at is not None
    assert digest_at(address) == "abc"
    assert set(seen) == ({None, f"Bearer {TOKEN}"} if private else {None})


@pytest.mark.parametrize("exchange", [{}, {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/?a=b"}])
def test_a_job_that_gets_no_token_asks_without_one(exchange: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"HF_OIDC_RESOURCE": "spaces/owner/microscope", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": TOKEN, **exchange}
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FAILURES):
        get_token()
    assert Context().token_for("http://127.0.0.1:9") is None
    digest_at = Context().steps().digest_at
    assert digest_at is not None
    assert digest_at("http://127.0.0.1:9") is None


def test_a_name_that_is_no_text_can_be_printed() -> None:
    (line,) = shown([Finding("Secrets", Status.FAILED, os.fsdecode(b"assets/caf\xe9 is a file of secrets."))])
    assert line.encode() == b"failed   Secrets: assets/caf\\udce9 is a file of secrets."


def test_the_smoke_test_is_the_real_one_unless_another_is_given_or_none_is_wanted() -> None:
    smoke = Context().steps().smoke
    assert smoke is not None
    assert Context().steps(smoke=False).smoke is None
    assert Context(smoke=lambda *_: ()).steps().smoke is not smoke
    assert (Context().steps(wait=False, rollback=False).wait, Context().steps().rollback) == (False, True)


def test_the_copy_s_own_version_is_deployed(tmp_path: Path) -> None:
    assert Context(root=write_project(tmp_path, "7.8.9")).payload().version == "7.8.9"
    (tmp_path / "src/microscope/__init__.py").unlink()
    assert Context(root=tmp_path).payload().version == __version__
    assert Context().root == REPOSITORY


def test_the_readme_suggests_hardware(tmp_path: Path) -> None:
    assert Context(root=write_project(tmp_path)).hardware() == "zero-a10g"
    (tmp_path / "README.md").unlink()
    assert Context(root=tmp_path).hardware() is None


def test_minutes_are_seconds_times_sixty() -> None:
    assert [minutes(text) for text in ("45", "0.5")] == [2700, 30]
    with pytest.raises(UserError, match="minutes"):
        minutes("half an hour")


def test_findings_and_logs_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown([Finding(HEALTH, Status.OK, "it answers"), Finding("Page", Status.FAILED, "none.", "Look.")]) == (
        "ok       Health: it answers",
        "failed   Page: none. Look.",
    )
    tell("one")
    tell_log("the deploy", ("two",))
    tell_log("nothing", ())
    assert capsys.readouterr().err == "one\nThe end of the log of the deploy:\n  two\n"
