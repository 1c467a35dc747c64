"""The loopback Hub, as the real client sees it."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub.checkpoints import write_checkpoint
from tests.hub.loopback_hub import LoopbackHub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "hub"
    write_checkpoint(folder / "org/model")
    write_checkpoint(folder / "org/model@feature%2Fnew", parameters=7)
    return folder


def test_a_snapshot_arrives_as_it_is(folder: Path, tmp_path: Path) -> None:
    with LoopbackHub(folder) as hub:
        snapshot = Path(snapshot_download("org/model", cache_dir=tmp_path / "cache", endpoint=hub.url))
        assert snapshot.name == hub.commit("org/model")
    for file in (folder / "org/model").iterdir():
        assert (snapshot / file.name).read_bytes() == file.read_bytes()


def test_a_revision_with_a_slash_is_another_commit(folder: Path, tmp_path: Path) -> None:
    with LoopbackHub(folder) as hub:
        info = HfApi(endpoint=hub.url).model_info("org/model", revision="feature/new")
        assert info.sha == hub.commit("org/model", "feature/new") != hub.commit("org/model")
        assert info.safetensors is not None
        assert info.safetensors.total == 7
        cache = tmp_path / "cache"
        path = hf_hub_download("org/model", "config.json", revision="feature/new", cache_dir=cache, endpoint=hub.url)
        assert Path(path).parent.name == info.sha


def test_missing_things_are_told_apart(folder: Path, tmp_path: Path) -> None:
    with LoopbackHub(folder) as hub:
        api = HfApi(endpoint=hub.url)
        with pytest.raises(RepositoryNotFoundError):
            api.model_info("org/none")
        with pytest.raises(RevisionNotFoundError):
            api.model_info("org/model", revision="none")
        with pytest.raises(RemoteEntryNotFoundError):
            hf_hub_download("org/model", "none.json", cache_dir=tmp_path / "cache", endpoint=hub.url)


def test_gated_files_need_a_granted_token_while_information_is_public(folder: Path, tmp_path: Path) -> None:
    good, other = "hf_good", "hf_other"
    with LoopbackHub(folder) as hub:
        hub.gated.add("org/model")
        hub.granted.add(good)
        assert HfApi(endpoint=hub.url).model_info("org/model").gated == "manual"
        for token in (False, other):
            with pytest.raises(GatedRepoError):
                hf_hub_download("org/model", "config.json", cache_dir=tmp_path / "none", endpoint=hub.url, token=token)
        assert hf_hub_download("org/model", "config.json", cache_dir=tmp_path / "cache", endpoint=hub.url, token=good)


def test_a_failure_ends_after_its_times(folder: Path) -> None:
    with LoopbackHub(folder) as hub:
        api = HfApi(endpoint=hub.url)
        hub.fail(500, on="org/model", times=1)
        with pytest.raises(HfHubHTTPError) as error:
            api.model_info("org/model")
        assert error.value.response.status_code == 500
        assert api.model_info("org/model").sha
        assert hub.count("GET", on="org/model") == 2


def test_a_paused_file_is_held_and_then_complete(folder: Path, tmp_path: Path) -> None:
    (folder / "org/model/model.safetensors").write_bytes(bytes(200_000))
    with LoopbackHub(folder) as hub:
        hub.pause(after=100_000)
        results: list[str] = []
        thread = threading.Thread(
            target=lambda: results.append(
                hf_hub_download("org/model", "model.safetensors", cache_dir=tmp_path / "cache", endpoint=hub.url)
            )
        )
        thread.start()
        assert hub.held.wait(20)
        assert not results
        hub.recover()
        thread.join(20)
    assert Path(results[0]).stat().st_size == 200_000


def test_a_cut_file_is_fetched_again(folder: Path, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (folder / "org/model/model.safetensors").write_bytes(content)
    with LoopbackHub(folder) as hub:
        hub.cut(after=100_000)
        path = hf_hub_download("org/model", "model.safetensors", cache_dir=tmp_path / "cache", endpoint=hub.url)
        assert Path(path).read_bytes() == content
        assert hub.count("GET", on="model.safetensors") == 2


def test_the_rest_of_a_file_is_served_alone(folder: Path) -> None:
    content = (folder / "org/model/config.json").read_bytes()
    with LoopbackHub(folder) as hub:
        url = f"{hub.url}/org/model/resolve/main/config.json"
        with urlopen(Request(url, headers={"Range": "bytes=5-"})) as response:  # noqa: S310 - a loopback address
            assert response.status == 206
            assert response.read() == content[5:]
