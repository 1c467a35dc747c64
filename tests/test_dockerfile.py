"""The image that the Dockerfile describes: what it promises, held without an engine that builds it."""

from __future__ import annotations

import http.server
import importlib
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import microscope
from microscope.settings import REPOSITORY, VARIABLES
from microscope.space.front_matter import front_matter_of
from microscope.space.payload import read_payload

# The line of a Space's build, as the Makefile has it; Gradio's version comes from README.md.
SPACE_LINE = '-r requirements.txt "gradio[oauth,mcp]=={}" "uvicorn>=0.14.0" "websockets>=10.4" spaces'
SECRET = re.compile(r"token|secret|passw|credential|key", re.IGNORECASE)
HADOLINT = Path(sys.executable).with_name("hadolint")


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    """Return what imports a script of the benchmarks, which read the Dockerfile to run it."""
    folder = str(REPOSITORY / "benchmarks")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def reader(script: Any) -> ModuleType:
    return script("dockerfile")


@pytest.fixture(scope="module")
def context(script: Any) -> ModuleType:
    return script("docker_context")


@pytest.fixture(scope="module")
def stages(reader: ModuleType) -> tuple[Any, ...]:
    return reader.read_dockerfile(REPOSITORY / "Dockerfile")


@pytest.fixture(scope="module")
def app(stages: tuple[Any, ...]) -> Any:
    """Return the last stage, which is the image."""
    return stages[-1]


def variables(app: Any) -> dict[str, str]:
    return {name: value for one in app.of("ENV") for name, value in one.pairs().items()}


def test_the_python_is_the_one_that_the_readme_asks_for(stages: tuple[Any, ...]) -> None:
    wanted = front_matter_of(REPOSITORY / "README.md", REPOSITORY).text("python_version")
    assert [stage.base for stage in stages] == [f"python:{wanted}-slim-bookworm", "python", "python"]


def test_gradios_version_is_read_as_the_makefile_reads_it(stages: tuple[Any, ...], tmp_path: Path) -> None:
    (run,) = next(stage for stage in stages if stage.name == "version").of("RUN")
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^GRADIO := \$\(shell (.*) README.md\)$", makefile, re.MULTILINE)[1].replace("$$", "$") in (  # type: ignore[index]
        run.value
    )
    shutil.copy(REPOSITORY / "README.md", tmp_path)
    subprocess.run(run.command, cwd=tmp_path, check=True, timeout=60)
    wanted = front_matter_of(REPOSITORY / "README.md", REPOSITORY).text("sdk_version")
    assert (tmp_path / "gradio.version").read_text() == f"{wanted}\n"


def test_the_line_is_that_of_a_spaces_build(app: Any) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert f"SPACE_LINE := {SPACE_LINE.format('$(GRADIO)')}\n" in makefile
    install = app.of("RUN")[-1].value
    assert install.endswith(SPACE_LINE.format("$(cat gradio.version)"))


@pytest.mark.parametrize(
    ("variant", "extra"), [("cpu", ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]), ("cuda", [])]
)
def test_the_variant_decides_where_torch_comes_from_and_nothing_else(
    app: Any, tmp_path: Path, variant: str, extra: list[str]
) -> None:
    done, asked = install(app, tmp_path, variant)
    assert done.returncode == 0, done.stderr
    line = ["-r", "requirements.txt", "gradio[oauth,mcp]==1.2.3", "uvicorn>=0.14.0", "websockets>=10.4", "spaces"]
    assert asked == ["install", "--no-cache-dir", "--root-user-action=ignore", *extra, *line]


def test_another_variant_is_refused_in_a_sentence(app: Any, tmp_path: Path) -> None:
    done, asked = install(app, tmp_path, "tpu")
    assert (done.returncode, done.stderr) == (1, "VARIANT is tpu; build with VARIANT=cpu or VARIANT=cuda.\n")
    assert asked == []


