"""The dashboard shows what was tracked under a path of a server of ours, and lets nobody change it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from microscope.tracking.dashboard import PATH, address, dashboard
from microscope.tracking.history import past_runs
from microscope.tracking.trackio_tracker import TRACKER
from tests.tracking.told import RUN, tell


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    with TRACKER.start(RUN, tmp_path) as log:
        tell(log)
    return TestClient(Starlette(routes=[Mount(PATH, app=dashboard(tmp_path))]))


def test_its_page_finds_its_parts_under_the_path(client: TestClient) -> None:
    page = client.get(f"/{address('my scenes')}")
    assert page.status_code == 200
    assert '__trackio_base = "/trackio"' in page.text
    script = page.text.partition('crossorigin src="')[2].partition('"')[0]
    assert script.startswith("/trackio/assets/")
    assert "javascript" in client.get(script).headers["content-type"]


def test_it_tells_the_runs_their_numbers_and_their_pictures(client: TestClient, tmp_path: Path) -> None:
    (run,) = client.post("/trackio/api/get_runs_for_project", json={"project": "my-scenes"}).json()["data"]
    assert run["name"] == "tiny run"
    logs = client.post("/trackio/api/get_logs", json={"project": "my-scenes", "run": "tiny run"}).json()["data"]
    assert [row["score/mean"] for row in logs if "score/mean" in row] == [0.5, 0.75]
    (picture,) = (tmp_path / "media").rglob("*.png")
    assert client.get("/trackio/file", params={"path": str(picture)}).content == picture.read_bytes()


@pytest.mark.parametrize(
    "name", ["delete_run", "rename_run", "log", "bulk_log", "query_project", "upload", "force_sync"]
)
def test_what_would_change_a_run_is_refused(client: TestClient, tmp_path: Path, name: str) -> None:
    reply = client.post(f"/trackio/api/{name}", json={"project": "my-scenes", "run": "tiny run", "query": "SELECT 1"})
    assert (reply.status_code, reply.text) == (403, "This dashboard only shows what was tracked.")
    assert len(past_runs(tmp_path, "my scenes")) == 1


def test_nothing_of_trackio_is_built_before_somebody_looks(tmp_path: Path) -> None:
    app = dashboard(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    TestClient(app).get("/")
    assert (tmp_path / "runs").is_dir()


@pytest.mark.parametrize("path", ["oauth/hf/start", "login/callback", "mcp", "artifact_blob/a/b"])
def test_what_is_not_its_business_is_closed(client: TestClient, path: str) -> None:
    assert client.get(f"/trackio/{path}", follow_redirects=False).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/trackio/api/get_logs").status_code == 403


def test_no_file_outside_of_its_pictures_is_given(client: TestClient, tmp_path: Path) -> None:
    (database,) = tmp_path.glob("*.db")
    for path in (database, Path(__file__), tmp_path / "media" / ".." / database.name):
        assert client.get("/trackio/file", params={"path": str(path)}).status_code == 404


def test_an_address_is_relative_and_names_the_project_as_trackio_does() -> None:
    parts = urlsplit(address("my scenes & co", dark=True))
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", "trackio/")
    query = parse_qs(parts.query)
    assert (query["project"], query["__theme"], query["smoothing"]) == (["my-scenes-co"], ["dark"], ["0"])
    assert "__theme" not in address("a")
