"""Tests of what carries the Dockerfile out: what it does with each instruction and what it refuses, without a root."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
DOCKERFILE = """
FROM image AS first
WORKDIR /first
COPY a.txt ./

FROM image AS last
ARG VARIANT=cpu
ARG OTHER
WORKDIR /app
COPY --from=first /first/a.txt ./
COPY --chmod=755 . ./
ENV A=1 HOME=/data
RUN make "$VARIANT"
USER 1000:1000
VOLUME ["/data"]
STOPSIGNAL SIGINT
HEALTHCHECK --interval=1m30s CMD ["ask"]
CMD ["serve", "it"]
"""


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """Return what imports a script as a module; it finds its neighbours as it does when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture
def ran(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note what is run instead of running it: the folder, the words and the variables."""
    noted: list[Any] = []

    def run(_root: Path, words: Sequence[str], work: Any, _shell: Any, log: Path) -> int:
        noted.append((work.user, work.folder, tuple(words), dict(work.environment)))
        log.write_text("it said no\n", encoding="utf-8")
        return 7 if "fail" in words[-1] else 0

    monkeypatch.setattr(script("docker_build"), "run", run)
    return noted


def build(script: Callable[[str], ModuleType], place: Path, text: str = DOCKERFILE, **given: str) -> Any:
    """Build a text with a base of one user, in a folder with two files of which one is ignored."""
    base, source = place / "base", place / "source"
    for path, content in (
        (base / "etc" / "passwd", "root:x:0:0::/root:/bin/sh\nme:x:1000:1000::/data:/bin/sh\n"),
        (source / "Dockerfile", text),
        (source / ".dockerignore", "*.log\nDockerfile\n.dockerignore\n"),
        (source / "a.txt", "a"),
        (source / "deep" / "b.txt", "b"),
        (source / "c.log", "c"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    network = script("docker_pip").Network({"PIP_X": "1"}, ())
    told: list[str] = []
    builder = script("docker_build").Builder(base, place, source, given, network, place / "log", told.append)
    return builder.build(), told


def test_every_instruction_does_what_it_says(
    script: Callable[[str], ModuleType], ran: list[Any], tmp_path: Path
) -> None:
    image, told = build(script, tmp_path, VARIANT="cuda")
    app = image.root / "app"
    assert image.root == tmp_path / "last"
    assert sorted(path.relative_to(app).as_posix() for path in app.rglob("*") if path.is_file()) == [
        "a.txt",
        "deep/b.txt",
    ]
    assert [(app / name).stat().st_mode & 0o777 for name in ("a.txt", "deep", "deep/b.txt")] == [0o755] * 3
    assert ran == [
        (
            "0:0",
            "/app",
            ("/bin/sh", "-c", 'make "$VARIANT"'),
            {"PIP_X": "1", "VARIANT": "cuda", "OTHER": "", "HOME": "/data", "A": "1"},
        )
    ]
    assert (image.user, image.volumes, image.signal) == ("1000:1000", ("/data",), "SIGINT")
    assert (image.command, image.health.command, image.folder) == (("serve", "it"), ("ask",), "/app")
    assert told[-1].endswith(' s  last 12/12 CMD ["serve", "it"]')


def test_the_home_is_that_of_the_user_and_arguments_are_not_in_the_image(
    script: Callable[[str], ModuleType], ran: list[Any], tmp_path: Path
) -> None:
    image, _ = build(script, tmp_path, DOCKERFILE.replace(" HOME=/data", ""))
    assert image.work.environment == {"HOME": "/data", "A": "1"}
    assert ran[0][3]["HOME"] == "/root"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("RUN fail", r"line 2 of the Dockerfile failed \(7\):\nit said no"),
        ("COPY c.log ./", "line 2 of the Dockerfile copies c.log, which the build is not given"),
        ("COPY a.txt b.txt", "line 2 of the Dockerfile copies to b.txt; write a folder"),
    ],
)
def test_what_fails_is_told_with_its_line(
    script: Callable[[str], ModuleType], ran: list[Any], tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        build(script, tmp_path, f"FROM image\n{line}\n")


def test_pip_is_told_what_it_is_told_here_and_finds_the_same_paths(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    (tmp_path / "index" / "simple").mkdir(parents=True)
    (tmp_path / "limits.txt").touch()
    listed = "\n".join(
        (
            f"global.constraint='{tmp_path}/limits.txt'",
            f"global.extra-index-url='\\nfile://{tmp_path}/index/simple\\nhttps://example.org/simple'",
            "global.timeout='5'",
            "install.no-deps='false'",
            "freeze.timeout='7'",
            ":env:.timeout='9'",
            ":env:.find-links='/nowhere'",
        )
    )
    found = script("docker_pip").network(listed)
    assert found.environment == {
        "PIP_CONSTRAINT": f"{tmp_path}/limits.txt",
        "PIP_EXTRA_INDEX_URL": f"file://{tmp_path}/index/simple https://example.org/simple",
        "PIP_TIMEOUT": "9",
        "PIP_NO_DEPS": "false",
        "PIP_FIND_LINKS": "/nowhere",
    }
    assert [path for path in found.binds if path.is_relative_to(tmp_path)] == [
        tmp_path / "index",
        tmp_path / "limits.txt",
    ]


def test_a_command_has_the_users_numbers_and_no_variable_but_those_given(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    root = script("docker_root")
    words = root.Work("1000:1000", "/app", {"A": "1"}).command(tmp_path, ["serve", "it"])
    assert words[:4] == ["chroot", "--userspec=1000:1000", "--groups=", str(tmp_path)]
    assert words[4:] == [
        "/usr/bin/env",
        "-i",
        "--default-signal",
        "--chdir=/app",
        f"PATH={root.PATH}",
        "A=1",
        "serve",
        "it",
    ]
    command = root.Shell(alone=True, only=("/data",)).command(tmp_path, words)
    assert command[:6] == ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--net"]
    lines = command[-1].splitlines()
    kept, closed = f"mount --bind {tmp_path}/data {tmp_path}/data", f"mount -o remount,bind,ro {tmp_path}"
    assert lines.index(kept) < lines.index(closed)
    assert lines[-1].startswith("exec chroot ")


def test_places_for_what_is_bound_are_made_as_what_they_are(
    script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    folder, file, root = tmp_path / "wheels", tmp_path / "limits.txt", tmp_path / "root"
    folder.mkdir()
    file.touch()
    shell = script("docker_root").Shell(binds=(folder, file))
    shell.prepare(root)
    shell.prepare(root)
    assert (root / folder.relative_to("/")).is_dir()
    assert (root / file.relative_to("/")).is_file()


@pytest.mark.parametrize(("text", "number"), [("30s", 30), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25)])
def test_a_duration_is_read_as_docker_writes_it(script: Callable[[str], ModuleType], text: str, number: float) -> None:
    assert script("docker_run").seconds(text) == number


def test_a_machine_without_the_tools_is_told_what_it_lacks(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = script("docker_root")
    monkeypatch.setattr(root.shutil, "which", lambda tool: None if tool == "debootstrap" else tool)
    monkeypatch.setattr(root.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="This needs debootstrap, the rights of root: run it as root, after apt-get"):
        script("prove_docker").main([])
