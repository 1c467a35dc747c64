"""The settings, from mappings that stand for the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.hardware import GB, GIB, Platform
from microscope.settings import REPOSITORY, VARIABLES, Settings, parse_margin, read_settings


class Recorded(Mapping[str, str]):
    """An empty environment that remembers what was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def settings(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def test_an_empty_environment_gives_the_defaults() -> None:
    found = settings()
    assert found.models == ""
    assert found.preset is None
    assert found.catalog == REPOSITORY / "models.yaml"
    assert found.cache_bytes is None
    assert found.cache_models is None
    assert found.data == Path.home() / ".cache/vlm-microscope"
    assert found.answers_bytes == 256_000_000
    assert found.queue_size == 50
    assert (found.swap_set, found.swap_items, found.swap_margin, found.webhook_secret) == ("", 1000, 0.05, "")
    assert not found.mcp
    assert found.log_level == "INFO"
    assert (found.host, found.port) == ("127.0.0.1", None)
    assert found.platform == Platform()
    assert not found.on_space
    assert (found.space_author, found.space_creator, found.oauth) == (None, None, False)
    assert not found.offline


def test_every_variable_is_read_and_every_read_one_is_documented() -> None:
    environ = Recorded()
    Settings.from_environment(environ)
    assert environ.asked == {variable.name for variable in VARIABLES}


def test_every_variable_has_a_meaning_and_a_setter() -> None:
    for variable in VARIABLES:
        assert variable.meaning.endswith(".")
        assert variable.set_by in {"you", "platform"}
        assert (variable.set_by == "you") == (variable.name.startswith(("MICROSCOPE_", "GRADIO_", "HF_")))


def test_the_documented_defaults_count_as_not_set() -> None:
    defaults = {v.name: v.default for v in VARIABLES if v.default and v.name != "MICROSCOPE_CATALOG"}
    assert Settings.from_environment(defaults) == settings()


def test_an_empty_value_counts_as_not_set() -> None:
    assert Settings.from_environment({variable.name: "  " for variable in VARIABLES}) == settings()


def test_given_values_are_taken() -> None:
    found = settings(
        MICROSCOPE_MODELS="org/a, org/b@rev",
        MICROSCOPE_PRESET="t4-small",
        MICROSCOPE_CACHE_BYTES="8GB",
        MICROSCOPE_CACHE_MODELS="3",
        MICROSCOPE_DATA="/data/answers",
        MICROSCOPE_ANSWERS_BYTES="1MiB",
        MICROSCOPE_QUEUE_SIZE="200",
        MICROSCOPE_SWAP_SET="lab/questions",
        MICROSCOPE_SWAP_ITEMS="300",
        MICROSCOPE_SWAP_MARGIN="2%",
        MICROSCOPE_MCP="on",
        MICROSCOPE_LOG_LEVEL="debug",
        GRADIO_SERVER_PORT="7861",
        GRADIO_SERVER_NAME="0.0.0.0",  # noqa: S104
        HF_HUB_OFFLINE="1",
        HF_TOKEN="hf_secret",  # noqa: S106
    )
    assert (found.models, found.preset) == ("org/a, org/b@rev", "t4-small")
    assert (found.cache_bytes, found.cache_models) == (8 * GB, 3)
    assert (found.data, found.answers_bytes) == (Path("/data/answers"), 2**20)
    assert (found.queue_size, found.mcp, found.log_level) == (200, True, "DEBUG")
    assert (found.swap_set, found.swap_items, found.swap_margin) == ("lab/questions", 300, 0.02)
    assert (found.host, found.port) == ("0.0.0.0", 7861)  # noqa: S104
    assert found.offline
    assert found.has_token


def test_paths_are_expanded_and_relative_to_the_working_directory() -> None:
    found = settings(MICROSCOPE_CATALOG="my/models.yaml", MICROSCOPE_DATA="~/answers")
    assert found.catalog == Path.cwd() / "my/models.yaml"
    assert found.data == Path.home() / "answers"


def test_a_space_serves_to_the_outside() -> None:
    found = settings(
        SYSTEM="spaces",
        SPACE_ID="me/vlm",
        SPACE_HOST="me-vlm.hf.space",
        SPACE_AUTHOR_NAME="me",
        SPACE_CREATOR_USER_ID="64f0",
        OAUTH_CLIENT_ID="client",
        ACCELERATOR="t4-small",
        MEMORY="15Gi",
        CPU_CORES="4",
    )
    assert found.on_space
    assert found.host == "0.0.0.0"  # noqa: S104
    assert (found.space_id, found.space_host, found.space_author) == ("me/vlm", "me-vlm.hf.space", "me")
    assert (found.space_creator, found.oauth) == ("64f0", True)
    assert found.platform == Platform("t4-small", 15 * GIB, 4, zero_gpu=False)


def test_only_a_space_offers_sign_in() -> None:
    assert not settings(OAUTH_CLIENT_ID="client").oauth
    assert not settings(SYSTEM="spaces").oauth


@pytest.mark.parametrize(
    ("value", "zero"), [("true", True), ("1", True), ("T", True), ("false", False), ("yes", False)]
)
def test_zerogpu_is_recognised_as_the_spaces_package_does(value: str, zero: bool) -> None:  # noqa: FBT001
    assert settings(SPACES_ZERO_GPU=value).platform.zero_gpu is zero


def test_a_figure_of_the_platform_that_cannot_be_read_stops_nothing() -> None:
    found = settings(MEMORY="a lot", CPU_CORES="3500m")
    assert found.platform == Platform()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MICROSCOPE_CACHE_BYTES", "eight", "8GB"),
        ("MICROSCOPE_CACHE_BYTES", "0", "above zero"),
        ("MICROSCOPE_ANSWERS_BYTES", "-1", "8GB"),
        ("MICROSCOPE_CACHE_MODELS", "0", "from 1 to 100"),
        ("MICROSCOPE_QUEUE_SIZE", "201", "from 1 to 200"),
        ("MICROSCOPE_QUEUE_SIZE", "1.5", "from 1 to 200"),
        ("MICROSCOPE_QUEUE_SIZE", "²", "from 1 to 200"),
        ("MICROSCOPE_SWAP_ITEMS", "0", "from 1 to 100000"),
        ("MICROSCOPE_SWAP_MARGIN", "100pp", "such as 2pp"),
        ("MICROSCOPE_SWAP_MARGIN", "little", "such as 2pp"),
        ("GRADIO_SERVER_PORT", "99999", "from 1 to 65535"),
        ("MICROSCOPE_MCP", "maybe", "on or off"),
        ("HF_HUB_OFFLINE", "2", "on or off"),
        ("MICROSCOPE_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
    ],
)
def test_a_bad_value_names_variable_value_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(UserError) as error:
        Settings.from_environment({name: value})
    sentence = str(error.value)
    assert name in sentence
    assert repr(value) in sentence
    assert allowed in sentence


