"""The attribution methods: one file and one object each, listed here from the quickest tier to the slowest."""

from microscope.errors import UserError
from microscope.lens.findings import CONTROL
from microscope.lens.methods import (
    attention,
    control,
    gradient,
    heads,
    integrated,
    occlusion,
    relevance,
    rise,
    windows,
)
from microscope.lens.methods.base import Method

METHODS: tuple[Method, ...] = (
    attention.METHOD,
    heads.METHOD,
    relevance.METHOD,
    gradient.METHOD,
    windows.METHOD,
    rise.METHOD,
    integrated.METHOD,
    occlusion.METHOD,
    control.METHOD,
)


def is_control(key: str) -> bool:
    """Tell whether a method is no map of the model, but what maps are held against."""
    return find_method(key).tier == CONTROL


def find_method(key: str) -> Method:
    """Return the method of a key; an unknown one is a `UserError`."""
    found = next((method for method in METHODS if method.key == key), None)
    if found is None:
        raise UserError(f"There is no method {key!r}; choose one of {', '.join(one.key for one in METHODS)}.")
    return found
