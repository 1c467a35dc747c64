"""One commit on a branch of the project's own repository, by Git; the work tree and its branch stay as they are.

The branch is ours alone: each time it is one commit on top of what is checked out, in place of the one before. Where
somebody else has committed to it, nothing is pushed. A token reaches Git by the environment of the one process that
needs it, never by an address, an argument or a file.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from microscope.errors import UserError
from microscope.settings import environment_of_child
from microscope.space.causes import clean

SECONDS = 120
REMOTE = "origin"
# Who commits, as GitHub shows its own workflows.
NAME, MAIL = "github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com"
FILE = "100644"
_DENIED = re.compile(
    r"\b40[13]\b|denied|authentication failed|could not read (username|password)|permission", re.IGNORECASE
)
_LOST = re.compile(r"stale info|fetch first|non-fast-forward|cannot lock ref", re.IGNORECASE)


@dataclass(frozen=True)
class Checkout:
    """A clone of the project's repository, and the token that its remote wants, empty where it wants none."""

    root: Path
    token: str = ""

    def changed(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        """Return which of these files differ from what is committed."""
        found = self._git("status", "--porcelain", "--", *paths)
        return tuple(line[3:] for line in found.splitlines())

    def commit(self, files: Mapping[str, str], message: str) -> str:
        """Return a commit on top of the one that is checked out, in which these files have these contents.

        No branch has it yet.
        """
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("read-tree", "HEAD", environment=index)
            for path, content in files.items():
                blob = self._git("hash-object", "-w", "--stdin", told=content).strip()
                self._git("update-index", "--add", "--cacheinfo", f"{FILE},{blob},{path}", environment=index)
            tree = self._git("write-tree", environment=index).strip()
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _WHO.items()}
        return self._git("commit-tree", tree, "-p", "HEAD", told=message, environment=who).strip()

    def push(self, commit: str, branch: str) -> bool:
        """Make a commit the whole of what a branch of the remote has beyond its parent; False: it was so already.

        A UserError says why nothing was pushed.
        """
        before = self._at(branch)
        if before:
            self._fetch_ours(branch)
            if self._content(before) == self._content(commit):
                return False
        reference = f"refs/heads/{branch}"
        self._ask("push", "--quiet", f"--force-with-lease={reference}:{before}", REMOTE, f"{commit}:{reference}")
        return True

    def _at(self, branch: str) -> str:
        """Return the commit that a branch of the remote is at, empty where it has no such branch."""
        return self._ask("ls-remote", REMOTE, f"refs/heads/{branch}").partition("\t")[0]

    def _fetch_ours(self, branch: str) -> None:
        """Fetch the branch, and refuse where somebody else has committed to it."""
        self._ask("fetch", "--quiet", "--no-tags", REMOTE, f"refs/heads/{branch}")
        if self._git("log", "-1", "--format=%ae", "FETCH_HEAD").strip() != MAIL:
            raise UserError(
                f"Somebody has committed to {branch}, and nothing was pushed: merge or close its pull request, delete "
                "the branch, and run this again."
            )

    def _content(self, commit: str) -> str:
        """Return what tells one commit's files and parent from another's."""
        return self._git("log", "-1", "--format=%T %P", commit)

    def _ask(self, *arguments: str) -> str:
        """Run a command of Git that speaks to the remote."""
        return self._git(*arguments, environment=self._credentials())

    def _credentials(self) -> dict[str, str]:
        """Return the variables by which Git shows the token to the remote's server, and to no other."""
        address = urlsplit(self._git("remote", "get-url", REMOTE).strip())
        if not self.token or address.scheme not in ("http", "https"):
            return {}
        shown = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{address.scheme}://{address.netloc.rpartition('@')[2]}/.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {shown}",
        }

    def _git(self, *arguments: str, told: str | None = None, environment: Mapping[str, str] | None = None) -> str:
        git = shutil.which("git")
        if git is None:
            raise UserError("There is no Git here: install it, or run this without --push.")
        quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(environment or {})}
        try:
            found = subprocess.run(  # noqa: S603  (Git itself, with arguments of our own)
                [git, "-C", str(self.root), *arguments],
                input=told,
                env=environment_of_child(quiet),
                capture_output=True,
                encoding="utf-8",
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"git {arguments[0]} has not ended in {SECONDS} seconds: see that {REMOTE} answers."
            ) from error
        if found.returncode:
            raise UserError(_sentence(arguments[0], found.stderr))
        return found.stdout


_WHO = {"NAME": NAME, "EMAIL": MAIL}


def _sentence(command: str, said: str) -> str:
    """Return why Git failed; what it says of an address may hold a password, and is not repeated."""
    if "not a git repository" in said:
        return "This copy is no Git repository, so that nothing can be pushed: clone the repository."
    if "No such remote" in said:
        return f"This clone has no remote named {REMOTE}: git remote add {REMOTE} and the repository's address."
    if _LOST.search(said):
        return "Somebody pushed to the branch meanwhile, and nothing was pushed: run this again."
    if _DENIED.search(said):
        return "The remote lets us not push: give this job `permissions: contents: write`, and its step GITHUB_TOKEN."
    last = next((line for line in reversed(said.splitlines()) if line.strip()), f"git {command} failed")
    return (
        f"Git did not do it ({re.sub(r'[a-z+]+://[^ ]+', '[an address]', clean(last)).strip(' .')}): mend that first."
    )
