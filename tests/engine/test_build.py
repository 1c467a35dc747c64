"""The engine is built from settings and machine, says its plan in a sentence, and estimates before it has measured."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.spec import Catalog, ModelSpec
from microscope.engine import build
from microscope.engine.answers import ANSWER
from microscope.engine.build import UNKNOWN_BYTES, Engine, Workshop, answer_task, build_engine, expected_bytes, plan
from microscope.engine.files import Fetcher
from microscope.engine.gpu import Task
from microscope.engine.pace import Pace
from microscope.engine.processors import Processors
from microscope.errors import UserError
from microscope.hardware import Machine, tier
from microscope.records import AnswerRequest, GenerationSettings, State
from microscope.settings import Settings
from tests.families import picture, spec_of
from tests.keeping import models_of

SETTINGS = GenerationSettings(max_new_tokens=64)


def cpu(ram: int = 16 * 10**9) -> Machine:
    found = tier("cpu-basic")
    assert found is not None
    return Machine("cpu", found, ram, 0, 2, "CPU", "auto")


@pytest.fixture
def specs(checkpoint: Callable[..., Path]) -> tuple[ModelSpec, ...]:
    return tuple(spec_of(checkpoint("idefics3", seed), dtype="auto") for seed in (0, 1))


@pytest.fixture
def build_here(tmp_path: Path) -> Callable[..., Engine]:
    """Return what builds an engine from checkpoints, a machine and variables of the environment."""

    def make(specs: tuple[ModelSpec, ...], machine: Machine | None = None, **variables: str) -> Engine:
        settings = Settings.from_environment({"MICROSCOPE_DATA": str(tmp_path), "HF_HUB_OFFLINE": "1", **variables})
        return build_engine(settings, machine or cpu(), Catalog(specs))

    return make


def test_building_loads_nothing(build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]) -> None:
    engine = build_here(specs)
    assert engine.models.cache.snapshot().models == ()
    assert engine.packed_bytes == 0
    assert not engine.zero
    assert engine.models.device == "cpu"


def test_the_engine_answers(build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    request = AnswerRequest(
        picture(), "what ?", tuple(spec.key for spec in specs), replace(SETTINGS, max_new_tokens=2)
    )
    events = list(build_here(specs).answerer.stream(request))
    assert [event.state for event in events].count(State.DONE) == 2
    assert any((tmp_path / "answers").iterdir()), "answers are kept in the data folder"


def test_the_plan_says_what_stays_resident(build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]) -> None:
    size = sum(expected_bytes(spec, "auto") for spec in specs)
    expected = (
        f"cpu, 16 GB: 2 checkpoints resident ({size / 1e6:.1f} MB of a budget of 8.0 GB), each loaded when it is "
        "first asked."
    )
    assert plan(build_here(specs)) == expected


def test_the_plan_says_what_does_not_fit(build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]) -> None:
    size = expected_bytes(specs[0], "auto")
    said = plan(build_here(specs, MICROSCOPE_CACHE_BYTES=str(size * 2 - 1)))
    taken = f"({size / 1e6:.1f} MB of a budget of {size * 2 / 1e6:.1f} MB)"
    assert f": {specs[0].label} resident {taken}; {specs[1].label} take turns" in said
    assert said.endswith("at most about 1 s a load.")
    assert plan(build_here(specs, MICROSCOPE_CACHE_MODELS="1")).startswith(f"cpu, 16 GB: {specs[0].label} resident")


def test_a_machine_that_does_not_tell_its_memory_refuses_nothing(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine = build_here(specs, cpu(ram=0))
    assert plan(engine).startswith("cpu, memory unknown: 2 checkpoints resident (1.4 MB), each")
    request = AnswerRequest(picture(), "what ?", (specs[0].key,), replace(SETTINGS, max_new_tokens=1))
    assert list(engine.answerer.stream(request))[-1].state is State.DONE


def test_the_settings_bound_the_cache(build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]) -> None:
    engine = build_here(specs, MICROSCOPE_CACHE_BYTES="5MB", MICROSCOPE_CACHE_MODELS="1")
    assert (engine.models.cache.budget, engine.models.cache.most) == (5 * 10**6, 1)
    for spec in specs:
        request = AnswerRequest(picture(), "what ?", (spec.key,), replace(SETTINGS, max_new_tokens=1))
        assert list(engine.answerer.stream(request))[-1].state is State.DONE
    assert [model.label for model in engine.models.cache.snapshot().models] == [specs[1].label]


def test_expected_bytes_of_a_folder_are_those_in_the_dtype(specs: tuple[ModelSpec, ...]) -> None:
    whole, half = expected_bytes(specs[0], "float32"), expected_bytes(specs[0], "bfloat16")
    assert whole == expected_bytes(specs[0], "auto") == half * 2
    assert expected_bytes(replace(specs[0], dtype="bfloat16"), "float32") == half


@pytest.mark.parametrize(
    ("fields", "dtype", "expected"),
    [
        ({"parameters": 1000}, "float32", 4000),
        ({"parameters": 1000}, "auto", 2000),
        ({"parameters": 1000, "base": "org/base"}, "auto", UNKNOWN_BYTES),
        ({}, "auto", UNKNOWN_BYTES),
    ],
)
def test_expected_bytes_on_the_hub_follow_from_the_parameters(
    fields: dict[str, object], dtype: str, expected: int
) -> None:
    assert expected_bytes(replace(ModelSpec("a", "a", "org/a"), **fields), dtype) == expected


def test_an_adapter_takes_what_its_base_takes(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    adapter = replace(spec_of(tmp_path / "adapter"), base=specs[0].source, dtype="auto")
    assert expected_bytes(adapter, "auto") == expected_bytes(specs[0], "auto")


def test_a_folder_that_cannot_be_loaded_takes_nothing(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert expected_bytes(spec_of(empty), "auto") == 0
    assert expected_bytes(spec_of(tmp_path / "gone"), "auto") == 0


def test_estimates_grow_with_tokens_and_checkpoints(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine, (first, second) = build_here(specs), (spec.key for spec in specs)
    assert 0 < engine.seconds((first,), SETTINGS) < engine.seconds((first, second), SETTINGS)
    assert engine.seconds((first,), SETTINGS) < engine.seconds((first,), replace(SETTINGS, max_new_tokens=128))
    assert engine.seconds(("unknown",), SETTINGS) == 0
    assert isinstance(engine.quota_seconds((first,), SETTINGS), int)
    assert engine.quota_seconds((first, second), SETTINGS) >= engine.quota_seconds((first,), SETTINGS)


def test_more_passes_over_the_prompt_are_in_the_estimates(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine, key = build_here(specs), specs[0].key
    assert engine.seconds((key,), SETTINGS, 10**6) > 2 * engine.seconds((key,), SETTINGS)
    assert engine.quota_seconds((key,), SETTINGS, 10**6) > engine.quota_seconds((key,), SETTINGS)


def test_other_rooms_tasks_go_through_the_same_door(specs: tuple[ModelSpec, ...], tmp_path: Path) -> None:
    settings = Settings.from_environment({"MICROSCOPE_DATA": str(tmp_path), "HF_HUB_OFFLINE": "1"})
    seen: list[Workshop] = []

    def make(shop: Workshop) -> Task:
        seen.append(shop)
        return Task("echo", lambda *given: iter(given), len, str)

    engine = build_engine(settings, cpu(), Catalog(specs), (make,))
    assert list(engine.answerer.door.run("echo", "hello")) == [engine.models, "hello"]
    assert seen[0].processors is engine.answerer.processors
    assert seen[0].pace is engine.pace


def test_what_answers_took_is_in_the_ledger_and_known_ones_took_nothing(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine, keys = build_here(specs), tuple(spec.key for spec in specs)
    request = AnswerRequest(picture(), "what ?", keys, SETTINGS)
    *_, done = engine.answerer.stream(request)
    assert done.answer is not None
    ledger = engine.answerer.door.ledger
    found = ledger.usage(ANSWER)
    assert found is not None
    assert (found.calls, found.answers, found.asked) == (1, len(keys), 0)
    assert found.seconds > done.answer.facts.total_seconds / 10
    list(engine.answerer.stream(request))
    assert ledger.usage(ANSWER) == found


def test_estimates_learn_from_answers_and_from_what_is_resident(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine, key = build_here(specs), specs[0].key
    request = AnswerRequest(picture(), "what ?", (key,), SETTINGS)
    *_, done = engine.answerer.stream(request)
    assert done.answer is not None
    facts = done.answer.facts
    expected = facts.first_token_seconds + 64 / facts.tokens_per_second
    assert engine.seconds((key,), SETTINGS) == pytest.approx(expected)


def test_the_task_declares_whole_seconds_that_grow_with_its_jobs(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine = build_here(specs)
    shop = Workshop(engine.models, engine.answerer.processors, Pace("zero"), 0)
    task = answer_task(shop)
    local = engine.answerer.fetcher.fetch(specs[0])
    jobs = tuple(build.Job(local, {}, replace(SETTINGS, max_new_tokens=512)) for _ in range(4))
    assert isinstance(task.seconds(jobs[:1]), int)
    assert task.seconds(jobs[:1]) < task.seconds(jobs) < 120
    packed = answer_task(replace(shop, packed=8 * 10**9))
    assert packed.seconds(jobs[:1]) > task.seconds(jobs[:1]), "the pack streams into every new worker"


def test_placing_before_launch_keeps_to_the_budget_and_survives_what_cannot_load(
    specs: tuple[ModelSpec, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = shutil.copytree(specs[0].source, tmp_path / "damaged")
    (damaged / "config.json").write_text("{")
    broken = spec_of(damaged, dtype="auto")
    size = expected_bytes(specs[0], "auto")
    models, fetcher = models_of(dtype="auto"), Fetcher()
    packed = build._place(models, fetcher, Processors(), Catalog((broken, *specs)), int(size * 1.5))
    (placed,) = models.cache.snapshot().models
    assert placed.pinned
    assert placed.label == specs[0].label
    assert packed == placed.bytes
    assert "damaged is not placed before launch: damaged has no usable config.json" in caplog.text
    shutil.rmtree(damaged)
    assert fetcher.fetch(specs[0]) is fetcher.fetch(specs[0]), "its files are not looked for again"


def test_an_own_card_has_working_memory_beside_its_weights_and_the_cpu_to_fall_back_to(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    found = tier("t4-small")
    assert found is not None
    engine = build_here(specs, Machine("cuda", found, 15 * 10**9, 16 * 10**9, 4, "T4", "float16"))
    scheduler = engine.models.cache._scheduler
    assert (scheduler.budget, scheduler.working) == (12_800_000_000, 2_600_000_000)
    assert scheduler.lanes == 1
    spare = engine.models.spare
    assert spare is not None
    assert (spare.device, spare.cache.budget) == ("cpu", 7_500_000_000)
    assert build_here(specs).models.spare is None
    assert plan(engine).startswith("cuda, 16 GB: 2 checkpoints resident (")
    assert "MB of a budget of 12.8 GB)" in plan(engine)


def test_choosing_a_checkpoint_warms_its_files(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine, asked = build_here(specs), []
    engine.models.prefetcher.want = lambda visitor, files: asked.append((visitor, files))
    request = AnswerRequest(picture(), "what ?", (specs[0].key,), replace(SETTINGS, max_new_tokens=1))
    list(engine.answerer.stream(request))
    engine.warm("ada", (*(spec.key for spec in specs), "unknown"))
    # The first is in memory.
    assert asked == [("ada", {specs[1].key: (Path(specs[1].source) / "model.safetensors",)})]


def test_what_is_offered_may_change_and_work_under_way_may_keep_a_catalogue_of_its_own(
    build_here: Callable[..., Engine], specs: tuple[ModelSpec, ...]
) -> None:
    engine = build_here(specs)
    own = engine.offering(engine.catalog)
    engine.offered.change(lambda catalog: replace(catalog, specs=specs[:1]))
    assert engine.catalog.specs == engine.answerer.catalog.specs == specs[:1]
    assert own.catalog.specs == own.answerer.catalog.specs == specs
    assert (own.models, own.answerer.store) == (engine.models, engine.answerer.store)
    with pytest.raises(UserError, match="is not in the catalogue any more"):
        engine.answerer.spec_of(specs[1].key)
