"""The checkpoints of a run: in a folder, in branches and tags, in subfolders."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from microscope.catalog.discover import MOST_REVISIONS, search
from microscope.catalog.names import Search
from microscope.catalog.spec import ModelSpec
from tests.hub.checkpoints import write_adapter, write_checkpoint
from tests.hub.loopback_hub import LoopbackHub


def run_in(folder: Path, label: str = "") -> ModelSpec:
    return ModelSpec("mine", label, str(folder), folder=True)


RUN = ModelSpec("mine", "", "org/run")
FOLDERS = ModelSpec("mine", "", "org/folders")


def test_a_folder_is_listed_in_training_order(tmp_path: Path) -> None:
    for name in ("checkpoint-1000", "checkpoint-200", "checkpoint-30", "final", "epoch-2"):
        write_checkpoint(tmp_path / "run" / name)
    found = search(run_in(tmp_path / "run"), Search.FOLDER)
    assert [spec.key for spec in found.specs] == [
        "checkpoint-30",
        "checkpoint-200",
        "checkpoint-1000",
        "epoch-2",
        "final",
    ]
    assert [spec.step for spec in found.specs] == [30, 200, 1000, 2, None]
    assert {spec.run for spec in found.specs} == {"run"}
    assert not found.bad


def test_what_is_no_checkpoint_is_skipped_and_what_cannot_be_loaded_is_bad(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint-1")
    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2/config.json").write_text("{}")
    for name in (".cache", "logs", "optimizer_0", "pytorch_model_fsdp_0", "global_step1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.bin").write_bytes(b"")
    write_checkpoint(tmp_path / ".hidden")
    (tmp_path / "trainer_state.json").write_text("{}")
    found = search(run_in(tmp_path), Search.FOLDER)
    assert [spec.key for spec in found.specs] == ["checkpoint-1"]
    assert [bad.name for bad in found.bad] == ["checkpoint-2"]


def test_the_model_that_a_run_ended_with_comes_last(tmp_path: Path) -> None:
    run = write_checkpoint(tmp_path / "my-run")
    write_checkpoint(run / "checkpoint-5")
    found = search(run_in(run), Search.FOLDER)
    assert [spec.key for spec in found.specs] == ["checkpoint-5", "my-run"]


def test_adapters_are_checkpoints_of_a_run(tmp_path: Path) -> None:
    write_adapter(tmp_path / "checkpoint-5")
    (spec,) = search(run_in(tmp_path), Search.FOLDER).specs
    assert spec.base == "org/base"


def test_a_label_is_followed_by_the_step(tmp_path: Path) -> None:
    for name in ("checkpoint-5", "final"):
        write_checkpoint(tmp_path / name)
    found = search(run_in(tmp_path, "Scenes"), Search.FOLDER)
    assert [spec.label for spec in found.specs] == ["Scenes, step 5", "Scenes, final"]


@pytest.mark.parametrize("name", ["none", "empty", "file"])
def test_a_folder_without_checkpoints_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    found = search(run_in(tmp_path / name), Search.FOLDER)
    assert not found.specs
    assert [bad.name for bad in found.bad] == ["mine"]
    assert str(tmp_path / name) in found.bad[0].reason


def test_branches_and_tags_are_listed_in_training_order(hub: LoopbackHub, api: HfApi) -> None:
    found = search(RUN, Search.REVISIONS, api)
    assert [spec.key for spec in found.specs] == [
        "org/run@step-30", "org/run@step-200", "org/run@step-1000", "org/run@v1.0",
    ]  # fmt: skip
    assert [(spec.source, spec.revision, spec.step) for spec in found.specs[:1]] == [("org/run", "step-30", 30)]
    assert [spec.parameters for spec in found.specs] == [30, 200, 1000, 3]
    assert {spec.licence for spec in found.specs} == {"mit"}
    assert {spec.run for spec in found.specs} == {"org/run"}
    assert [bad.name for bad in found.bad] == ["org/run@broken"]
    assert "no weights" in found.bad[0].reason
    assert not hub.count(on="resolve")


def test_subfolders_are_listed_in_training_order(api: HfApi) -> None:
    found = search(FOLDERS, Search.SUBFOLDERS, api)
    assert [spec.key for spec in found.specs] == [
        "org/folders/checkpoint-900", "org/folders/checkpoint-1000", "org/folders/deep/epoch-2",
    ]  # fmt: skip
    assert [spec.subfolder for spec in found.specs] == ["checkpoint-900", "checkpoint-1000", "deep/epoch-2"]
    assert [bad.name for bad in found.bad] == ["org/folders/half", "org/folders/lora"]
    assert "enter it in the catalogue with the `base`" in found.bad[1].reason


def test_subfolders_below_one_of_them_or_of_a_revision(hub: LoopbackHub, api: HfApi, tmp_path: Path) -> None:
    below = ModelSpec("mine", "", "org/folders", subfolder="deep")
    assert [spec.subfolder for spec in search(below, Search.SUBFOLDERS, api).specs] == ["deep/epoch-2"]
    write_checkpoint(tmp_path / "hub/org/folders@dev/checkpoint-7")
    at = ModelSpec("mine", "", "org/folders", revision="dev")
    (spec,) = search(at, Search.SUBFOLDERS, api).specs
    assert (spec.key, spec.revision) == ("org/folders/checkpoint-7@dev", "dev")
    assert hub.count(on="revision/dev") == 1


def test_an_adapter_on_the_hub_takes_the_base_of_its_entry(api: HfApi) -> None:
    template = ModelSpec("mine", "", "org/folders", base="org/model")
    found = search(template, Search.SUBFOLDERS, api)
    assert "org/folders/lora" in [spec.key for spec in found.specs]


def test_a_gated_run_with_access_is_marked(hub: LoopbackHub) -> None:
    hub.gated.add("org/run")
    hub.granted.add("hf_good")
    granted = search(RUN, Search.REVISIONS, HfApi(endpoint=hub.url, token="hf_good"))  # noqa: S106
    assert all(spec.gated for spec in granted.specs)
    assert len(granted.specs) == 4
    refused = search(RUN, Search.REVISIONS, HfApi(endpoint=hub.url, token=False))
    assert not refused.specs
    assert "is gated" in refused.bad[0].reason


@pytest.mark.parametrize("where", [Search.REVISIONS, Search.SUBFOLDERS])
@pytest.mark.parametrize(("status", "said"), [(429, "slow down"), (500, "HTTP 500"), (503, "HTTP 503")])
def test_a_hub_in_trouble_is_one_sentence(hub: LoopbackHub, api: HfApi, where: Search, status: int, said: str) -> None:
    hub.fail(status)
    found = search(RUN, where, api)
    assert not found.specs
    assert said in found.bad[0].reason


def test_a_hub_in_trouble_half_way_is_told(hub: LoopbackHub, api: HfApi) -> None:
    hub.fail(500, on="/refs")
    assert "HTTP 500" in search(RUN, Search.REVISIONS, api).bad[0].reason
    hub.fail(500, on="/revision/step-200")
    found = search(RUN, Search.REVISIONS, api)
    assert [spec.step for spec in found.specs] == [30, 1000, None]
    assert {bad.name for bad in found.bad} == {"org/run@step-200", "org/run@broken"}


def test_a_run_that_is_not_there_is_one_sentence(api: HfApi) -> None:
    found = search(ModelSpec("mine", "", "org/none"), Search.REVISIONS, api)
    assert "org/none" in found.bad[0].reason
    without = search(ModelSpec("mine", "", "org/model"), Search.SUBFOLDERS, api)
    assert "no checkpoint among its subfolders" in without.bad[0].reason


def test_the_number_of_revisions_asked_for_is_bounded(hub: LoopbackHub, api: HfApi, tmp_path: Path) -> None:
    for step in range(MOST_REVISIONS + 10):
        (tmp_path / f"hub/org/long@step-{step}").mkdir(parents=True)
    (tmp_path / "hub/org/long").mkdir()
    search(ModelSpec("mine", "", "org/long"), Search.REVISIONS, api)
    assert hub.count(on="org/long/revision/") == MOST_REVISIONS


def test_without_a_client_the_hub_is_not_asked() -> None:
    found = search(RUN, Search.REVISIONS)
    assert "HF_HUB_OFFLINE" in found.bad[0].reason
