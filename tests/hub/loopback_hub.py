"""A loopback stand-in for the Hugging Face Hub, for the real huggingface_hub client; knows nothing of the app.

It serves model information, refs, file trees, access checks and files (plain HTTP, ranges, no Xet) of the repositories
in a folder, and fails in the ways the Hub does when told to.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote

from tests.hub.loopback_repos import (
    Revision,
    count_parameters,
    describe_blob,
    describe_entry,
    find_revisions,
    read_card,
    tag_of,
)
from tests.hub.loopback_server import Answer, LoopbackServer, RefusalError, Request, Served

Parts = dict[str, str]
CHUNK = 64 * 1024
ALWAYS = 10**6


@dataclass(frozen=True)
class Failure:
    """What to do to requests whose path contains `on`: a status to answer with, or None for no answer at all."""

    on: str
    status: int | None


class LoopbackHub(Served):
    """Serves `folder/org/name/` as the main branch of `org/name`, and `folder/org/name@revision/` as another one.

    A `/` in a revision's name is written `%2F` in the folder's. Use it as a context manager, and its `url` as the
    endpoint: `HfApi(endpoint=hub.url)`. At any time a test may change the sets `tags` (revisions, as `org/name@v1`,
    that are tags rather than branches), `gated` and `private` (repositories whose files, or all of which, need one of
    the `granted` tokens) and `invalid_tokens`, and put commits that no branch is at any more into `history`, with the
    folders their files are in now. `requests` lists what came in; `held` is set while a request is held.
    """

    def __init__(self, folder: Path) -> None:
        self.tags: set[str] = set()
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.granted: set[str] = set()
        self.invalid_tokens: set[str] = set()
        self.history: dict[str, Revision] = {}
        self.requests: list[Request] = []
        self.held = threading.Event()
        self._folder = folder
        self._failure: Failure | None = None
        self._pause_after: int | None = None
        self._cut_after: int | None = None
        self._times = 0
        self._released = threading.Event()
        self._lock = threading.Lock()
        self._server = LoopbackServer(self)
        self.url = self._server.url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recover()
        super().__exit__(kind, error, trace)

    def fail(self, status: int, on: str = "", times: int = ALWAYS) -> None:
        """Answer the next requests whose path contains `on` with an HTTP status, such as 429 or 500."""
        self.recover()
        self._failure, self._times = Failure(on, status), times

    def stall(self, on: str = "") -> None:
        """Leave requests whose path contains `on` without an answer until `recover`."""
        self.recover()
        self._released.clear()
        self._failure, self._times = Failure(on, None), ALWAYS

    def pause(self, after: int) -> None:
        """Send that many bytes of each file, then hold the rest until `recover`."""
        self.recover()
        self._released.clear()
        self._pause_after = after

    def cut(self, after: int, times: int = 1) -> None:
        """Send that many bytes of the next files, then break the connection off."""
        self.recover()
        self._cut_after, self._times = after, times

    def recover(self) -> None:
        """End every failure, also that of requests under way."""
        self._failure = self._pause_after = self._cut_after = None
        self.held.clear()
        self._released.set()

    def count(self, method: str = "", on: str = "") -> int:
        """Return how many requests of a method (empty: any) came in whose path contains `on`."""
        return sum(request.method.startswith(method) and on in request.path for request in self.requests)

    def commit(self, repo: str, revision: str = "main") -> str:
        """Return the commit that a branch or tag of a repository is at."""
        return self.revisions(repo)[revision].commit

    def revisions(self, repo: str) -> dict[str, Revision]:
        """Return the branches and tags of a repository by name."""
        return find_revisions(self._folder, repo)

    def answer(self, request: Request) -> Answer:
        """Return the JSON, or the file, that a request gets, with its headers; raises the Hub's refusals."""
        self.requests.append(request)
        failure = self._next_failure(request)
        if failure is not None and failure.status is None:
            self._hold()
        elif failure is not None and failure.status is not None:
            raise RefusalError(failure.status, message="told to fail")
        if request.token in self.invalid_tokens:
            raise RefusalError(401, message="Invalid credentials in Authorization header")
        for pattern, respond in _ROUTES:
            match = pattern.fullmatch(request.raw)
            if match is not None:
                return respond(self, request, {name: unquote(text or "") for name, text in match.groupdict().items()})
        raise RefusalError(404, message=f"no route {request.method} {request.path}")

    def revision(self, request: Request, repo: str, name: str) -> Revision:
        """Return a revision of a repository that the request may see."""
        revisions = self.revisions(repo)
        if not revisions or (repo in self.private and request.token not in self.granted):
            # The Hub does not tell a stranger whether a repository exists.
            # For its 401 the client goes by an https address, which this Hub has not, hence the code.
            raise RefusalError(404 if request.token else 401, "RepoNotFound", "Repository not found")
        by_commit = {revision.commit: revision for revision in revisions.values()}
        found = revisions.get(name) or by_commit.get(name) or self.history.get(name)
        if found is None:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {name}")
        return found

    def check_access(self, request: Request, repo: str) -> None:
        """Refuse the files of a gated repository to those who were not granted access."""
        if repo in self.gated and request.token not in self.granted:
            message = f"Access to model {repo} is restricted and you are not in the authorized list."
            raise RefusalError(403 if request.token else 401, "GatedRepo", message)

    def next_chunk(self, sent: int) -> int:
        """Return how many bytes of a file to send after the first `sent` ones; 0 breaks the connection off."""
        with self._lock:
            if self._cut_after is not None and sent >= self._cut_after:
                self._times -= 1
                self._cut_after = self._cut_after if self._times else None
                return 0
        if self._pause_after is not None and sent >= self._pause_after:
            self._hold()
        limits = [limit - sent for limit in (self._cut_after, self._pause_after) if limit is not None and limit > sent]
        return min([CHUNK, *limits])

    def _next_failure(self, request: Request) -> Failure | None:
        with self._lock:
            failure = self._failure
            if failure is None or failure.on not in request.path:
                return None
            self._times -= 1
            self._failure = failure if self._times else None
            return failure

    def _hold(self) -> None:
        self.held.set()
        self._released.wait()


