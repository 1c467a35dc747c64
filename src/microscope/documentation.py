"""Renders the generated parts of README.md from the catalogue, the settings and the source; knows no user interface.

A part stands between `<!-- begin generated: NAME -->` and `<!-- end generated -->`.
"""

from __future__ import annotations

import ast
import os
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from microscope.catalog.file import Entry, ModelFile, read_file
from microscope.hardware import GB
from microscope.settings import VARIABLES, Variable
from microscope.space.expected import Offer, asked_tier, monthly_cost, offers

PART = re.compile(r"(<!-- begin generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end generated -->)", re.DOTALL)
CHOICES = re.compile(r"Literal\[.*?\]")
PACKAGE = "src/microscope"
PURPOSE_COLUMN, WIDTH = 30, 119
MILLION, BILLION = 10**6, 10**9

# What stands in the repository; a house test allows nothing else at the top.
PURPOSES = {
    "app.py": "builds the app from the settings and launches it; what a Space runs",
    "README.md": "front matter of the Space, and this manual",
    "CHANGELOG.md": "what changed, by version",
    "LICENSE": "Apache-2.0",
    "requirements.txt": "what a Space installs beyond its own SDK line",
    "packages.txt": "Debian packages that a Space installs",
    "Dockerfile": "the same app as an image, for a machine of one's own; CPU or CUDA",
    ".dockerignore": "what a build of that image is given: what a Space is given",
    "models.yaml": "the file to edit: checkpoints, and presets by hardware",
    "pyproject.toml": "settings of the tools; development tools",
    "Makefile": "run, test, check, bench, prove, stress, soak, oracles, workflows, train, tables",
    "assets/": "",
    "assets/checkpoints/": "the embedded training run, one folder a saved step",
    "assets/evalset/": "questions about scenes of held-out digits, with evidence boxes",
    "assets/examples/": "example images and their precomputed answers",
    "assets/evaluate/": "what draws the Evaluate tab in the browser",
    "assets/report/": "the look of evaluation's plots and of its report",
    "assets/space/": "the look of the Setup tab, and what copies its texts",
    "assets/digits/": "the handwritten digits that scenes are made of",
    "assets/lens/": "what draws the lens in the browser",
    PACKAGE + "/": "",
    "tests/": "mirrors src/microscope; tests/ui drives a real Chromium",
    "benchmarks/": "the app's overhead, the model cache's speed, stress and memory, how true the lens's maps are, the "
    "speed of evaluations, and what they are held against; every command of the workflows, run here",
    ".ci/": "what continuous integration calls; make uses the same",
    ".github/": "workflows (check, deploy, preview, evaluate, refresh), dependabot, how to contribute",
}


def render(readme: str, tables: Mapping[str, str]) -> str:
    """Return the README with the given parts replaced; raises ValueError where it has no place for one of them."""
    missing = sorted(set(tables) - set(part_names(readme)))
    if missing:
        raise ValueError(f"README.md has no generated part named {', '.join(missing)}")

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        return f"{match[1]}{tables[name].strip()}\n{match[3]}" if name in tables else match[0]

    return PART.sub(replaced, readme)


def part_names(readme: str) -> tuple[str, ...]:
    """Return the names of the README's generated parts, in order."""
    return tuple(match["name"] for match in PART.finditer(readme))


def tables(root: Path) -> dict[str, str]:
    """Return the generated parts that need no page, by name: models, tiers, variables, files."""
    models = read_file(root / "models.yaml")
    return {
        "models": models_table(models),
        "tiers": tiers_table(offers(models, asked_tier(root / "README.md"))),
        "variables": variables_table(),
        "files": file_tree(root),
    }


def models_table(models: ModelFile) -> str:
    """Return a table of what the catalogue file offers and in which presets; asks no network what a run holds."""
    rows = []
    for entry in models.entries:
        presets = [preset.name for preset in models.presets if entry.name in dict(preset.entries)]
        rows.append((*_cells(entry, models.path.parent), ", ".join(f"`{name}`" for name in presets)))
    return _table(("Checkpoint", "Source", "Parameters", "Licence", "Token", "Presets"), rows)


def tiers_table(found: Sequence[Offer]) -> str:
    """Return the hardware that a Space can have, what it holds and costs, and what of the catalogue it offers.

    The one that the README asks for is set in bold.
    """
    rows = []
    for one in found:
        known, month = one.tier, monthly_cost(one.tier)
        cards = f"{known.gpus} × " if known.gpus > 1 else ""
        rows.append(
            (
                f"**`{known.name}`**" if one.asked else f"`{known.name}`",
                f"{cards}{known.vram_bytes / GB:.0f} GB" if known.vram_bytes else "",
                f"{known.ram_bytes / GB:.0f} GB" if known.ram_bytes else "",
                f"{known.weights_budget_bytes / GB:.1f} GB",
                f"`{one.preset}`, {len(one.fitting)} of {len(one.listed)}" if one.preset else "none",
                f"${known.price_per_hour:.2f}" if known.price_per_hour else "free",
                f"${month:,.0f}" if month else "free",
            )
        )
    return _table(("Hardware", "VRAM", "RAM", "Weights", "Preset, and what fits", "An hour", "A month"), rows)


