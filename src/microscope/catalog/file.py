"""Reads the catalogue file, models.yaml, into entries and presets; looks for no checkpoint and asks no network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import yaml

from microscope.catalog.fields import FIELDS, GENERATION, SOURCES, nearest
from microscope.catalog.folders import is_folder, locate
from microscope.catalog.names import Search, is_hub_id, parse_hub_name
from microscope.catalog.nodes import RefusedError, compose, fields, line_of, pairs, read, scalar, show
from microscope.catalog.spec import BadEntry, ModelSpec
from microscope.records import GenerationSettings

ARCHITECTURES = Path(__file__).resolve().parents[1] / "architectures"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_SECTIONS = ("models", "presets")
_PRESET_FIELDS = ("models", "needs_token")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Entry:
    """What was asked for under one name: a checkpoint, or a run whose checkpoints a search finds.

    `spec` is the checkpoint, or what those of the run have in common. `where` tells where it was asked for.
    """

    name: str
    spec: ModelSpec
    search: Search | None = None
    where: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Preset:
    """The entries to offer on one kind of hardware, each with the line that names it, and the names of none."""

    name: str
    entries: tuple[tuple[str, int], ...]
    bad: tuple[BadEntry, ...] = ()
    needs_token: bool = False


@dataclass(frozen=True)
class ModelFile:
    """A catalogue file as read: what can be used, and one bad entry for each entry that cannot."""

    path: Path
    entries: tuple[Entry, ...]
    presets: tuple[Preset, ...]
    bad: tuple[BadEntry, ...] = ()

    def entry(self, name: str) -> Entry | None:
        """Return the entry of that name, or None."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def preset(self, name: str) -> Preset | None:
        """Return the preset of that name, or None."""
        return next((preset for preset in self.presets if preset.name == name), None)


def read_file(path: Path, architectures: Path = ARCHITECTURES) -> ModelFile:
    """Read a catalogue file; a UserError says so where it is missing or is no YAML, anything less is a bad entry.

    Folders in it are relative to the file. `architectures` is where reviewed local implementations stand.
    """
    return _Reading(path.absolute(), architectures).read(compose(path))


