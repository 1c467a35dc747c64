"""Each refusal of GitHub has its own advice, and no sentence has a token."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.settings import Settings
from microscope.space.errors import RefusedError, UnreachableError
from microscope.space.github.client import github_of
from microscope.space.retrying import Patience
from tests.hub.github.loopback_github import LoopbackGitHub

MARK = "<!-- a mark -->"


@pytest.mark.parametrize(
    ("status", "said", "headers", "kind", "sentence"),
    [
        (401, "Bad credentials", {}, RefusedError, "does not accept the token: give the step `GITHUB_TOKEN"),
        (403, "Resource not accessible by integration", {}, RefusedError, "`permissions: pull-requests: read`"),
        (403, "GitHub Actions is not permitted to create or approve pull requests.", {}, RefusedError, "Settings"),
        (403, "API rate limit exceeded", {"X-RateLimit-Remaining": "0"}, UnreachableError, "slow down"),
        (403, "You have exceeded a secondary rate limit", {"Retry-After": "60"}, UnreachableError, "slow down"),
        (404, "Not Found", {}, RefusedError, "the number or the branch is right"),
        (422, "Validation Failed", {}, UserError, "GitHub refuses (Validation Failed): mend what it says"),
        (429, "Too many", {}, UnreachableError, "slow down"),
        (500, "", {}, UnreachableError, "trouble of its own (HTTP 500)"),
        (503, "", {}, UnreachableError, "trouble of its own (HTTP 503)"),
    ],
)
def test_each_refusal_has_its_own_advice(
    status: int, said: str, headers: dict[str, str], kind: type[UserError], sentence: str
) -> None:
    with LoopbackGitHub() as loopback:
        for _ in range(2):
            loopback.fail(status, said, headers)
        github = github_of(Settings.from_environment(loopback.environment()), Patience(tries=2, sleep=lambda _: None))
        with pytest.raises(kind) as error:
            github.said(7, MARK)
        assert type(error.value) is kind
        assert sentence.lower() in str(error.value).lower()
        assert "\n" not in str(error.value)


def test_what_github_repeats_is_not_a_token_and_no_terminal_s_control() -> None:
    with LoopbackGitHub() as loopback:
        loopback.token = "a-token-of-no-known-form"  # noqa: S105
        loopback.fail(422, f"bad {loopback.token} ghp_{'a' * 36}\x1b[31m\nred" + "x" * 1000)
        github = github_of(Settings.from_environment(loopback.environment()))
        with pytest.raises(UserError) as error:
            github.default_branch()
        sentence = str(error.value)
        assert sentence.startswith("GitHub refuses (bad [a token] [a token] redxxx")
        assert len(sentence) < 400


def test_details_are_told_and_a_page_instead_of_data_is_none() -> None:
    with LoopbackGitHub() as loopback:
        github = github_of(Settings.from_environment(loopback.environment()))
        loopback.refuse_with(422, b"<html>no</html>")
        with pytest.raises(UserError, match="HTTP 422"):
            github.default_branch()
        loopback.refuse_with(422, {"message": "Validation Failed", "errors": [{"message": "No commits"}, "odd"]})
        with pytest.raises(UserError, match="Validation Failed; No commits"):
            github.default_branch()
        loopback.refuse_with(422, ["odd"])
        with pytest.raises(UserError, match="HTTP 422"):
            github.default_branch()
