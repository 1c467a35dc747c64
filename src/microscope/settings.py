"""The settings of the app, read once from the environment by the only code that reads it; knows no library of ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from microscope.errors import UserError
from microscope.hardware import Platform, parse_bytes

REPOSITORY = Path(__file__).resolve().parents[2]
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_YES, _NO = ("1", "t", "true", "yes", "on"), ("0", "f", "false", "no", "off")


@dataclass(frozen=True)
class Variable:
    """One environment variable: its name, the text it counts as when it is not set, and what it means.

    `set_by` is "you" or "platform" (Hugging Face Spaces or GitHub Actions sets it, or the library that it belongs to).
    """

    name: str
    default: str
    meaning: str
    set_by: str = "you"


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "MICROSCOPE_MODELS",
        "",
        "Checkpoints to offer instead of the catalogue's, separated by commas: `org/name`, `org/name@revision`, "
        "`org/name@*` (every branch and tag), `org/name/*` (every subfolder), `./folder`.",
    ),
    Variable(
        "MICROSCOPE_PRESET", "", "The preset of the catalogue to offer; by default the one that fits the hardware."
    ),
    Variable("MICROSCOPE_CATALOG", "models.yaml", "The catalogue file; the default is the one beside `app.py`."),
    Variable(
        "MICROSCOPE_CACHE_BYTES",
        "",
        "The most bytes of weights kept loaded, such as `8GB` or `512MiB`; by default what fits the hardware.",
    ),
    Variable("MICROSCOPE_CACHE_MODELS", "", "The most checkpoints kept loaded, 1 to 100; by default any number."),
    Variable("MICROSCOPE_DATA", "~/.cache/vlm-microscope", "The folder where answers are kept."),
    Variable("MICROSCOPE_ANSWERS_BYTES", "256MB", "The most bytes of answers kept; the oldest go first."),
    Variable(
        "MICROSCOPE_TRACKER",
        "trackio",
        "The tracker that evaluations are told to: `trackio`, `wandb`, `mlflow`, `tensorboard`, or `none`.",
    ),
    Variable("MICROSCOPE_QUEUE_SIZE", "50", "The most visitors that may wait in the queue, 1 to 200."),
    Variable(
        "MICROSCOPE_SWAP_SET",
        "",
        "The set that a new checkpoint is held to before it takes over: a file, a folder or a data set on the Hub; by "
        "default the embedded one.",
    ),
    Variable("MICROSCOPE_SWAP_ITEMS", "1000", "The most items of that set that are asked, 1 to 100000."),
    Variable("MICROSCOPE_SWAP_MARGIN", "5pp", "By how much a new checkpoint may be worse, such as `2pp`."),
    Variable(
        "MICROSCOPE_WEBHOOK_SECRET",
        "",
        "The secret of a webhook of the Hub that reloads the catalogue; add it as a secret. Off without it.",
    ),
    Variable("MICROSCOPE_MCP", "off", "Whether to serve the MCP endpoint: `on` or `off`."),
    Variable("MICROSCOPE_LOG_LEVEL", "INFO", "How much is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    Variable("GRADIO_SERVER_PORT", "", "The port to serve on, 1 to 65535; by default the first free one from 7860."),
    Variable("GRADIO_SERVER_NAME", "", "The address to serve on; by default `127.0.0.1`, and `0.0.0.0` on a Space."),
    Variable("HF_TOKEN", "", "The Hub token that gated and private checkpoints need; add it as a secret."),
    Variable("HF_HOME", "~/.cache/huggingface", "The folder of the Hub's files: downloaded checkpoints, the token."),
    Variable("HF_HUB_OFFLINE", "off", "Whether to stay off the network and use what is already on disk."),
    Variable("SYSTEM", "", "`spaces` on a Space.", "platform"),
    Variable("SPACE_ID", "", "The Space's `owner/name`.", "platform"),
    Variable("SPACE_HOST", "", "The Space's host name.", "platform"),
    Variable("SPACE_AUTHOR_NAME", "", "The Space's owner.", "platform"),
    Variable("SPACE_CREATOR_USER_ID", "", "Who created the Space, which counts as its owner as well.", "platform"),
    Variable(
        "OAUTH_CLIENT_ID", "", "The Space's own sign-in, set where the README's head asks for `hf_oauth`.", "platform"
    ),
    Variable("SPACES_ZERO_GPU", "off", "Whether the Space runs on ZeroGPU.", "platform"),
    Variable("ACCELERATOR", "", "The Space's hardware, such as `t4-small`; `none` without a GPU.", "platform"),
    Variable("MEMORY", "", "The Space's RAM, such as `15Gi`.", "platform"),
    Variable("CPU_CORES", "", "The Space's CPU cores.", "platform"),
    Variable("GITHUB_REPOSITORY", "", "The `owner/name` of the repository whose workflow runs.", "platform"),
    Variable("GITHUB_API_URL", "https://api.github.com", "The address of GitHub's API.", "platform"),
    Variable("GITHUB_TOKEN", "", "The token of a workflow's job, where its step hands it on.", "platform"),
)


@dataclass(frozen=True)
class Settings:
    """Everything the environment decides; sizes in bytes, None where the app decides."""

    models: str
    preset: str | None
    catalog: Path
    cache_bytes: int | None
    cache_models: int | None
    data: Path
    answers_bytes: int
    tracker: str
    queue_size: int
    swap_set: str
    swap_items: int
    swap_margin: float
    mcp: bool
    log_level: str
    port: int | None
    host: str
    platform: Platform
    on_space: bool
    space_id: str | None
    space_host: str | None
    space_author: str | None
    space_creator: str | None
    oauth: bool
    offline: bool
    has_token: bool
    github_repository: str
    github_api_url: str
    github_token: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @property
    def alone(self) -> bool:
        """Tell whether only this machine can reach the page."""
        return not self.on_space and self.host in ("127.0.0.1", "localhost", "::1")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from a mapping of environment variables; a bad value raises a UserError that names it."""
        read = _Reader(environ)
        on_space = read.text("SYSTEM") == "spaces"
        return cls(
            models=read.text("MICROSCOPE_MODELS"),
            preset=read.text("MICROSCOPE_PRESET") or None,
            catalog=read.path("MICROSCOPE_CATALOG", REPOSITORY),
            cache_bytes=read.size("MICROSCOPE_CACHE_BYTES"),
            cache_models=read.whole("MICROSCOPE_CACHE_MODELS", 1, 100),
            data=read.path("MICROSCOPE_DATA", Path.cwd()),
            answers_bytes=read.size("MICROSCOPE_ANSWERS_BYTES") or 0,
            tracker=read.text("MICROSCOPE_TRACKER").lower(),
            queue_size=read.whole("MICROSCOPE_QUEUE_SIZE", 1, 200) or 1,
            swap_set=read.text("MICROSCOPE_SWAP_SET"),
            swap_items=read.whole("MICROSCOPE_SWAP_ITEMS", 1, 100_000) or 1,
            swap_margin=read.margin("MICROSCOPE_SWAP_MARGIN"),
            mcp=read.flag("MICROSCOPE_MCP"),
            log_level=read.choice("MICROSCOPE_LOG_LEVEL", LOG_LEVELS),
            port=read.whole("GRADIO_SERVER_PORT", 1, 65535),
            # A Space's visitors come from outside its container.
            host=read.text("GRADIO_SERVER_NAME") or ("0.0.0.0" if on_space else "127.0.0.1"),  # noqa: S104
            platform=read.platform(),
            on_space=on_space,
            space_id=read.text("SPACE_ID") or None,
            space_host=read.text("SPACE_HOST") or None,
            space_author=read.text("SPACE_AUTHOR_NAME") or None,
            space_creator=read.text("SPACE_CREATOR_USER_ID") or None,
            # Off a Space Gradio plays the sign-in, and anybody passes.
            oauth=bool(read.text("OAUTH_CLIENT_ID")) and on_space,
            offline=read.flag("HF_HUB_OFFLINE"),
            # `hf auth login` leaves the token in that file.
            has_token=bool(read.text("HF_TOKEN")) or (read.path("HF_HOME", Path.cwd()) / "token").is_file(),
            github_repository=read.text("GITHUB_REPOSITORY"),
            github_api_url=read.text("GITHUB_API_URL"),
            github_token=read.text("GITHUB_TOKEN"),
            webhook_secret=read.text("MICROSCOPE_WEBHOOK_SECRET"),
        )


