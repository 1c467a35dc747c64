"""Puts a checkpoint's files on local disk and knows what they are; downloads, but loads nothing.

Runs in the main process only, where no GPU is held: a download must cost nobody quota. The local cache is asked
first; the network is asked only for what is missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from microscope.catalog.folders import PROCESSOR_FILES
from microscope.catalog.spec import ModelSpec
from microscope.engine.contents import contents_hash
from microscope.engine.download import SETTINGS, Content, Downloads, Progress, Wanted
from microscope.engine.weights import weight_files
from microscope.errors import UserError

# What a trainer wrote about itself says nothing about the answers.
NOT_SETTINGS = ("trainer_state.json", "training_args.json", "all_results.json", "train_results.json")


@dataclass(frozen=True)
class LocalCheckpoint:
    """A checkpoint whose files are all on this disk.

    `folder` holds configuration and weights (of the base model, for an adapter), `processor` the processor and
    tokenizer, `adapter` a PEFT adapter. `revision` is what people see: the Hub commit, or the hash of the weights.
    `identity` stands for everything in the files that decides an answer, `model` for the part of it that is the model
    without adapter and processor. `bytes` is the size of the weight files, `weights`; those of an adapter come last.
    """

    spec: ModelSpec
    folder: Path
    processor: Path
    adapter: Path | None
    revision: str
    identity: str
    weights: tuple[Path, ...]
    bytes: int
    model: str = ""

    @property
    def cache_key(self) -> str:
        """Return what stands for this checkpoint in a cache: another revision is another one."""
        return f"{self.spec.key}@{self.identity}"

    @property
    def alone(self) -> LocalCheckpoint:
        """Return the model alone: of an adapter its base, as what several adapters share."""
        if self.adapter is None:
            return self
        own = tuple(path for path in self.weights if path.parent != self.adapter)
        return replace(self, adapter=None, weights=own, bytes=sum(path.stat().st_size for path in own))


@dataclass(frozen=True)
class _Place:
    """A folder on this disk with its weight files; `commit` and `inside` where it is (in) a snapshot of the Hub's.

    `settings` are the configuration and tokenizer files of a folder of its own; a snapshot's never change.
    """

    folder: Path
    weights: tuple[Path, ...]
    settings: tuple[Path, ...] = ()
    commit: str = ""
    inside: str = ""

    @property
    def revision(self) -> str:
        return self.commit or f"sha256:{contents_hash(self.weights)[:12]}"

    @property
    def identity(self) -> str:
        """Return the commit with the folder inside it, or the hash of weights, configuration and tokenizer.

        Two checkpoints of one run have the same headers, and an edited configuration answers differently.
        """
        if self.commit:
            return "/".join(part for part in (self.commit, self.inside) if part)
        return contents_hash((*self.weights, *self.settings))


Stamp = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class _Known:
    """A checkpoint that was found before, and the state its files and folders were in."""

    local: LocalCheckpoint
    paths: tuple[str, ...]
    stamp: Stamp


@dataclass(frozen=True)
class Fetcher:
    """Gets checkpoints' files, from folders or by downloads; remembers those that have not changed since.

    It also remembers, whatever becomes of their files, what was placed before launch.
    """

    downloads: Downloads = field(default_factory=Downloads)
    _kept: dict[str, LocalCheckpoint] = field(default_factory=dict)
    _known: dict[ModelSpec, _Known] = field(default_factory=dict)

    def fetch(self, spec: ModelSpec, progress: Progress | None = None) -> LocalCheckpoint:
        """Return the checkpoint with all its files local, downloading what is missing.

        `progress` receives (bytes done, bytes total) while a download runs. Every foreseeable failure (gone, no
        access, no network, full disk, no weights, a damaged file) is a `UserError` with what to do about it.
        """
        if spec.key in self._kept:
            return self._kept[spec.key]
        known = self._known.get(spec)
        if known is not None and _stamp(known.paths) == known.stamp:
            return known.local
        return self._find(spec, progress)

    def _find(self, spec: ModelSpec, progress: Progress | None) -> LocalCheckpoint:
        content = Content.MODEL if spec.base is None else Content.ADAPTER
        own = base = self._place(Wanted(spec.source, spec.revision, spec.subfolder, content), spec.label, progress)
        if spec.base is not None:
            base = self._place(Wanted(spec.base, spec.base_revision), spec.label, progress)
        processor = self._processor(spec, own, base, progress)
        models = (own,) if base is own else (base, own)
        parts = models if processor in models else (*models, processor)
        weights = tuple(path for place in models for path in place.weights)
        # Before anything is read: what changes while it is read differs the next time.
        paths = tuple(str(p) for place in parts for p in (place.folder, *place.weights, *place.settings))
        stamp = _stamp(paths)
        local = LocalCheckpoint(
            spec=spec,
            folder=base.folder,
            processor=processor.folder,
            adapter=None if base is own else own.folder,
            revision="+".join(place.revision for place in models),
            identity="+".join(place.identity for place in parts),
            weights=weights,
            bytes=sum(path.stat().st_size for path in weights),
            model=base.identity,
        )
        self._known[spec] = _Known(local, paths, stamp)
        return local

    def weights(self, spec: ModelSpec) -> tuple[Path, ...]:
        """Return a checkpoint's weight files as far as they are on this disk; reads none, asks no network."""
        found: list[Path] = []
        for repo, revision, subfolder in (
            (spec.base, spec.base_revision, None),
            (spec.source, spec.revision, spec.subfolder),
        ):
            if repo is None:
                continue
            folder = Path(repo) if Path(repo).is_absolute() else self.downloads.find(Wanted(repo, revision, subfolder))
            if folder is not None and (folder / (subfolder or "")).is_dir():
                found += sorted((folder / (subfolder or "")).glob("*model*.safetensors"))
        return tuple(found)

    def known(self, spec: ModelSpec) -> LocalCheckpoint | None:
        """Return the checkpoint as it was last found, None where nobody asked for it yet; looks at no file."""
        known = self._known.get(spec)
        return self._kept.get(spec.key) or (known.local if known is not None else None)

    def keep(self, local: LocalCheckpoint) -> None:
        """Remember a checkpoint that was placed before launch: ZeroGPU deletes its downloaded files after packing."""
        self._kept[local.spec.key] = local

    def without_network(self) -> Fetcher:
        """Return a fetcher that knows the same files and downloads nothing."""
        return replace(self, downloads=replace(self.downloads, api=None))

    def _processor(self, spec: ModelSpec, own: _Place, base: _Place, progress: Progress | None) -> _Place:
        """Return where processor and tokenizer are: where the entry says, else with the checkpoint, else its base."""
        if spec.processor_from is not None:
            return self._place(Wanted(spec.processor_from, content=Content.PROCESSOR), spec.label, progress)
        for place in (own, base):
            if any((place.folder / name).exists() for name in PROCESSOR_FILES):
                return place
        if spec.subfolder:
            # A run that was pushed as a whole often has them once, at the top of the repository.
            top = Wanted(spec.source, spec.revision, content=Content.PROCESSOR)
            return self._place(top, spec.label, progress)
        return own

    def _place(self, wanted: Wanted, label: str, progress: Progress | None) -> _Place:
        """Return where one source is on this disk, downloading what is missing; a Hub id is never an absolute path."""
        if Path(wanted.repo).is_absolute():
            folder = Path(wanted.repo)
            if not folder.is_dir():
                raise UserError(f"The folder {folder} of {label} is gone; put it back or choose another checkpoint.")
            return _Place(folder, _weights(folder, wanted, label), _settings(folder))
        snapshot = self.downloads.find(wanted)
        if snapshot is not None:
            try:
                return _in_snapshot(snapshot, wanted, label)
            except UserError:
                # The library cannot tell of an older download whether it is whole.
                if self.downloads.api is None:
                    raise
        return _in_snapshot(self.downloads.download(wanted, progress), wanted, label)


