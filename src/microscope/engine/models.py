"""Models on this machine's device: one cache, one loader, one rule for the dtype; knows no request and no queue."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, PreTrainedConfig

from microscope.engine.architectures import register_architecture
from microscope.engine.caching.loads import Loaded, LoadJob
from microscope.engine.caching.model_cache import ModelCache
from microscope.engine.caching.states import Want
from microscope.engine.caching.ticket import Lease, Ticket
from microscope.engine.files import LocalCheckpoint
from microscope.engine.ladder import climb
from microscope.engine.loader import Loader, Resident, load
from microscope.engine.loading.adapters import Adapters
from microscope.engine.memory import available_bytes, device_memory, trim
from microscope.engine.prefetch import Prefetcher
from microscope.engine.reserve import head_copy_bytes, reserve_bytes, study_bytes
from microscope.engine.weights import FLOATS, check_whole, resident_bytes
from microscope.errors import UserError

# Larger ones are too slow on a CPU to wait for.
SMALL_BYTES = 3 * 10**9
# Who wants the files of the checkpoint that comes after the one that generates.
NEXT = "the next in line"
BADLY_CONFIGURED = (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError, UserError)


@dataclass(frozen=True)
class Needs:
    """What decides the working memory of one answer: tokens of the prompt, those of the image, new ones, pixels.

    Where it is looked inside, passes of `together` tokens in all go at once, and one is gone through backwards. A
    `batch` of more answers needs as much for each.
    """

    prompt_tokens: int = 0
    image_tokens: int = 0
    new_tokens: int = 0
    pixels: int = 0
    together: int = 0
    batch: int = 1


@dataclass(frozen=True)
class Models:
    """Where models are kept and run: `device` is torch's name, `dtype` what checkpoints load in unless they say.

    `dtype` is a torch dtype's name or `auto`, the one a checkpoint was saved in. `spare` are the models on the CPU,
    for small ones that the accelerator has no room for.
    """

    cache: ModelCache[Resident]
    loader: Loader
    device: str
    dtype: str
    prefetcher: Prefetcher = field(default_factory=Prefetcher)
    spare: Models | None = None

    def __post_init__(self) -> None:
        for method in (self.loader.after_fork, self.prefetcher.after_fork):
            renew = weakref.WeakMethod(method)
            os.register_at_fork(after_in_child=lambda renew=renew: (renewed := renew()) and renewed())

    def request(self, local: LocalCheckpoint, needs: Needs | None = None, *, eager: bool = True) -> Ticket[Resident]:
        """Ask for the checkpoint's model; it is loaded where it is not in memory, and used through `open`.

        Not `eager`, it is only loaded, until the ticket is promoted. The files are looked at only where it is absent:
        those of a model that was packed are deleted.
        """
        return self.cache.request(self._want(local, needs or Needs()), lambda job: self._load(local, job), eager=eager)

    def open(self, ticket: Ticket[Resident], local: LocalCheckpoint) -> Lease[Resident]:
        """Return the lease of a ticket that is ready, the checkpoint's adapter switched on, or all of them off."""
        lease = ticket.lease
        self._activate(lease.resident, local)
        return lease

    @contextmanager
    def lease(self, local: LocalCheckpoint, needs: Needs | None = None) -> Iterator[Lease[Resident]]:
        """Lease the checkpoint's model, waiting for it as long as it takes."""
        with self.request(local, needs) as ticket:
            yield self.open(ticket, local)

    def holds(self, local: LocalCheckpoint) -> bool:
        """Tell whether the checkpoint's model is in memory; a hint for estimates, not a promise."""
        return self.cache.holds(self.key(local))

    def key(self, local: LocalCheckpoint) -> str:
        """Return what the cache knows the checkpoint's model by: the adapters on a base share one."""
        spec = local.spec
        return "/".join((local.model, self.dtype_of(local), spec.attention, spec.architecture or ""))

    def dtype_of(self, local: LocalCheckpoint) -> str:
        """Return the dtype the checkpoint loads in: its own wish, else the machine's."""
        return local.spec.dtype if local.spec.dtype != "auto" else self.dtype

    def place(self, local: LocalCheckpoint) -> int:
        """Load a checkpoint for good before there are requests, and return the bytes that this takes."""
        if self.holds(local):
            # An adapter on a base that is placed: it is switched on when it is asked.
            return 0
        resident = load(local.alone, self.device, self.dtype_of(local))
        self.cache.place(self._want(local, Needs()), _loaded(resident))
        return resident.bytes

    def read_ahead(self, local: LocalCheckpoint) -> None:
        """Have the checkpoint's files read into the page cache where its model is neither in memory nor loading."""
        key = self.key(local)
        if not any(model.key == key for model in self.cache.snapshot().models):
            self.prefetcher.want(NEXT, {local.spec.key: local.weights})

    def relieve(self, local: LocalCheckpoint) -> None:
        """Let go of everything idle: memory ran out while the checkpoint's model was used or loaded."""
        self.cache.relieve(local.spec.label, self._memory())
        trim()

    def spare_for(self, local: LocalCheckpoint) -> Models | None:
        """Return where else a checkpoint may run that has no room here: on the CPU, where it is small enough."""
        free = available_bytes()
        fits = local.bytes <= SMALL_BYTES and (free is None or local.bytes * 2 <= free)
        return self.spare if fits else None

    def out_of_memory(self, local: LocalCheckpoint, needs: Needs) -> str:
        """Return the sentence for a checkpoint that ran out of memory while it answered."""
        reserve = self._reserve(local, needs) / 1e9
        return (
            f"{local.spec.label} ran out of memory on {self.device} although everything else was let go "
            f"({self._memory()}; this answer was expected to need {reserve:.2f} GB beside the weights); try a smaller "
            "image budget, fewer new tokens, or a smaller checkpoint."
        )

    def _want(self, local: LocalCheckpoint, needs: Needs) -> Want:
        spec, key = local.spec, self.key(local)
        return Want(
            model=key,
            name=spec.key,
            label=spec.label,
            bytes=0 if self.cache.holds(key) else _expected(local, self.dtype_of(local)),
            reserve=self._reserve(local, needs),
            variant="" if local.adapter is None else local.identity,
            pin=spec.pin,
        )

    def config(self, local: LocalCheckpoint) -> PreTrainedConfig | None:
        """Return the configuration of the checkpoint's model; None where it cannot be read: the load will say why."""
        config = _config(local.folder, local.model, local.spec.architecture)
        resident = self.cache.get(self.key(local)) if config is None else None
        # A packed model's files may be gone; it stays as it is.
        return config if resident is None else resident.model.config

    def _reserve(self, local: LocalCheckpoint, needs: Needs) -> int:
        if not needs.prompt_tokens:
            return 0
        config = self.config(local)
        if config is None:
            return 0
        dtype = self.dtype_of(local)
        width = FLOATS.get(dtype, 4)
        reserve = reserve_bytes(
            config,
            prompt_tokens=needs.prompt_tokens,
            image_tokens=needs.image_tokens,
            new_tokens=needs.new_tokens,
            pixels=needs.pixels,
            dtype_bytes=width,
        )
        reserve *= needs.batch
        if needs.together:
            sizes = {"prompt_tokens": needs.prompt_tokens, "new_tokens": needs.new_tokens, "together": needs.together}
            reserve += study_bytes(config, **sizes, dtype_bytes=width)
        # There, torch copies the output head once a prompt; a checkpoint's own dtype is most often that one.
        copies = self.device == "cpu" and dtype in ("bfloat16", "auto")
        return reserve + (head_copy_bytes(config, width) if copies else 0)

    def _load(self, local: LocalCheckpoint, job: LoadJob) -> Loaded[Resident]:
        base, dtype = local.alone, self.dtype_of(local)
        with self.prefetcher.yield_to():
            resident = climb(
                lambda: self.loader.load(base, dtype, progress=job.progress, cancelled=job.cancelled),
                lambda: self.relieve(local),
                lambda: self._no_room(local),
            )
        return _loaded(resident)

    def _no_room(self, local: LocalCheckpoint) -> str:
        size = _expected(local, self.dtype_of(local)) / 1e9
        return (
            f"{local.spec.label} needs {size:.2f} GB for its weights, and memory ran out on {self.device} although "
            f"everything else was let go ({self._memory()}); choose a smaller checkpoint."
        )

    def _memory(self) -> str:
        measured = device_memory(self.device)
        if measured is not None:
            used, total = measured
            return f"{used / 1e9:.2f} of {total / 1e9:.2f} GB in use"
        free = available_bytes()
        return "how much is free is not known" if free is None else f"{free / 1e9:.2f} GB free"

    def _activate(self, resident: Resident, local: LocalCheckpoint) -> None:
        """Switch the checkpoint's adapter on, or all of them off; its bytes count as the model's from then on."""
        if resident.adapters is None:
            if local.adapter is None:
                return
            resident.adapters = Adapters(resident.model)
        resident.adapters.activate(local)
        if not self.cache.grow(self.key(local), resident.bytes + resident.adapters.bytes):
            resident.adapters.forget(local)
            raise UserError(
                f"{local.spec.label} has no room beside its base model in {self.cache.budget / 1e9:.2f} GB; choose "
                "the base alone, or a smaller one."
            )


def _loaded(resident: Resident) -> Loaded[Resident]:
    return Loaded(
        resident, resident.bytes, resident.mapped, resident.seconds, resident.how, str(resident.model.device)
    )


def _expected(local: LocalCheckpoint, dtype: str) -> int:
    """Return the bytes that loading will take; the files may have changed since they were found."""
    for path in local.weights:
        check_whole(path, local.spec.label)
    return resident_bytes(local.weights, dtype)


@lru_cache(maxsize=64)
def _config(folder: Path, _identity: str, architecture: str | None) -> PreTrainedConfig | None:
    """Return a model's configuration, None where it cannot be read: the load will say why."""
    try:
        register_architecture(architecture)
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except BADLY_CONFIGURED:
        return None
