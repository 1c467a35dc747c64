"""Hub names, revisions, steps and training order."""

from __future__ import annotations

import random

import pytest

from microscope.catalog.names import (
    HubName,
    Search,
    is_hub_id,
    is_revision,
    parse_hub_name,
    parse_step,
    training_order,
)


@pytest.mark.parametrize("text", ["org/name", "Qwen/Qwen2.5-VL-3B-Instruct", "a/b", "o_r-g/n.a_m-e", "o/" + "x" * 94])
def test_hub_ids(text: str) -> None:
    assert is_hub_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "gpt2", "org/", "/name", "../../etc", "org/..", "org/a--b", "org/name.git", "org/na me", "org/name\n",
     "ørg/name", "a/b/c", "o/" + "x" * 97, "https://huggingface.co/org/name"],
)  # fmt: skip
def test_what_is_no_hub_id(text: str) -> None:
    assert not is_hub_id(text)


@pytest.mark.parametrize("text", ["main", "v1.0", "feature/new", "0" * 40, "step-100", "step=1+2", "refs/pr/3"])
def test_revisions(text: str) -> None:
    assert is_revision(text)


@pytest.mark.parametrize(
    "text", ["", "../main", "a..b", "a//b", "-x", "a b", "main\n", "/main", "main/", "~1", "x" * 201]
)
def test_what_is_no_revision(text: str) -> None:
    assert not is_revision(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("org/a", HubName("org/a")),
        ("org/b@rev", HubName("org/b", "rev")),
        ("org/b@feature/new", HubName("org/b", "feature/new")),
        ("org/run@*", HubName("org/run", search=Search.REVISIONS)),
        ("org/run/*", HubName("org/run", search=Search.SUBFOLDERS)),
        ("org/run/*@dev", HubName("org/run", "dev", search=Search.SUBFOLDERS)),
        ("org/run/deep/*", HubName("org/run", subfolder="deep", search=Search.SUBFOLDERS)),
        ("org/run/step-5", HubName("org/run", subfolder="step-5")),
        ("org/run/epoch=1-step=5", HubName("org/run", subfolder="epoch=1-step=5")),
        ("org/run/a/step-5@v1", HubName("org/run", "v1", "a/step-5")),
        ("org/run/final@*", HubName("org/run", None, "final", Search.REVISIONS)),
    ],
)
def test_hub_names(text: str, name: HubName) -> None:
    assert parse_hub_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", "org", "org/", "org/a@", "org/a@../x", "org/run/*@*", "org/*", "*/a", "org/a/../b", "org/a/./b", "org/a@b@c*",
     "org/a/*/b", "https://huggingface.co/org/a", "org/a b", "org/a@-x"],
)  # fmt: skip
def test_what_names_nothing_on_the_hub(text: str) -> None:
    assert parse_hub_name(text) is None


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),
        ("step_1000", 1000),
        ("epoch-3", 3),
        ("scenes-step-250", 250),
        ("global_step2000", 2000),
        ("iter_0001000", 1000),
        ("step-10k", 10_000),
        ("ckpt_1M", 1_000_000),
        ("epoch=3-step=1200", 1200),
        ("epoch-2-checkpoint-40", 40),
        ("checkpoint-500-merged", 500),
        ("steps-7", 7),
        ("runs/step-40", 40),
        ("0500", 500),
        ("v1.0", None),
        ("main", None),
        ("final", None),
        ("smolvlm-256m", None),
        ("step", None),
        ("step-3b-model", None),
    ],
)
def test_steps(name: str, step: int | None) -> None:
    assert parse_step(name) == step


@pytest.mark.parametrize(
    "names",
    [
        ["checkpoint-5", "checkpoint-40", "checkpoint-300", "checkpoint-2000"],
        ["epoch-1", "epoch-2", "epoch-10", "final"],
        ["step-500", "step-1k", "step-10k"],
        ["epoch=1-step=100", "epoch=2-step=50", "epoch=10-step=20"],
        ["run-9-step-100", "run-9-step-200", "run-10-step-100", "best", "main"],
        ["digits-step-100", "digits-step-200", "scenes-step-100", "scenes-step-200"],
    ],
)
def test_training_order(names: list[str]) -> None:
    shuffled = random.Random(0).sample(names, len(names))  # noqa: S311 - an order, not a secret
    assert sorted(shuffled, key=training_order) == names
