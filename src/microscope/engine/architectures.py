"""Makes reviewed local architectures known to transformers, each once in a process; knows none of them."""

from __future__ import annotations

import importlib
import threading

from microscope.errors import UserError

PACKAGE = "microscope.architectures"

_registered: set[str] = set()
_lock = threading.Lock()


def register_architecture(name: str | None) -> None:
    """Let `microscope/architectures/<name>.py` register its classes, once; None does nothing.

    Raises `UserError` where there is no such module.
    """
    if name is None or name in _registered:
        return
    with _lock:
        if name in _registered:
            return
        full = f"{PACKAGE}.{name}"
        try:
            module = importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name != full:
                raise
            raise UserError(
                f"There is no local architecture {name}; add it as src/microscope/architectures/{name}.py, or take "
                "`architecture` out of the entry in models.yaml."
            ) from error
        module.register()
        _registered.add(name)
