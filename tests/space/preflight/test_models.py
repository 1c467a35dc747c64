"""The checkpoints that are offered from the Hub, as a check, by the real client on a loopback Hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.hub import hub_client
from microscope.space.findings import Status
from microscope.space.preflight import models
from microscope.space.preflight.base import Project, models_client
from microscope.space.preflight.models import CHECK
from tests.hub.checkpoints import write_adapter, write_checkpoint
from tests.hub.loopback_hub import LoopbackHub
from tests.space.preflight.projects import OURS, change, copy_of_ours, only, problem, write

CATALOGUE = """
models:
  here: {{folder: assets/mine}}
  one: {{hub: org/one{more}}}
  other: {{hub: org/other}}
presets:
  zero-a10g: [here, one]
  a100-large: [other]
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    folder = tmp_path / "hub"
    write_checkpoint(folder / "org/one", parameters=1000)
    (folder / "org/one/README.md").write_text("---\nlicense: apache-2.0\n---\n")
    write_checkpoint(folder / "org/one@step-1")
    write_checkpoint(folder / "org/run@step-1")
    (folder / "org/run").mkdir()
    (folder / "org/run@step-2").mkdir()
    (folder / "org/run@step-2/config.json").write_text("{}")
    write_adapter(folder / "org/lora", "org/one")
    (folder / "org/pickled").mkdir()
    (folder / "org/pickled/config.json").write_text("{}")
    (folder / "org/pickled/pytorch_model.bin").write_bytes(b"weights")
    with LoopbackHub(folder) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, hub: LoopbackHub) -> Project:
    project = copy_of_ours(tmp_path / "project")
    offer(project)
    return replace(project, hub=lambda: hub_client(hub.url))


def offer(project: Project, name: str = "org/one", more: str = "") -> None:
    """Let the preset offer a model of the Hub, with more fields of its entry."""
    write(project, "models.yaml", CATALOGUE.format(more=f", {more}" if more else "").replace("org/one", name))


def test_what_is_offered_is_looked_for_and_nothing_else(project: Project, hub: LoopbackHub) -> None:
    found = only(CHECK.run(project))
    assert found.status is Status.OK
    assert found.detail == "There, in safetensors, and small enough for zero-a10g: one."
    assert hub.count(on="org/one")
    assert not hub.count(on="org/other")


def test_what_is_not_there_is_told(project: Project) -> None:
    offer(project, "org/nowhere")
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "models.yaml, line 4: The Hub shows us no model org/nowhere" in found.detail
    offer(project, "org/one", "revision: v9")
    assert "has no revision 'v9'" in problem(CHECK, project).detail


def test_gated_without_a_token_is_told(project: Project, hub: LoopbackHub) -> None:
    hub.gated.add("org/one")
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "org/one is gated: accept its licence" in found.detail


def test_gated_with_a_token_is_warned_of_where_the_entry_does_not_say_it(project: Project, hub: LoopbackHub) -> None:
    hub.gated.add("org/one")
    hub.granted.add("hf_granted")
    client = hub_client(hub.url)
    client.token = "hf_granted"  # noqa: S105  (of nobody)
    project = replace(project, hub=lambda: client)
    found = problem(CHECK, project)
    assert found.status is Status.WARNING
    assert "only a token opens it" in found.detail
    offer(project, more="gated: true")
    assert only(CHECK.run(project)).status is Status.OK


def test_what_is_said_to_be_gated_is_not_looked_at_without_a_token(project: Project, hub: LoopbackHub) -> None:
    hub.gated.add("org/one")
    offer(project, more="gated: true")
    found = problem(CHECK, replace(project, hub=lambda: models_client(hub.url, "hf_jwt_of.nobody")))
    assert found.status is Status.WARNING
    assert "no token is here to look with" in found.detail


def test_weights_that_are_no_safetensors_are_told(project: Project) -> None:
    offer(project, "org/pickled")
    assert "weights in the pickle format" in problem(CHECK, project).detail


