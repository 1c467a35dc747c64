"""Pull requests take turns on one preview Space: both loopbacks, the real clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.settings import Settings
from microscope.space.errors import ConflictError, RefusedError
from microscope.space.github.client import GitHub, github_of
from microscope.space.github.comment import MARK, Push
from microscope.space.hub import SpaceHub
from microscope.space.payload import MANIFEST, read_manifest, read_payload
from microscope.space.preview import Previews, mark, reason_against, shown_on
from microscope.space.ship import Outcome, Shipped
from tests.hub.github.loopback_github import LoopbackGitHub
from tests.hub.spaces.repository import Told
from tests.space.shipping import README, SPACE, World, world_of

NOW = datetime(2026, 11, 29, 6, 40, tzinfo=timezone.utc)
FIRST, SECOND = "a" * 40, "b" * 40


@dataclass
class Review:
    """A project, a preview Space and a repository with pull requests."""

    world: World
    loopback: LoopbackGitHub

    @property
    def github(self) -> GitHub:
        return github_of(Settings.from_environment(self.loopback.environment()), self.world.patience)

    @property
    def previews(self) -> Previews:
        return Previews(self.world.hub, self.world.steps, self.world.watch, self.github, lambda: NOW)

    def show(self, number: int | None, commit: str = FIRST, branch: str = "topic") -> Shipped:
        return self.previews.show(self.world.payload, Push(number, commit, branch))

    def said(self, number: int) -> str:
        """Return the one comment on a pull request."""
        (comment,) = self.loopback.comments[number]
        return str(comment["body"])

    @property
    def title(self) -> str:
        """Return the title that the Space has."""
        found = re.search(r"^title: (.*)$", self.world.spaces.tree(SPACE)["README.md"].decode(), re.MULTILINE)
        assert found is not None
        return found[1].strip('"')


@pytest.fixture
def review(tmp_path: Path) -> Iterator[Review]:
    with world_of(tmp_path) as world, LoopbackGitHub() as loopback:
        for branch in ("topic", "other"):
            loopback.open(branch)
        yield Review(world, loopback)


def test_a_first_preview_runs_and_is_told(review: Review) -> None:
    shipped = review.show(1)
    assert shipped.outcome is Outcome.DEPLOYED
    body = review.said(1)
    assert body.startswith(f"{MARK}\n\n**[Preview](https://owner-microscope.hf.space): it runs and answers.**\n")
    for fact in (f"Commit: {FIRST} of `topic`", "Version: `1.0.0`", "Hardware: `zero-a10g`", "2026-11-29 06:40 UTC"):
        assert fact in body
    assert "newest push among all open pull requests: #1." in body
    assert review.world.titles[0] == "Preview #1 (aaaaaaa)"
    assert review.loopback.requests[-1].token == review.loopback.token


def test_the_space_is_recognised_as_a_preview_and_its_manifest_is_true(review: Review) -> None:
    shipped = review.show(1)
    assert review.title == "Microscope (preview of #1)"
    there = review.world.spaces.tree(SPACE)
    manifest = read_manifest(there[MANIFEST])
    assert manifest.digest == shipped.digest != review.world.payload().digest
    assert review.world.visits.seen == [(shipped.address, "1.0.0", shipped.digest)]
    assert there["app.py"] == (review.world.root / "app.py").read_bytes()
    assert (review.world.root / "README.md").read_text(encoding="utf-8") == README
    # The sentence about hardware is said where the Space has another.
    review.world.spaces.space(SPACE).requested = "t4-small"
    review.show(1, SECOND)
    assert any("suggests zero-a10g, the Space has t4-small" in line for line in review.world.lines)


def test_a_second_push_reuses_space_and_comment(review: Review) -> None:
    review.show(1)
    review.loopback.say(1, "Nice.")
    review.world.change("app.py", "# the second\n")
    assert review.show(1, SECOND).outcome is Outcome.DEPLOYED
    first, nice = review.loopback.comments[1]
    assert (f"Commit: {SECOND}" in first["body"], FIRST in first["body"], nice["body"]) == (True, False, "Nice.")
    assert review.world.titles[:2] == ["Preview #1 (bbbbbbb)", "Preview #1 (aaaaaaa)"]


def test_a_push_that_changes_no_file_is_told_as_well(review: Review) -> None:
    review.show(1)
    before = review.world.head
    assert review.show(1, SECOND).outcome is Outcome.UNCHANGED
    assert review.world.head == before
    assert f"Commit: {SECOND}" in review.said(1)
    assert "no file has changed" in review.said(1)


def test_another_pull_request_takes_over_and_the_older_comment_says_so(review: Review) -> None:
    review.show(1)
    review.show(2, SECOND, "other")
    assert review.title == "Microscope (preview of #2)"
    assert "open pull requests: now #2" in review.said(1)
    assert "it runs and answers" not in review.said(1)
    assert "open pull requests: #2." in review.said(2)
    review.loopback.pulls[1]["state"] = "closed"
    review.show(1)
    assert "shows #1 now" in review.said(2)
    assert "open pull requests: #1." in review.said(1)


def test_an_older_comment_that_cannot_be_changed_stops_nothing(review: Review) -> None:
    review.show(1)
    review.world.spaces.meanwhile("/runtime", lambda: review.loopback.fail(403, "no"))
    review.loopback.comments[1][0]["body"] = "changed by hand"
    assert review.show(2, SECOND).outcome is Outcome.DEPLOYED
    assert any("pull-requests: read" in line for line in review.world.lines)
    assert "it runs" in review.said(2)


def test_a_build_that_fails_stays_and_its_cause_is_told(review: Review) -> None:
    review.show(1)
    review.world.change("requirements.txt", "torhc\n")
    review.world.spaces.say(SPACE, "build", "``` <b>@everyone</b>", "ERROR: No matching distribution found for torhc")
    review.world.spaces.script(SPACE, "BUILDING", "BUILD_ERROR", once=True)
    shipped = review.show(1, SECOND)
    assert (shipped.outcome, shipped.status, shipped.rollback) == (Outcome.FAILED, 1, None)
    assert review.world.titles[0] == "Preview #1 (bbbbbbb)"
    body = review.said(1)
    assert ": it does not work.**" in body
    block = body.split("<details><summary>What is known of the cause</summary>\n\n````text\n")[1].split("\n````\n")[0]
    assert "correct that line of requirements.txt" in block.splitlines()[0]
    assert "``` <b>@everyone</b>" in block.splitlines()
    assert review.show(1, SECOND).outcome is Outcome.FAILED
    assert ": it does not work, and no file has changed that could mend it: restart it" in review.said(1)
    review.world.change("requirements.txt", "torch\n")
    assert review.show(1).outcome is Outcome.DEPLOYED
    assert "details" not in review.said(1)


def test_an_app_that_answers_wrongly_stays_too(review: Review) -> None:
    review.world.visits.wrong = frozenset({"1.0.0"})
    assert review.show(1).outcome is Outcome.FAILED
    assert "runs and does not work: Answer: it says nothing" in review.said(1)


def test_who_may_not_comment_has_the_preview_nevertheless(review: Review) -> None:
    review.loopback.may_write = False
    with pytest.raises(RefusedError, match="`permissions: pull-requests: write`"):
        review.show(1)
    assert review.title == "Microscope (preview of #1)"
    assert review.world.lines[-1] == f"{SPACE} was given #1: it runs and answers."
    assert review.loopback.comments == {}


def test_without_a_space_it_says_how_to_create_one(review: Review) -> None:
    del review.world.spaces.spaces[SPACE]
    with pytest.raises(UserError) as error:
        review.show(1)
    assert f"microscope space create {SPACE} --hardware zero-a10g" in str(error.value)
    assert str(error.value) in review.said(1)
    assert "**No preview**" in review.said(1)


def test_what_cannot_be_uploaded_is_told_in_the_comment(review: Review) -> None:
    review.show(1)
    (review.world.root / "models.yaml").unlink()
    with pytest.raises(UserError) as error:
        review.show(1, SECOND)
    assert str(error.value) in review.said(1)
    assert "it runs and answers" not in review.said(1)


def test_a_space_with_something_else_is_never_written_to(review: Review) -> None:
    review.world.ship()
    before = review.world.head
    with pytest.raises(UserError, match="no preview Space") as error:
        review.show(1)
    assert review.world.head == before
    assert "microscope space create owner/NAME --hardware zero-a10g" in str(error.value)
    review.world.spaces.commit(SPACE, {"README.md": b"---\ntitle: Mine (preview)\nsdk: gradio\n---\n"})
    with pytest.raises(UserError, match="no preview Space"):
        review.show(1)


def test_somebody_else_s_commit_is_told_and_not_overwritten(review: Review) -> None:
    review.show(1)
    by_hand = "README.md", b"---\ntitle: 'Microscope (preview of #2)'\nsdk: gradio\n---\n"
    review.world.change("app.py", "# the second\n")
    review.world.spaces.meanwhile("/preupload/", lambda: review.world.spaces.commit(SPACE, dict([by_hand])))
    with pytest.raises(ConflictError):
        review.show(1, SECOND)
    assert "Somebody has committed" in review.said(1)
    assert shown_on(review.world.hub) == 2


def test_a_preview_that_cannot_be_watched_has_taken_over_all_the_same(review: Review) -> None:
    review.show(1)
    review.world.spaces.meanwhile("/commit/", lambda: review.world.spaces.fail(403, on="/runtime", times=1000))
    with pytest.raises(UserError):
        review.show(2, SECOND)
    assert "now #2" in review.said(1)
    assert "**No preview**" in review.said(2)


def test_a_space_that_takes_nothing_keeps_what_it_shows_and_what_is_said_of_it(review: Review) -> None:
    review.show(1)
    before = review.said(1)
    review.world.spaces.now(SPACE, Told("PAUSED"))
    with pytest.raises(UserError, match="paused"):
        review.show(2, SECOND)
    assert "is paused" in review.said(2)
    assert review.said(1) == before
    review.world.change("app.py", "# the second\n")
    with pytest.raises(UserError, match="paused"):
        review.show(1, SECOND)
    assert "is paused" in review.said(1)


def test_a_pull_request_that_is_closed_meanwhile_is_not_called_open(review: Review) -> None:
    review.world.spaces.meanwhile("/commit/", lambda: review.loopback.pulls[0].update(state="closed"))
    review.show(1)
    assert "shows its last push until one to an open pull request" in review.said(1)
    assert "it runs and answers" not in review.said(1)


def test_a_closed_pull_request_says_what_became_of_its_preview(review: Review) -> None:
    assert review.previews.close(1) == "#1 has no comment about a preview; nothing was changed."
    review.show(1)
    assert review.previews.close(1) == "#1 is open; nothing was changed."
    review.loopback.pulls[0]["state"] = "closed"
    assert "its last push stays until another" in review.previews.close(1)
    assert "**Preview ended**" in review.said(1)
    review.show(2)
    assert "shows #2 now" in review.said(1)
    review.loopback.pulls[1]["state"] = "closed"
    assert "its last push stays" in review.previews.close(2)
    assert "its preview is gone" in review.previews.close(1)
    del review.world.spaces.spaces[SPACE]
    assert "its preview is gone" in review.previews.close(2)
    assert "shows" not in review.said(2)


def test_a_checkout_without_a_pull_request_is_told_nowhere(review: Review) -> None:
    previews = Previews(review.world.hub, review.world.steps, review.world.watch)
    previews.show(review.world.payload, Push(None, FIRST))
    assert (review.title, review.world.titles[0]) == ("Microscope (preview of aaaaaaa)", "Preview aaaaaaa")
    assert shown_on(review.world.hub) is None
    assert review.loopback.requests == []
    review.show(2)
    assert list(review.loopback.comments) == [2]
    with pytest.raises(ValueError, match="GitHub"):
        previews.close(1)


def test_a_keyless_job_previews(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = {"branch": "refs/pull/1/merge", "workflow": "preview.yml"}
    review.world.spaces.trust(SPACE, workflow="preview.yml")
    for name, value in review.world.spaces.keyless(SPACE, **claims).items():
        monkeypatch.setenv(name, value)
    hub = SpaceHub(SPACE, patience=review.world.patience)
    assert replace(review.previews, hub=hub).show(review.world.payload, Push(1)).outcome is Outcome.DEPLOYED
    assert review.world.spaces.history(SPACE)[0].author == "[OIDC]"


def test_a_keyless_job_without_a_space_is_told_to_create_it(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    del review.world.spaces.spaces[SPACE]
    for name, value in review.world.spaces.keyless(SPACE, workflow="preview.yml").items():
        monkeypatch.setenv(name, value)
    previews = replace(review.previews, hub=SpaceHub(SPACE, patience=review.world.patience))
    with pytest.raises(RefusedError, match=f"If there is no such Space yet, .* space create {SPACE} --hardware zero-"):
        previews.show(review.world.payload, Push(1, FIRST))
    assert "Trusted Publishers" in review.said(1)


@pytest.mark.parametrize(
    ("fork", "state", "commit", "reason"),
    [
        (None, "open", FIRST, ""),
        (None, "open", FIRST[:7], ""),
        (None, "open", "", ""),
        ("stranger/microscope", "open", FIRST, "comes from a fork, stranger/microscope"),
        (None, "closed", FIRST, "#3 is closed"),
        (None, "open", SECOND, "#3 is at aaaaaaa by now"),
    ],
)
def test_only_the_newest_commit_of_our_own_open_branches_is_previewed(
    review: Review, fork: str | None, state: str, commit: str, reason: str
) -> None:
    number = review.loopback.open("third", FIRST, fork=fork)
    review.loopback.pulls[-1]["state"] = state
    found = reason_against(review.github.pull(number), "Owner/Microscope", commit)
    assert (reason in found) if reason else found == ""


def test_a_fork_that_is_gone_is_a_fork(review: Review) -> None:
    review.loopback.pulls[0]["head"]["repo"] = None
    assert "a fork, which is gone" in reason_against(review.github.pull(1), "owner/microscope", FIRST)


@pytest.mark.parametrize(
    ("title", "marked"),
    [
        ("Microscope", '"Microscope (preview of #7)"'),
        ("'A: lens'", '"A: lens (preview of #7)"'),
        ('"Microscope (preview of #6)"', '"Microscope (preview of #7)"'),
    ],
)
def test_a_title_is_marked_once_and_every_other_byte_stays(tmp_path: Path, title: str, marked: str) -> None:
    with world_of(tmp_path / "project") as world:
        text = README.replace("title: Microscope", f"title: {title}").replace("\n", "\r\n") + "Text\r\n"
        (world.root / "README.md").write_bytes(text.encode())
        found = mark(world.payload(), tmp_path / "marked", "#7")
        assert found.read("README.md").decode() == text.replace(title, marked, 1)
        assert {f.path: f.sha256 for f in found.files if f.path != "README.md"} == {
            f.path: f.sha256 for f in read_payload(world.root, "1.0.0").files if f.path != "README.md"
        }


def test_a_readme_that_is_no_text_is_refused_with_a_sentence(review: Review) -> None:
    (review.world.root / "README.md").write_bytes(b"---\ntitle: \xff\n---\n")
    with pytest.raises(UserError, match="UTF-8"):
        review.show(1)
    assert "UTF-8" in review.said(1)
