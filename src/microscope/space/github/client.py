"""Comments and pull requests of the project's repository, over GitHub's REST API; knows no Space and no workflow.

What it writes it finds again and changes instead of writing it twice: a comment by a mark that nobody sees, a pull
request by its branch. So a request that got no answer can be made again. The token is in no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from json import JSONDecodeError
from typing import Any, Literal, TypeVar

from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

from microscope.errors import UserError
from microscope.settings import Settings
from microscope.space.github.errors import Asked, explain
from microscope.space.retrying import Patience, insist

T = TypeVar("T")

FAILURES = (HTTPError, OfflineModeIsEnabled, JSONDecodeError)
SECONDS = 30.0
PAGE, MOST_PAGES = 100, 50
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_ADDRESS = re.compile(r"https?://[\w.-]+(:\d{1,5})?(/[\w./-]*)?", re.ASCII)
# Who may change a comment afterwards, when it counts as ours: outsiders could put other words into it.
WRITERS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})


@dataclass(frozen=True)
class Comment:
    """A comment on a pull request; `trusted` where a bot or somebody of the repository wrote it."""

    identity: int
    body: str
    url: str
    trusted: bool


@dataclass(frozen=True)
class Pull:
    """A pull request: the branch and the commit that it proposes, and the repository that these are in.

    `source` is empty where that repository was deleted.
    """

    number: int
    url: str
    branch: str
    head: str
    source: str
    is_open: bool


class GitHub:
    """One repository on GitHub; every refusal is a UserError that names what the workflow's job lacks."""

    def __init__(self, repository: str, api: str, token: str, patience: Patience | None = None) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise UserError("GITHUB_REPOSITORY names no repository: set it to owner/name; GitHub Actions does.")
        if not token:
            raise UserError(
                "There is no token for GitHub: give the step `GITHUB_TOKEN: ${{ github.token }}` in its env, or set "
                "GITHUB_TOKEN to a token that may write to the pull requests of this repository."
            )
        if not (token.isascii() and token.isprintable()):
            raise UserError("GITHUB_TOKEN has characters that no token has: copy it again.")
        if not _ADDRESS.fullmatch(api):
            raise UserError(f"GITHUB_API_URL is {api!r}: set it to an address such as https://api.github.com.")
        self.repository, self._token, self._patience = repository, token, patience or Patience()
        self._address = f"{api.rstrip('/')}/repos/{repository}"

    def default_branch(self) -> str:
        """Return the branch that pull requests go to by default."""
        return str(self._insist("read", lambda: self._get(""))["default_branch"])

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return the comments on a pull request, oldest first."""
        return self._insist("read", lambda: tuple(self._comments(number)))

    def say(self, number: int, mark: str, body: str) -> Comment:
        """Write the comment on a pull request whose body begins with `mark`, or change it where there is one."""

        def write() -> Comment:
            found = self._marked(number, mark)
            if found is None:
                return _comment(self._send("POST", f"/issues/{number}/comments", {"body": body}))
            if found.body == body:
                return found
            return _comment(self._send("PATCH", f"/issues/comments/{found.identity}", {"body": body}))

        return self._insist("comment", write)

    def said(self, number: int, mark: str) -> Comment | None:
        """Return the comment on a pull request that `say` wrote with this mark, None where there is none."""
        return self._insist("read", lambda: self._marked(number, mark))

    def pull(self, number: int) -> Pull:
        """Return a pull request."""
        return _pull(self._insist("read", lambda: self._get(f"/pulls/{number}")))

    def open_pull(self, branch: str) -> Pull | None:
        """Return the open pull request that proposes a branch of this repository, None where there is none."""
        return self._insist("read", lambda: self._proposed(branch))

    def propose(self, branch: str, title: str, body: str, base: str | None = None) -> Pull:
        """Open the pull request of a branch, or give it this title and text where it is open.

        `base` is the branch that it goes to; None: the default one.
        """
        base = base or self.default_branch()

        def write() -> Pull:
            found = self._proposed(branch)
            if found is not None:
                return _pull(self._send("PATCH", f"/pulls/{found.number}", {"title": title, "body": body}))
            return _pull(self._send("POST", "/pulls", {"title": title, "body": body, "head": branch, "base": base}))

        return self._insist("propose", write)

    def _marked(self, number: int, mark: str) -> Comment | None:
        return next((one for one in self._comments(number) if one.trusted and one.body.startswith(mark)), None)

    def _comments(self, number: int) -> Iterator[Comment]:
        for page in range(1, MOST_PAGES + 1):
            found = self._get(f"/issues/{number}/comments", {"per_page": PAGE, "page": page})
            yield from map(_comment, found)
            if len(found) < PAGE:
                return

    def _proposed(self, branch: str) -> Pull | None:
        owner = self.repository.partition("/")[0]
        found = self._get("/pulls", {"head": f"{owner}:{branch}", "state": "open", "per_page": PAGE})
        return _pull(found[0]) if found else None

    def _get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:  # noqa: ANN401 - whatever JSON holds
        return self._send("GET", path, query=query)

    def _send(
        self,
        method: Literal["GET", "POST", "PATCH"],
        path: str,
        body: Mapping[str, str] | None = None,
        query: Mapping[str, str | int] | None = None,
    ) -> Any:  # noqa: ANN401 - as above
        """Return what GitHub answers; raises the library's errors."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "vlm-microscope",
        }
        response = get_session().request(
            method, self._address + path, json=body, params=query, headers=headers, timeout=SECONDS
        )
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise HfHubHTTPError(f"HTTP {response.status_code}", response=response)
        try:
            return response.json()
        except UnicodeDecodeError as error:
            raise JSONDecodeError("it is no text", "", 0) from error

    def _insist(self, wish: Literal["read", "comment", "propose"], call: Callable[[], T]) -> T:
        try:
            return insist(call, self._patience, FAILURES)
        except FAILURES as error:
            raise explain(error, Asked(self.repository, wish, self._token)) from error


def github_of(settings: Settings, patience: Patience | None = None) -> GitHub:
    """Return the repository that the environment names, as a job of GitHub Actions has it."""
    return GitHub(settings.github_repository, settings.github_api_url, settings.github_token, patience)


def _comment(told: Mapping[str, Any]) -> Comment:
    bot = (told.get("user") or {}).get("type") == "Bot"
    trusted = bot or told.get("author_association") in WRITERS
    return Comment(told["id"], told.get("body") or "", told["html_url"], trusted)


def _pull(told: Mapping[str, Any]) -> Pull:
    head = told["head"]
    source = (head.get("repo") or {}).get("full_name") or ""
    return Pull(told["number"], told["html_url"], head["ref"], head["sha"], source, told["state"] == "open")