@pytest.mark.parametrize(("room", "status"), [(1000, Status.FAILED), (2200, Status.WARNING)])
def test_weights_that_are_too_large_are_told(
    project: Project, room: int, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = models.machine_of
    monkeypatch.setattr(models, "machine_of", lambda tier: replace(whole(tier), vram_bytes=room))
    found = problem(CHECK, project)
    assert found.status is status
    assert "of weights, and zero-a10g has" in found.detail


def test_an_adapter_counts_with_its_base(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        project, "models.yaml", CATALOGUE.format(more="").replace("hub: org/one", "adapter: org/lora, base: org/one")
    )
    assert only(CHECK.run(project)).status is Status.OK
    whole = models.machine_of
    monkeypatch.setattr(models, "machine_of", lambda tier: replace(whole(tier), vram_bytes=2100))
    assert "of weights" in problem(CHECK, project).detail
    write(project, "models.yaml", CATALOGUE.format(more="").replace("hub: org/one", "adapter: org/lora, base: org/no"))
    assert "no model org/no" in problem(CHECK, project).detail


def test_another_licence_is_warned_of(project: Project) -> None:
    offer(project, more="licence: apache-2.0")
    assert only(CHECK.run(project)).status is Status.OK
    offer(project, more="licence: mit")
    found = problem(CHECK, project)
    assert found.status is Status.WARNING
    assert "Write licence: apache-2.0" in found.advice


def test_a_run_is_searched(project: Project) -> None:
    write(project, "models.yaml", CATALOGUE.format(more="").replace("hub: org/one", 'run: "org/run@*"'))
    found = problem(CHECK, project)
    assert found.status is Status.FAILED
    assert "step-2" in found.detail


def test_a_run_that_is_gated_is_not_searched_without_a_token(project: Project, hub: LoopbackHub) -> None:
    hub.gated.add("org/run")
    run = CATALOGUE.format(more=", gated: true").replace("hub: org/one", 'run: "org/run@*"')
    write(project, "models.yaml", run)
    found = problem(CHECK, replace(project, hub=lambda: models_client(hub.url, "hf_jwt_of.nobody")))
    assert found.status is Status.WARNING
    assert "no token is here to look with" in found.detail


@pytest.mark.parametrize("run", ["org/run@*", "org/run/*"])
def test_a_run_on_a_hub_that_does_not_answer_is_no_failure_of_ours(
    project: Project, hub: LoopbackHub, run: str
) -> None:
    write(project, "models.yaml", CATALOGUE.format(more="").replace("hub: org/one", f'run: "{run}"'))
    hub.fail(503)
    found = problem(CHECK, project)
    assert (found.status, found.detail) == (Status.WARNING, "The Hub cannot be reached.")


def test_what_a_hub_does_not_answer_half_way_through_a_run_is_no_failure_of_ours(
    project: Project, hub: LoopbackHub
) -> None:
    write(project, "models.yaml", CATALOGUE.format(more="").replace("hub: org/one", 'run: "org/run@*"'))
    hub.fail(503, on="/revision/step-1")
    found = CHECK.run(project)
    told = {(one.status, one.detail.partition(": ")[2].partition(";")[0]) for one in found}
    assert (Status.WARNING, "The Hub cannot be reached any more") in told
    assert any(one.status is Status.FAILED and "step-2" in one.detail for one in found)
    assert not any(one.status is Status.FAILED and "step-1" in one.detail for one in found)


def test_a_hub_that_does_not_answer_is_no_failure_of_ours(project: Project, hub: LoopbackHub) -> None:
    hub.fail(503)
    found = problem(CHECK, project)
    assert (found.status, found.detail) == (Status.WARNING, "The Hub cannot be reached.")


def test_without_hardware_there_is_nothing_to_look_for(project: Project, hub: LoopbackHub) -> None:
    change(project, "README.md", "suggested_hardware: zero-a10g\n", "")
    assert only(CHECK.run(project)).status is Status.OK
    assert hub.count() == 0
    assert (CHECK.network, CHECK.slow) == (True, False)
    assert OURS.hub is models_client
