"""Brings one repository's checkpoint files from the Hub into the local cache; knows no catalogue and loads nothing."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, XetDownloadError
from huggingface_hub.utils import filter_repo_objects
from tqdm.auto import tqdm

from microscope.catalog.hub import HubFile, Resolved, explain_hub_error, resolve
from microscope.engine.weights import FLOATS
from microscope.errors import UserError

SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken")
WEIGHTS = ("*.safetensors",)
# What trainers and exporters leave beside the weights; `consolidated` is a second copy of them in another layout.
BESIDE = ("optimizer*", "scheduler*", "pytorch_model_fsdp*", "consolidated*")
SPARE_BYTES = 256 * 1024**2
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Progress = Callable[[int, int], None]


class Content(Enum):
    """What a folder is read for: a whole model, a PEFT adapter, or processor and tokenizer alone."""

    MODEL = "model"
    ADAPTER = "adapter"
    PROCESSOR = "processor"


@dataclass(frozen=True)
class Wanted:
    """Which files of which repository: a revision (None: the default branch), a folder inside, and what is in it."""

    repo: str
    revision: str | None = None
    subfolder: str | None = None
    content: Content = Content.MODEL

    @property
    def allowed(self) -> list[str]:
        """Return the patterns of the files to have."""
        patterns = SETTINGS if self.content is Content.PROCESSOR else (*SETTINGS, *WEIGHTS)
        return [f"{self._top}{pattern}" for pattern in patterns]

    @property
    def ignored(self) -> list[str]:
        """Return the patterns of those to leave: deeper folders are other checkpoints, or other formats."""
        return [f"{self._top}{pattern}" for pattern in ("*/*", *BESIDE)]

    @property
    def _top(self) -> str:
        return f"{self.subfolder}/" if self.subfolder else ""


@dataclass(frozen=True)
class Downloads:
    """Where downloads come from and go to: the Hub's client (None: no network), the cache (None: the library's).

    Weights that would take more than `largest` bytes once loaded as `dtype` are refused before the first byte.
    """

    api: HfApi | None = None
    cache: Path | None = None
    largest: int | None = None
    dtype: str = "auto"

    def find(self, wanted: Wanted) -> Path | None:
        """Return the local snapshot where it is complete, without asking the network."""
        try:
            found = snapshot_download(
                wanted.repo,
                revision=wanted.revision,
                cache_dir=self._cache,
                local_files_only=True,
                allow_patterns=wanted.allowed,
                ignore_patterns=wanted.ignored,
            )
        except LocalEntryNotFoundError:
            return None
        return Path(found)

    def download(self, wanted: Wanted, progress: Progress | None = None) -> Path:
        """Download what is missing and return the snapshot, its folder named by the commit.

        `progress` receives (bytes done, bytes to download). Every foreseeable failure is a `UserError`.
        """
        if self.api is None:
            raise UserError(
                f"{wanted.repo} is not on this machine and HF_HUB_OFFLINE keeps us off the network: unset it."
            )
        resolved = resolve(wanted.repo, wanted.revision, self.api, self._cache)
        missing = self._missing(wanted, resolved.commit, resolved.files)
        self._check_memory(wanted, resolved)
        self._check_room(wanted, missing)
        try:
            found = snapshot_download(
                wanted.repo,
                revision=resolved.commit,
                cache_dir=self._cache,
                endpoint=self.api.endpoint,
                token=self.api.token,
                tqdm_class=_bar(progress or _ignore, missing),
                allow_patterns=wanted.allowed,
                ignore_patterns=wanted.ignored,
            )
        except LocalEntryNotFoundError as error:
            cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
            raise explain_hub_error(cause, wanted.repo, wanted.revision) from error
        except (HTTPError, OfflineModeIsEnabled, XetDownloadError) as error:
            raise explain_hub_error(error, wanted.repo, wanted.revision) from error
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise UserError(
                f"The disk is full: {wanted.repo} was downloaded only in part; free some space and try again."
            ) from error
        return Path(found)

    @property
    def _cache(self) -> Path:
        return self.cache or Path(constants.HF_HUB_CACHE)

    def _check_memory(self, wanted: Wanted, resolved: Resolved) -> None:
        """Compare what the weights will take in memory with what there is, by what the Hub tells of them."""
        weights = sum(file.size for file in self._chosen(wanted, resolved.files) if file.path.endswith(".safetensors"))
        need = weights
        if self.dtype in FLOATS and resolved.parameters and wanted.subfolder is None:
            # Saved wider than it is loaded; the count is that of the whole repository.
            need = min(weights, resolved.parameters * FLOATS[self.dtype])
        if self.largest is not None and need > self.largest:
            raise UserError(
                f"{wanted.repo} needs {need / 1e9:.2f} GB of memory and there are {self.largest / 1e9:.2f} GB for "
                "checkpoints; choose a smaller one, or larger hardware. Nothing was downloaded."
            )

    def _chosen(self, wanted: Wanted, files: tuple[HubFile, ...]) -> Iterable[HubFile]:
        return filter_repo_objects(
            files, allow_patterns=wanted.allowed, ignore_patterns=wanted.ignored, key=lambda file: file.path
        )

    def _missing(self, wanted: Wanted, commit: str, files: tuple[HubFile, ...]) -> int:
        """Return the bytes of the wanted files that are not on this machine; 0 where the Hub did not tell."""
        return sum(
            file.size
            for file in self._chosen(wanted, files)
            if not isinstance(try_to_load_from_cache(wanted.repo, file.path, self._cache, commit), str)
        )

    def _check_room(self, wanted: Wanted, missing: int) -> None:
        """Compare what is to come with what the disk has left, before the first byte."""
        place = next(folder for folder in (self._cache, *self._cache.parents) if folder.exists())
        free = shutil.disk_usage(place).free
        if missing and missing + SPARE_BYTES > free:
            raise UserError(
                f"The disk is full: {wanted.repo} needs {missing / 1e9:.2f} GB and {free / 1e9:.2f} GB are free; free "
                "some space or choose a smaller checkpoint."
            )


def _ignore(_done: int, _total: int) -> None:
    """Tell nobody how far a download is."""


def _bar(progress: Progress, total: int) -> type[tqdm]:
    """Return the class of a silent bar that passes on how many bytes of `total` have arrived."""

    class Bar(tqdm):
        """One of the bars that the library draws; the one that counts bytes on disk matters."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
            # The library counts bytes on disk in one bar, and bytes from the network in another, for Xet alone.
            self._counts = kwargs.get("unit") == "B" and not str(kwargs.get("desc")).startswith("Downloading")
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            """Count on, and pass the count on."""
            self.n += n or 0
            if self._counts:
                done = int(self.n)
                progress(done, max(total, done))
            return None

    return Bar