def install(app: Any, folder: Path, variant: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the image's pip line with a pip that only says what it was asked."""
    pip, asked = folder / "pip", folder / "asked"
    pip.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {asked}\n', encoding="utf-8")
    pip.chmod(0o755)
    (folder / "gradio.version").write_text("1.2.3\n", encoding="utf-8")
    defaults = dict(one.value.split("=", 1) for one in app.of("ARG"))
    environment = {**defaults, "VARIANT": variant, "PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(
        app.of("RUN")[-1].command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return done, asked.read_text(encoding="utf-8").splitlines() if asked.is_file() else []


def test_an_edit_of_the_code_installs_nothing_anew(stages: tuple[Any, ...], app: Any) -> None:
    words = [(one.word, one.value) for one in app.instructions]
    installed = max(number for number, (word, _) in enumerate(words) if word == "RUN")
    before = {value for word, value in words[:installed] if word == "COPY"}
    assert before == {"packages.txt ./", "requirements.txt ./", "/version/gradio.version ./"}
    assert [value for word, value in words[installed:] if word == "COPY"] == [". ./"]
    assert [one.value for stage in stages[:-1] for one in stage.of("COPY")] == ["README.md ./"]


def test_it_runs_as_a_user_with_a_number_who_owns_the_volume_alone(app: Any) -> None:
    assert [one.value for one in app.of("USER")] == ["1000:1000"]
    last = [one.word for one in app.instructions]
    assert last.index("USER") > max(number for number, word in enumerate(last) if word in ("RUN", "COPY"))
    assert not any("chown" in one.flags for one in app.of("COPY"))
    (volume,) = app.of("VOLUME")
    assert volume.command == ("/data",)
    assert "--uid 1000 --user-group --home-dir /data --no-create-home" in app.of("RUN")[0].value
    assert "install --directory --owner=microscope --group=microscope /data" in app.of("RUN")[0].value
    kept = variables(app)
    assert kept["MICROSCOPE_DATA"].startswith("/data/")
    assert kept["HF_HOME"].startswith("/data/")


def test_it_serves_on_every_address_at_the_port_that_it_names(app: Any) -> None:
    kept = variables(app)
    assert kept["GRADIO_SERVER_NAME"] == "0.0.0.0"  # noqa: S104
    assert [kept["GRADIO_SERVER_PORT"]] == [one.value for one in app.of("EXPOSE")] == ["7860"]
    assert app.of("CMD")[-1].command == ("python", "app.py")


def test_no_secret_is_built_in_and_what_is_set_are_variables_of_the_app(stages: tuple[Any, ...], app: Any) -> None:
    names = {one.value.partition("=")[0] for stage in stages for one in stage.of("ARG")} | set(variables(app))
    assert [name for name in names if SECRET.search(name)] == []
    assert set(variables(app)) - {variable.name for variable in VARIABLES} == {"PYTHONUNBUFFERED"}


class Health(http.server.BaseHTTPRequestHandler):
    """Answers at /health alone, with the status of its server."""

    status = HTTPStatus.OK

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health" else HTTPStatus.NOT_FOUND)
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (None, 1)])
def test_the_health_check_passes_only_where_the_route_says_so(app: Any, status: int | None, code: int) -> None:
    (check,) = app.of("HEALTHCHECK")
    assert set(check.flags) == {"interval", "timeout", "start-period", "retries"}
    program, *arguments = check.command
    assert program == "python"
    handler = type("Handler", (Health,), {"status": status})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = str(server.server_port)
        if status is None:
            server.shutdown()
            server.server_close()
        # A proxy that a variable names is not asked.
        environment = {
            "GRADIO_SERVER_PORT": port,
            "http_proxy": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        }
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, check=False, timeout=60
        )
        server.shutdown()
        thread.join()
    assert done.returncode == code, done.stderr


