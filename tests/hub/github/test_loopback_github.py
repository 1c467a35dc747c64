"""The stand-in for GitHub gives pages, keeps what is written, and refuses whom GitHub refuses."""

from __future__ import annotations

import httpx

from tests.hub.github.loopback_github import LoopbackGitHub


def test_it_gives_pages_and_refuses_strangers() -> None:
    with LoopbackGitHub() as github:
        for number in range(130):
            github.say(7, f"comment {number}")
        address, headers = f"{github.url}/repos/owner/microscope", {"Authorization": f"Bearer {github.token}"}
        pages = [
            httpx.get(f"{address}/issues/7/comments", headers=headers, params={"per_page": 100, "page": page}).json()
            for page in (1, 2, 3)
        ]
        assert [len(page) for page in pages] == [100, 30, 0]
        assert httpx.get(address).status_code == 401
        assert httpx.get(f"{github.url}/repos/owner/other", headers=headers).json() == {"message": "Not Found"}
        github.fail(503)
        assert httpx.get(address, headers=headers).status_code == 503
        assert httpx.get(address, headers=headers).json() == {"default_branch": "main"}


def test_it_keeps_whose_pull_request_is_whose() -> None:
    with LoopbackGitHub() as github:
        own, foreign = github.open("topic"), github.open("topic", fork="stranger/microscope")
        address, headers = f"{github.url}/repos/owner/microscope", {"Authorization": f"Bearer {github.token}"}
        found = httpx.get(f"{address}/pulls", headers=headers, params={"head": "owner:topic"}).json()
        assert [pull["number"] for pull in found] == [own]
        told = httpx.get(f"{address}/pulls/{foreign}", headers=headers).json()
        assert told["head"]["repo"] == {"full_name": "stranger/microscope"}
        again = {"head": "topic", "base": "main", "title": "Again"}
        assert httpx.post(f"{address}/pulls", headers=headers, json=again).status_code == 422
        github.may_write = False
        assert httpx.patch(f"{address}/pulls/1", headers=headers, json={"title": "No"}).status_code == 403