def read_settings() -> Settings:
    """Read the settings from the environment of this process."""
    return Settings.from_environment(os.environ)


def parse_margin(text: str) -> float:
    """Return a margin in scores from what a person writes: 2pp, 2% and 0.02 are the same; a `ValueError` else."""
    body = text.strip().lower()
    digits = body.removesuffix("pp").removesuffix("%").strip()
    value = float(digits) / (100 if digits != body else 1)
    if not 0 < value < 1:
        raise ValueError(f"{text!r} is no margin")
    return value


def environment_value(name: str) -> str:
    """Return the value of a variable that the user names, such as that of a secret to hand on; a UserError without it.

    The sentence never repeats a value.
    """
    value = os.environ.get(name, "")
    if value:
        return value
    raise UserError(f"The environment variable {name} is not set: put the value of the secret {name} there first.")


def environment_of_child(changes: Mapping[str, str], without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the environment for a child process: this one's with changes, less what begins with one of `without`.

    It holds the user's secrets: it is for a child alone, never to be shown.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    return {**kept, **changes}


class _Reader:
    """Reads variables of the table as text, numbers and flags; an empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._defaults = {variable.name: variable.default for variable in VARIABLES}

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip() or self._defaults[name]

    def path(self, name: str, base: Path) -> Path:
        """Return an absolute path; the default is relative to `base`, a given one to the working directory."""
        given = self._environ.get(name, "").strip()
        return Path.cwd() / Path(given).expanduser() if given else base / Path(self._defaults[name]).expanduser()

    def size(self, name: str) -> int | None:
        value = self.text(name)
        if not value:
            return None
        try:
            size = parse_bytes(value)
        except ValueError:
            size = 0
        if size <= 0:
            raise _refusal(name, value, "a size above zero such as 8GB, 512MiB or 1000000")
        return size

    def whole(self, name: str, least: int, most: int) -> int | None:
        value = self.text(name)
        if not value:
            return None
        if not re.fullmatch(r"\d{1,18}", value, re.ASCII) or not least <= int(value) <= most:
            raise _refusal(name, value, f"a whole number from {least} to {most}")
        return int(value)

    def margin(self, name: str) -> float:
        value = self.text(name)
        try:
            return parse_margin(value)
        except ValueError:
            raise _refusal(name, value, "percentage points above 0 and below 100, such as 2pp") from None

    def flag(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in _YES + _NO:
            raise _refusal(name, value, "on or off (also 1, true, yes, 0, false, no)")
        return value in _YES

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name).upper()
        if value not in allowed:
            raise _refusal(name, self.text(name), ", ".join(allowed))
        return value

    def platform(self) -> Platform:
        """Return what the platform says; a figure that cannot be read counts as unknown, for nobody here set it."""
        try:
            memory = parse_bytes(self.text("MEMORY"))
        except ValueError:
            memory = None
        cores = self.text("CPU_CORES")
        return Platform(
            accelerator=self.text("ACCELERATOR") or None,
            memory_bytes=memory,
            cores=int(cores) if re.fullmatch(r"\d{1,6}", cores, re.ASCII) and int(cores) else None,
            # The values that the `spaces` package takes for yes.
            zero_gpu=self.text("SPACES_ZERO_GPU").lower() in ("1", "t", "true"),
        )


def _refusal(name: str, value: str, allowed: str) -> UserError:
    return UserError(f"The environment variable {name} is set to {value!r}; set it to {allowed}, or leave it out.")
