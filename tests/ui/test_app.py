"""The page as built and as launched: its two endpoints, its queue, its labels and its limits."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio.block_function import BlockFunction
from gradio.components.base import FormComponent

from microscope.settings import REPOSITORY, Settings
from microscope.ui import text
from microscope.ui.app import App, build
from microscope.ui.compare.events import LET_IN, lane
from microscope.ui.evaluate import words as evaluate_words
from microscope.ui.picture_input import PictureInput
from microscope.ui.space import words as space_words
from tests.ui.signing_in import pretend_to_be_a_space

PUBLIC = ["compare", "explain", "evaluate"]
# What needs the accelerator, on the tabs and for programs.
LOOKING = ["look", "map_token", "gather", "reject", "read", "follow", "explain"]
WAITING = ["run", "compare", *LOOKING, "run", "evaluate"]
# What waits for nobody's accelerator, and takes a while all the same.
READING = ["read_fresh", "read_again"]


@pytest.fixture(scope="module")
def built(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> App:
    """Return the page as a Space builds it, not launched."""
    return build(replace(settings, preset="cpu-basic", on_space=True, data=tmp_path_factory.mktemp("space")))


def test_building_loads_no_model(built: App) -> None:
    assert built.engine.models.cache.snapshot().models == ()
    assert built.engine.packed_bytes == 0


def test_there_are_exactly_three_public_endpoints(built: App) -> None:
    named = {fn.api_name: fn.api_visibility for fn in built.demo.fns.values()}
    assert [name for name, visibility in named.items() if visibility != "private"] == PUBLIC
    assert list(built.demo.get_api_info()["named_endpoints"]) == [f"/{name}" for name in PUBLIC]


def test_everything_that_generates_shares_one_lane_and_nothing_else_waits(built: App) -> None:
    shared = [fn for fn in built.demo.fns.values() if fn.concurrency_id == "gpu"]
    assert [fn.name for fn in shared] == WAITING
    assert {fn.concurrency_limit for fn in shared} == {LET_IN}
    others = [fn for fn in built.demo.fns.values() if fn.queue and not leaves(fn) and fn not in shared]
    assert [fn.name for fn in others] == READING
    assert {fn.concurrency_id for fn in others} == {"sets"}


def leaves(fn: BlockFunction) -> bool:
    """Tell whether a function is called when a page closes, which goes through no queue."""
    return [event for _, event in fn.targets] == ["unload"]


def test_on_zero_gpu_one_comparison_is_let_in_at_a_time() -> None:
    # There the platform has the queue, and a call holds a worker.
    assert lane(zero=True) == {"concurrency_id": "gpu", "concurrency_limit": 1}


def test_the_queue_is_bounded_and_its_side_door_is_shut(built: App) -> None:
    assert built.demo._queue.max_size == built.settings.queue_size <= 200
    assert built.demo.api_open is False


def test_signing_in_is_offered_on_a_space_that_has_it_and_adds_no_endpoint(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_to_be_a_space(monkeypatch)
    signing = build(replace(settings, preset="cpu-basic", on_space=True, oauth=True, data=tmp_path)).demo
    assert [block.value for block in signing.blocks.values() if isinstance(block, gr.LoginButton)] == [text.SIGN_IN]
    waiting = [fn.name for fn in signing.fns.values() if fn.queue and not leaves(fn)]
    assert [name for name in waiting if name not in READING] == WAITING
    assert [fn.name for fn in signing.fns.values() if fn.api_visibility != "private"] == PUBLIC


def test_elsewhere_there_is_no_sign_in(built: App, app: App) -> None:
    for one in (built, app):
        assert not any(isinstance(block, gr.LoginButton) for block in one.demo.blocks.values())


def test_the_page_opens_on_the_compare_tab(built: App) -> None:
    (tabs,) = [block for block in built.demo.blocks.values() if isinstance(block, gr.Tabs)]
    shown = [text.COMPARE, text.LENS, evaluate_words.TAB, text.MODELS]
    # The last is the owner's, and is shown when the server has seen that it is they.
    assert [(tab.label, tab.visible) for tab in tabs.children] == [
        *((label, True) for label in shown),
        (space_words.TAB, False),
    ]
    assert tabs.selected == tabs.children[0].id


@pytest.mark.parametrize("name", ["load", "unload", "pin", "unpin"])
def test_nobody_but_the_owner_moves_a_model(app: App, url: str, name: str) -> None:
    (number,) = [number for number, fn in app.demo.fns.items() if fn.name == name]
    call = {"fn_index": number, "data": [app.engine.catalog.specs[0].key], "session_hash": "stranger"}
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    refused = httpx.post(f"{url}gradio_api/run/predict", json=call, headers=forwarded)
    assert refused.json()["error"] == text.NOT_OWNER


def test_every_input_and_picture_has_a_label(built: App) -> None:
    inputs = [one for one in built.demo.blocks.values() if isinstance(one, (FormComponent, PictureInput, gr.Gallery))]
    assert len(inputs) > 10
    assert [one for one in inputs if not one.label] == []


def test_uploads_are_deleted_within_the_hour_and_a_bit(built: App) -> None:
    every, age = built.demo.delete_cache
    assert (every, age) == (600, 3600)


def test_a_space_can_be_duplicated_and_a_laptop_cannot(built: App, app: App) -> None:
    def duplicates(one: App) -> list[str]:
        return [block.value for block in one.demo.blocks.values() if isinstance(block, gr.DuplicateButton)]

    assert duplicates(built) == [text.DUPLICATE]
    assert duplicates(app) == []


def test_expired_shares_are_gone_after_a_start(settings: Settings, tmp_path: Path) -> None:
    shares = tmp_path / "shares"
    shares.mkdir()
    for name, age in (("old", 8), ("new", 1)):
        file = shares / f"{name}.png"
        file.touch()
        moment = file.stat().st_mtime - age * 24 * 3600
        os.utime(file, (moment, moment))
    build(replace(settings, preset="cpu-basic", data=tmp_path))
    assert [file.name for file in shares.iterdir()] == ["new.png"]


def test_a_launched_app_shows_no_error_of_ours_and_watches_nobody(app: App, url: str) -> None:
    assert app.demo.show_error is False
    assert app.demo.analytics_enabled is False
    assert app.demo.run_history is False
    assert app.demo.max_file_size == 10 * 1024**2
    assert httpx.get(f"{url}monitoring").status_code == 403
    assert httpx.get(f"{url}monitoring/summary").status_code == 403


def test_only_the_examples_are_served_from_the_repository(app: App, url: str) -> None:
    served = httpx.get(f"{url}gradio_api/file={REPOSITORY / 'assets' / 'examples' / 'colour.png'}")
    refused = httpx.get(f"{url}gradio_api/file={REPOSITORY / 'models.yaml'}")
    assert (served.status_code, refused.status_code) == (200, 403)
