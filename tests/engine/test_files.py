"""A checkpoint's files come from folders or the Hub, and its identity changes with everything that decides answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file, save_file

from microscope.catalog.hub import hub_client
from microscope.catalog.spec import ModelSpec
from microscope.engine.contents import contents_hash
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher
from microscope.errors import UserError
from tests.families import local_of, spec_of
from tests.hub.loopback_hub import LoopbackHub

PROCESSOR = ("processor_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


@pytest.fixture
def run(checkpoint: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a training run's folder with two checkpoints, without processors of their own but one at the top."""
    top = tmp_path / "run"
    for seed, name in enumerate(("step-100", "step-200")):
        shutil.copytree(checkpoint("idefics3", seed), top / name)
    for name in PROCESSOR:
        shutil.copy(top / "step-100" / name, top / name)
    return top


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    (tmp_path / "hub" / "lab").mkdir(parents=True)
    with LoopbackHub(tmp_path / "hub") as served:
        yield served


@pytest.fixture
def fetcher(hub: LoopbackHub, tmp_path: Path) -> Fetcher:
    return Fetcher(Downloads(hub_client(hub.url), tmp_path / "cache"))


def published(tmp_path: Path, folder: Path, name: str) -> str:
    """Publish a folder's files as a repository of the Hub, and return its id."""
    shutil.copytree(folder, tmp_path / "hub" / "lab" / name)
    return f"lab/{name}"


def on_hub(repo: str, **fields: object) -> ModelSpec:
    return replace(ModelSpec(key=repo, label=repo, source=repo), **fields)


