"""Comments and pull requests through the real client, against the loopback GitHub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from microscope.errors import UserError
from microscope.settings import Settings
from microscope.space.errors import RefusedError, UnreachableError
from microscope.space.github.client import GitHub, github_of
from microscope.space.retrying import Patience
from tests.hub.github.loopback_github import LoopbackGitHub

MARK = "<!-- a mark -->"


@pytest.fixture
def loopback() -> Iterator[LoopbackGitHub]:
    with LoopbackGitHub() as loopback:
        yield loopback


@pytest.fixture
def github(loopback: LoopbackGitHub) -> GitHub:
    return client(loopback)


def client(loopback: LoopbackGitHub, **changed: str) -> GitHub:
    """Return the client of a workflow's job that waits for nothing."""
    settings = Settings.from_environment({**loopback.environment(), **changed})
    return github_of(settings, Patience(tries=3, sleep=lambda _: None))


def sent(loopback: LoopbackGitHub, method: str) -> int:
    return sum(request.method == method for request in loopback.requests)


def test_a_comment_is_written_once_and_then_changed(loopback: LoopbackGitHub, github: GitHub) -> None:
    for number in range(130):
        loopback.say(7, f"comment {number}")
    first = github.say(7, MARK, f"{MARK}\none")
    assert [one.body for one in github.comments(7)][129:] == ["comment 129", f"{MARK}\none"]
    second = github.say(7, MARK, f"{MARK}\ntwo")
    assert (second.identity, len(loopback.comments[7])) == (first.identity, 131)
    assert github.said(7, MARK) == second
    assert github.said(8, MARK) is None
    changes = sent(loopback, "PATCH")
    assert github.say(7, MARK, f"{MARK}\ntwo") == second
    assert sent(loopback, "PATCH") == changes


def test_a_comment_that_an_outsider_marked_is_left_alone(loopback: LoopbackGitHub, github: GitHub) -> None:
    loopback.say(7, f"{MARK}\nclick here")
    assert github.said(7, MARK) is None
    github.say(7, MARK, f"{MARK}\none")
    assert [one["body"] for one in loopback.comments[7]] == [f"{MARK}\nclick here", f"{MARK}\none"]
    loopback.say(8, f"{MARK}\nmine", by="owner")
    github.say(8, MARK, f"{MARK}\nours")
    assert [one["body"] for one in loopback.comments[8]] == [f"{MARK}\nours"]


def test_an_answer_that_is_lost_makes_no_second_comment(loopback: LoopbackGitHub, github: GitHub) -> None:
    loopback.drop("POST")
    github.say(7, MARK, f"{MARK}\none")
    assert [one["body"] for one in loopback.comments[7]] == [f"{MARK}\none"]
    loopback.drop("POST")
    assert github.propose("topic", "Title", "Text").number == 1
    assert len(loopback.pulls) == 1


def test_a_pull_request_tells_where_it_comes_from(loopback: LoopbackGitHub, github: GitHub) -> None:
    number = loopback.open("topic", "b" * 40, fork="stranger/microscope")
    found = github.pull(number)
    assert (found.branch, found.head, found.source, found.is_open) == ("topic", "b" * 40, "stranger/microscope", True)
    loopback.pulls[0]["head"]["repo"] = None
    loopback.pulls[0]["state"] = "closed"
    found = github.pull(number)
    assert (found.source, found.is_open) == ("", False)
    with pytest.raises(RefusedError, match=r"no such thing in owner/microscope.*number"):
        github.pull(99)


def test_a_branch_has_one_open_pull_request(loopback: LoopbackGitHub, github: GitHub) -> None:
    assert github.default_branch() == "main"
    assert github.open_pull("refresh") is None
    loopback.open("refresh", fork="stranger/microscope")
    assert github.open_pull("refresh") is None
    opened = github.propose("refresh", "Title", "Text")
    assert loopback.pulls[-1]["base"] == {"ref": "main"}
    assert github.open_pull("refresh") == opened
    again = github.propose("refresh", "Other", "More")
    assert (again.number, loopback.pulls[-1]["title"], loopback.pulls[-1]["body"]) == (opened.number, "Other", "More")
    loopback.pulls[-1]["state"] = "closed"
    assert github.propose("refresh", "Title", "Text", base="next").number == opened.number + 1
    assert loopback.pulls[-1]["base"] == {"ref": "next"}


def test_trouble_that_passes_is_waited_for(loopback: LoopbackGitHub) -> None:
    waited: list[float] = []
    settings = Settings.from_environment(loopback.environment())
    github = github_of(settings, Patience(tries=3, sleep=waited.append))
    loopback.fail(502)
    loopback.fail(429, headers={"Retry-After": "7"})
    assert github.default_branch() == "main"
    assert waited == [2.0, 7.0]


@pytest.mark.parametrize(
    ("variable", "sentence"), [("GITHUB_TOKEN", "There is no token for GitHub"), ("GITHUB_REPOSITORY", "owner/name")]
)
def test_what_is_not_set_is_named(loopback: LoopbackGitHub, variable: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as error:
        client(loopback, **{variable: ""})
    assert variable in str(error.value)


def test_a_repository_that_is_none_reaches_no_address(loopback: LoopbackGitHub) -> None:
    with pytest.raises(UserError, match="GITHUB_REPOSITORY"):
        client(loopback, GITHUB_REPOSITORY="owner/../../user")
    assert loopback.requests == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_TOKEN", "ghs_töken"),
        ("GITHUB_TOKEN", "ghs\ttoken"),
        ("GITHUB_API_URL", "http://host:port"),
        ("GITHUB_API_URL", "api.github.com"),
        ("GITHUB_API_URL", "https://api.github.com/ now"),
    ],
)
def test_what_cannot_be_one_is_refused_before_anything_is_asked(
    loopback: LoopbackGitHub, variable: str, value: str
) -> None:
    with pytest.raises(UserError, match=variable) as error:
        client(loopback, **{variable: value})
    assert "token" not in variable.lower() or value not in str(error.value)


def test_a_page_that_is_no_answer_of_github_s_is_told(loopback: LoopbackGitHub, github: GitHub) -> None:
    loopback.say_instead(b"<p>Gesch\xe4ft</p>")
    assert github.default_branch() == "main"
    for _ in range(3):
        loopback.say_instead(b"<p>Gesch\xe4ft</p>")
    with pytest.raises(UserError):
        github.default_branch()


def test_without_a_network_it_says_so(loopback: LoopbackGitHub) -> None:
    with pytest.raises(UnreachableError, match="GITHUB_API_URL"):
        client(loopback, GITHUB_API_URL="http://127.0.0.1:9").default_branch()


def test_a_job_that_may_only_read_is_told_what_it_lacks(loopback: LoopbackGitHub, github: GitHub) -> None:
    loopback.may_write = False
    with pytest.raises(RefusedError, match="`permissions: pull-requests: write`"):
        github.say(7, MARK, f"{MARK}\none")
    with pytest.raises(RefusedError, match="`permissions: contents: write` and `pull-requests: write`"):
        github.propose("topic", "Title", "Text")
