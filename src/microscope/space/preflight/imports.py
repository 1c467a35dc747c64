"""Checks that what app.py and src/ import is installed by the build line; imports none of it.

What brings in what is read from the packages installed here: a name that none of them has is looked for among the
packages' own names. An import that something catches, or that only a type checker sees, may be missing.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from microscope.space.findings import Finding
from microscope.space.packages.build_line import REQUIREMENTS, build_line, requirements_of
from microscope.space.packages.pip import conditions_of
from microscope.space.preflight.base import Check, Project, failed, fine, listed

NAME = "Imports"
# What every Python of a Space has.
WITH_PYTHON = frozenset({"pip", "setuptools"})
_CATCHERS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def run(project: Project) -> Sequence[Finding]:
    """Return the imports that a Space would not find."""
    wanted: dict[str, list[str]] = defaultdict(list)
    found: list[Finding] = []
    version = min(sys.version_info[:2], _version(project.python))
    for path in project.sources():
        try:
            tree = ast.parse((project.root / path).read_bytes(), path, feature_version=version)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            found.append(
                failed(NAME, f"{path}, line {line} is no Python {project.python}: {error.args[0]}.", "Correct it.")
            )
            continue
        for name, line in _imported(tree):
            wanted[name].append(f"{path}, line {line}")
    own = {path.name.removesuffix(".py") for path in (project.root / "src").iterdir()} | {"app"}
    there = installed(project)
    by_name = packages_distributions()
    foreign = sorted(set(wanted) - own - set(sys.stdlib_module_names) - WITH_PYTHON)
    for name in foreign:
        packages = {canonicalize_name(package) for package in by_name.get(name, [name])}
        if not packages & there:
            advice = f"Add {listed(sorted(packages))} to {REQUIREMENTS}, or import it where its absence is caught."
            found.append(failed(NAME, f"{name} is imported ({wanted[name][0]}) and nothing installs it.", advice))
    return found or [fine(NAME, f"{len(foreign)} packages are imported, and a Space has all of them.")]


def installed(project: Project) -> frozenset[str]:
    """Return the packages that the build line brings in, by what the packages installed here require in turn."""
    conditions = conditions_of(project.python)
    named = requirements_of((project.root / REQUIREMENTS).read_text(encoding="utf-8"))
    todo = [
        *(one for one in named if _holds(one, conditions)),
        *(Requirement(part) for part in build_line(project.root)[-4:]),
    ]
    seen: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                todo.extend(_required(name, {**conditions, "extra": extra}))
    return frozenset(name for name, _ in seen)


def _version(python: str) -> tuple[int, int]:
    major, minor = python.split(".")[:2]
    return int(major), int(minor)


def _required(name: str, conditions: Mapping[str, str]) -> Iterator[Requirement]:
    try:
        stated = distribution(name).requires or ()
    except PackageNotFoundError:
        return
    for text in stated:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if _holds(requirement, conditions):
            yield requirement


def _holds(requirement: Requirement, conditions: Mapping[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": "", **conditions})


def _imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the first parts of what must be there when the file runs, each with its line."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno
        elif isinstance(node, ast.Try) and any(_catches(handler) for handler in node.handlers):
            handled = (inner for handler in node.handlers for inner in handler.body)
            yield from _imported(ast.Module([*node.orelse, *node.finalbody, *handled], []))
        elif isinstance(node, ast.If) and _is_for_types(node.test):
            yield from _imported(ast.Module(node.orelse, []))
        else:
            yield from _imported(node)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(one, ast.Name) and one.id in _CATCHERS for one in caught)


def _is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


CHECK = Check(NAME, run)