def _information(hub: LoopbackHub, request: Request, parts: Parts) -> Answer:
    revision = hub.revision(request, parts["repo"], parts["revision"] or "main")
    files = revision.files()
    blobs = "blobs" in request.query
    information: dict[str, object] = {
        "_id": "1",
        "id": revision.repo,
        "sha": revision.commit,
        "private": revision.repo in hub.private,
        "gated": "manual" if revision.repo in hub.gated else False,
        "tags": [],
        "cardData": read_card(files.get("README.md")),
        "siblings": [{"rfilename": name, **(describe_blob(path) if blobs else {})} for name, path in files.items()],
    }
    counts = count_parameters(files)
    if counts:
        information["safetensors"] = {"parameters": counts, "total": sum(counts.values())}
    return information, None, {}


def _refs(hub: LoopbackHub, request: Request, parts: Parts) -> Answer:
    hub.revision(request, parts["repo"], "main")
    refs: dict[str, list[dict[str, str]]] = {"branches": [], "tags": [], "converts": []}
    for name, revision in hub.revisions(parts["repo"]).items():
        kind, path = ("tags", "tags") if f"{parts['repo']}@{name}" in hub.tags else ("branches", "heads")
        refs[kind].append({"name": name, "ref": f"refs/{path}/{name}", "targetCommit": revision.commit})
    return refs, None, {}


def _tree(hub: LoopbackHub, request: Request, parts: Parts) -> Answer:
    revision = hub.revision(request, parts["repo"], parts["revision"])
    return [describe_entry(name, path) for name, path in revision.files().items()], None, {}


def _access(hub: LoopbackHub, request: Request, parts: Parts) -> Answer:
    hub.revision(request, parts["repo"], "main")
    hub.check_access(request, parts["repo"])
    return {}, None, {}


def _file(hub: LoopbackHub, request: Request, parts: Parts) -> Answer:
    revision = hub.revision(request, parts["repo"], parts["revision"])
    hub.check_access(request, parts["repo"])
    commit = {"X-Repo-Commit": revision.commit}
    path = revision.files().get(parts["path"])
    if path is None:
        raise RefusalError(404, "EntryNotFound", "Entry not found", commit)
    headers = {"ETag": f'"{tag_of(path)}"', "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    return None, path, {**headers, **commit}


_REPO = r"(?P<repo>[^/]+/[^/]+)"
_ROUTES: tuple[tuple[re.Pattern[str], Callable[[LoopbackHub, Request, Parts], Answer]], ...] = (
    (re.compile(rf"/api/models/{_REPO}/refs"), _refs),
    (re.compile(rf"/api/models/{_REPO}/auth-check"), _access),
    (re.compile(rf"/api/models/{_REPO}/tree/(?P<revision>[^/]+)"), _tree),
    (re.compile(rf"/api/models/{_REPO}(?:/revision/(?P<revision>[^/]+))?"), _information),
    (re.compile(rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"), _file),
)