def _in_snapshot(snapshot: Path, wanted: Wanted, label: str) -> _Place:
    folder = snapshot / (wanted.subfolder or "")
    if not folder.is_dir():
        raise UserError(f"{wanted.repo} has no folder {wanted.subfolder}; correct it in models.yaml.")
    return _Place(folder, _weights(folder, wanted, label), (), snapshot.name, wanted.subfolder or "")


def _weights(folder: Path, wanted: Wanted, label: str) -> tuple[Path, ...]:
    if wanted.content is Content.PROCESSOR:
        return ()
    return weight_files(folder, label, adapter=wanted.content is Content.ADAPTER)


def _settings(folder: Path) -> tuple[Path, ...]:
    endings = tuple(pattern.removeprefix("*") for pattern in SETTINGS)
    found = (path for path in folder.iterdir() if path.name.endswith(endings) and path.name not in NOT_SETTINGS)
    return tuple(sorted(found))


def _stamp(paths: tuple[str, ...]) -> Stamp:
    """Return size and modification time of each path, None where it is gone; a folder's tells of files in it."""
    states: list[tuple[int, int] | None] = []
    for path in paths:
        try:
            state = os.stat(path)  # noqa: PTH116  (asked before every answer)
            states.append((state.st_size, state.st_mtime_ns))
        except OSError:
            states.append(None)
    return tuple(states)
