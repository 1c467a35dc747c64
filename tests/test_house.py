"""Holds the rules of the house: who imports whom, how large things are, where they stand.

A room is a module or package directly under `microscope`. What a room brings in is asked of a child process, through
`sys.modules`, so that what comes in by way of others counts; lazy imports are read from the source.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from microscope.documentation import PURPOSES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "microscope"

GROUND = {"errors", "hardware", "records"}
BELOW_ENGINE = GROUND | {"settings", "catalog", "storage", "tracking"}
ENGINE = BELOW_ENGINE | {"engine", "architectures"}
BELOW_PAGES = ENGINE | {"lens", "evaluation", "arena", "tiny", "space"}

# Who may import whom, from the ground up. A dotted name admits that module alone.
LAW: dict[str, set[str]] = {
    "errors": set(),
    "hardware": set(),
    "records": set(),
    "architectures": set(),
    "settings": {"errors", "hardware"},
    "catalog": {"errors", "hardware", "records"},
    "storage": {"errors", "records"},
    "tracking": {"errors", "records"},
    "engine": ENGINE,
    "lens": ENGINE,
    "evaluation": ENGINE,
    "arena": {"storage", "records", "errors"},
    "tiny": {"records", "errors", "evaluation.scoring"},
    "space": {"catalog", "hardware", "records", "settings", "errors"},
    "serve": BELOW_PAGES | {"documentation"},
    "documentation": BELOW_PAGES,
    "ui": BELOW_PAGES | {"serve", "documentation"},
    "cli": BELOW_PAGES | {"serve", "documentation", "ui"},
}

# What must come in without torch and transformers: rooms, and modules of rooms that otherwise need them.
LIGHT = (
    *("errors", "hardware", "records", "settings", "catalog", "storage", "arena", "documentation", "space"),
    *("evaluation.scoring", "evaluation.statistics", "evaluation.analyse", "evaluation.reports"),
    *("evaluation.tracked", "evaluation.regressions", "tracking", "tiny.scenes", "tiny.questions"),
)
HEAVY = {"torch", "torchvision", "transformers", "peft"}
PAGES = {"gradio", "spaces"}
DOOR = "microscope.engine.gpu"

BOUNDARY = "engine/boundary.py"
LONGEST_FILE, LONGEST_FUNCTION = 300, 60

# Modules without a mirror test of their own, and what tests them instead.
TESTED_ELSEWHERE = {
    "cli/__main__.py": "tests/cli/test_resuming.py runs it in child processes",
    "evaluation/items/base.py": "data alone; every test of the room reads it",
    "serve/hotswap/standing.py": "data alone; every test of swapping reads it",
    "evaluation/progress.py": "data alone; the tests of the evaluator read it",
    "catalog/spec.py": "data alone; every test of the room reads it",
    "engine/caching/states.py": "data alone; every test of the cache reads it",
    "lens/events.py": "data alone; every test of the lens reads it",
}

# The training needs torchvision as the engine repairs it, and may not import the engine.
UNREPAIRED = ("tiny",)

PROBE = """
import importlib, json, sys
repair, names = sys.argv[1] == "repair", sys.argv[2:]
if repair:
    engine = importlib.import_module("microscope.engine")
    for name in [name for name in sys.modules if name.startswith("microscope")]:
        del sys.modules[name]
