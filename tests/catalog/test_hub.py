"""Revisions resolved by the real client on a loopback Hub, and a sentence for each way that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, snapshot_download

from microscope.catalog import hub as hub_module
from microscope.catalog.hub import UnreachableError, hub_client, local_commit, resolve
from microscope.errors import UserError
from tests.hub.checkpoints import write_checkpoint
from tests.hub.loopback_hub import LoopbackHub

GOOD, OTHER = "hf_good", "hf_other"


def sentence(repo: str, revision: str | None, api: HfApi) -> str:
    with pytest.raises(UserError) as error:
        resolve(repo, revision, api)
    said = str(error.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said


def download(hub: LoopbackHub, repo: str, revision: str) -> None:
    snapshot_download(repo, revision=revision, endpoint=hub.url, cache_dir=constants.HF_HUB_CACHE)


def test_a_revision_is_resolved_to_a_commit(hub: LoopbackHub, api: HfApi) -> None:
    resolved = resolve("org/model", None, api)
    assert resolved.commit == hub.commit("org/model")
    assert (resolved.licence, resolved.parameters, resolved.gated, resolved.reached) == (
        "apache-2.0",
        1200,
        False,
        True,
    )
    sizes = {file.path: file.size for file in resolved.files}
    assert sizes["config.json"] == len(b'{"model_type": "idefics3"}')
    assert sizes["model.safetensors"] > 2400


@pytest.mark.parametrize("revision", ["step-200", "v1.0"])
def test_branches_and_tags_are_resolved(hub: LoopbackHub, api: HfApi, revision: str) -> None:
    assert resolve("org/run", revision, api).commit == hub.commit("org/run", revision)


def test_a_licence_of_its_own_goes_by_its_name(api: HfApi, tmp_path: Path) -> None:
    readme = tmp_path / "hub/org/model/README.md"
    readme.write_text("---\nlicense: other\nlicense_name: lfm1.0\n---\n")
    assert resolve("org/model", None, api).licence == "lfm1.0"
    readme.write_text("# No front matter\n")
    assert resolve("org/model", None, api).licence is None


def test_a_commit_that_is_here_is_taken_without_asking(hub: LoopbackHub, api: HfApi) -> None:
    commit = hub.commit("org/model")
    download(hub, "org/model", commit)
    before = hub.count()
    resolved = resolve("org/model", commit, api)
    assert (resolved.commit, resolved.reached) == (commit, False)
    assert hub.count() == before


def test_a_moved_branch_is_noticed(hub: LoopbackHub, api: HfApi, tmp_path: Path) -> None:
    download(hub, "org/model", "main")
    old = resolve("org/model", "main", api).commit
    write_checkpoint(tmp_path / "hub/org/model", parameters=7)
    assert resolve("org/model", "main", api).commit == hub.commit("org/model") != old


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_in_trouble_leaves_what_is_here(hub: LoopbackHub, api: HfApi, status: int) -> None:
    commit = resolve("org/run", "step-30", api).commit
    download(hub, "org/run", commit)
    hub.fail(status)
    resolved = resolve("org/run", "step-30", api)
    assert (resolved.commit, resolved.reached, resolved.files) == (commit, False, ())


def test_a_silent_hub_leaves_what_is_here(hub: LoopbackHub, api: HfApi, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = resolve("org/model", None, api).commit
    download(hub, "org/model", commit)
    monkeypatch.setattr(hub_module, "PATIENCE_SECONDS", 0.1)
    hub.stall()
    assert resolve("org/model", None, api).commit == commit


def test_a_silent_hub_is_given_up_on_in_every_request(
    hub: LoopbackHub, api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "PATIENCE_SECONDS", 0.1)
    hub.stall("/auth-check")
    hub.gated.add("org/model")
    assert "cannot be reached" in sentence("org/model", None, api)


def test_a_hub_that_is_away_and_nothing_here_is_a_sentence(hub: LoopbackHub, api: HfApi) -> None:
    hub.fail(500)
    with pytest.raises(UnreachableError, match="HTTP 500"):
        resolve("org/model", None, api)
    hub.fail(429)
    assert "slow down" in sentence("org/model", None, api)


def test_no_network_is_a_sentence(cache: Path) -> None:
    with LoopbackHub(cache) as gone:
        api = hub_client(gone.url)
    assert "cannot be reached" in sentence("org/model", None, api)


def test_a_missing_repository_is_a_sentence(hub: LoopbackHub, api: HfApi) -> None:
    assert "no model org/none" in sentence("org/none", None, api)
    hub.private.add("org/model")
    assert "HF_TOKEN" in sentence("org/model", None, api)
    hub.granted.add(GOOD)
    assert resolve("org/model", None, HfApi(endpoint=hub.url, token=GOOD)).commit


def test_a_missing_revision_is_a_sentence(api: HfApi) -> None:
    said = sentence("org/model", "v9", api)
    assert "no revision 'v9'" in said
    assert "https://huggingface.co/org/model/tree/main" in said


def test_a_gated_model_without_access_says_what_to_do(hub: LoopbackHub) -> None:
    hub.gated.add("org/model")
    hub.granted.add(GOOD)
    for token in (False, OTHER):
        said = sentence("org/model", None, HfApi(endpoint=hub.url, token=token))
        assert "accept its licence on https://huggingface.co/org/model" in said
        assert "HF_TOKEN" in said
    assert resolve("org/model", None, HfApi(endpoint=hub.url, token=GOOD)).gated


def test_a_token_that_is_not_valid_is_a_sentence(hub: LoopbackHub) -> None:
    hub.invalid_tokens.add(OTHER)
    assert "does not accept our token" in sentence("org/model", None, HfApi(endpoint=hub.url, token=OTHER))


def test_another_refusal_is_a_sentence(hub: LoopbackHub, api: HfApi) -> None:
    hub.fail(403)
    assert "HTTP 403" in sentence("org/model", None, api)


def test_a_refusal_is_not_taken_for_an_absence(hub: LoopbackHub, api: HfApi, tmp_path: Path) -> None:
    commit = resolve("org/run", "step-30", api).commit
    download(hub, "org/run", commit)
    (tmp_path / "hub/org/run@step-30").rename(tmp_path / "hub/org/run@renamed")
    assert "no revision" in sentence("org/run", "step-30", api)


def test_offline_mode_is_told(api: HfApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in sentence("org/model", None, api)


def test_a_cache_that_cannot_be_written_costs_only_the_fallback(hub: LoopbackHub, api: HfApi, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert resolve("org/model", "main", api).commit == hub.commit("org/model")
    assert local_commit("org/model", "main") is None


def test_what_is_here_is_known_by_revision_and_commit(hub: LoopbackHub, cache: Path) -> None:
    assert local_commit("org/model", None) is None
    assert local_commit("org/model", "a" * 40) is None
    download(hub, "org/model", "main")
    commit = hub.commit("org/model")
    assert local_commit("org/model", None) == local_commit("org/model", "main") == commit
    assert local_commit("org/model", commit) == commit
    assert local_commit("org/model", "v9") is None
    assert local_commit("org/model", None, cache / "other") is None


def test_a_note_without_files_is_nothing_here(api: HfApi) -> None:
    resolve("org/model", "main", api)
    assert local_commit("org/model", "main") is None