class _Reading:
    """Reads one file; collects bad entries on the way."""

    def __init__(self, path: Path, architectures: Path) -> None:
        self._path = path
        self._architectures = tuple(sorted(file.stem for file in architectures.glob("[a-z]*.py")))
        self._bad: list[BadEntry] = []

    def read(self, root: yaml.Node | None) -> ModelFile:
        if not isinstance(root, yaml.MappingNode):
            reason = f"{self._path.name} holds no sections: write models and presets."
            return ModelFile(self._path, (), (), (BadEntry(self._path.name, reason),))
        sections = {
            name: node for name, key, node in self._each(root) if self._try(self._check_section, name, key, key)
        }
        entries = tuple(self._section("models", sections, self._entry))
        names = tuple(entry.name for entry in entries)
        known = (*names, *(bad.name for bad in self._bad))
        presets = tuple(
            self._section("presets", sections, lambda name, _, node: self._preset(name, node, known, names))
        )
        return ModelFile(self._path, entries, presets, tuple(self._bad))

    def _section(
        self, name: str, sections: Mapping[str, yaml.Node], read_one: Callable[[str, yaml.Node, yaml.Node], _T]
    ) -> Iterator[_T]:
        """Yield what can be read under a section, note what cannot."""
        node = sections.get(name)
        if node is not None and not isinstance(node, yaml.MappingNode):
            self._note(name, RefusedError(node, f"{name} holds {show(node)}; write one indented name for each"))
        elif node is not None:
            for key_text, key, value in self._each(node):
                result = self._try(read_one, key_text, key, value)
                if result is not None:
                    yield result

    def _try(
        self, read_one: Callable[[str, yaml.Node, yaml.Node], _T], name: str, key: yaml.Node, value: yaml.Node
    ) -> _T | None:
        try:
            return read_one(name, key, value)
        except RefusedError as error:
            self._note(name, error)
            return None

    def _each(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Yield the pairs of a mapping; of two with one name the second is noted as bad."""
        lines: dict[str, int] = {}
        for name, key, value in pairs(node):
            if name in lines:
                self._note(name, RefusedError(key, f"{name!r} stands in line {lines[name]} already; remove one"))
            else:
                lines[name] = line_of(key)
                yield name, key, value

    def _note(self, name: str, error: RefusedError) -> None:
        self._bad.append(BadEntry(name, error.sentence(self._path), error.line))

    @staticmethod
    def _check_section(name: str, key: yaml.Node, _: yaml.Node) -> bool:
        _check(name, key, "section", _SECTIONS)
        return True

    def _entry(self, name: str, key: yaml.Node, node: yaml.Node) -> Entry:
        _check_name(name, key)
        nodes = fields(node, lambda field, place: _check(field, place, "field", (*SOURCES, *FIELDS, "generation")))
        given = {field: read(field, value, FIELDS[field]) for field, value in nodes.items() if field in FIELDS}
        if "generation" in nodes:
            given["generation"] = _generation(nodes["generation"])
        for field in ("base", "processor_from"):
            if field in given:
                given[field] = self._model(field, nodes[field])
        if "architecture" in given:
            self._check_architecture(nodes["architecture"])
        source, search = self._source(nodes, key)
        label = given.pop("label", "" if search or source.folder else source.label)
        return Entry(
            name,
            replace(source, key=name, label=label, **given),
            search,
            f"{self._path.name}, line {line_of(key)}",
            line_of(key),
        )

    def _check_architecture(self, node: yaml.Node) -> None:
        if not self._architectures:
            raise RefusedError(node, f"architecture is {show(node)}; src/microscope/architectures holds no module yet")
        _check(scalar("architecture", node), node, "module of src/microscope/architectures", self._architectures)

    def _source(self, nodes: Mapping[str, yaml.Node], key: yaml.Node) -> tuple[ModelSpec, Search | None]:
        """Return where the entry's checkpoint is, or its checkpoints are, and how to search for them."""
        kinds = [kind for kind in SOURCES if kind in nodes]
        if len(kinds) != 1:
            raise RefusedError(key, f"it has {' and '.join(kinds) or 'no source'}; write one of {', '.join(SOURCES)}")
        kind, node = kinds[0], nodes[kinds[0]]
        value = scalar(kind, node)
        name = parse_hub_name(value)
        search = name.search if name else None
        if (
            kind == "folder"
            or (kind == "run" and search is None)
            or (kind == "adapter" and is_folder(self._folder(value)))
        ):
            return ModelSpec("", "", str(self._folder(value)), folder=True), Search.FOLDER if kind == "run" else None
        if name is None or (search is not None and kind != "run"):
            raise RefusedError(node, f"{kind} is {show(node)}; write org/name or org/name@revision")
        for field, twice in (("revision", name.revision), ("subfolder", name.subfolder)):
            if field in nodes and (twice or search):
                raise RefusedError(nodes[field], f"{field} cannot stand beside {value!r}; leave one of them out")
        if kind == "adapter" and "base" not in nodes:
            raise RefusedError(key, f"the adapter {value!r} has no base; write the model that it was trained on")
        label = name.repo.rpartition("/")[2]
        return ModelSpec("", label, name.repo, revision=name.revision, subfolder=name.subfolder), search

    def _folder(self, value: str) -> Path:
        return locate(value, self._path.parent)

    def _model(self, field: str, node: yaml.Node) -> str:
        """Return a Hub id, or the absolute path of a folder that exists."""
        value = scalar(field, node)
        if is_folder(self._folder(value)):
            return str(self._folder(value).resolve())
        if not is_hub_id(value):
            raise RefusedError(node, f"{field} is {show(node)}; write a folder that exists, or org/name")
        return value

    def _preset(self, name: str, node: yaml.Node, known: tuple[str, ...], good: tuple[str, ...]) -> Preset:
        """Return a preset; `known` are the names under models, `good` those that can be used."""
        needs_token = False
        models = node
        if isinstance(node, yaml.MappingNode):
            nodes = fields(node, lambda field, place: _check(field, place, "field of a preset", _PRESET_FIELDS))
            if "needs_token" in nodes:
                needs_token = read("needs_token", nodes["needs_token"], FIELDS["gated"])
            models = nodes.get("models", node)
        if not isinstance(models, yaml.SequenceNode):
            raise RefusedError(models, f"preset {name!r} holds {show(models)}; write a list of names")
        entries: list[tuple[str, int]] = []
        bad: list[BadEntry] = []
        for item in models.value:
            entry = item.value if isinstance(item, yaml.ScalarNode) else show(item)
            if entry in known:
                entries.append((entry, line_of(item)))
            else:
                reason = f"preset {name!r} names {show(item)}, which is not under models; {nearest(entry, good)}"
                error = RefusedError(item, reason)
                bad.append(BadEntry(entry, error.sentence(self._path), error.line))
        return Preset(name, tuple(entries), tuple(bad), needs_token)


def _generation(node: yaml.Node) -> GenerationSettings:
    nodes = fields(node, lambda field, place: _check(field, place, "field of generation", tuple(GENERATION)))
    given = {field: read(field, value, GENERATION[field]) for field, value in nodes.items()}
    return replace(GenerationSettings(), **given)


def _check(name: str, node: yaml.Node, what: str, allowed: tuple[str, ...]) -> None:
    if name not in allowed:
        raise RefusedError(node, f"{name!r} is no {what}; {nearest(name, allowed)}")


def _check_name(name: str, key: yaml.Node) -> None:
    if not _NAME.fullmatch(name):
        raise RefusedError(key, f"the name is {show(key)}; write letters, digits, dots, dashes and underscores")
