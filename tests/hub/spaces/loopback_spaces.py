"""A loopback stand-in for the Hub's Spaces, for the real huggingface_hub client; knows nothing of the app.

It keeps histories of commits, takes uploads the plain and the large way (no Xet), tells the stages that a test wrote
down, keeps secrets, variables, hardware and volumes, gives keyless tokens, and fails when told to.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from types import TracebackType
from unittest.mock import patch
from urllib.parse import quote, unquote

from typing_extensions import Self

from tests.hub.loopback_server import Answer, DroppedError, LoopbackServer, RefusalError, Request, Served
from tests.hub.spaces import files, models, settings
from tests.hub.spaces.accounts import Account, Accounts, Publisher
from tests.hub.spaces.repository import GIT_ATTRIBUTES, Commit, Space, Stored, Told, script_of, stored

_FILE = "/{repo_id}/resolve/{revision}/{filename}"
Running = Callable[[str, str, "dict[str, bytes]"], "str | None"]
Respond = Callable[["LoopbackSpaces", Request, "dict[str, str]"], Answer]


@dataclass
class Failure:
    """What happens to the next requests of a method whose path contains `on`.

    A refusal is raised; without one the connection ends, after the request was carried out where `applied`.
    """

    on: str
    times: int
    method: str = ""
    refusal: RefusalError | None = None
    applied: bool = False


class LoopbackSpaces(Served):
    """The Hub's Spaces on a loopback port; use it as a context manager, and its `url` as the endpoint.

    While it is open, the huggingface_hub of this process takes it for the Hub where no endpoint is given (which
    keyless tokens need), sends large files the plain way instead of by Xet, waits nowhere between its own retries,
    and has no token of this machine: give one, or set HF_TOKEN. A child process gets the same by `environment`.

    Tokens: `token` may write what belongs to "owner" (PRO), `reader` may read alone, `free_token` writes as "free", a
    free account; `admit` adds others. A token that was never admitted is refused.

    Spaces: `create` makes one as its owner would by hand, `commit` puts a commit of somebody else on top; `head`,
    `history`, `tree` and `space` look at what there is, `space` to change as well (`secrets`, `variables`, `host`...).

    Runtime: `script(space, "BUILDING", "BUILD_ERROR")` is what the next commits and restarts lead to, one stage a
    poll, the last for ever; `once=True` for the next one alone. A `Told` in place of a name says more: how many polls,
    whether of the "new" commit, of the "old" one or of "none", the error message. Without a script: BUILDING,
    APP_STARTING, RUNNING. `say(space, "build", *lines)` writes a log, `open_logs = True` leaves logs open as the Hub
    does, `talkative = True` lets the app write on while it is read. `on_running` is called as `(space, sha, files)`
    when a commit is first told to run; the address that it returns, if any, becomes the Space's `host`.

    Failures: `fail(503, on="/runtime", times=2)` answers the next requests so, `drop(on="/commit/")` ends their
    connection half way, `drop(on="/commit/", applied=True)` carries them out and does not answer,
    `meanwhile("/commit/", act)` does something once before such a request is looked at. `recover` ends all of them.
    `requests` lists what came in, `count` counts it.
    """

    def __init__(self) -> None:
        self.token, self.reader, self.free_token = "hf_write", "hf_read", "hf_free"  # of nobody
        self.accounts = Accounts(
            {
                self.token: Account("owner"),
                self.reader: Account("owner", "read"),
                self.free_token: Account("free", plan="free"),
            }
        )
        self.spaces: dict[str, Space] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.open_logs = self.talkative = False
        self.on_running: Running | None = None
        self._failures: list[Failure] = []
        self._meanwhile: list[tuple[str, Callable[[], object]]] = []
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._library = ExitStack()
        self._server = LoopbackServer(self)
        self.url = self._server.url

    def __enter__(self) -> Self:
        super().__enter__()
        for target, value in (
            ("huggingface_hub.constants.ENDPOINT", self.url),
            (
                "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
                f"{self.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
            ),
            ("huggingface_hub.constants.HF_HUB_DISABLE_XET", True),
            ("huggingface_hub.constants.HF_TOKEN_PATH", "/no-token"),
            ("huggingface_hub.utils._auth._OIDC_TOKEN_CACHE", None),
            ("huggingface_hub.utils._http.time", _Clock),
        ):
            self._library.enter_context(patch(target, value))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.close()
        self.recover()
        self._closed.set()
        super().__exit__(kind, error, trace)

    def environment(self, token: str | None = None) -> dict[str, str]:
        """Return the variables by which a child process takes this for the Hub, with a token or without."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_TOKEN_PATH": "/no-token",
            **({"HF_TOKEN": token} if token else {}),
        }

    def keyless(
        self, space: str, repository: str = "owner/microscope", branch: str = "main", workflow: str = "deploy.yml"
    ) -> dict[str, str]:
        """Return the variables of a workflow's job that may ask for an identity token and names a Space."""
        claims = "/".join(quote(claim, safe="") for claim in (repository, branch, workflow))
        return {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/id-token/{claims}",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-this-job",
            "HF_OIDC_RESOURCE": f"spaces/{space}",
        }

    def trust(self, space: str, repository: str = "owner/microscope", **claims: str) -> None:
        """Set a Trusted Publisher of a Space: claims (`branch`, `workflow`) that a token must have exactly."""
        self.accounts.publishers.append(Publisher(space, {"repository": repository, **claims}))

    def admit(self, token: str, account: Account) -> None:
        """Make a token known, or another account its owner."""
        self.accounts.by_token[token] = account

    def create(
        self,
        space: str,
        contents: Mapping[str, bytes] | None = None,
        hardware: str = "cpu-basic",
        *,
        private: bool = False,
    ) -> str:
        """Make a Space as its owner would by hand, running with these files, and return its commit."""
        made = self.spaces[space] = Space(space, private, hardware, hardware)
        made.add(stored({".gitattributes": GIT_ATTRIBUTES}), "initial commit")
        if contents:
            self.commit(space, contents, message="add files")
        made.telling, made.running = [Told("RUNNING")], made.head.sha
        return made.head.sha

    def commit(
        self, space: str, contents: Mapping[str, bytes], deleted: tuple[str, ...] = (), message: str = "by hand"
    ) -> str:
        """Put a commit of somebody else on top, and return its id."""
        held = {path: file for path, file in self.spaces[space].head.tree.items() if path not in deleted}
        added = stored(contents)
        self.objects |= {file.sha256: file.content for file in added.values() if file.large}
        return self.spaces[space].add({**held, **added}, message, author="somebody").sha

    def space(self, space: str) -> Space:
        """Return the state of a Space."""
        return self.spaces[space]

    def head(self, space: str) -> str:
        """Return the newest commit of a Space."""
        return self.spaces[space].head.sha

    def history(self, space: str) -> tuple[Commit, ...]:
        """Return the commits of a Space, newest first."""
        return tuple(reversed(self.spaces[space].commits))

    def tree(self, space: str, sha: str = "main") -> dict[str, bytes]:
        """Return the files of a commit of a Space, by path."""
        return {path: file.content for path, file in self.stored(space, sha).items()}

    def stored(self, space: str, sha: str = "main") -> dict[str, Stored]:
        """Return the files of a commit of a Space with how they are held, by path."""
        return dict(files.revision(self.spaces[space], sha).tree)

    def script(self, space: str, *stages: str | Told, once: bool = False) -> None:
        """Write down what the next commits and restarts of a Space lead to, or the next one alone."""
        if once:
            self.spaces[space].scripts.append(script_of(stages))
        else:
            self.spaces[space].script = script_of(stages)

    def now(self, space: str, *stages: str | Told) -> None:
        """Let the runtime of a Space tell these stages from the next poll on, without a commit."""
        self.spaces[space].scripts.insert(0, script_of(stages))
        self.spaces[space].start()

    def say(self, space: str, kind: str, *lines: str) -> None:
        """Write lines to the "build" or the "run" log of a Space."""
        self.spaces[space].logs[kind] += lines

    def host(self, space: str, url: str) -> None:
        """Let the app of a Space be at an address."""
        self.spaces[space].host = url

    def fail(
        self,
        status: int,
        on: str = "",
        times: int = 1,
        *,
        method: str = "",
        message: str = "told to fail",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next requests of a method whose path contains `on` with an HTTP status."""
        refusal = RefusalError(status, message=message, headers=dict(headers or {}))
        self._failures.append(Failure(on, times, method, refusal))

    def drop(self, on: str, times: int = 1, *, applied: bool = False) -> None:
        """End the connection of the next requests whose path contains `on`, before or after carrying them out."""
        self._failures.append(Failure(on, times, applied=applied))

    def meanwhile(self, on: str, act: Callable[[], object]) -> None:
        """Do something once, before the next request whose path contains `on` is looked at."""
        self._meanwhile.append((on, act))

    def recover(self) -> None:
        """End every failure."""
        self._failures.clear()
        self._meanwhile.clear()

    def count(self, method: str = "", on: str = "") -> int:
        """Return how many requests of a method (empty: any) came in whose path contains `on`."""
        return sum(request.method.startswith(method) and on in request.path for request in self.requests)

    def answer(self, request: Request) -> Answer:
        """Return what a request gets; raises the Hub's refusals."""
        if request.path == "/api/agent-harnesses":
            # The library asks it once a day for its own sake, whatever it was told to do.
            raise RefusalError(404)
        failure = self._next_failure(request)
        if failure is not None and failure.refusal is None and not failure.applied:
            with self._lock:
                self.requests.append(request)
            raise DroppedError
        request = replace(request, body=request.read())
        with self._lock:
            self.requests.append(request)
            for act in self._due(request):
                act()
        if failure is not None and failure.refusal is not None:
            raise failure.refusal
        # Reading holds up nobody: an app that is started while the runtime is told may ask for something itself.
        with nullcontext() if request.method == "GET" else self._lock:
            answer = self._respond(request)
        if failure is not None:
            raise DroppedError
        return answer

    def next_chunk(self, sent: int) -> int:
        """Return how many bytes of a file to send at once."""
        return sent or 1 << 20

    def seen(self, request: Request, space: str) -> Space:
        """Return a Space that a request may know of, or refuse as the Hub does, which does not tell what it hides."""
        found = self.spaces.get(space)
        hidden = found is None or not self.accounts.may_read(request, space, private=found.private)
        if found is None or hidden:
            self.accounts.who(request)
            if request.token:
                raise RefusalError(404, "RepoNotFound", "Repository not found")
            raise RefusalError(401, message="Invalid username or password.")
        return found

    def writable(self, request: Request, space: str) -> tuple[Space, Account]:
        """Return a Space that a request may write files of, and who asks."""
        found = self.seen(request, space)
        return found, self.accounts.need_files(request, space)

    def owned(self, request: Request, space: str) -> Space:
        """Return a Space whose settings a request may change."""
        found = self.seen(request, space)
        self.accounts.need_settings(request, space)
        return found

    def tells(self, space: Space) -> Told:
        """Return what the runtime of a Space tells now; a commit that begins to run is made known."""
        told = space.poll()
        if told.stage == "RUNNING" and told.sha == "new" and space.running != space.target:
            space.running, space.hardware = space.target, space.requested
            if self.on_running is not None:
                host = self.on_running(space.name, space.target, self.tree(space.name, space.target))
                space.host = host or space.host
        return told

    def kept_alive(self) -> Iterator[bytes]:
        """Yield signs of life until the Hub is closed."""
        while not self._closed.wait(0.02):
            yield b"data:\n\n"

    def _next_failure(self, request: Request) -> Failure | None:
        with self._lock:
            for failure in self._failures:
                if failure.on in request.path and request.method.startswith(failure.method):
                    failure.times -= 1
                    if not failure.times:
                        self._failures.remove(failure)
                    return failure
        return None

    def _due(self, request: Request) -> list[Callable[[], object]]:
        due = [entry for entry in self._meanwhile if entry[0] in request.path]
        self._meanwhile = [entry for entry in self._meanwhile if entry not in due]
        return [act for _, act in due]

    def _respond(self, request: Request) -> Answer:
        for methods, pattern, respond in _ROUTES:
            match = pattern.fullmatch(request.raw)
            if match is not None and request.method in methods.split():
                return respond(self, request, {name: unquote(text or "") for name, text in match.groupdict().items()})
        raise RefusalError(404, message=f"no route {request.method} {request.path}")


class _Clock:
    """Waits for nothing."""

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait not at all."""


def _route(methods: str, pattern: str, respond: Respond) -> tuple[str, re.Pattern[str], Respond]:
    space = r"(?P<space>[^/]+/[^/]+)"
    revision = r"(?P<revision>[^/]+)"
    return methods, re.compile(pattern.replace("{space}", space).replace("{revision}", revision)), respond


_ROUTES = (
    _route("POST", "/api/repos/create", settings.create),
    _route("POST", "/api/validate-yaml", settings.validate),
    _route("GET", "/api/whoami-v2", settings.whoami),
    _route("GET", "/api/spaces/zero-gpu/quota", settings.quota),
    _route("POST", "/oauth/token", settings.exchange),
    _route("GET", "/id-token/(?P<repository>[^/]+)/(?P<branch>[^/]+)/(?P<workflow>[^/]+)", settings.identity),
    _route("GET", "/api/spaces/{space}/tree/{revision}", files.tree),
    _route("POST", "/api/spaces/{space}/paths-info/{revision}", files.paths),
    _route("GET", "/api/spaces/{space}/commits/{revision}", files.history),
    _route("POST", "/api/spaces/{space}/preupload/{revision}", files.preupload),
    _route("POST", "/api/spaces/{space}/commit/{revision}", files.commit),
    _route("GET HEAD", "/spaces/{space}/(?P<way>resolve|raw)/{revision}/(?P<path>.+)", files.resolve),
    _route("POST", r"/spaces/{space}\.git/info/lfs/objects/batch", files.large_batch),
    _route("POST", r"/spaces/{space}\.git/info/lfs/verify", files.large_verify),
    _route("PUT", "/large/(?P<oid>[0-9a-f]{64})", files.large_upload),
    _route("POST", "/api/spaces/{space}/duplicate", settings.duplicate),
    _route("GET", "/api/spaces/{space}/runtime", settings.runtime),
    _route("GET", "/api/spaces/{space}/logs/(?P<kind>build|run)", settings.logs),
    _route("GET POST DELETE", "/api/spaces/{space}/secrets", settings.secrets),
    _route("GET POST DELETE", "/api/spaces/{space}/variables", settings.variables),
    _route("POST", "/api/spaces/{space}/hardware", settings.hardware),
    _route("POST", "/api/spaces/{space}/sleeptime", settings.sleep),
    _route("POST", "/api/spaces/{space}/restart", settings.restart),
    _route("POST", "/api/spaces/{space}/pause", settings.pause),
    _route("PUT DELETE", "/api/spaces/{space}/volumes", settings.volumes),
    _route("GET", "/api/models/{space}(?:/revision/{revision})?", models.information),
    _route("GET", "/api/spaces/{space}(?:/revision/{revision})?", settings.information),
)
