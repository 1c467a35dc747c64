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


SERVER = """
import http.server, os, signal
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
for place in ("data", "tmp", "app", "etc"):
    try:
        open(f"/{place}/written", "w").close()
    except OSError as error:
        print(place, error.strerror, flush=True)
heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(os.getpid(), sorted(set(os.environ) - {"LC_CTYPE"}), heeded, flush=True)
try:
    http.server.HTTPServer(("0.0.0.0", 7860), Handler).serve_forever()
except KeyboardInterrupt:
    print("stopped in order", flush=True)
"""
ASK = "import urllib.request; urllib.request.urlopen('http://127.0.0.2:7860/{}')"


@pytest.fixture
def image(script: Callable[[str], ModuleType], tmp_path: Path) -> Any:
    """Return an image whose programs are this machine's, where roots can be entered at all."""
    if set(script("docker_root").missing_tools()) - {"debootstrap"}:
        pytest.skip("only root can enter a root")
    root = tmp_path / "root"
    for folder in ("app", "data", "dev", "etc", "proc", "tmp", "usr"):
        (root / folder).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "app").chmod(0o777)
    (root / "data").chmod(0o777)
    (root / "etc" / "passwd").write_text("me:x:1000:1000::/data:/bin/sh\n", encoding="utf-8")
    flags = {"interval": "1s", "timeout": "5s", "start-period": "20s", "retries": "1"}
    ask = ASK.format("health")
    check = script("dockerfile").Instruction("HEALTHCHECK", flags, f'CMD ["python3", "-c", "{ask}"]', 1)
    command = ("python3", "-c", SERVER)
    return script("docker_build").Image(
        root, {}, folder="/app", user="1000:1000", volumes=("/data",), signal="SIGINT", health=check, command=command
    )


def test_an_image_runs_as_its_user_alone_and_stops_in_order(
    script: Callable[[str], ModuleType], image: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with script("docker_run").started(image, log, (Path("/usr"),)) as container:
        assert container.wait_until_healthy() > 0
        assert container.user() == (1000, 1000)
        assert container.execute(["python3", "-c", ASK.format("health")], {}, 30)[0] == 0
        status, said = container.execute(["python3", "-c", ASK.format("else")], {}, 30)
        assert (status, "HTTP Error 404" in said) == (1, True)
        assert container.execute(["sleep", "30"], {}, 0.2) == (1, "nothing within 0 s")
        took, ended = container.stop()
    assert (took < script("docker_run").GRACE, ended) == (True, 0)
    said = log.read_text(encoding="utf-8").splitlines()
    assert said[:2] == ["app Read-only file system", "etc Read-only file system"]
    assert said[2] == "1 ['HOME', 'PATH'] True"
    assert said[-1] == "stopped in order"
    assert (image.root / "data" / "written").is_file()
    assert not (image.root / "tmp" / "written").exists()


def test_a_command_that_ends_is_told_with_its_last_words(
    script: Callable[[str], ModuleType], image: Any, tmp_path: Path
) -> None:
    image.command = ("python3", "-c", "print('its last words', flush=True); raise SystemExit(3)")
    running = script("docker_run")
    said = r"it (ended before it began|did not become healthy)(?s:.)*its last words"
    with pytest.raises(SystemExit, match=said), running.started(image, tmp_path / "log", (Path("/usr"),)) as container:
        container.wait_until_healthy()


def test_one_that_does_not_heed_the_signal_is_killed(
    script: Callable[[str], ModuleType], image: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = script("docker_run")
    monkeypatch.setattr(running, "GRACE", 0.5)
    image.command = ("python3", "-c", SERVER)
    image.signal = "SIGTERM"
    with running.started(image, tmp_path / "log", (Path("/usr"),)) as container:
        container.wait_until_healthy()
        took, ended = container.stop()
    assert took > 0.5
    assert ended != 0


def test_a_machine_without_the_tools_is_told_what_it_lacks(
    script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = script("docker_root")
    monkeypatch.setattr(root.shutil, "which", lambda tool: None if tool == "debootstrap" else tool)
    monkeypatch.setattr(root.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="This needs debootstrap, the rights of root: run it as root, after apt-get"):
        script("prove_docker").main([])
