"""The pinned list of a Space's build, from the real pip over a folder of tiny packages, and installable by it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.packages.pip import Package, Pip, Resolved, UnresolvedError
from microscope.space.packages.pip_failure import Failure, Reason
from microscope.space.packages.requirements import CPU, CUDA, INDEXES, requirements
from tests.space.projects import GRADIO, write_project, write_wheels
from tests.space.wheels import offline_pip, write_wheel

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the packages, with torch for CUDA alone."""
    return write_wheels(tmp_path_factory.mktemp("wheels"), without=("2.13.0+cpu",))


@pytest.fixture(scope="module")
def cpu_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the packages, torch for the CPU among them."""
    return write_wheels(tmp_path_factory.mktemp("cpu_wheels"))


@pytest.fixture(scope="module")
def listed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the list for this Python and CUDA."""
    return requirements(write_project(tmp_path_factory.mktemp("project")), offline_pip(wheels), HERE, CUDA)


def pins(text: str) -> dict[str, str]:
    """Return the hash of each pinned package."""
    lines = [line for line in text.splitlines() if not line.startswith(("#", "--"))]
    return {name: digest for name, _, digest in (line.partition(" --hash=sha256:") for line in lines)}


def install(folder: Path, text: str, wheels: Path) -> subprocess.CompletedProcess[str]:
    """Let the real pip install a list with its hashes, but for the writing."""
    (folder / "list.txt").write_text(text, encoding="utf-8")
    options = ("--isolated", "--no-index", "--find-links", str(wheels), "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "install", *options, "--dry-run", "--ignore-installed", "--require-hashes"]
    return subprocess.run(
        [*command, "-r", "list.txt"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_everything_that_is_installed_is_pinned_with_the_hash_of_its_wheel(listed: str, wheels: Path) -> None:
    expected = {
        f"{name}=={version}": hashlib.sha256((wheels / f"{name}-{version}-py3-none-any.whl").read_bytes()).hexdigest()
        for name, version in (
            *(("authlib", "1.9"), ("gradio", GRADIO), ("helper", "1.5"), ("spaces", "0.51.3"), ("torch", "2.13.0")),
            *(("uvicorn", "0.20.0"), ("websockets", "12.0")),
        )
    }
    assert pins(listed) == expected
    assert list(pins(listed)) == sorted(expected)


def test_the_list_says_what_it_is_for_and_names_no_place_of_this_machine(listed: str, wheels: Path) -> None:
    heading = " ".join(line.lstrip("# ") for line in listed.splitlines() if line.startswith("#"))
    assert f"for Python {HERE} on Linux on x86-64 with glibc 2.36 or later, torch for CUDA" in heading
    assert str(wheels) not in listed
    assert not any(line.startswith("--") for line in listed.splitlines())


def test_pip_installs_the_list_with_hashes_required(listed: str, wheels: Path, tmp_path: Path) -> None:
    done = install(tmp_path, listed, wheels)
    assert done.returncode == 0, done.stderr
    assert f"gradio-{GRADIO}" in done.stdout.splitlines()[-1]


def test_pip_refuses_the_list_where_a_package_is_another_than_it_was(
    listed: str, wheels: Path, tmp_path: Path
) -> None:
    other = write_wheels(tmp_path / "other", without=("2.13.0+cpu",))
    write_wheel(other, "helper", "1.5", ("authlib",))
    done = install(tmp_path, listed, other)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_the_list_for_the_cpu_names_the_index_of_its_torch(cpu_wheels: Path, tmp_path: Path) -> None:
    text = requirements(write_project(tmp_path), offline_pip(cpu_wheels), HERE, CPU)
    assert f"\n--extra-index-url {INDEXES[CPU]}\n" in text
    assert "torch==2.13.0+cpu" in pins(text)
    done = install(tmp_path, text, cpu_wheels)
    assert done.returncode == 0, done.stderr


def test_a_torch_for_cuda_is_no_answer_where_one_for_the_cpu_is_wanted(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No wheel of torch for the CPU .* or ask for the list for CUDA"):
        requirements(write_project(tmp_path), offline_pip(wheels), HERE, CPU)


def test_a_torch_for_the_cpu_is_no_answer_where_one_for_cuda_is_wanted(cpu_wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pip takes torch for the CPU on this machine: .* with --variant cpu"):
        requirements(write_project(tmp_path), offline_pip(cpu_wheels), HERE, CUDA)


def test_the_list_may_be_for_another_python_than_this(wheels: Path, tmp_path: Path) -> None:
    lines = "torch==2.13.0; python_version < '3.11'\nolder; python_version > '3.14'\n"
    project = write_project(tmp_path, lines)
    names = [{pin.split("==")[0] for pin in pins(text)} for text in _for(project, wheels, "3.10", "3.12")]
    assert names[0] - names[1] == {"torch"}


def _for(project: Path, wheels: Path, *pythons: str) -> list[str]:
    return [requirements(project, offline_pip(wheels), python, CUDA) for python in pythons]


def test_a_conflict_names_both_sides(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(UnresolvedError, match=r"older 1\.0 depends on helper<1") as caught:
        requirements(write_project(tmp_path, "older\n"), offline_pip(wheels), HERE, CUDA)
    assert caught.value.failure.reason is Reason.CONFLICT


UNREACHED = Failure(Reason.NETWORK, "The package index cannot be reached", "Check the network.")


@dataclass(frozen=True)
class Saying(Pip):
    """Answers as pip would, without asking anybody."""

    answer: Resolved | Failure = UNREACHED

    def resolve(self, *_asked: object) -> Resolved:
        if isinstance(self.answer, Failure):
            raise UnresolvedError(self.answer)
        return self.answer


@pytest.mark.parametrize(
    ("variant", "named"), [(CUDA, "The package index cannot"), (CPU, f"or {INDEXES[CPU]} beside")]
)
def test_without_a_network_the_index_is_named_that_is_asked(tmp_path: Path, variant: str, named: str) -> None:
    with pytest.raises(UserError, match="check the network, and try again") as caught:
        requirements(write_project(tmp_path), Saying(), HERE, variant)
    assert named in str(caught.value)


def test_a_package_without_a_hash_is_refused(tmp_path: Path) -> None:
    bare = Package("old", "1.0", "https://example.org/old-1.0.tar.gz", {"md5": "0"}, requested=True, kind="source")
    with pytest.raises(UserError, match=r"Where old 1\.0 comes from tells no sha256"):
        requirements(write_project(tmp_path), Saying(answer=Resolved(HERE, (bare,))), HERE, CUDA)
