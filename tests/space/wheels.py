"""Writes tiny packages as files, a folder of which is all that pip looks at: no index, no network."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from microscope.space.packages.pip import Pip


def offline_pip(folder: Path, *options: str) -> Pip:
    """Return a pip that knows the packages of a folder alone, whatever this machine's configuration says."""
    return Pip(
        options=("--isolated", "--no-index", "--find-links", str(folder), "--disable-pip-version-check", *options)
    )


def write_wheel(
    folder: Path, name: str, version: str, requires: Sequence[str] = (), *, tag: str = "py3-none-any", extra: str = ""
) -> Path:
    """Write a wheel that requires others; `extra` is the name of an extra that a condition may speak of."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-{tag}.whl"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {extra}"] if extra else []
    lines += [f"Requires-Dist: {required}" for required in requires]
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{about}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


def write_source(folder: Path, name: str, version: str) -> Path:
    """Write a source that builds itself with nothing but Python's own library."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in source_files(name, version).items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def source_files(name: str, version: str) -> dict[str, str]:
    """Return the files of such a source."""
    backend = (
        "import zipfile\n"
        f"about, file = '{name}-{version}.dist-info', '{name}-{version}-py3-none-any.whl'\n"
        f"metadata = 'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n'\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    with zipfile.ZipFile(f'{folder}/{file}', 'w') as archive:\n"
        "        archive.writestr(f'{about}/METADATA', metadata)\n"
        "        archive.writestr(f'{about}/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')\n"
        "        archive.writestr(f'{about}/RECORD', '')\n"
        "    return file\n"
    )
    project = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    return {"backend.py": backend, "pyproject.toml": project, "PKG-INFO": f"Name: {name}\nVersion: {version}\n"}
