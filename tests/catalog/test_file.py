"""The catalogue file: what loads, and the sentence for what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from microscope.catalog.fields import FIELDS
from microscope.catalog.file import ARCHITECTURES, Entry, ModelFile, read_file
from microscope.catalog.names import Search
from microscope.catalog.spec import ModelSpec
from microscope.errors import UserError
from microscope.records import GenerationSettings


def load(folder: Path, text: str, architectures: Path = ARCHITECTURES) -> ModelFile:
    path = folder / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return read_file(path, architectures)


def entry_of(folder: Path, fields: str) -> Entry:
    file = load(folder, f"models:\n  mine:\n{fields}")
    assert not file.bad
    return file.entries[0]


def reason_of(folder: Path, text: str) -> str:
    file = load(folder, text)
    assert len(file.bad) == 1, file.bad
    (bad,) = file.bad
    assert bad.line is None or f"line {bad.line}:" in bad.reason
    return bad.reason


def test_a_hub_checkpoint_with_everything(tmp_path: Path) -> None:
    (tmp_path / "processor").mkdir()
    entry = entry_of(
        tmp_path,
        """
    hub: org/name@v1.0
    label: My model
    subfolder:
    licence: apache-2.0
    parameters: 2.2B
    dtype: float16
    attention: eager
    image_budget: 512x512
    min_vram: 6GB
    base: org/base
    base_revision: main
    processor_from: processor
    gated: true
    pin: yes
    system: |
      Answer briefly.
    prompt_template: "{image} {question}"
    generation:
      max_new_tokens: 32
      temperature: 0.5
