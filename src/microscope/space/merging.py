"""Brings what an owner changed in a file together with what a later version changed in it; knows no Space.

Lists of packages are merged by package: what one side alone changed is taken. Of a README nothing but three fields is
the template's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from microscope.space.front_matter import read_front_matter, replace_field

# What the code needs of the front matter. The sign-in is switched on where the owner has not said anything about it.
NEEDED = ("sdk_version", "python_version")
WHERE_UNSAID = ("hf_oauth",)
# What is none, such as an address, is only ever taken or left as a whole.
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:[\[<>=!~;@#]|$)")
_COMMENT = re.compile(r"\s*(#|$)")


def merge_packages(base: str, mine: str, new: str) -> str | None:
    """Return a list of packages with both sides' changes since `base`, or None where both changed the same package.

    What is new keeps its order; the owner's own lines follow it. A comment belongs to the line below it.
    """
    was, has, gets = (_by_package(text) for text in (base, mine, new))
    merged: list[str] = []
    for package, lines in gets.items():
        chosen = _choose(was.get(package), has.get(package), lines)
        if chosen is None:
            return None
        merged += chosen
    for package, lines in has.items():
        if package in gets:
            continue
        # The new version dropped it: gone where the owner left it as it was.
        if package in was and lines != was[package]:
            return None
        if package not in was:
            merged += lines
    return "".join(f"{line}\n" for line in merged)


def merge_readme(mine: str, new: str) -> str:
    """Return the owner's README with those fields of the front matter that the new code needs.

    Raises UserError where the owner's front matter cannot be read or changed.
    """
    wanted: Mapping[str, object] = read_front_matter(new).fields
    merged = mine
    for key in (*NEEDED, *WHERE_UNSAID):
        has = read_front_matter(merged).fields
        value = wanted.get(key)
        if not isinstance(value, (str, bool)) or has.get(key) == value or (key in WHERE_UNSAID and key in has):
            continue
        merged = replace_field(merged, key, value)
    return merged


def _choose(was: tuple[str, ...] | None, has: tuple[str, ...] | None, gets: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the lines of a package that the new version has; None where both sides changed it."""
    if has in (gets, was):
        return gets
    if gets == was:
        # The owner's change, or nothing where the owner took it out.
        return has or ()
    return None


def _by_package(text: str) -> dict[str, tuple[str, ...]]:
    """Return a list's lines by package, in order, each with the comments above it."""
    found: dict[str, tuple[str, ...]] = {}
    before: tuple[str, ...] = ()
    for line in text.splitlines():
        if _COMMENT.match(line):
            before = (*before, line)
            continue
        named = _NAME.match(line)
        key = canonicalize_name(named[1]) if named else line.strip()
        found[key] = (*found.get(key, ()), *before, line)
        before = ()
    return {**found, "": before} if before else found
