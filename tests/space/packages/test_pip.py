"""What pip would install on a Space, asked of the real pip over a folder of tiny packages."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.settings import REPOSITORY
from microscope.space.packages import pip
from microscope.space.packages.build_line import build_line
from microscope.space.packages.pip import Package, Pip, UnresolvedError, full_version
from microscope.space.packages.pip_failure import Reason
from tests.hub.loopback_server import Answer, LoopbackServer, RefusalError, Request, Served
from tests.space.wheels import offline_pip, write_source, write_wheel

WHEELS = {
    ("one", "1.0"): ("two>=2", "old; python_version<'3.12'", "new; python_version>='3.12'"),
    ("one", "0.9"): (),
    ("two", "1.0"): (),
    ("two", "2.0"): ("mac; sys_platform=='darwin'", "linux; platform_machine=='x86_64'"),
    ("three", "1.0"): ("two<2",),
    ("new", "1.0"): (),
    ("old", "1.0"): (),
    ("linux", "1.0"): (),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of packages, to read from."""
    folder = tmp_path_factory.mktemp("wheels")
    for (name, version), requires in WHEELS.items():
        write_wheel(folder, name, version, requires)
    write_wheel(folder, "compiled", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64")
    write_wheel(folder, "compiled", "1.0", tag="cp310-cp310-manylinux_2_17_x86_64")
    write_wheel(folder, "compiled", "2.0", tag="cp312-cp312-macosx_11_0_arm64")
    write_source(folder, "source", "1.0")
    return folder


def failure(folder: Path, *arguments: str) -> UnresolvedError:
    with pytest.raises(UnresolvedError) as caught:
        offline_pip(folder).resolve(arguments, folder, "3.12")
    return caught.value


def test_what_is_needed_is_resolved_for_the_space_s_python_and_not_for_this_one(folder: Path) -> None:
    found = offline_pip(folder).resolve(["one", "compiled"], folder, "3.12")
    names = [package.name for package in found.packages]
    assert names == ["compiled", "linux", "new", "one", "two"]
    assert (found.python, found.version("Two"), found.version("old")) == ("3.12", "2.0", "")
    older = offline_pip(folder).resolve(["one", "compiled"], folder, "3.10")
    assert [package.name for package in older.packages] == ["compiled", "linux", "old", "one", "two"]
    assert older.packages[0].url.endswith("compiled-1.0-cp310-cp310-manylinux_2_17_x86_64.whl")


def test_a_package_tells_its_address_and_its_hash(folder: Path) -> None:
    (found,) = offline_pip(folder).resolve(["new"], folder, "3.12").packages
    wheel = folder / "new-1.0-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert found == Package("new", "1.0", wheel.as_uri(), {"sha256": digest}, requested=True, kind="wheel")


def test_a_package_without_wheels_is_built_from_its_source(folder: Path) -> None:
    found = offline_pip(folder).resolve(["source", "new"], folder, "3.12")
    assert [(package.name, package.kind) for package in found.packages] == [("new", "wheel"), ("source", "source")]


def test_the_requirements_of_a_folder_are_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("one<1  # older\ntwo==1.0\n")
    found = offline_pip(folder).resolve(["-r", "requirements.txt", "new"], tmp_path, "3.12")
    assert [(package.name, package.version) for package in found.packages] == [
        ("new", "1.0"),
        ("one", "0.9"),
        ("two", "1.0"),
    ]


def test_nothing_is_installed(folder: Path) -> None:
    before = set(Path(sys.prefix).glob("lib/*/site-packages/one*"))
    offline_pip(folder).resolve(["one"], folder, "3.12")
    assert set(Path(sys.prefix).glob("lib/*/site-packages/one*")) == before


def test_a_conflict_names_both_sides(folder: Path) -> None:
    error = failure(folder, "one==1.0", "three")
    assert error.failure.reason is Reason.CONFLICT
    assert "one 1.0 depends on two>=2; three 1.0 depends on two<2" in str(error)


def test_versions_that_nobody_made_are_told_with_those_that_are_there(folder: Path) -> None:
    error = failure(folder, "two>5")
    assert error.failure.reason is Reason.NO_MATCH
    assert str(error).startswith("No version of two satisfies two>5; the newest are 1.0, 2.0.")
    assert "the newest are 1.0." in str(failure(folder, "source>1"))


def test_a_name_that_does_not_exist_is_told(folder: Path) -> None:
    assert str(failure(folder, "torhc")).startswith("There is nothing to install for torhc. Correct its name")


def test_a_wheel_for_another_machine_is_none(folder: Path) -> None:
    assert "the newest are 1.0" in str(failure(folder, "compiled>=2"))


def test_a_line_that_is_none_is_told(folder: Path) -> None:
    error = failure(folder, "foo bar")
    assert error.failure.reason is Reason.UNREADABLE
    assert "Invalid requirement: 'foo bar'" in str(error)


def test_an_index_that_nobody_serves_is_the_network_s_fault(folder: Path) -> None:
    # A port that nobody may listen on.
    silent = Pip(("--isolated", "--index-url", "http://127.0.0.1:1/simple", "--retries", "1"), seconds=60)
    with pytest.raises(UnresolvedError) as caught:
        silent.resolve(["numpy"], folder, "3.12")
    assert caught.value.failure.reason is Reason.NETWORK
    assert "cannot be reached" in str(caught.value)


class Index(Served):
    """An index of packages that answers nothing but a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self._server = LoopbackServer(self)
        self.options = ("--isolated", "--index-url", f"{self._server.url}/simple", "--retries", "1")

    def answer(self, _request: Request) -> Answer:
        raise RefusalError(self.status)

    def next_chunk(self, _sent: int) -> int:
        return 0


@pytest.mark.parametrize(
    ("status", "reason"), [(503, Reason.NETWORK), (429, Reason.NETWORK), (403, Reason.NETWORK), (404, Reason.NO_MATCH)]
)
def test_an_index_in_trouble_is_no_fault_of_the_line(folder: Path, status: int, reason: Reason) -> None:
    with Index(status) as index, pytest.raises(UnresolvedError) as caught:
        Pip(index.options).resolve(["numpy"], folder, "3.12")
    assert caught.value.failure.reason is reason


def test_it_takes_no_longer_than_allowed(folder: Path) -> None:
    with pytest.raises(UnresolvedError, match="within 0 seconds") as caught:
        Pip(offline_pip(folder).options, seconds=0.05).resolve(["one"], folder, "3.12")
    assert caught.value.failure.reason is Reason.TIME


def test_setuptools_can_be_imported_afterwards(folder: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.space.wheels import offline_pip
offline_pip(Path(sys.argv[1])).resolve(["one"], Path(sys.argv[1]), "3.12")
import setuptools
"""
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, cwd=REPOSITORY, timeout=120)