""",
    )
    assert entry.spec == ModelSpec(
        key="mine",
        label="My model",
        source="org/name",
        revision="v1.0",
        licence="apache-2.0",
        parameters=2_200_000_000,
        dtype="float16",
        attention="eager",
        generation=GenerationSettings(max_new_tokens=32, temperature=0.5),
        image_budget=512 * 512,
        min_vram=6 * 10**9,
        base="org/base",
        base_revision="main",
        processor_from=str(tmp_path / "processor"),
        gated=True,
        pin=True,
        system="Answer briefly.\n",
        prompt_template="{image} {question}",
    )
    assert (entry.search, entry.line, entry.where) == (None, 2, "models.yaml, line 2")


def test_a_hub_checkpoint_is_labelled_by_its_name(tmp_path: Path) -> None:
    assert entry_of(tmp_path, "    hub: org/name\n").spec.label == "name"


@pytest.mark.parametrize(
    ("source", "search", "where"),
    [
        ("folder: runs/final", None, "folder"),
        ("run: runs", Search.FOLDER, "folder"),
        ("run: org/run", Search.FOLDER, "folder"),
        ("run: org/run@*", Search.REVISIONS, "hub"),
        ("run: org/run/*", Search.SUBFOLDERS, "hub"),
        ("adapter: runs/final", None, "folder"),
    ],
)
def test_sources(tmp_path: Path, source: str, search: Search | None, where: str) -> None:
    (tmp_path / "runs/final").mkdir(parents=True)
    entry = entry_of(tmp_path, f"    {source}\n")
    assert entry.search is search
    assert entry.spec.folder is (where == "folder")
    value = source.partition(": ")[2]
    assert entry.spec.source == (str(tmp_path / value) if where == "folder" else "org/run")


def test_folders_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (tmp_path / "models.yaml").write_text("models:\n  mine: {folder: ../here}\n")
    source = read_file(Path("../models.yaml")).entries[0].spec.source
    assert Path(source).resolve() == tmp_path.parent / "here"


def test_a_hub_adapter_needs_its_base(tmp_path: Path) -> None:
    spec = entry_of(tmp_path, "    adapter: org/lora\n    base: org/base\n").spec
    assert (spec.source, spec.base) == ("org/lora", "org/base")
    assert "has no base" in reason_of(tmp_path, "models:\n  mine:\n    adapter: org/lora\n")


def test_a_reviewed_architecture_must_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "architectures"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    text = "models:\n  mine:\n    hub: org/name\n    architecture: my_vlm\n"
    assert "holds no module" in load(tmp_path, text, folder).bad[0].reason
    (folder / "my_vlm.py").write_text("")
    assert load(tmp_path, text, folder).entries[0].spec.architecture == "my_vlm"
    wrong = load(tmp_path, text.replace("my_vlm", "../my_vlm"), folder).bad[0].reason
    assert wrong.startswith("models.yaml, line 4: '../my_vlm' is no module")
    assert "my_vlm'?" in wrong


@pytest.mark.parametrize(
    ("fields", "line", "said"),
    [
        ("    hub: org/name\n    license: mit\n", 4, "'license' is no field; did you mean 'licence'?"),
        ("    hub: org/name\n    zzz: 1\n", 4, "'zzz' is no field; allowed are hub, folder"),
        ("    hub: org/name\n    dtype: bf16\n", 4, "dtype is 'bf16'; write one of auto, float32"),
        ("    hub: org/name\n    hub: org/other\n", 4, "'hub' is given twice"),
        ("    hub: org/name\n    folder: x\n", 2, "it has hub and folder; write one of"),
        ("    label: x\n", 2, "it has no source; write one of hub, folder, adapter, run"),
        ("    hub: name\n", 3, "hub is 'name'; write org/name"),
        ("    hub: [a, b]\n", 3, "hub is a list; write one value"),
        ("    hub: org/name@*\n", 3, "hub is 'org/name@*'; write org/name"),
        ("    hub: org/name@v1\n    revision: v2\n", 4, "revision cannot stand beside 'org/name@v1'"),
        ("    run: org/name@*\n    revision: v2\n", 4, "revision cannot stand beside"),
        ("    hub: org/name\n    base: nowhere\n", 4, "base is 'nowhere'; write a folder that exists, or org/name"),
        ("    hub: org/name\n    processor_from: ../x y\n", 4, "processor_from is '../x y'"),
        ("    hub: org/name\n    generation: fast\n", 4, "it holds 'fast'"),
        (
            "    hub: org/name\n    generation:\n      top: 1\n",
            5,
            "'top' is no field of generation; did you mean 'top_",
        ),
        ("    hub: org/name\n    generation:\n      seed: -1\n", 5, "seed is '-1'; write a whole number"),
        ("    - hub\n", 3, "it holds a list; write indented fields"),
        ("    ? [a]\n    : b\n", 3, "is no field"),
    ],
)
def test_a_bad_entry_is_one_sentence_with_line_value_and_what_is_allowed(
    tmp_path: Path, fields: str, line: int, said: str
) -> None:
    file = load(tmp_path, f"models:\n  mine:\n{fields}  other:\n    hub: org/other\npresets:\n  p: [mine, other]\n")
    (bad,) = file.bad
    assert (bad.name, bad.line) == ("mine", line)
    assert bad.reason.startswith(f"models.yaml, line {line}: ")
    assert said in bad.reason
    assert [entry.name for entry in file.entries] == ["other"]
    assert not file.presets[0].bad


def test_of_two_entries_with_one_name_the_second_is_bad(tmp_path: Path) -> None:
    file = load(tmp_path, "models:\n  a:\n    hub: org/first\n  a:\n    hub: org/second\n")
    assert [entry.spec.source for entry in file.entries] == ["org/first"]
    assert file.bad[0].reason == "models.yaml, line 4: 'a' stands in line 2 already; remove one."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no sections"),
        ("- a\n", "holds no sections"),
        ("modles: {}\n", "'modles' is no section; did you mean 'models'?"),
        ("models: [a]\n", "models holds a list"),
        ("models:\n  a b: {hub: org/name}\n", "the name is 'a b'"),
        ("models:\n  ? {x: 1}\n  : {hub: org/name}\n", "the name is indented fields"),
        ("presets:\n  p: word\n", "preset 'p' holds 'word'; write a list of names"),
        ("presets:\n  p: {needs_token: true}\n", "preset 'p' holds indented fields"),
        ("presets:\n  p: {needs_token: x, models: []}\n", "needs_token is 'x'; write true or false"),
        ("presets:\n  p: {token: true, models: []}\n", "'token' is no field of a preset"),
    ],
)
def test_a_bad_section_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    assert said in reason_of(tmp_path, text)


def test_presets_list_names_with_their_lines(tmp_path: Path) -> None:
    file = load(
        tmp_path,
        "models:\n  a: {hub: org/a}\n  b: {hub: org/b}\n"
        "presets:\n  one: [a]\n  two:\n    needs_token: true\n    models:\n      - b\n      - a\n",
    )
    assert not file.bad
    one, two = file.presets
    assert (one.entries, one.needs_token) == ((("a", 5),), False)
    assert (two.entries, two.needs_token) == ((("b", 9), ("a", 10)), True)
    assert file.preset("two") is two
    assert file.preset("three") is None
    entry = file.entry("b")
    assert entry is not None
    assert entry.spec.source == "org/b"


def test_a_preset_with_an_unknown_name_keeps_the_others(tmp_path: Path) -> None:
    file = load(tmp_path, "models:\n  smolvlm: {hub: org/a}\npresets:\n  p: [smolvml, smolvlm, [x]]\n")
    (preset,) = file.presets
    assert [name for name, _ in preset.entries] == ["smolvlm"]
    first, second = preset.bad
    assert first.reason.endswith("preset 'p' names 'smolvml', which is not under models; did you mean 'smolvlm'?")
    assert second.line == 4


def test_a_file_that_is_no_yaml_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2"):
        load(tmp_path, "models:\n\t- x\n")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.one_of(texts, st.integers(), st.floats(), st.booleans(), st.none())
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
entries = st.dictionaries(st.sampled_from(["hub", "run", "folder", "generation", *FIELDS]) | texts, values, max_size=6)


@given(st.dictionaries(texts, entries | values, max_size=4), values)
def test_nothing_under_models_or_presets_raises(
    tmp_path_factory: pytest.TempPathFactory, models: dict[str, object], presets: object
) -> None:
    folder = tmp_path_factory.getbasetemp()
    file = load(folder, yaml.safe_dump({"models": models, "presets": presets}, allow_unicode=True))
    for bad in file.bad:
        assert bad.reason.startswith("models.yaml")
