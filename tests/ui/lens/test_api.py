"""The endpoint `/explain` as programs see it: its parameters, what comes, and its refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from microscope.lens.events import LensEvent
from microscope.lens.methods import METHODS
from microscope.lens.report import change_to_dict, finding_to_dict
from microscope.records import AnswerEvent, State
from microscope.ui import text
from microscope.ui.app import App
from microscope.ui.compare.controls import write_settings
from microscope.ui.lens.api import told
from tests.ui.lens import samples

FIELDS = ["checkpoint", "state", "message", "finding", "change"]
QUESTION = "What colour is the nine?"


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


@pytest.fixture
def given(app: App, digit: Path) -> dict[str, Any]:
    keys = [app.engine.catalog.specs[-1].key]
    return {"image": handle_file(digit), "question": QUESTION, "checkpoints": keys, "api_name": "/explain"}


def test_what_was_told_before_stays() -> None:
    finding, change = samples.finding(), samples.change()
    first = told(LensEvent(AnswerEvent("a", State.GENERATING), finding, change), {})
    assert list(first) == FIELDS
    assert (first["finding"], first["change"]) == (finding_to_dict(finding), change_to_dict(change))
    then = told(LensEvent(AnswerEvent("a", State.FAILED, message="It is too large.")), first)
    assert then == first | {"state": "failed", "message": "It is too large."}
    assert told(LensEvent(AnswerEvent("a", State.QUEUED)), {})["finding"] is None


def test_the_parameters_have_names_and_defaults(client: Client, app: App) -> None:
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/explain"]
    defaults = {one["parameter_name"]: one["parameter_default"] for one in endpoint["parameters"]}
    names = ["max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "image_megapixels"]
    own = {"method": "relevance", "token": -1, "keep": 0, "rule": "map"}
    assert list(defaults) == ["image", "question", "checkpoints", *own, *names]
    assert {name: defaults[name] for name in own} == own
    assert tuple(defaults[name] for name in names) == write_settings(app.engine.catalog.settings)
    (method,) = [one for one in endpoint["parameters"] if one["parameter_name"] == "method"]
    assert all(repr(known.key) in method["python_type"]["type"] for known in METHODS)


def test_a_map_and_an_answer_without_the_rest_come_in_their_turn(
    client: Client, given: dict[str, Any], app: App
) -> None:
    key = app.engine.catalog.specs[-1].key
    job = client.submit(**given, method="gradient", token=0, keep=0.25)
    (last,) = job.result(timeout=60)
    assert list(last) == FIELDS
    assert (last["checkpoint"], last["state"], last["message"]) == (key, "done", "")
    assert last["finding"]["answer"]["text"] == "green"
    # Where somebody asked for the whole answer before, that map is known and comes along.
    heats = [one["token"] for one in last["finding"]["heats"] if one["method"] == "gradient"]
    assert heats in ([0], [None, 0])
    assert len(last["change"]["rejected"]) == 48
    assert last["change"]["rule"] == "map"
    seen = [rows[0]["state"] for rows in job.outputs()]
    assert "generating" in seen
    # It is done once: what is known after the first part is not the end of it.
    assert "done" not in seen[: seen.index("done")]
    assert seen[seen.index("done") :] == ["done"] * (len(seen) - seen.index("done"))


def test_a_token_that_an_answer_has_not_is_no_map(client: Client, given: dict[str, Any]) -> None:
    (last,) = client.predict(**given, method="gradient", token=30)
    assert last["state"] == "done"
    assert 30 not in [one["token"] for one in last["finding"]["heats"]]
    (last,) = client.predict(**given, method="gradient", token=30, keep=0.5)
    assert last["state"] == "failed"
    assert "no map for answer token 30" in last["message"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"question": " "}, "There is no question yet"),
        ({"checkpoints": []}, text.NO_CHECKPOINT),
        ({"checkpoints": ["nothing"]}, "There is no checkpoint 'nothing'"),
    ],
)
def test_a_refusal_is_a_sentence(
    client: Client, given: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        client.predict(**{**given, **changed})


def test_keeping_everything_is_refused(client: Client, given: dict[str, Any]) -> None:
    with pytest.raises(AppError, match="A share of 1 of the image tokens cannot be kept"):
        client.predict(**given, keep=1)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"method": "phrenology"}, "phrenology"),
        ({"rule": "drawn"}, "drawn"),
    ],
)
def test_what_cannot_be_chosen_is_refused_before_it_waits(
    client: Client, given: dict[str, Any], changed: dict[str, Any], named: str
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        client.predict(**{**given, **changed})
    assert raised.value.response.status_code == 400
    assert named in raised.value.response.json()["detail"]
