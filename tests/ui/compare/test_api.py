"""The endpoint as programs see it: its parameters, its states as they come, and its refusals."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from microscope.storage.records_json import answer_to_json
from microscope.ui import text
from microscope.ui.app import App
from microscope.ui.compare.api import answers
from microscope.ui.compare.columns import Column
from microscope.ui.compare.controls import write_settings
from tests.ui.compare.samples import outcome

FIELDS = ["checkpoint", "label", "state", "text", "message", "ahead", "seconds", "answer"]


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def test_columns_are_one_object_each() -> None:
    answer = outcome("a", "a red seven").answer
    assert answer is not None
    done, failed = answers(
        (
            Column("a", "Model A", "done", "a red seven", answer=answer),
            Column("b", "Model B", "failed", message="It is too large."),
        )
    )
    assert list(done) == list(failed) == FIELDS
    values = ("a", "Model A", "done", "a red seven", "", 0, 0.0, answer_to_json(answer))
    assert done == dict(zip(FIELDS, values, strict=True))
    assert (failed["state"], failed["message"], failed["answer"]) == ("failed", "It is too large.", None)


def test_the_parameters_have_names_and_the_pages_own_defaults(client: Client, app: App) -> None:
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/compare"]
    given = {one["parameter_name"]: one["parameter_default"] for one in endpoint["parameters"]}
    names = ["max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "image_megapixels"]
    assert list(given) == ["image", "question", "checkpoints", *names]
    assert tuple(given[name] for name in names) == write_settings(app.engine.catalog.settings)


def test_states_come_one_by_one_and_the_last_holds_the_answer(client: Client, app: App, digit: Path) -> None:
    key = app.engine.catalog.specs[0].key
    job = client.submit(
        image=handle_file(digit), question="Stream?", checkpoints=[key], max_new_tokens=3, api_name="/compare"
    )
    (last,) = job.result(timeout=60)
    seen = [rows[0]["state"] for rows in job.outputs()]
    assert {"generating", "done"} <= set(seen)
    assert seen.count("done") >= 1
    assert list(last) == FIELDS
    assert last["answer"]["text"] == last["text"]
    assert [rows[0]["answer"] for rows in job.outputs() if rows[0]["state"] != "done"] == [None] * (
        len(seen) - seen.count("done")
    )


@pytest.fixture
def given(app: App, digit: Path) -> dict[str, object]:
    key = app.engine.catalog.specs[0].key
    return {"image": handle_file(digit), "question": "What?", "checkpoints": [key], "api_name": "/compare"}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"question": " "}, "There is no question yet"),
        ({"checkpoints": []}, text.NO_CHECKPOINT),
        ({"checkpoints": ["nothing"]}, "There is no checkpoint 'nothing'"),
    ],
)
def test_a_refusal_is_a_sentence(
    client: Client, given: dict[str, object], changed: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        client.predict(**{**given, **changed})


def test_what_no_control_of_the_page_can_hold_is_refused_before_it_waits(
    client: Client, given: dict[str, object]
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        client.predict(**{**given, "max_new_tokens": 5000})
    assert raised.value.response.status_code == 400
    assert "5000" in raised.value.response.json()["detail"]