def make_adapter(folder: Path, base: str) -> Path:
    """Write what PEFT leaves: the adapter's settings and weights, here empty."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    save_file({}, folder / "adapter_model.safetensors", {"format": "pt", "from": folder.name})
    return folder


def test_a_folder_is_a_checkpoint_as_it_stands(run: Path) -> None:
    folder = run / "step-100"
    local = local_of(folder)
    assert (local.folder, local.processor, local.adapter) == (folder, folder, None)
    assert local.weights == (folder / "model.safetensors",)
    assert local.bytes == (folder / "model.safetensors").stat().st_size
    assert local.revision == f"sha256:{contents_hash(local.weights)[:12]}"


def test_two_checkpoints_of_one_run_differ_though_their_headers_are_equal(run: Path) -> None:
    headers = set()
    for folder in (run / "step-100", run / "step-200"):
        data = (folder / "model.safetensors").read_bytes()
        headers.add(data[: 8 + int.from_bytes(data[:8], "little")])
    first, second = local_of(run / "step-100"), local_of(run / "step-200")
    assert len(headers) == 1
    assert first.bytes == second.bytes
    assert first.identity != second.identity
    assert first.revision != second.revision
    assert first.cache_key != second.cache_key


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer.json", "chat_template.jinja"])
def test_the_identity_changes_with_the_settings(name: str, run: Path) -> None:
    before = local_of(run / "step-100")
    with (run / "step-100" / name).open("a") as file:
        file.write(" ")
    after = local_of(run / "step-100")
    assert after.identity != before.identity
    assert after.revision == before.revision


def test_the_identity_stays_when_a_trainer_writes_about_itself(run: Path) -> None:
    before = local_of(run / "step-100").identity
    (run / "step-100" / "trainer_state.json").write_text("{}")
    (run / "step-100" / "optimizer.pt").write_bytes(b"state")
    assert local_of(run / "step-100").identity == before


def test_a_processor_comes_from_where_the_entry_says(run: Path) -> None:
    bare = run / "step-200"
    for name in PROCESSOR:
        (bare / name).unlink()
    alone = local_of(bare)
    helped = local_of(bare, processor_from=str(run))
    assert alone.processor == bare
    assert helped.processor == run
    assert helped.identity != alone.identity
    (run / "tokenizer.json").write_text("{}")
    assert local_of(bare, processor_from=str(run)).identity != helped.identity


def test_what_did_not_change_is_not_looked_for_again(run: Path) -> None:
    fetcher, spec = Fetcher(), spec_of(run / "step-100")
    assert fetcher.fetch(spec) is fetcher.fetch(spec)
    assert fetcher.without_network().fetch(spec) is fetcher.fetch(spec)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "config.json").write_text((folder / "config.json").read_text() + " "),
        lambda folder: (folder / "special_tokens_map.json").write_text("{}"),
        lambda folder: (folder / "chat_template.jinja").unlink(),
        lambda folder: shutil.copy(folder.parent / "step-200" / "model.safetensors", folder),
    ],
    ids=["edited", "added", "removed", "other weights"],
)
def test_what_changed_since_is_noticed(change: Callable[[Path], object], run: Path) -> None:
    fetcher, spec = Fetcher(), spec_of(run / "step-100")
    before = fetcher.fetch(spec)
    change(run / "step-100")
    assert fetcher.fetch(spec).identity != before.identity
    shutil.rmtree(run / "step-100")
    with pytest.raises(UserError, match="is gone"):
        fetcher.fetch(spec)


def test_a_processor_that_changed_since_is_noticed(run: Path) -> None:
    fetcher, spec = Fetcher(), spec_of(run / "step-200", processor_from=str(run))
    before = fetcher.fetch(spec)
    (run / "tokenizer.json").write_text("{}")
    assert fetcher.fetch(spec).identity != before.identity


def test_a_folder_that_is_gone_is_named(run: Path) -> None:
    spec = spec_of(run / "step-100")
    shutil.rmtree(run / "step-100")
    with pytest.raises(UserError, match=r"The folder .*step-100 of step-100 is gone"):
        Fetcher().fetch(spec)


def test_an_adapter_has_the_weights_of_its_base_and_its_own(run: Path, tmp_path: Path) -> None:
    base = run / "step-100"
    adapter = make_adapter(tmp_path / "adapter", str(base))
    local = local_of(adapter, base=str(base))
    assert (local.folder, local.adapter, local.processor) == (base, adapter, base)
    assert local.weights == (base / "model.safetensors", adapter / "adapter_model.safetensors")


def test_two_adapters_of_one_base_on_the_hub_differ(run: Path, tmp_path: Path, fetcher: Fetcher) -> None:
    base = published(tmp_path, run / "step-100", "base")
    adapters = [make_adapter(tmp_path / name, base) for name in ("first", "second")]
    found = [fetcher.fetch(spec_of(adapter, base=base)) for adapter in adapters]
    assert found[0].folder == found[1].folder
    assert found[0].identity != found[1].identity


def test_an_adapter_brings_its_own_processor_where_it_has_one(run: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", str(run / "step-100"))
    for name in PROCESSOR:
        shutil.copy(run / "step-200" / name, adapter / name)
    assert local_of(adapter, base=str(run / "step-100")).processor == adapter


def test_a_repository_is_downloaded_once(run: Path, tmp_path: Path, hub: LoopbackHub, fetcher: Fetcher) -> None:
    repo = published(tmp_path, run / "step-100", "model")
    first = fetcher.fetch(on_hub(repo))
    asked = len(hub.requests)
    assert asked > 0
    assert fetcher.fetch(on_hub(repo)) == first
    assert len(hub.requests) == asked
    assert first.revision == first.identity == hub.commit(repo)


def test_what_is_local_needs_no_network(run: Path, tmp_path: Path, fetcher: Fetcher) -> None:
    repo = published(tmp_path, run / "step-100", "model")
    with pytest.raises(UserError, match="not on this machine"):
        fetcher.without_network().fetch(on_hub(repo))
    found = fetcher.fetch(on_hub(repo))
    assert fetcher.without_network().fetch(on_hub(repo)) == found


def test_a_snapshot_that_lost_a_file_is_completed(
    run: Path, tmp_path: Path, hub: LoopbackHub, fetcher: Fetcher
) -> None:
    repo = published(tmp_path, run / "step-100", "model")
    found = fetcher.fetch(on_hub(repo))
    (found.folder / "model.safetensors").resolve().unlink()
    assert fetcher.fetch(on_hub(repo)) == found
    assert hub.count("GET", on="model.safetensors") == 2


def test_a_snapshot_that_another_tool_left_is_completed(
    run: Path, tmp_path: Path, hub: LoopbackHub, fetcher: Fetcher
) -> None:
    """The library knows what belongs to a snapshot only where it downloaded the snapshot as a whole."""
    repo = published(tmp_path, run / "step-100", "model")
    hf_hub_download(repo, "config.json", cache_dir=tmp_path / "cache", endpoint=hub.url)
    with pytest.raises(UserError, match="has no weights"):
        fetcher.without_network().fetch(on_hub(repo))
    assert fetcher.fetch(on_hub(repo)).bytes > 0


def test_checkpoints_in_folders_of_one_repository(
    run: Path, tmp_path: Path, hub: LoopbackHub, fetcher: Fetcher
) -> None:
    for name in PROCESSOR:
        (run / "step-200" / name).unlink()
    repo = published(tmp_path, run, "run")
    first, second = (fetcher.fetch(on_hub(repo, subfolder=name)) for name in ("step-100", "step-200"))
    commit = hub.commit(repo)
    assert first.folder.name == "step-100"
    assert first.identity == f"{commit}/step-100"
    assert first.revision == second.revision == commit
    assert first.processor == first.folder
    assert second.processor == second.folder.parent, "a run pushed as a whole has its processor at the top"
    asked = len(hub.requests)
    assert fetcher.fetch(on_hub(repo, subfolder="step-200")) == second
    assert len(hub.requests) == asked


def test_a_missing_folder_of_a_repository_is_named(run: Path, tmp_path: Path, fetcher: Fetcher) -> None:
    repo = published(tmp_path, run, "run")
    with pytest.raises(UserError, match="lab/run has no folder step-900"):
        fetcher.fetch(on_hub(repo, subfolder="step-900"))


def test_another_revision_is_another_model(run: Path, tmp_path: Path, hub: LoopbackHub, fetcher: Fetcher) -> None:
    repo = published(tmp_path, run / "step-100", "model")
    published(tmp_path, run / "step-200", "model@step-200")
    main, branch = fetcher.fetch(on_hub(repo)), fetcher.fetch(on_hub(repo, revision="step-200"))
    assert branch.revision == hub.commit(repo, "step-200")
    assert main.cache_key != branch.cache_key
    pinned = fetcher.fetch(on_hub(repo, revision=branch.revision))
    assert pinned.folder == branch.folder


def test_a_damaged_download_is_told(run: Path, tmp_path: Path, fetcher: Fetcher) -> None:
    broken = shutil.copytree(run / "step-100", tmp_path / "broken")
    data = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="damaged weight file"):
        fetcher.fetch(on_hub(published(tmp_path, broken, "broken")))


def test_the_progress_of_a_download_is_passed_on(run: Path, tmp_path: Path, fetcher: Fetcher) -> None:
    seen: list[tuple[int, int]] = []
    fetcher.fetch(on_hub(published(tmp_path, run / "step-100", "model")), lambda *pair: seen.append(pair))
    assert seen
    assert seen[-1][0] == seen[-1][1] > 0


def test_what_was_placed_before_launch_is_found_when_its_files_are_gone(
    run: Path, tmp_path: Path, hub: LoopbackHub, fetcher: Fetcher
) -> None:
    """ZeroGPU deletes downloaded weights once they are packed."""
    repo = published(tmp_path, run / "step-100", "model")
    placed = fetcher.fetch(on_hub(repo))
    fetcher.keep(placed)
    (placed.folder / "model.safetensors").resolve().unlink()
    asked = len(hub.requests)
    assert fetcher.fetch(on_hub(repo)) is placed
    assert fetcher.without_network().fetch(on_hub(repo)) is placed
    assert placed.bytes > 0
    assert len(hub.requests) == asked


def test_one_changed_weight_changes_the_identity(run: Path) -> None:
    folder = run / "step-100"
    before = local_of(folder).identity
    tensors = load_file(folder / "model.safetensors")
    name = min(tensors)
    tensors[name] = tensors[name] + 1
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert local_of(folder).identity != before