def variables_table(variables: Sequence[Variable] = VARIABLES) -> str:
    """Return the environment variables: those that people set, then those that the platform sets."""
    mine = [(f"`{v.name}`", f"`{v.default}`" if v.default else "", v.meaning) for v in variables if v.set_by == "you"]
    theirs = [(f"`{v.name}`", v.meaning) for v in variables if v.set_by != "you"]
    return (
        _table(("Variable", "Default", "Meaning"), mine)
        + "\nThe platform sets these, and they are read as well:\n\n"
        + _table(("Variable", "Meaning"), theirs)
    )


def endpoints_table(api: Mapping[str, Any]) -> str:
    """Return the public endpoints and their parameters from what `Blocks.get_api_info` tells."""
    rows = []
    for name, endpoint in api["named_endpoints"].items():
        for first, parameter in _flag_first(endpoint["parameters"]):
            rows.append(
                (
                    f"`{name}`" if first else "",
                    f"`{parameter['parameter_name']}`",
                    _type(parameter),
                    _default(parameter),
                    parameter["label"],
                )
            )
    return _table(("Endpoint", "Parameter", "Type", "Default", "On the page"), rows)


def methods_table(methods: Sequence[Any]) -> str:
    """Return the lens's methods, in their order: the tier, what a value means, and what may be believed."""
    rows = [(f"`{one.key}`", one.label, one.tier, one.unit, one.note) for one in methods]
    return _table(("Method", "On the page", "Tier", "A value is", "What it says"), rows)


def families_table(families: Sequence[Any]) -> str:
    """Return the families whose geometry is known, with the model types that belong to them."""
    rows = [(one.name, ", ".join(f"`{kind}`" for kind in sorted(one.model_types))) for one in families]
    return _table(("Family", "Model types"), rows)


def scorers_table(scorers: Sequence[Any]) -> str:
    """Return the scorers, in their order: what each counts as right."""
    return _table(("Scorer", "On the page", "What counts"), [(f"`{one.key}`", one.label, one.note) for one in scorers])


def trackers_table(trackers: Sequence[Any]) -> str:
    """Return the trackers, the default first, with what installs each."""
    rows = [(f"`{one.key}`", one.label, f"`{one.install}`" if one.install else "there already") for one in trackers]
    return _table(("Tracker", "Name", "Installed by"), rows)


def file_tree(root: Path) -> str:
    """Return the tree of the repository with the purpose of each file, in a code block.

    The purpose of a module is its docstring's first sentence up to the semicolon after which it says what it does
    not know; a room's is that of its `__init__.py`.
    """
    lines = []
    for path, purpose in PURPOSES.items():
        if (root / path).exists():
            lines += _entry(path, purpose)
        if path == PACKAGE + "/":
            lines += [line for entry in _modules(root / PACKAGE) for line in _entry(*entry)]
    return "```\n" + "\n".join(lines) + "\n```\n"


def _modules(package: Path) -> Iterator[tuple[str, str]]:
    """Yield (indented name, purpose) of the modules and rooms, the modules first."""
    files = sorted(path for path in package.glob("*.py") if path.name not in ("__init__.py", "__main__.py"))
    for path in files:
        yield f"  {path.name}", _purpose(path)
    for room in sorted(path.parent for path in package.rglob("*/__init__.py") if path.parent != package):
        indent = "  " * len(room.relative_to(package).parts)
        yield f"{indent}{room.name}/", _purpose(room / "__init__.py")
        for path in sorted(path for path in room.glob("*.py") if path.name != "__init__.py"):
            yield f"{indent}  {path.name}", _purpose(path)


def _purpose(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    sentence = re.split(r";|\.(?=\s|$)", docstring.replace("\n", " "), maxsplit=1)[0].strip()
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def _entry(name: str, purpose: str) -> list[str]:
    start = name.ljust(PURPOSE_COLUMN)
    if not purpose:
        return [name]
    return textwrap.wrap(
        purpose,
        WIDTH,
        initial_indent=start if start.endswith(" ") else start + " ",
        subsequent_indent=" " * PURPOSE_COLUMN,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cells(entry: Entry, base: Path) -> tuple[str, str, str, str, str]:
    """Return checkpoint, source, parameters, licence and need of a token; folders are relative to `base`."""
    spec = entry.spec
    if spec.folder:
        source = f"`{os.path.relpath(spec.source, base)}`"
    else:
        place = "/".join(part for part in (spec.source, spec.subfolder) if part)
        source = f"[`{place}`](https://huggingface.co/{spec.source})"
    if spec.revision is not None:
        source += f" at `{spec.revision}`"
    if entry.search is not None:
        source += ", every checkpoint of the run"
    token = "needed" if spec.gated else ""
    return spec.label or entry.name, source, _count(spec.parameters), spec.licence or "", token


def _count(parameters: int | None) -> str:
    if parameters is None:
        return ""
    return f"{parameters / BILLION:.3g} B" if parameters >= BILLION else f"{parameters / MILLION:.3g} M"


def _type(parameter: Mapping[str, Any]) -> str:
    """Return the parameter's Python type; the choices of the moment are not part of it."""
    kind = CHOICES.sub("str", parameter["python_type"]["type"])
    return f"`{kind}`"


def _default(parameter: Mapping[str, Any]) -> str:
    """Return the value of a parameter left out; which choice that is may depend on the machine."""
    if not parameter["parameter_has_default"]:
        return "required"
    value = parameter["parameter_default"]
    chosen = isinstance(value, list) or CHOICES.search(parameter["python_type"]["type"])
    return "as on the page" if chosen else f"`{value!r}`"


def _flag_first(values: Sequence[Any]) -> Iterator[tuple[bool, Any]]:
    for number, value in enumerate(values):
        yield number == 0, value


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