for name in names:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def modules() -> list[Path]:
    """Return the files of all modules, packages included."""
    return sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    """Return the name a module is imported by."""
    parts = ("microscope", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    """Return the room that a module of ours stands in; empty for the package itself."""
    return ".".join(name.split(".")[1:2])


def rooms() -> list[str]:
    """Return the rooms that exist."""
    return sorted({room_of(dotted(path)) for path in modules()} - {""})


def module_names(room: str) -> list[str]:
    """Return the names of the modules of a room, or of the module or package that a dotted name admits."""
    if "." in room:
        whole = f"microscope.{room}"
        return [name for name in map(dotted, modules()) if name == whole or name.startswith(f"{whole}.")]
    return [name for name in map(dotted, modules()) if room_of(name) == room]


@cache
def brought_in(room: str) -> frozenset[str]:
    """Return what `sys.modules` holds after a child process has imported the modules of a room."""
    command = [sys.executable, "-c", PROBE, "repair" if room in UNREPAIRED else "plain", *module_names(room)]
    child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert child.returncode == 0, child.stderr
    return frozenset(json.loads(child.stdout.splitlines()[-1]))


def allowed(room: str, name: str) -> bool:
    """Tell whether a room may import a module of ours."""
    if room_of(name) in ("", room):
        return True
    return any(
        name == f"microscope.{entry}"
        or name.startswith(f"microscope.{entry}.")
        or f"microscope.{entry}".startswith(f"{name}.")
        for entry in LAW[room]
    )


def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_names(path: Path) -> Iterator[str]:
    """Yield what a file imports, at its top or in a function; for `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_its_row_in_the_law() -> None:
    assert set(rooms()) <= set(LAW)


@pytest.mark.parametrize("room", rooms())
def test_a_room_brings_in_only_what_the_law_allows(room: str) -> None:
    loaded = brought_in(room)
    ours = {name for name in loaded if name.partition(".")[0] == "microscope"}
    assert {name for name in ours if not allowed(room, name)} == set()
    if room not in ("ui", "cli", "serve"):
        assert DOOR in loaded or not PAGES & loaded, "Gradio or spaces came in, and not through the door"


@pytest.mark.parametrize("room", [room for room in LIGHT if module_names(room)])
def test_a_light_room_brings_in_no_torch_and_no_gradio(room: str) -> None:
    assert brought_in(room) & (HEAVY | PAGES) == set()


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_no_module_names_a_room_that_it_may_not_import(path: Path) -> None:
    room, ours = room_of(dotted(path)), set(map(dotted, modules()))
    names = {name for name in imported_names(path) if name in ours}
    if room:
        assert {name for name in names if not allowed(room, name)} == set()
    else:
        assert names == set()


def test_spaces_is_imported_by_the_door_alone() -> None:
    importers = {dotted(path) for path in modules() if "spaces" in {n.partition(".")[0] for n in imported_names(path)}}
    assert importers <= {DOOR}


def test_gradio_is_imported_by_the_pages_and_its_exceptions_by_the_door() -> None:
    for path in modules():
        gradio = {name for name in imported_names(path) if name.partition(".")[0] == "gradio"}
        if dotted(path) == DOOR:
            assert all(name.startswith("gradio.exceptions") for name in gradio)
        elif room_of(dotted(path)) not in ("ui", "serve"):
            assert gradio == set(), path


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_the_environment_is_read_by_the_settings_alone(path: Path) -> None:
    if dotted(path) == "microscope.settings":
        return
    for node in ast.walk(tree(path)):
        touched = node.attr if isinstance(node, ast.Attribute) else ""
        assert touched not in ("environ", "environb", "getenv", "putenv"), f"line {node.lineno}"
    assert not {"os.environ", "os.getenv"} & set(imported_names(path))


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_there_is_no_global_statement(path: Path) -> None:
    assert [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Global)] == []


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_everything_is_caught_at_the_one_boundary_alone(path: Path) -> None:
    handlers = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)]
    broad = [
        handler.lineno
        for handler in handlers
        if handler.type is None
        or any(isinstance(n, ast.Name) and n.id in ("Exception", "BaseException") for n in ast.walk(handler.type))
    ]
    assert broad == [] or path == PACKAGE / BOUNDARY


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name for f in functions if (f.end_lineno or f.lineno) - f.lineno + 1 > LONGEST_FUNCTION}
    assert long == set()


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_every_module_and_everything_public_has_a_docstring(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module)
    assert list(undocumented(module)) == []


def undocumented(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield the public functions, classes and methods without a docstring; what is in a private class is private."""
    for node in scope.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node)


@pytest.mark.parametrize("path", [path for path in modules() if path.name != "__init__.py"], ids=dotted)
def test_every_module_has_a_mirror_test(path: Path) -> None:
    place = path.relative_to(PACKAGE)
    mirror = ROOT / "tests" / place.parent / f"test_{place.name}"
    assert mirror.exists() or place.as_posix() in TESTED_ELSEWHERE, f"{mirror.relative_to(ROOT)} does not exist"


def test_exceptions_from_the_mirror_exist() -> None:
    assert [name for name in TESTED_ELSEWHERE if not (PACKAGE / name).exists()] == []


def test_nothing_else_stands_at_the_top() -> None:
    own_files = {".git", ".gitignore", ".gitattributes"}
    ignored = {line.strip().rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    listed = {path.split("/")[0] for path in PURPOSES}
    assert {path.name for path in ROOT.iterdir()} - listed - own_files - ignored == set()
