"""A loopback stand-in for GitHub's REST API: comments and pull requests of one repository; knows no Space."""

from __future__ import annotations

import re
from typing import Any

from tests.hub.loopback_server import Answer, DroppedError, Headers, LoopbackServer, RefusalError, Request, Served

PAGE = 100


class LoopbackGitHub(Served):
    """One repository's API on a loopback port; use it as a context manager, and its `url` as the API's address.

    `token` may write while `may_write`, others are refused. `comments` are those of all pull requests by number,
    `pulls` those that were opened, through the API or by `open`. `say` writes a comment as somebody else would, `fail`
    answers the next request with a status, `drop` does what it asks and never answers.
    """

    def __init__(self, repository: str = "owner/microscope") -> None:
        self.repository, self.token, self.may_write = repository, "ghs_token", True
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.pulls: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self._refusals: list[RefusalError] = []
        self._dropping: list[str] = []
        self._instead: list[bytes] = []
        self._server = LoopbackServer(self)
        self.url = self._server.url

    def say(self, number: int, body: str, *, by: str = "visitor") -> None:
        """Write a comment on a pull request; `by` whom, `bot` being the workflow's job."""
        said = self.comments.setdefault(number, [])
        identity = sum(map(len, self.comments.values())) + 1
        kind, association = ("Bot", "NONE") if by == "bot" else ("User", "OWNER" if by == "owner" else "NONE")
        said.append(
            {
                "id": identity,
                "body": body,
                "html_url": f"{self.url}/pull/{number}#{identity}",
                "user": {"login": by, "type": kind},
                "author_association": association,
            }
        )

    def open(self, branch: str, sha: str = "a" * 40, *, fork: str | None = None) -> int:
        """Open a pull request of a branch of this repository, or of a `fork`, and return its number."""
        self.pulls.append(self._pull({"head": branch, "base": "main"}, sha, fork or self.repository))
        return int(self.pulls[-1]["number"])

    def fail(self, status: int, message: str = "told to fail", headers: Headers | None = None) -> None:
        """Answer the next request with a status."""
        self.refuse_with(status, {"message": message}, headers)

    def refuse_with(self, status: int, content: object, headers: Headers | None = None) -> None:
        """Answer the next request with a status and whatever content."""
        self._refusals.append(RefusalError(status, headers=headers, content=content))

    def say_instead(self, content: bytes) -> None:
        """Answer the next request with status 200 and these bytes, as something on the way to GitHub might."""
        self._instead.append(content)

    def drop(self, method: str) -> None:
        """Do what the next request of a method asks, and never answer."""
        self._dropping.append(method)

    def environment(self) -> dict[str, str]:
        """Return the variables of a workflow's job on this repository."""
        return {"GITHUB_REPOSITORY": self.repository, "GITHUB_API_URL": self.url, "GITHUB_TOKEN": self.token}

    def answer(self, request: Request) -> Answer:
        """Return what a request gets; raises GitHub's refusals."""
        body = request.read()
        self.requests.append(request)
        if self._refusals:
            raise self._refusals.pop(0)
        if self._instead:
            return self._instead.pop(0), None, {}
        if request.token != self.token:
            raise _refusal(401, "Bad credentials")
        prefix = f"/repos/{self.repository}"
        if not request.path.startswith(prefix):
            raise _refusal(404, "Not Found")
        if request.method != "GET" and not self.may_write:
            raise _refusal(403, "Resource not accessible by integration")
        told = Request(request.method, request.path.removeprefix(prefix), "", request.query, request.token, body=body)
        content = self._respond(told)
        if request.method in self._dropping:
            self._dropping.remove(request.method)
            raise DroppedError
        return content, None, {}

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
            self.say(number, request.json["body"], by="bot")
            return self.comments[number][-1]
        if match := re.fullmatch(r"PATCH /issues/comments/(\d+)", asked):
            found = [one for said in self.comments.values() for one in said if one["id"] == int(match[1])]
            return self._change(found, request)
        if asked == "GET /pulls":
            return _page([p for p in self.pulls if self._is_open(p, request.query["head"])], request)
        if asked == "POST /pulls":
            if any(self._is_open(p, f"{self._owner}:{request.json['head']}") for p in self.pulls):
                raise _refusal(422, "Validation Failed", f"A pull request already exists for {request.json['head']}.")
            self.pulls.append(self._pull(request.json, "a" * 40, self.repository))
            return self.pulls[-1]
        if match := re.fullmatch(r"(GET|PATCH) /pulls/(\d+)", asked):
            found = [p for p in self.pulls if p["number"] == int(match[2])]
            return self._change(found, request)
        raise _refusal(404, "Not Found")

    @property
    def _owner(self) -> str:
        return self.repository.partition("/")[0]

    def _pull(self, given: dict[str, Any], sha: str, source: str) -> dict[str, Any]:
        number = len(self.pulls) + 1
        return {
            **given,
            "number": number,
            "state": "open",
            "html_url": f"{self.url}/pull/{number}",
            "head": {"ref": given["head"], "sha": sha, "repo": {"full_name": source}},
            "base": {"ref": given["base"]},
        }

    def _is_open(self, pull: dict[str, Any], head: str) -> bool:
        owner = pull["head"]["repo"]["full_name"].partition("/")[0]
        return pull["state"] == "open" and f"{owner}:{pull['head']['ref']}" == head

    def _change(self, found: list[dict[str, Any]], request: Request) -> dict[str, Any]:
        if not found:
            raise _refusal(404, "Not Found")
        found[0].update(request.json if request.method == "PATCH" else {})
        return found[0]


def _page(listed: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    size, page = min(int(request.query.get("per_page", "30")), PAGE), int(request.query.get("page", "1"))
    return listed[(page - 1) * size : page * size]


def _refusal(status: int, message: str, *details: str) -> RefusalError:
    errors = {"errors": [{"message": detail} for detail in details]} if details else {}
    return RefusalError(status, content={"message": message, **errors})
