"""The gates of the whole process that loading needs, one for loads and one for building models; knows no checkpoint.

`from_pretrained` replaces process-wide state (the default dtype, `tie_weights`, `torch.linspace`) while it builds a
model without weights, and only then: whoever makes tensors elsewhere keeps that moment out with `undisturbed`. Two
loads at once would put back each other's replacements, and poison the process for good: `loading` lets in one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, TypeVar

import torch
from tqdm.std import TqdmDefaultWriteLock  # type: ignore[attr-defined]
from transformers import PreTrainedModel

T = TypeVar("T")

_TIE_WEIGHTS = PreTrainedModel.tie_weights
_LINSPACE = torch.linspace
_REPLACED = "meta_device_safe_creation_ops"
_MARK = "_holds_others_out"


class Construction(AbstractContextManager[None]):
    """A lock that many may share, or one thread hold alone; as a context manager it is the shared side.

    Whoever wants it alone comes before those who want to share it later. A thread may enter again what it holds; the
    thread that holds it alone may share it as well. A share ends in the thread that it began in.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._mine = threading.local()
        self._sharing = self._waiting = self._depth = 0
        self._owner: int | None = None

    def __enter__(self) -> None:
        depth = getattr(self._mine, "depth", 0)
        if depth == 0 and self._owner != threading.get_ident():
            with self._changed:
                while self._owner is not None or self._waiting:
                    self._changed.wait()
                self._sharing += 1
            self._mine.counted = True
        self._mine.depth = depth + 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mine.depth -= 1
        if self._mine.depth == 0 and getattr(self._mine, "counted", False):
            self._mine.counted = False
            with self._changed:
                self._sharing -= 1
                if self._sharing == 0:
                    self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it alone, once nobody shares it. Raises `RuntimeError` in a thread that shares it: it cannot end."""
        me = threading.get_ident()
        if self._owner != me and getattr(self._mine, "counted", False):
            raise RuntimeError("a model was to be built by a thread that keeps models from being built")
        with self._changed:
            self._waiting += 1
            try:
                while self._owner not in (None, me) or self._sharing:
                    self._changed.wait()
                self._owner = me
                self._depth += 1
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if self._depth == 0:
                    self._owner = None
                    self._changed.notify_all()

    def renew(self) -> None:
        """Forget, in a forked child, what the threads held that were not forked."""
        self._changed = threading.Condition(threading.Lock())
        self._sharing, self._waiting = int(getattr(self._mine, "counted", False)), 0
        if self._owner != threading.get_ident():
            self._owner, self._depth = None, 0


class _Gate:
    """The locks of the whole process that a fault of the whole process needs."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.construction = Construction()


_GATE = _Gate()


@contextmanager
def loading() -> Iterator[None]:
    """Let in one load at a time, and make the building of its model keep out whoever is `undisturbed`."""
    with _GATE.lock:
        install()
        yield


def undisturbed() -> AbstractContextManager[None]:
    """Keep models from being built while it lasts: meanwhile, tensors that any thread makes could get their dtype.

    Many threads may have it at once, also around a load in another thread, whose building then waits. It costs about
    a microsecond, so it may be taken for every token. It must end in the thread that it began in.
    """
    return _GATE.construction


def undisturbed_steps(steps: Iterator[T]) -> Iterator[T]:
    """Yield the steps, each taken while no model is being built; between two of them one may be."""
    end = object()
    try:
        while True:
            with undisturbed():
                step = next(steps, end)
            if step is end:
                return
            yield step  # type: ignore[misc]
    finally:
        if close := getattr(steps, "close", None):
            close()


def exclusive() -> AbstractContextManager[None]:
    """Build a model while nobody is `undisturbed`."""
    return _GATE.construction.alone()


def install() -> None:
    """Make every `from_pretrained` of this process build its model under `exclusive`; once is enough."""
    original = PreTrainedModel.get_init_context.__func__
    if getattr(original, _MARK, False):
        return

    def guarded(cls: type[PreTrainedModel], *arguments: Any, **options: Any) -> list[AbstractContextManager[Any]]:  # noqa: ANN401  (whatever the library passes on)
        # Its contexts are entered in this order, and left in the other one.
        return [exclusive(), *original(cls, *arguments, **options)]

    setattr(guarded, _MARK, True)
    PreTrainedModel.get_init_context = classmethod(guarded)


def put_back() -> tuple[str, ...]:
    """Put back what building a model replaces in the whole process, and return what had been left replaced."""
    left: list[str] = []
    if torch.get_default_dtype() is not torch.float32:
        left.append(f"the default dtype at {torch.get_default_dtype()}")
        torch.set_default_dtype(torch.float32)
    if PreTrainedModel.tie_weights is not _TIE_WEIGHTS:
        left.append("PreTrainedModel.tie_weights replaced")
        PreTrainedModel.tie_weights = _TIE_WEIGHTS
    # Other libraries may have their own reasons to replace it.
    if _REPLACED in getattr(torch.linspace, "__qualname__", ""):
        left.append("torch.linspace replaced")
        torch.linspace = _LINSPACE
    return tuple(left)


def renew_gate() -> None:
    """Open the gates in a forked child: a lock that another thread of the parent held would never be released.

    So too the lock of progress bars, which a download may hold and which every load takes; and what another thread
    had replaced while it built a model.
    """
    _GATE.lock = threading.Lock()
    _GATE.construction.renew()
    put_back()
    TqdmDefaultWriteLock.th_lock._at_fork_reinit()  # noqa: SLF001  (as the standard library does)
