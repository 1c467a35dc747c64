"""One folder: checkpoint, adapter, or a sentence; every kind of leftover that trainers leave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microscope.catalog.folders import checkpoint_problem, is_adapter, is_folder, locate, read_folder
from microscope.catalog.spec import BadEntry, ModelSpec
from tests.hub.checkpoints import PROCESSOR_FILES, write_adapter, write_checkpoint, write_weights

TEMPLATE = ModelSpec("name", "", "/somewhere")


def good(folder: Path, template: ModelSpec = TEMPLATE) -> ModelSpec:
    spec = read_folder(folder, template)
    assert isinstance(spec, ModelSpec), spec
    return spec


def reason(folder: Path, template: ModelSpec = TEMPLATE) -> str:
    bad = read_folder(folder, template)
    assert isinstance(bad, BadEntry), bad
    assert bad.name == folder.name
    return bad.reason


def test_a_checkpoint_has_its_folders_name_as_key(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "scenes-step-250")
    spec = good(folder)
    assert (spec.key, spec.label, spec.step) == ("scenes-step-250", "scenes-step-250", 250)
    assert (spec.source, spec.folder, spec.processor_from) == (str(folder.resolve()), True, None)


def test_what_the_entry_says_is_kept(tmp_path: Path) -> None:
    template = ModelSpec("name", "My run", "/somewhere", licence="mit", dtype="float32", run="run")
    spec = good(write_checkpoint(tmp_path / "final"), template)
    assert (spec.label, spec.licence, spec.dtype, spec.run, spec.step) == ("My run", "mit", "float32", "run", None)


def test_shards_make_a_checkpoint(tmp_path: Path) -> None:
    assert good(write_checkpoint(tmp_path / "big", shards=3)).key == "big"


def test_the_trainers_state_beside_the_weights_is_no_matter(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "checkpoint-500")
    for name in (
        "optimizer.pt",
        "scheduler.pt",
        "rng_state_0.pth",
        "training_args.bin",
        "trainer_state.json",
        "latest",
    ):
        (folder / name).write_bytes(b"state")
    for name in ("global_step500", "pytorch_model_fsdp_0", "optimizer_0"):
        (folder / name).mkdir()
        (folder / name / "__0_0.distcp").write_bytes(b"state")
    assert good(folder).key == "checkpoint-500"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["config.json"], "has no weights"),
        (["config.json", "optimizer.pt", "scheduler.pt", "training_args.bin"], "has no weights"),
        (["config.json", "optimizer.safetensors"], "has no weights"),
        (["config.json", "pytorch_model.bin"], "pickle format"),
        (["config.json", "pytorch_model-00001-of-00002.bin", "training_args.bin"], "pickle format"),
        (["config.json", "pytorch_model_fsdp_0", "optimizer_0"], "accelerate merge-weights"),
        (["config.json", "__0_0.distcp", ".metadata"], "accelerate merge-weights"),
        (["config.json", "global_step500", "zero_to_fp32.py", "latest"], "zero_to_fp32.py"),
        (["config.json", "model-00001-of-00003.safetensors", "model.safetensors.index.json"], "lacks 2 of its 3"),
        (["config.json", "model-00001-of-00001.safetensors"], "lacks model.safetensors.index.json"),
        (["model.safetensors"], "no config.json"),
        (["optimizer.pt"], "no config.json"),
        (["adapter_config.json", "adapter_model.bin"], "pickle format"),
        (["adapter_config.json"], "has no weights"),
        ([], "no config.json"),
    ],
)
def test_what_cannot_be_loaded_says_why(tmp_path: Path, names: list[str], said: str) -> None:
    folder = tmp_path / "checkpoint-500"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"{}")
    assert said in (checkpoint_problem(names) or "")
    assert said in reason(folder)
    assert str(folder) in reason(folder)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    assert "No such file or directory" in reason(tmp_path / "none")
    (tmp_path / "file").write_text("")
    assert "cannot be read" in reason(tmp_path / "file")


def test_a_checkpoint_without_processor_takes_that_of_its_run(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "run/checkpoint-5", processor=False)
    assert good(folder).processor_from is None
    for name in PROCESSOR_FILES:
        (tmp_path / "run" / name).write_text("{}")
    assert good(folder).processor_from == str((tmp_path / "run").resolve())
    given = ModelSpec("name", "", "/somewhere", processor_from="org/base")
    assert good(folder, given).processor_from == "org/base"


def test_a_checkpoint_with_a_processor_keeps_it(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "run/checkpoint-5")
    for name in PROCESSOR_FILES:
        (tmp_path / "run" / name).write_text("{}")
    assert good(folder).processor_from is None


def test_an_adapter_knows_its_base(tmp_path: Path) -> None:
    spec = good(write_adapter(tmp_path / "lora"))
    assert (spec.base, spec.base_revision) == ("org/base", None)
    assert is_adapter({"adapter_config.json"})
    assert not is_adapter({"adapter_config.json", "config.json"})


def test_an_adapters_base_may_be_a_folder_or_given(tmp_path: Path) -> None:
    base = write_checkpoint(tmp_path / "base")
    assert good(write_adapter(tmp_path / "lora", str(base))).base == str(base)
    given = ModelSpec("name", "", "/somewhere", base="org/other")
    assert good(write_adapter(tmp_path / "far", "/on/another/machine"), given).base == "org/other"


def test_an_adapters_base_revision_is_kept(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "lora")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base", "revision": "v1"}))
    assert good(folder).base_revision == "v1"


@pytest.mark.parametrize("base", ["/on/another/machine", "../escape", None, ""])
def test_an_adapter_whose_base_is_not_here_says_so(tmp_path: Path, base: str | None) -> None:
    said = reason(write_adapter(tmp_path / "lora", base))
    assert repr(base) in said
    assert "name its base" in said


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_an_adapter_with_a_broken_file_says_so(tmp_path: Path, content: bytes) -> None:
    folder = write_adapter(tmp_path / "lora")
    (folder / "adapter_config.json").write_bytes(content)
    assert "base" in reason(folder)


def test_a_linked_checkpoint_keeps_its_links_name(tmp_path: Path) -> None:
    target = write_checkpoint(tmp_path / "blobs/x")
    (tmp_path / "latest").symlink_to(target)
    spec = good(tmp_path / "latest")
    assert (spec.key, spec.source) == ("latest", str(target.resolve()))


def test_places_are_relative_to_their_root() -> None:
    assert locate("a/b", Path("/root")) == Path("/root/a/b")
    assert locate("/a", Path("/root")) == Path("/a")
    assert locate("~/a", Path("/root")) == Path.home() / "a"
    assert locate("~nobody/a", Path("/root")) == Path("/root/~nobody/a")


@pytest.mark.parametrize("text", ["none", "\0", "x" * 5000])
def test_what_is_no_path_is_no_folder(tmp_path: Path, text: str) -> None:
    assert not is_folder(tmp_path / text)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", 1)
    assert not is_folder(tmp_path / "model.safetensors")
    assert is_folder(tmp_path)
