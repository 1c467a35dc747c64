"""What is typed about a Space, and the sentence for every mistake."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.space.names import (
    Bucket,
    bucket_of,
    hardware_name,
    secret_names_of,
    sleep_seconds,
    space_name,
    variables_of,
)

TOKEN = "hf_" + "a" * 34


@pytest.mark.parametrize(
    "text", ["owner/name", " owner/name/ ", "spaces/owner/name", "https://huggingface.co/spaces/owner/name"]
)
def test_a_space_is_named_by_its_name_or_its_page(text: str) -> None:
    assert space_name(text) == "owner/name"


@pytest.mark.parametrize(
    "text", ["", "name", "owner/", "a/b/c", "owner/na me", "-owner/name", "a/b--c", "a/..", "ä/b"]
)
def test_what_names_no_space_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="owner/name"):
        space_name(text)


def test_variables_are_read() -> None:
    given = ["MICROSCOPE_MODELS=org/a@*, org/b=c", "OTHER=", "MAX_TOKENS=3", "TOKENIZERS_PARALLELISM=false"]
    assert variables_of(given) == {
        "MICROSCOPE_MODELS": "org/a@*, org/b=c",
        "OTHER": "",
        "MAX_TOKENS": "3",
        "TOKENIZERS_PARALLELISM": "false",
    }


@pytest.mark.parametrize(
    "given",
    [f"HF_TOKEN={TOKEN}", f"MINE={TOKEN}", "MY_API_KEY=abc", "DB_PASSWORD=abc", "SECRET=abc", "WANDB_API_KEY=1"],
)
def test_a_variable_that_looks_like_a_secret_is_refused_and_not_repeated(given: str) -> None:
    name, _, value = given.partition("=")
    with pytest.raises(UserError, match=f"--secret {name}") as refused:
        variables_of([given])
    assert len(value) < 2 or value not in str(refused.value).replace(name, "")


@pytest.mark.parametrize("given", [TOKEN, "A B=1", "1A=1", "=1", "NAME"])
def test_what_is_no_variable_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(UserError, match="NAME=VALUE") as refused:
        variables_of([given])
    assert TOKEN not in str(refused.value)


def test_a_variable_that_the_app_would_refuse_is_refused() -> None:
    with pytest.raises(UserError, match="MICROSCOPE_QUEUE_SIZE is set to 'many'"):
        variables_of(["MICROSCOPE_QUEUE_SIZE=many"])
    with pytest.raises(UserError, match="no variable MICROSCOPE_MODEL; it has MICROSCOPE_MODELS"):
        variables_of(["MICROSCOPE_MODEL=a/b"])
    with pytest.raises(UserError, match="platform"):
        variables_of(["SPACE_ID=a/b"])
    with pytest.raises(UserError, match="twice"):
        variables_of(["A=1", "A=2"])


def test_secrets_are_given_by_name_alone() -> None:
    assert secret_names_of(["HF_TOKEN", "A", "HF_TOKEN"]) == ("HF_TOKEN", "A")
    with pytest.raises(UserError, match="by its name alone") as refused:
        secret_names_of([f"HF_TOKEN={TOKEN}"])
    assert TOKEN not in str(refused.value)


def test_a_bucket_has_a_path() -> None:
    assert bucket_of("owner/b:/data") == bucket_of("hf://buckets/owner/b:/data") == Bucket("owner/b", "/data")


@pytest.mark.parametrize("text", ["owner/b", "owner/b:data", "b:/data", "owner/b:/", "owner/b:/a/../b", ""])
def test_what_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="owner/bucket:/data"):
        bucket_of(text)


def test_hardware_is_what_a_space_can_have() -> None:
    assert hardware_name("zero-a10g") == "zero-a10g"
    for wrong in ("local-cpu", "h100", ""):
        with pytest.raises(UserError, match="choose one of cpu-basic"):
            hardware_name(wrong)


def test_sleep_is_in_seconds() -> None:
    assert [sleep_seconds(text) for text in ("1", "3600", "-1")] == [1, 3600, -1]
    for wrong in ("0", "-2", "1h", "", "٣", "99999999999"):
        with pytest.raises(UserError, match="seconds"):
            sleep_seconds(wrong)