def test_every_source_that_is_copied_is_there(stages: tuple[Any, ...], context: ModuleType) -> None:
    given = set(context.context(REPOSITORY))
    for stage in stages:
        for one in stage.of("COPY"):
            *sources, _ = one.value.split()
            if "from" not in one.flags:
                assert [source for source in sources if source != "." and source not in given] == []
            else:
                assert one.flags["from"] in {earlier.name for earlier in stages}


def test_the_build_is_given_what_a_space_is_given_and_nothing_else(context: ModuleType) -> None:
    payload = {file.path for file in read_payload(REPOSITORY, microscope.__version__).files}
    assert set(context.context(REPOSITORY)) - {"assets/manifest.json"} == payload


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", ".env", "tests/test_dockerfile.py", "src/microscope/__pycache__/settings.cpython-312.pyc"),
        *("src/vlm_microscope.egg-info/PKG-INFO", ".venv/bin/python", "runs/secret.txt", "src/microscope/a.pyi"),
        *(
            "src/microscope/cli/.a.py.swp",
            "assets/digits/digits.npz",
            "src/.env",
            "assets/key.pem",
            "notes.txt",
            "src/microscope/ui/b.py~",
        ),
    ],
)
def test_the_build_is_not_given_what_lies_about(context: ModuleType, path: str) -> None:
    assert context.ignored(path, context.read_rules(REPOSITORY))


def test_a_folder_is_walked_where_something_in_it_is_let_in(context: ModuleType, tmp_path: Path) -> None:
    for path in ("a/b/kept.txt", "a/b/left.log", "c/left.txt", "d/deep/er/x.tmp"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert list(context.context(tmp_path)) == ["a/b/kept.txt", "a/b/left.log", "c/left.txt", "d/deep/er/x.tmp"]
    (tmp_path / ".dockerignore").write_text("# a comment\n*\n!a/b\n**/*.log\n", encoding="utf-8")
    assert list(context.context(tmp_path)) == ["a/b/kept.txt"]
    (tmp_path / ".dockerignore").write_text("**/*.tmp\n/c/\na/?/*.[kl]o*\n.dockerignore\n", encoding="utf-8")
    assert list(context.context(tmp_path)) == ["a/b/kept.txt"]


def test_the_linter_has_nothing_to_say() -> None:
    done = subprocess.run([HADOLINT, "Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_dockerfile_is_read_with_its_comments_flags_and_stages(reader: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(
        '# a comment\nFROM one:1\nENV A=1 \\\n# between\n    B="two words"\n\nfrom 0 as last\n'
        'COPY --from=0 --chmod=755 a b ./\nRUN echo "$A" \\\n    && true\nUSER 1\n',
        encoding="utf-8",
    )
    first, last = reader.read_dockerfile(path)
    assert (first.name, first.base, last.name, last.base) == ("0", "one:1", "last", "0")
    assert first.of("ENV")[0].pairs() == {"A": "1", "B": "two words"}
    copy, run, user = last.instructions
    assert (copy.flags, copy.value) == ({"from": "0", "chmod": "755"}, "a b ./")
    assert run.command == ("/bin/sh", "-c", 'echo "$A"     && true')
    assert (user.word, user.line) == ("USER", 11)
    assert [stage.name for stage in reader.lineage((first, last), "last")] == ["0", "last"]
    assert reader.expanded("$A/${B}/$C", {"A": "a", "B": "b"}) == "a/b/"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("RUN true\n", "line 1: RUN stands before"),
        ("FROM a\n\nONBUILD RUN true\n", "line 3: ONBUILD"),
        ("FROM a\nRUN cat <<END\nEND\n", "line 2: RUN"),
        ("FROM a as b c\n", "line 1: FROM"),
        ("FROM a\nRUN true \\\n", "line 2: the file ends"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_line(
    reader: ModuleType, tmp_path: Path, text: str, named: str
) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=named):
        reader.read_dockerfile(path)