def test_a_python_without_pip_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pip, "distributions", lambda **_name: iter(()))
    with pytest.raises(UserError, match="ensurepip"):
        offline_pip(folder).resolve(["one"], folder, "3.12")


def test_the_user_s_constraints_are_not_the_space_s(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "constraints.txt").write_text("two<2\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "constraints.txt"))
    options = tuple(option for option in offline_pip(folder).options if option != "--isolated")
    assert Pip(options).resolve(["one"], folder, "3.12").version("two") == "2.0"


def test_a_python_has_the_platform_s_patch() -> None:
    assert [full_version(python) for python in ("3.12", "3.12.4", "3.13")] == ["3.12.12", "3.12.4", "3.13.0"]


def test_the_build_line_is_resolved_as_it_stands(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    for name in ("uvicorn", "websockets", "spaces", "numpy"):
        write_wheel(wheels, name, "99.0")
    version = build_line(REPOSITORY)[2].rpartition("=")[2]
    write_wheel(wheels, "gradio", version, ["numpy; extra == 'mcp'"], extra="mcp")
    (tmp_path / "README.md").write_text((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    (tmp_path / "requirements.txt").write_text("numpy>=2\n")
    found = offline_pip(wheels).resolve(build_line(tmp_path), tmp_path, "3.12")
    assert {package.name for package in found.packages} == {"gradio", "numpy", "spaces", "uvicorn", "websockets"}
