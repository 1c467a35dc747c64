"""The one preview Space, which all pull requests share: the newest push is shown there, and a comment says so.

The Space itself tells whose push it shows, at the end of its title; a Space without that is not written to. Nothing is
rolled back: what does not work stays, and the comment says that it does not.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from microscope.errors import UserError
from microscope.space.configure import hardware_remark
from microscope.space.deploy import GENERATED
from microscope.space.errors import RefusedError
from microscope.space.expected import asked_tier
from microscope.space.front_matter import read_front_matter, replace_field
from microscope.space.front_matter.reading import read_readme
from microscope.space.github.client import GitHub, Pull
from microscope.space.github.comment import MARK, Place, Push, Seen, closed, refused, replaced, shown
from microscope.space.hub import SpaceHub
from microscope.space.payload import Payload, read_payload
from microscope.space.proving import Steps
from microscope.space.ship import Outcome, Shipped, ship
from microscope.space.waiting import Watch

README = "README.md"
_MARKED = re.compile(r"(?P<title>.*?) ?\(preview of (?:#(?P<number>\d{1,9})|[0-9a-f]{7}|a checkout)\)", re.DOTALL)
RESULTS = {
    Outcome.UNCHANGED: "it runs and answers as before, for no file has changed",
    Outcome.COMMITTED: "it is deployed, and nobody has seen it run",
    Outcome.DEPLOYED: "it runs and answers",
    Outcome.FAILED: "it does not work",
}
STUCK = "it does not work, and no file has changed that could mend it: restart it on its page, or push a change"


def _now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Previews:
    """The preview Space, and how a push gets there; `github` is where it is told (None: nowhere)."""

    hub: SpaceHub
    steps: Steps
    watch: Watch
    github: GitHub | None = None
    now: Callable[[], datetime] = field(default=_now)

    @property
    def place(self) -> Place:
        """Return the Space as comments name it."""
        return Place(self.hub.space, self.hub.page)

    def show(self, make: Callable[[], Payload], push: Push) -> Shipped:
        """Bring a push to the Space, see whether it works, and write the comment on its pull request.

        `make` makes what is uploaded. Raises UserError where the Space was not given it, could not be watched, or the
        comment could not be written.
        """
        before: int | None = None
        try:
            before = shown_on(self.hub)
            runtime = self.hub.runtime()
            payload = make()
            asked = asked_tier(payload.root / README)
            for line in hardware_remark(self.hub.space, asked.name if asked is not None else None, runtime):
                self.watch.tell(line)
            shipped = self._ship(payload, push)
        except UserError as error:
            body = refused(push, self.place, str(error))
            self._try(lambda: self._comment(push, body))
            self._try(lambda: self._hand_over(before, push))
            raise
        failure = shipped.tested.failure
        seen = Seen(
            result=result_of(shipped),
            address=shipped.address,
            version=shipped.version,
            hardware=runtime.hardware or runtime.requested or "",
            when=self.now(),
            details=(failure.sentence, *failure.log) if failure is not None else (),
        )
        self.watch.tell(f"{self.hub.space} was given {push.name}: {seen.result}.")
        self._try(lambda: self._hand_over(before, push))
        self._comment(push, shown(push, self.place, seen))
        return shipped

    def close(self, number: int) -> str:
        """Say in the comment of a closed pull request what became of its preview, and return that in one sentence."""
        if self.github is None:
            raise ValueError("a pull request is closed on GitHub")
        if self.github.said(number, MARK) is None:
            return f"#{number} has no comment about a preview; nothing was changed."
        if self.github.pull(number).is_open:
            return f"#{number} is open; nothing was changed."
        shows = shown_on(self.hub) if self.hub.exists() else None
        self.github.say(number, MARK, closed(number, shows, self.place))
        still = "its last push stays until another takes its place" if shows == number else "its preview is gone"
        return f"#{number} is closed, and its comment says so: {still}."

    def _ship(self, payload: Payload, push: Push) -> Shipped:
        with TemporaryDirectory(prefix="microscope-preview-") as folder:
            marked = mark(payload, Path(folder), push.name)
            named = f" ({push.commit[:7]})" if push.commit and push.number is not None else ""
            return ship(
                self.hub, marked, f"Preview {push.name}{named}", replace(self.steps, rollback=False), self.watch
            )

    def _comment(self, push: Push, body: str) -> None:
        """Write the comment on the push's pull request; one that was closed meanwhile is not called open."""
        if self.github is None or push.number is None:
            return
        if not self.github.pull(push.number).is_open:
            body = closed(push.number, shown_on(self.hub), self.place)
        self.github.say(push.number, MARK, body)

    def _hand_over(self, before: int | None, push: Push) -> None:
        """Say in the comment of the pull request that was shown before that another one is."""
        if self.github is None or push.number is None or before is None or before == push.number:
            return
        if shown_on(self.hub) == push.number and self.github.said(before, MARK) is not None:
            is_open = self.github.pull(before).is_open
            body = replaced(push.number, self.place) if is_open else closed(before, push.number, self.place)
            self.github.say(before, MARK, body)

    def _try(self, act: Callable[[], None]) -> None:
        """Do what is good to have beside something that matters more; a refusal is told and stops nothing."""
        try:
            act()
        except UserError as error:
            self.watch.tell(str(error))