def test_a_token_that_the_command_line_left_counts(tmp_path: Path) -> None:
    assert not settings(HF_HOME=str(tmp_path)).has_token
    (tmp_path / "token").write_text("hf_secret")
    assert settings(HF_HOME=str(tmp_path)).has_token


def test_no_secret_is_shown() -> None:
    found = settings(
        HF_TOKEN="hf_secret",  # noqa: S106
        GITHUB_TOKEN="ghs_secret",  # noqa: S106
        MICROSCOPE_WEBHOOK_SECRET="hook secret",  # noqa: S106
    )
    assert "secret" not in repr(found)
    assert found.github_token == "ghs_secret"  # noqa: S105
    assert found.webhook_secret == "hook secret"  # noqa: S105


def test_a_job_of_github_actions_names_its_repository() -> None:
    assert (settings().github_repository, settings().github_api_url) == ("", "https://api.github.com")
    found = settings(GITHUB_REPOSITORY="me/vlm", GITHUB_API_URL="https://git.lab.example/api/v3")
    assert (found.github_repository, found.github_api_url) == ("me/vlm", "https://git.lab.example/api/v3")


def test_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "MICROSCOPE_QUEUE_SIZE", "7")
    assert read_settings().queue_size == 7


@pytest.mark.parametrize("text", ["2pp", "2 pp", "2%", "0.02", " 2PP "])
def test_a_margin_is_written_in_points_or_as_a_share(text: str) -> None:
    assert parse_margin(text) == 0.02


@pytest.mark.parametrize("text", ["", "0", "-1pp", "1", "nan", "two"])
def test_what_is_no_margin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"margin|float"):
        parse_margin(text)
