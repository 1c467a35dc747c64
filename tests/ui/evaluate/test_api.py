"""The endpoint `/evaluate` as programs see it: its parameters, what comes, and its refusals."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from microscope.evaluation.progress import Progress
from microscope.evaluation.scoring import SCORERS
from microscope.ui.app import App
from microscope.ui.evaluate.api import SUGGESTED, told
from tests.ui.evaluate.conftest import EVALSET

FIELDS = ["done", "total", "known", "left", "checkpoint", "message", "report"]


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


@pytest.fixture
def given(app: App) -> dict[str, Any]:
    """Return a run of the last two checkpoints on a few items."""
    keys = [spec.key for spec in app.engine.catalog.specs[-2:]]
    return {"checkpoints": keys, "max_new_tokens": 8, "limit": 8, "api_name": "/evaluate"}


def test_progress_is_plain_data() -> None:
    step = told(Progress(3, 8, 1, 2.5, "a", "2 ahead"))
    assert list(step) == FIELDS
    assert (step["done"], step["message"], step["report"]) == (3, "2 ahead", None)
    assert told(Progress(3, 8, 1, stopped_early="Decided."))["message"] == "Decided."


def test_the_parameters_have_names_and_defaults(client: Client) -> None:
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/evaluate"]
    parameters = {one["parameter_name"]: one for one in endpoint["parameters"]}
    own = ["checkpoints", "scorer", "max_new_tokens", "limit", "at_random", "early", "baseline", "margin", "set_file"]
    assert list(parameters) == own
    assert parameters["scorer"]["parameter_default"] == SUGGESTED
    assert all(repr(one.key) in parameters["scorer"]["python_type"]["type"] for one in SCORERS)
    assert parameters["set_file"]["parameter_has_default"]


def test_the_shipped_set_is_run_and_its_report_is_the_last(client: Client, given: dict[str, Any]) -> None:
    job = client.submit(**given, baseline=given["checkpoints"][0], margin=5)
    last = job.result(timeout=120)
    assert list(last) == FIELDS
    assert (last["done"], last["total"]) == (16, 16)
    report = last["report"]
    assert report["items"]["done"] == 8
    assert [arm["checkpoint"] for arm in report["arms"]] == given["checkpoints"]
    assert report["analysis"]["options"]["baseline"] == given["checkpoints"][0]
    assert report["analysis"]["verdict"]
    assert all(step["report"] is None for step in job.outputs()[:-1])


def test_a_file_of_ones_own_is_run(client: Client, given: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(EVALSET / "scene-000.png", "scene-000.png")
        archive.writestr("items.csv", "image,question,answers\nscene-000.png,what colour is the square?,red\n")
    last = client.predict(set_file=handle_file(path), **given)
    assert (last["total"], last["report"]["set"]["rows"]) == (2, 1)


def test_a_refusal_is_a_sentence(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Choose at least one checkpoint"):
        client.predict(**{**given, "checkpoints": []})
    with pytest.raises(ValueError, match="There is no checkpoint 'nothing'"):
        client.predict(**{**given, "checkpoints": ["nothing"]})
    with pytest.raises(AppError, match="'nothing' is not among"):
        client.predict(**given, baseline="nothing")


def test_what_cannot_be_chosen_is_refused_before_it_waits(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        client.predict(**given, scorer="phrenology")
    assert raised.value.response.status_code == 400
    assert "phrenology" in raised.value.response.json()["detail"]