def result_of(shipped: Shipped) -> str:
    """Return what a preview came to, in a few words."""
    stuck = shipped.outcome is Outcome.FAILED and shipped.commit == shipped.previous
    return STUCK if stuck else RESULTS[shipped.outcome]


def reason_against(pull: Pull, repository: str, commit: str) -> str:
    """Return in one sentence why a pull request gets no preview; empty where it gets one."""
    if pull.source.lower() != repository.lower():
        return (
            f"No preview: #{pull.number} comes from a fork, {pull.source or 'which is gone'}, and what others wrote "
            "gets no token of this repository; its checks run as usual."
        )
    if not pull.is_open:
        return f"No preview: #{pull.number} is closed."
    if commit and not pull.head.startswith(commit):
        return f"No preview of {commit[:7]}: #{pull.number} is at {pull.head[:7]} by now, which has a job of its own."
    return ""


def shown_on(hub: SpaceHub) -> int | None:
    """Return the number of the pull request that the Space shows, None where it shows none.

    Raises a UserError where there is no such Space, and where something else than a preview was deployed to it.
    """
    create = f"create it once with microscope space create {hub.space} --hardware zero-a10g"
    try:
        there = hub.exists()
    except RefusedError as error:
        # A keyless token is of one Space, so that where there is none there is no token either.
        raise RefusedError(f"{error} If there is no such Space yet, {create}.") from error
    if not there:
        raise UserError(
            f"There is no preview Space {hub.space}: {create}, and add this repository to its settings under Trusted "
            "Publishers."
        )
    head = hub.head()
    if set(hub.files(head)) <= GENERATED:
        return None
    readme = (hub.read(README, head) or b"").decode(errors="replace")
    found = _MARKED.fullmatch(read_front_matter(readme).text("title"))
    if found is None:
        raise UserError(
            f"{hub.space} is no preview Space, for it holds something else; nothing was written. Create one for "
            f"previews with microscope space create {hub.space.split('/')[0]}/NAME --hardware zero-a10g, and name it."
        )
    return int(found["number"]) if found["number"] else None


def mark(payload: Payload, folder: Path, name: str) -> Payload:
    """Copy a payload into a folder with a title that says whose preview it is, and return that one."""
    for file in payload.files:
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(payload.root / file.path, target)
    try:
        readme = read_readme(folder / README)
    except UnicodeDecodeError as error:
        raise UserError("README.md is not text in UTF-8: save it so, and start again.") from error
    title = read_front_matter(readme).text("title")
    found = _MARKED.fullmatch(title)
    title = f"{found['title'] if found is not None else title} (preview of {name})".strip()
    (folder / README).write_bytes(replace_field(readme, "title", title).encode())
    return read_payload(folder, payload.version)
