"""What the lens promises on ZeroGPU, read off what its scenario reported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.zero.checkpoints import FOLDERS
from tests.zero.played import Played
from tests.zero.test_zero import CALL, FIRST_CALL, on_cpu, paths, scheduled, states

pytestmark = [
    pytest.mark.zero,
    pytest.mark.skipif(sys.platform != "linux", reason="ZeroGPU, and `spaces` in Zero mode, exist on Linux alone"),
]


def test_two_checkpoints_are_looked_at_in_one_call(played: Played) -> None:
    facts = played["lens, look"]
    assert paths(facts) == FIRST_CALL
    assert facts["messages"] == {}
    assert states(facts, "step-1") == ["queued", "generating", "done"]
    assert [state for state in states(facts, "late") if state != "loading"] == ["queued", "generating", "done"]


@pytest.mark.parametrize("key", ["step-1", "late"])
def test_maps_that_need_gradients_are_made_in_the_worker(played: Played, key: str) -> None:
    # In the main process the weights of packed models lie on the disk, and nothing can be computed with them.
    found = played["lens, look"]["found"][key]
    heats = {(method, token): rest for method, token, *rest in found["heats"]}
    for method in ("attention", "relevance"):
        badge, _, highest = heats[method, None]
        assert badge
        assert highest > 0
    assert heats["relevance", None][1] > 0
    tokens, _, _, cells = found["rows"]
    assert (tokens, cells) == (len(found["ids"]), found["cells"])


@pytest.mark.parametrize("key", ["step-1", "late"])
def test_an_answer_under_the_lens_is_that_of_the_cpu(played: Played, furnished: Path, key: str) -> None:
    found = played["lens, look"]["found"][key]
    assert found["ids"] == on_cpu(furnished / FOLDERS[key], len(found["ids"]))[0]


def test_the_platform_is_asked_for_the_seconds_that_the_page_announces(played: Played) -> None:
    facts = played["lens, look"]
    assert int(scheduled(facts)["durationSeconds"]) == facts["announced"]


@pytest.mark.parametrize(("step", "found"), [("known", ["step-1", "late"]), ("recalled", ["step-1", "late"])])
def test_what_is_known_asks_for_no_gpu_and_no_download(played: Played, step: str, found: list[str]) -> None:
    facts = played[f"lens, {step}"]
    assert list(facts["found"]) == found
    assert (facts["calls"], facts["downloads"]) == ([], 0)


def test_what_was_looked_at_need_not_be_answered_again(played: Played) -> None:
    assert played["lens, compared"]["computed"] == ["store"]


@pytest.mark.parametrize("step", ["explain", "reject", "read", "score"])
def test_everything_else_is_asked_of_a_warm_worker(played: Played, step: str) -> None:
    facts = played[f"lens, {step}"]
    assert paths(facts) == CALL
    assert facts["messages"] == {}
    assert states(facts, "step-1")[-1] == "done"


def test_plain_data_comes_out(played: Played) -> None:
    assert ["windows", None, True] in [heat[:3] for heat in played["lens, explain"]["found"]["step-1"]["heats"]]
    said, after = played["lens, reject"]["changes"]["step-1"]
    assert said
    assert 0 < after <= 1
    assert played["lens, read"]["layers"]["step-1"] > 1
    assert all(logprob < 0 for logprob in played["lens, score"]["scores"]["step-1"])


def test_a_checkpoint_that_cannot_load_leaves_the_other(played: Played) -> None:
    facts = played["lens, beside a failure"]
    assert list(facts["messages"]) == ["damaged"]
    assert "damaged does not fit its config.json" in facts["messages"]["damaged"]
    assert list(facts["found"]) == ["step-2"]


def test_closing_half_way_gives_the_gpu_back_and_keeps_the_worker(played: Played) -> None:
    facts = played["lens, closed"]
    assert facts["paths"] == CALL
    assert (facts["failed"], facts["kept"]) == ("false", 0)
    after = played["lens, after closing"]
    assert paths(after) == CALL
    assert states(after, "packed")[-1] == "done"
