"""Loads models onto a device, one load at a time in the whole process; knows no cache and no request.

A first checkpoint of a kind is loaded the library's way. Those that differ from it in their weights alone are loaded
by pointing its emptied model, or a copy of it without weights, at their mapped files.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from safetensors import SafetensorError
from transformers import PreTrainedModel

from microscope.engine.caching.states import LoadDropped
from microscope.engine.files import LocalCheckpoint
from microscope.engine.loading.adapters import Adapters
from microscope.engine.loading.gate import loading, renew_gate
from microscope.engine.loading.images import Images, WeightImage, identity_of, map_files, mapped_bytes
from microscope.engine.loading.keys import Unmapped, map_keys
from microscope.engine.loading.pretrained import check_nothing_on_meta, load_pretrained
from microscope.engine.loading.quantised import quantisation
from microscope.engine.loading.shells import Shell, Shells, capture
from microscope.engine.loading.signature import Signature, read_config, rename, signature_of
from microscope.engine.loading.upload import Uploads
from microscope.engine.memory import is_out_of_memory
from microscope.engine.pagecache import cached_fraction, never, read_ahead

log = logging.getLogger("microscope")

PLAIN, SHELL, POINTER = "plain", "shell", "pointer"
# What goes wrong with a module that cannot be copied or filled, whatever it has in it.
SHELL_FAULTS = (TypeError, KeyError, ValueError, AttributeError, RuntimeError)
# Of a file of which less is in the page cache, the rest is read before it is mapped.
MOSTLY = 0.9

Progress = Callable[[int, int], None]


@dataclass(eq=False)
class Resident:
    """A loaded model on its device, its size in bytes (parameters and buffers), and what loading took in seconds.

    Of the bytes, `mapped` are backed by files and cost no memory of the process's own. `how` it was loaded: `plain`,
    the library's way; `shell`, by filling a model that was there; `pointer`, so too, with files that were mapped.
    `adapters` are those that were put onto it, None before the first one.
    """

    local: LocalCheckpoint
    model: PreTrainedModel
    bytes: int
    mapped: int
    seconds: float
    how: str
    adapters: Adapters | None = None


class _Known(NamedTuple):
    """What a checkpoint that may share a shell was found to be."""

    config: dict[str, Any]
    signature: Signature
    image: WeightImage
    was_open: bool


class _Lent(NamedTuple):
    """What a resident model is made of, where that can be used again."""

    known: _Known
    shell: Shell


def load(local: LocalCheckpoint, device: str, dtype: str) -> Resident:
    """Load a checkpoint the library's way; `dtype` is a torch dtype's name, or `auto` for the one it was saved in.

    Safetensors only, no remote code. Raises `UserError` for a damaged file, an unknown architecture, or weights that
    do not fit the configuration.
    """
    with loading():
        start = time.perf_counter()
        model = load_pretrained(local, dtype)
        model.to(device)
        return _resident(local, model, start)


class Loader:
    """Loads to and from one device; keeps emptied models, and as many bytes of mapped files as `host_budget` says.

    State of the process; several threads may use it, one of which loads at a time.
    """

    def __init__(self, device: str, host_budget: int) -> None:
        self._device = device
        self._images, self._shells = Images(host_budget), Shells()
        self._uploads: dict[str, Uploads] = {}
        self._lent: WeakKeyDictionary[Resident, _Lent | None] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def load(
        self,
        local: LocalCheckpoint,
        dtype: str,
        *,
        device: str | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Resident:
        """Load a checkpoint, on another device where one is named; see `load` for its dtype and what it raises.

        `progress` receives (bytes read, bytes in all). Raises `LoadDropped` once `cancelled` is true between steps.
        """
        device = device or self._device
        with loading():
            start = time.perf_counter()
            _read(local, progress, cancelled)
            known = self._know(local, dtype, device)
            _go_on(cancelled)
            found = self._load_by_shell(local, known, start) if known is not None else None
            if found is None:
                model, lent = self._load_plain(local, dtype, device, known)
                resident = _resident(local, model, start)
            else:
                resident, lent = found
            with self._lock:
                self._lent[resident] = lent
        if progress is not None:
            progress(local.bytes, local.bytes)
        return resident

    def release(self, resident: Resident) -> None:
        """Let go of a model's weights; what is left serves the next checkpoint like it. The model answers no more.

        A second time it does nothing.
        """
        with self._lock:
            if resident not in self._lent:
                return
            lent = self._lent.pop(resident)
        if resident.adapters is not None:
            # Their wrappers stand where the shell expects the model's own layers.
            resident.adapters.activate_base()
            resident.adapters = None
        if lent is None:
            _empty(resident.model)
        else:
            self._take_back(lent)

    def after_fork(self) -> None:
        """Open all locks in a forked child."""
        renew_gate()
        self._lock = threading.Lock()
        self._uploads = {}
        self._images.after_fork()
        self._shells.after_fork()

    def _know(self, local: LocalCheckpoint, dtype: str, device: str) -> _Known | None:
        """Return the checkpoint's signature and open image; None where it is loaded the library's way each time."""
        config = read_config(local)
        if local.adapter is not None or config is None or quantisation(config) is not None:
            return None
        # What is wrong with a file, the library's way finds as well, and says.
        with suppress(SafetensorError, OSError, ValueError):
            identity = identity_of(local)
            image = self._images.find(identity)
            was_open = image is not None
            image = image or map_files(identity)
            return _Known(config, signature_of(local, config, image.header, dtype, device), image, was_open)
        return None

    def _load_by_shell(self, local: LocalCheckpoint, known: _Known, start: float) -> tuple[Resident, _Lent] | None:
        """Load into a kept module; None where there is none, or where it fails: the library's way may not."""
        at_hand = known.was_open and self._shells.has_free(known.signature)
        try:
            shell = self._shells.take(known.signature)
            if shell is None:
                return None
            lent = self._fill(local, known, shell)
        except SHELL_FAULTS as error:
            if is_out_of_memory(error):
                raise
            log.exception("%s is loaded the library's way, for its kept module failed", local.spec.key)
            return None
        tensors = [tensor for _, tensor in shell.tensors]
        mapped = sum(tensor.nbytes for tensor in tensors if known.image.has(tensor))
        size, seconds = sum(tensor.nbytes for tensor in tensors), time.perf_counter() - start
        how = POINTER if at_hand else SHELL
        return Resident(local, shell.model, size + shell.own_bytes, mapped, seconds, how), lent

    def _load_plain(
        self, local: LocalCheckpoint, dtype: str, device: str, known: _Known | None
    ) -> tuple[PreTrainedModel, _Lent | None]:
        model, lent = load_pretrained(local, dtype), None
        try:
            keys = {} if known is None else map_keys(model, known.image)
            model.to(device)
            if known is not None:
                lent = _Lent(known, capture(model, keys))
                self._remember(lent)
        except (Unmapped, KeyError, TypeError, AttributeError) as reason:
            log.info("%s is loaded the library's way each time: %s", local.spec.key, reason)
            model.to(device)
        return model, lent

    def _fill(self, local: LocalCheckpoint, known: _Known, shell: Shell) -> _Lent:
        device, lent = known.signature.device, _Lent(known, shell)
        uploads = self._uploads.setdefault(device, Uploads(device))
        with ExitStack() as failing:
            failing.callback(self._take_back, lent)
            shell.fill(uploads.bring((known.image.tensors[slot.key], slot.dtype) for slot in shell.slots))
            rename(shell.model, local, known.config)
            check_nothing_on_meta(shell.tensors, local)
            failing.pop_all()
        self._remember(lent)
        return lent

    def _take_back(self, lent: _Lent) -> None:
        if lent.known.image.written_to:
            log.warning("weights were changed in memory, so their files are mapped anew")
            self._images.forget(lent.known.image)
        if lent.shell.strip():
            self._shells.give(lent.known.signature, lent.shell)

    def _remember(self, lent: _Lent) -> None:
        self._shells.know(lent.known.signature, lent.shell)
        self._images.keep(lent.known.image)


def _read(local: LocalCheckpoint, progress: Progress | None, cancelled: Callable[[], bool]) -> None:
    """Bring the weight files into the page cache where they are not: in bulk that is faster than by page faults."""
    _go_on(cancelled)
    missing = [path for path in local.weights if _is_cold(path)]
    if missing:
        total = local.bytes
        told = None if progress is None else lambda done: progress(min(done, total), total)
        read_ahead(missing, cancelled=cancelled, progress=told)
        _go_on(cancelled)


def _is_cold(path: Path) -> bool:
    fraction = cached_fraction(path)
    return fraction is not None and fraction < MOSTLY


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise LoadDropped


def _resident(local: LocalCheckpoint, model: PreTrainedModel, start: float) -> Resident:
    tensors = [*model.parameters(), *model.buffers()]
    size = sum(tensor.nbytes for tensor in tensors)
    mapped = mapped_bytes(tensors, local.weights)
    return Resident(local, model, size, mapped, time.perf_counter() - start, PLAIN)


def _empty(model: PreTrainedModel) -> None:
    """Take a model's tensors away for good: whoever still holds it keeps no memory by that."""
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            table.update(dict.fromkeys(table))
