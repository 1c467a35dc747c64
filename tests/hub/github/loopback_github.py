"""A loopback stand-in for GitHub's REST API: comments and pull requests of one repository; knows no Space."""

from __future__ import annotations

import re
import threading
from functools import partial
from types import TracebackType
from typing import Any

from typing_extensions import Self

from tests.hub.loopback_server import Answer, LoopbackServer, RefusalError, Request

PAGE = 100


class LoopbackGitHub:
    """One repository's API on a loopback port; use it as a context manager, and its `url` as the API's address.

    `token` may write, others are refused. `comments` are those of all pull requests by number, `pulls` those that were
    opened. `say` writes a comment as somebody else would, `fail` answers the next request with a status.
    """

    def __init__(self, repository: str = "owner/microscope") -> None:
        self.repository, self.token = repository, "ghs_token"
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.pulls: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self._refusals: list[RefusalError] = []
        self._server = LoopbackServer(self)
        self.url = self._server.url

    def __enter__(self) -> Self:
        threading.Thread(target=partial(self._server.serve_forever, poll_interval=0.01), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def say(self, number: int, body: str) -> None:
        """Write a comment on a pull request."""
        said = self.comments.setdefault(number, [])
        identity = sum(map(len, self.comments.values())) + 1
        said.append({"id": identity, "body": body, "html_url": f"{self.url}/pull/{number}#{identity}"})

    def fail(self, status: int, message: str = "told to fail") -> None:
        """Answer the next request with a status."""
        self._refusals.append(RefusalError(status, content={"message": message}))

    def environment(self) -> dict[str, str]:
        """Return the variables of a workflow's job on this repository."""
        return {"GITHUB_REPOSITORY": self.repository, "GITHUB_API_URL": self.url, "GITHUB_TOKEN": self.token}

    def answer(self, request: Request) -> Answer:
        """Return what a request gets; raises GitHub's refusals."""
        body = request.read()
        self.requests.append(request)
        if self._refusals:
            raise self._refusals.pop(0)
        if request.token != self.token:
            raise _refusal(401, "Bad credentials")
        prefix = f"/repos/{self.repository}"
        if not request.path.startswith(prefix):
            raise _refusal(404, "Not Found")
        told = Request(request.method, request.path.removeprefix(prefix), "", request.query, request.token, body=body)
        return self._respond(told), None, {}

    def next_chunk(self, sent: int) -> int:
        """Return how many bytes of a file to send at once; there are no files."""
        return sent

    def _respond(self, request: Request) -> object:
        asked = f"{request.method} {request.path}"
        if asked == "GET ":
            return {"default_branch": "main"}
        if match := re.fullmatch(r"(GET|POST) /issues/(\d+)/comments", asked):
            number = int(match[2])
            if match[1] == "GET":
                return _page(self.comments.get(number, []), request)
            self.say(number, request.json["body"])
            return self.comments[number][-1]
        if match := re.fullmatch(r"PATCH /issues/comments/(\d+)", asked):
            found = [one for said in self.comments.values() for one in said if one["id"] == int(match[1])]
            return self._change(found, request)
        if asked == "GET /pulls":
            owner = self.repository.partition("/")[0]
            found = [p for p in self.pulls if request.query["head"] == f"{owner}:{p['head']}" and p["state"] == "open"]
            return _page(found, request)
        if asked == "POST /pulls":
            number = len(self.pulls) + 1
            opened = {"number": number, "state": "open", "html_url": f"{self.url}/pull/{number}", **request.json}
            self.pulls.append(opened)
            return opened
        if match := re.fullmatch(r"PATCH /pulls/(\d+)", asked):
            return self._change([p for p in self.pulls if p["number"] == int(match[1])], request)
        raise _refusal(404, "Not Found")

    def _change(self, found: list[dict[str, Any]], request: Request) -> dict[str, Any]:
        if not found:
            raise _refusal(404, "Not Found")
        found[0].update(request.json)
        return found[0]


def _page(listed: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    size, page = min(int(request.query.get("per_page", "30")), PAGE), int(request.query.get("page", "1"))
    return listed[(page - 1) * size : page * size]


def _refusal(status: int, message: str) -> RefusalError:
    return RefusalError(status, content={"message": message})
