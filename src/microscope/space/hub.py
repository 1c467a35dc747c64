"""One Space on the Hub, through the real client of the Hub; every failure is a UserError with its own advice.

It knows what the Hub can be asked, not when to ask it: no payload, no waiting, no order of steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from itertools import islice
from json import JSONDecodeError
from typing import Literal, TypeVar

from huggingface_hub import Volume, get_session, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HTTPError, OfflineModeIsEnabled, OIDCError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, paginate, parse_datetime

from microscope.errors import UserError
from microscope.space.client import Token, read_events, space_client
from microscope.space.commits import Committer, Looking
from microscope.space.errors import Action, Asked, explain
from microscope.space.remote import Changes, Commit, RemoteFile, Runtime
from microscope.space.retrying import Patience, insist, may_pass

__all__ = ["Changes", "Commit", "Patience", "RemoteFile", "Runtime", "SpaceHub", "without_token"]

T = TypeVar("T")

FAILURES = (HTTPError, OIDCError, OfflineModeIsEnabled, JSONDecodeError)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class SpaceHub:
    """One Space on the Hub through the real huggingface_hub client; every failure is a UserError with its own advice.

    `space` is its name, as `owner/name`; `endpoint` the Hub's address (None: HF_ENDPOINT, or the public Hub); `token`
    the Hub's token (None: as the library finds it, by HF_OIDC_RESOURCE, HF_TOKEN or hf auth login; False: none is
    sent). What fails in passing is asked again as `patience` says. The library asks again as well, up to five times
    with pauses of its own, for lists of files and commits and for uploads.
    """

    def __init__(
        self,
        space: str,
        *,
        endpoint: str | None = None,
        token: Token = None,
        patience: Patience | None = None,
    ) -> None:
        if not _NAME.fullmatch(space):
            raise UserError(f"{space!r} names no Space: give it as owner/name.")
        self.space = space
        self._token = token if token != "" else None
        self._patience = patience or Patience()
        self._api = space_client(endpoint, self._token)
        self.endpoint = self._api.endpoint

    @property
    def page(self) -> str:
        """Return the address of the Space's page on the Hub."""
        return f"{self.endpoint}/spaces/{self.space}"

    @property
    def host(self) -> str:
        """Return the address of the running app, as the Hub tells it."""
        info = self._ask("read", lambda: self._api.space_info(self.space))
        return (info.host or f"https://{info.subdomain or self.space.replace('/', '-').lower()}.hf.space").rstrip("/")

    def head(self) -> str:
        """Return the newest commit of main; a UserError says so where there is no such Space."""
        return self._ask("read", lambda: self._api.space_info(self.space)).sha or ""

    def history(self, most: int = 20) -> tuple[Commit, ...]:
        """Return the newest commits of main, newest first."""
        # The library's own list_repo_commits fetches all of a history.
        url = f"{self.endpoint}/api/spaces/{self.space}/commits/main"
        found = self._ask("read", lambda: list(islice(paginate(url, {}, self._headers()), most)))
        return tuple(Commit(item["id"], item["title"], parse_datetime(item["date"])) for item in found)

    def files(self, revision: str = "main") -> dict[str, RemoteFile]:
        """Return the files of a revision by path."""
        tree = partial(self._api.list_repo_tree, self.space, repo_type="space", recursive=True, revision=revision)
        found = [entry for entry in self._ask("read", lambda: list(tree())) if isinstance(entry, RepoFile)]
        return {file.path: RemoteFile(file.path, file.size, _digest(file)) for file in found}

    def read(self, path: str, revision: str = "main") -> bytes | None:
        """Return the contents of a file at a revision, None where it has no such file."""
        url = hf_hub_url(self.space, path, repo_type="space", revision=revision, endpoint=self.endpoint)

        def get() -> bytes | None:
            try:
                response = get_session().get(url, headers=self._headers())
                hf_raise_for_status(response)
            except EntryNotFoundError:
                return None
            return response.content

        return self._ask("read", get)

    def commit(self, changes: Changes, message: str, parent: str) -> str:
        """Return the one commit that makes all the changes on top of `parent`.

        It is made once or not at all, whatever happens on the way. Where nothing would change none is made, and
        `parent` is returned. Raises a ConflictError where the newest commit is not `parent`.
        """
        looking = Looking(self.files, self.history, self.check_front_matter)
        return Committer(self._api, self.space, self._patience, looking).commit(changes, message, parent)

    def check_front_matter(self, readme: str) -> tuple[str, ...]:
        """Return what the Hub says is wrong with the head of a README.md; empty where it accepts it."""
        # The library offers this only as a part of a commit.
        url, asked = f"{self.endpoint}/api/validate-yaml", {"content": readme, "repoType": "space"}

        def post() -> tuple[str, ...]:
            response = get_session().post(url, json=asked, headers=self._headers())
            if response.status_code != HTTPStatus.BAD_REQUEST:
                hf_raise_for_status(response)
            return tuple(str(error.get("message")) for error in response.json().get("errors", ()))

        return self._ask("files", post)

    def runtime(self) -> Runtime:
        """Return what the platform does with the Space now."""
        found = self._ask("read", lambda: self._api.get_space_runtime(self.space))
        said = found.raw.get("errorMessage") or ""
        return Runtime(
            found.stage, found.raw.get("sha"), found.hardware, found.requested_hardware, found.sleep_time, said
        )

    def log(self, kind: Literal["build", "run"], most: int = 400) -> Iterator[str]:
        """Return the last lines of a log, as far as it has come."""
        url = f"{self.endpoint}/api/spaces/{self.space}/logs/{kind}"
        return iter(self._ask("settings", lambda: read_events(url, self._token, self._patience, most)))

    def exists(self) -> bool:
        """Tell whether the Hub shows us the Space."""

        def look() -> bool:
            try:
                self._api.space_info(self.space)
            except HfHubHTTPError as error:
                if error.response.status_code == HTTPStatus.NOT_FOUND:
                    return False
                raise
            return True

        return self._ask("create", look)

    def create(
        self,
        *,
        hardware: str,
        sleep_seconds: int | None = None,
        private: bool = False,
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        volumes: Sequence[Volume] = (),
    ) -> bool:
        """Create the Space, for Gradio, and return True; return False, and change nothing, where it exists."""
        if self.exists():
            return False
        unanswered = False

        def post() -> bool:
            nonlocal unanswered
            try:
                self._api.create_repo(
                    self.space,
                    repo_type="space",
                    space_sdk="gradio",
                    private=private,
                    space_hardware=hardware,  # type: ignore[arg-type]
                    space_sleep_time=sleep_seconds,
                    space_secrets=_listed(secrets),
                    space_variables=_listed(variables),
                    space_volumes=list(volumes) or None,
                )
            except FAILURES as error:
                if isinstance(error, HfHubHTTPError) and error.response.status_code == HTTPStatus.CONFLICT:
                    # Where a try before this one got no answer, it is that one which made it.
                    return unanswered
                unanswered = unanswered or may_pass(error)
                raise
            return True

        return self._ask("create", post, hidden=tuple((secrets or {}).values()))

    def request_hardware(self, name: str, sleep_seconds: int | None = None) -> None:
        """Ask for hardware by its name, and with it for sleep after so many idle seconds; restarts the app."""
        ask = partial(self._api.request_space_hardware, self.space, name)  # type: ignore[arg-type]
        self._ask("settings", lambda: ask(sleep_time=sleep_seconds))

    def set_sleep(self, seconds: int) -> None:
        """Let the app sleep after so many idle seconds, -1: never."""
        self._ask("settings", lambda: self._api.set_space_sleep_time(self.space, seconds))

    def restart(self, *, factory: bool = False) -> None:
        """Start the app again; `factory` builds it anew."""
        self._ask("settings", lambda: self._api.restart_space(self.space, factory_reboot=factory))

    def variables(self) -> dict[str, str]:
        """Return the variables, which are public, by name."""
        found = self._ask("read", lambda: self._api.get_space_variables(self.space))
        return {name: variable.value for name, variable in found.items()}

    def set_variable(self, key: str, value: str) -> None:
        """Set a variable; restarts the app."""
        self._ask("settings", lambda: self._api.add_space_variable(self.space, key, value))

    def delete_variable(self, key: str) -> None:
        """Remove a variable, if there is one; restarts the app."""
        self._ask("settings", lambda: self._api.delete_space_variable(self.space, key))

    def secret_names(self) -> tuple[str, ...]:
        """Return the names of the secrets; nobody is told their values."""
        return tuple(self._ask("settings", lambda: self._api.get_space_secrets(self.space)))

    def set_secret(self, key: str, value: str) -> None:
        """Set a secret; restarts the app."""
        self._ask("settings", lambda: self._api.add_space_secret(self.space, key, value), hidden=(value,))

    def volumes(self) -> tuple[Volume, ...]:
        """Return what is mounted."""
        return tuple(self._ask("read", lambda: self._api.get_space_runtime(self.space)).volumes or ())

    def set_volumes(self, volumes: Sequence[Volume]) -> None:
        """Mount these in place of all that is mounted."""
        if volumes:
            self._ask("settings", lambda: self._api.set_space_volumes(self.space, list(volumes)))
        elif self.volumes():
            self._ask("settings", lambda: self._api.delete_space_volumes(self.space))

    def _headers(self) -> dict[str, str]:
        return build_hf_headers(token=self._token)

    def _ask(self, action: Action, call: Callable[[], T], hidden: tuple[str, ...] = ()) -> T:
        try:
            return insist(call, self._patience, FAILURES)
        except FAILURES as error:
            # The library's own error would repeat what the Hub repeats of the request.
            raise explain(error, Asked(self.space, action, hidden)) from (None if hidden else error)


def without_token(space: str, *, endpoint: str | None = None, patience: Patience | None = None) -> SpaceHub:
    """Return a Space as anybody sees it: no token is sent, not even one that this machine has."""
    return SpaceHub(space, endpoint=endpoint, token=False, patience=patience)


def _digest(file: RepoFile) -> str:
    return file.lfs.sha256 if file.lfs is not None else file.blob_id


def _listed(values: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    return [{"key": key, "value": value} for key, value in values.items()] if values else None
