"""The loopback Spaces, as the real client sees them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, Volume
from huggingface_hub.errors import (
    BadRequestError,
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub.spaces.accounts import Account
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.hub.spaces.repository import Told

Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete
SPACE = "owner/app"
README = b"---\ntitle: App\nsdk: gradio\n---\n"
FILES = {"README.md": README, "app.py": b"print()\n", "assets/a.safetensors": b"weights" * 99}


@pytest.fixture
def hub() -> Iterator[LoopbackSpaces]:
    with LoopbackSpaces() as hub:
        hub.create(SPACE, FILES)
        yield hub


@pytest.fixture
def api(hub: LoopbackSpaces) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


def push(api: HfApi, *operations: Operation, parent: str | None = None) -> str:
    """Commit as the library does, and return the commit."""
    return api.create_commit(SPACE, operations, commit_message="push", repo_type="space", parent_commit=parent).oid


def status_of(call: Callable[[], object]) -> int:
    """Return the status by which a call is refused."""
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return caught.value.response.status_code


def test_files_go_their_two_ways_and_every_revision_can_be_read(hub: LoopbackSpaces, api: HfApi) -> None:
    first = hub.head(SPACE)
    second = push(api, CommitOperationAdd("b.safetensors", b"new" * 50), CommitOperationAdd("app.py", b"print(2)\n"))
    assert second == hub.head(SPACE)
    assert hub.count("PUT", "/large/") == 1
    listed = {file.path: file for file in api.list_repo_tree(SPACE, repo_type="space", recursive=True)}
    assert listed["b.safetensors"].lfs.size == 150  # type: ignore[union-attr]
    assert listed["app.py"].lfs is None  # type: ignore[union-attr]
    assert hub.tree(SPACE, first)["app.py"] == b"print()\n"
    assert hub.tree(SPACE)["b.safetensors"] == b"new" * 50
    with pytest.raises(RevisionNotFoundError):
        list(api.list_repo_tree(SPACE, repo_type="space", revision="f" * 40))


def test_the_same_files_twice_are_two_commits(hub: LoopbackSpaces, api: HfApi) -> None:
    first = hub.commit(SPACE, {"app.py": b"1"})
    hub.commit(SPACE, {"app.py": b"2"})
    third = hub.commit(SPACE, {"app.py": b"1"})
    assert hub.tree(SPACE, first) == hub.tree(SPACE, third)
    assert first != third
    listed = api.list_repo_commits(SPACE, repo_type="space")
    assert [commit.commit_id for commit in listed] == [commit.sha for commit in hub.history(SPACE)]


def test_long_lists_come_in_pages(hub: LoopbackSpaces, api: HfApi) -> None:
    hub.commit(SPACE, {f"assets/{number}.txt": b"x" for number in range(1_100)})
    for number in range(60):
        hub.commit(SPACE, {"app.py": b"%d" % number})
    assert len(list(api.list_repo_tree(SPACE, repo_type="space", recursive=True))) == 1_104
    assert len(api.list_repo_commits(SPACE, repo_type="space")) == 63


def test_a_commit_on_an_old_parent_is_refused_whole(hub: LoopbackSpaces, api: HfApi) -> None:
    parent = hub.head(SPACE)
    hub.commit(SPACE, {"app.py": b"theirs"})
    assert status_of(lambda: push(api, CommitOperationAdd("app.py", b"ours"), parent=parent)) == 412
    assert hub.tree(SPACE)["app.py"] == b"theirs"


def test_copies_and_deletions_are_one_commit(hub: LoopbackSpaces, api: HfApi) -> None:
    first = hub.head(SPACE)
    hub.commit(SPACE, {"assets/a.safetensors": b"other", "app.py": b"other"}, message="change")
    copies = [CommitOperationCopy(path, path, src_revision=first) for path in ("assets/a.safetensors", "app.py")]
    push(api, *copies, CommitOperationDelete("README.md"))
    assert hub.tree(SPACE) == {path: held for path, held in hub.tree(SPACE, first).items() if path != "README.md"}
    assert len(hub.history(SPACE)) == 4
    assert status_of(lambda: push(api, CommitOperationDelete("none.txt"))) == 404


def test_what_a_gitignore_names_is_left_out_without_a_word(hub: LoopbackSpaces, api: HfApi) -> None:
    hub.commit(SPACE, {".gitignore": b"*.log\n"})
    push(api, CommitOperationAdd("run.log", b"x"), CommitOperationAdd("x.txt", b"x"))
    assert "x.txt" in hub.tree(SPACE)
    assert "run.log" not in hub.tree(SPACE)


def test_a_readme_is_judged(hub: LoopbackSpaces, api: HfApi) -> None:
    long = b"---\nsdk: gradio\nshort_description: " + b"x" * 61 + b"\n---\n"
    with pytest.raises(ValueError, match="length must be less than or equal to 60"):
        push(api, CommitOperationAdd("README.md", long))
    with pytest.raises(ValueError, match='"colorTo" must be one of'):
        push(api, CommitOperationAdd("README.md", b"---\nsdk: gradio\ncolorTo: white\n---\n"))
    assert hub.tree(SPACE)["README.md"] == README


def test_tokens_may_do_what_their_role_says(hub: LoopbackSpaces) -> None:
    hub.create("other/app")
    hub.create("other/hidden", private=True)
    member = "hf_other"
    hub.admit(member, Account("somebody", orgs=("other",)))
    cases = {hub.token: 403, hub.reader: 403, "hf_unknown": 401, member: 0}
    for token, expected in cases.items():
        change = partial(HfApi(endpoint=hub.url, token=token).add_space_variable, "other/app", "A", "1")
        if expected:
            assert status_of(change) == expected, token
        else:
            change()
    assert status_of(lambda: HfApi(endpoint=hub.url, token=hub.token).space_info("other/hidden")) == 404
    assert status_of(lambda: HfApi(endpoint=hub.url, token=False).space_info("other/hidden")) == 401
    assert HfApi(endpoint=hub.url, token=member).space_info("other/hidden").private


def test_who_pays_nothing_gets_two_spaces_on_zerogpu_and_no_other(hub: LoopbackSpaces) -> None:
    api = HfApi(endpoint=hub.url, token=hub.free_token)

    def create(name: str, hardware: str) -> str:
        return api.create_repo(f"free/{name}", repo_type="space", space_sdk="gradio", space_hardware=hardware)  # type: ignore[arg-type]

    assert status_of(lambda: create("one", "cpu-basic")) == 402
    assert status_of(lambda: create("one", "t4-small")) == 403
    create("one", "zero-a10g")
    create("two", "zero-a10g")
    assert status_of(lambda: create("three", "zero-a10g")) == 403
    assert status_of(lambda: create("one", "zero-a10g")) == 409
    assert status_of(lambda: api.request_space_hardware("free/one", "t4-small")) == 403  # type: ignore[arg-type]


def test_a_space_is_created_with_all_that_belongs_to_it(hub: LoopbackSpaces, api: HfApi) -> None:
    volume = Volume(type="bucket", source="owner/data", mount_path="/data")
    api.create_repo(
        "owner/new",
        repo_type="space",
        space_sdk="gradio",
        private=True,
        space_hardware="zero-a10g",  # type: ignore[arg-type]
        space_sleep_time=600,
        space_secrets=[{"key": "HF_TOKEN", "value": "s"}],
        space_variables=[{"key": "A", "value": "1"}],
        space_volumes=[volume],
    )
    made = hub.space("owner/new")
    assert (made.private, made.requested, made.sleep) == (True, "zero-a10g", 600)
    assert (made.secrets, made.variables) == ({"HF_TOKEN": "s"}, {"A": "1"})
    assert api.get_space_runtime("owner/new").volumes == [volume]
    assert api.get_space_runtime("owner/new").stage == "NO_APP_FILE"
    api.duplicate_repo("owner/new", "owner/copy", repo_type="space")
    assert hub.space("owner/copy").variables == {"A": "1"}
    assert hub.space("owner/copy").secrets == {}


def test_settings_are_kept(hub: LoopbackSpaces, api: HfApi) -> None:
    api.add_space_secret(SPACE, "A", "1")
    api.add_space_secret(SPACE, "B", "2")
    api.delete_space_secret(SPACE, "A")
    assert set(api.get_space_secrets(SPACE)) == {"B"}
    api.add_space_variable(SPACE, "C", "3")
    api.add_space_variable(SPACE, "D", "4")
    assert set(api.delete_space_variable(SPACE, "C")) == {"D"}
    assert api.request_space_hardware(SPACE, "t4-small", sleep_time=60).requested_hardware == "t4-small"  # type: ignore[arg-type]
    assert api.set_space_sleep_time(SPACE, 90).sleep_time == 90
    with pytest.raises(BadRequestError):
        api.delete_space_volumes(SPACE)
    api.set_space_volumes(SPACE, [Volume(type="model", source="a/b", mount_path="/m")])
    api.delete_space_volumes(SPACE)
    assert api.get_space_runtime(SPACE).volumes is None
    assert api.pause_space(SPACE).stage == "PAUSED"
    assert api.get_zero_gpu_quota().base == 2400
    assert api.whoami()["name"] == "owner"


def test_the_runtime_tells_what_was_written_down(hub: LoopbackSpaces, api: HfApi) -> None:
    old = hub.head(SPACE)
    late = (Told("RUNNING", "old", polls=2), Told("RUNNING", "none"), Told("RUNNING_BUILDING", "old"), "APP_STARTING")
    hub.script(SPACE, *late, Told("RUNTIME_ERROR", error="exit code 1"), once=True)
    new = hub.commit(SPACE, {"app.py": b"new"})
    told = [api.get_space_runtime(SPACE).raw for _ in range(7)]
    assert [(raw["stage"], raw.get("sha")) for raw in told] == [
        ("RUNNING", old),
        ("RUNNING", old),
        ("RUNNING", None),
        ("RUNNING_BUILDING", old),
        ("APP_STARTING", new),
        ("RUNTIME_ERROR", new),
        ("RUNTIME_ERROR", new),
    ]
    assert told[-1]["errorMessage"] == "exit code 1"
    hub.commit(SPACE, {"app.py": b"newer"})
    assert [api.get_space_runtime(SPACE).stage for _ in range(4)] == ["BUILDING", "APP_STARTING", "RUNNING", "RUNNING"]
    assert api.restart_space(SPACE).stage == "BUILDING"
    hub.now(SPACE, "STOPPED")
    assert api.get_space_runtime(SPACE).stage == "STOPPED"


def test_a_commit_that_begins_to_run_is_made_known_once(hub: LoopbackSpaces, api: HfApi) -> None:
    begun = []

    def start(space: str, sha: str, files: dict[str, bytes]) -> str:
        assert api.space_info(space).sha == sha, "the app may ask the Hub while it starts"
        begun.append((space, sha, files["app.py"]))
        return "http://127.0.0.1:1"

    hub.on_running = start
    sha = hub.commit(SPACE, {"app.py": b"new"})
    for _ in range(4):
        api.get_space_runtime(SPACE)
    assert begun == [(SPACE, sha, b"new")]
    assert api.space_info(SPACE).host == "http://127.0.0.1:1"
    hub.host(SPACE, "http://127.0.0.1:2")
    assert api.space_info(SPACE).host == "http://127.0.0.1:2"


def test_logs_are_events_for_those_who_have_a_token(hub: LoopbackSpaces, api: HfApi) -> None:
    hub.say(SPACE, "build", "one", "two")
    assert list(api.fetch_space_logs(SPACE, build=True)) == ["one\n", "two\n"]
    assert list(api.fetch_space_logs(SPACE)) == []
    assert status_of(lambda: list(HfApi(endpoint=hub.url, token=False).fetch_space_logs(SPACE))) == 401


def test_failures_come_as_often_as_told_and_where_told(hub: LoopbackSpaces, api: HfApi) -> None:
    hub.fail(503, on="/runtime", times=2)
    assert api.space_info(SPACE).id == SPACE
    assert [status_of(lambda: api.get_space_runtime(SPACE)) for _ in range(2)] == [503, 503]
    assert api.get_space_runtime(SPACE).stage == "RUNNING"
    hub.fail(429, method="POST", headers={"Retry-After": "7"})
    assert api.space_info(SPACE).id == SPACE
    with pytest.raises(HfHubHTTPError) as caught:
        api.restart_space(SPACE)
    assert caught.value.response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("applied", [False, True])
def test_a_commit_is_cut_off_before_or_after_it_is_made(hub: LoopbackSpaces, api: HfApi, *, applied: bool) -> None:
    before = len(hub.history(SPACE))
    hub.drop("/commit/", applied=applied)
    content = b"x" * 4_000_000
    with pytest.raises(HTTPError) as caught:
        push(api, CommitOperationAdd("x.txt", content))
    assert not isinstance(caught.value, HfHubHTTPError)
    assert len(hub.history(SPACE)) == before + applied
    push(api, CommitOperationAdd("x.txt", content))
    assert hub.tree(SPACE)["x.txt"] == content


def test_something_can_happen_meanwhile(hub: LoopbackSpaces, api: HfApi) -> None:
    parent = hub.head(SPACE)
    hub.meanwhile("/commit/", lambda: hub.commit(SPACE, {"app.py": b"theirs"}))
    assert status_of(lambda: push(api, CommitOperationAdd("x.txt", b"x"), parent=parent)) == 412
    push(api, CommitOperationAdd("x.txt", b"x"), parent=hub.head(SPACE))


def test_a_keyless_token_writes_the_files_of_its_space_alone(
    hub: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.create("owner/other")
    hub.trust(SPACE, branch="main")
    for name, value in hub.keyless(SPACE).items():
        monkeypatch.setenv(name, value)
    api = HfApi(endpoint=hub.url)
    push(api, CommitOperationAdd("x.safetensors", b"x" * 99))
    assert hub.history(SPACE)[0].author == "[OIDC]"
    assert hub.count("POST", "/oauth/token") == 1
    operations = [CommitOperationAdd("y.txt", b"y")]
    refused = (
        lambda: api.create_commit("owner/other", operations, commit_message="m", repo_type="space"),
        lambda: api.add_space_secret(SPACE, "A", "1"),
        lambda: api.request_space_hardware(SPACE, "t4-small"),  # type: ignore[arg-type]
        lambda: api.restart_space(SPACE),
    )
    assert [status_of(call) for call in refused] == [403] * 4
    assert status_of(lambda: api.create_repo("owner/z", repo_type="space", space_sdk="gradio")) == 401


@pytest.mark.parametrize("claims", [{"branch": "dev"}, {"repository": "owner/fork"}, {"workflow": "other.yml"}])
def test_a_workflow_that_is_not_trusted_gets_no_token(
    hub: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch, claims: dict[str, str]
) -> None:
    hub.trust(SPACE, branch="main", workflow="deploy.yml")
    for name, value in hub.keyless(SPACE, **claims).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadRequestError, match="invalid_grant"):
        HfApi(endpoint=hub.url).space_info(SPACE)


def test_of_many_commits_at_once_on_one_parent_one_is_made(hub: LoopbackSpaces, api: HfApi) -> None:
    parent = hub.head(SPACE)

    def attempt(number: int) -> int:
        try:
            push(api, CommitOperationAdd("app.py", b"%d" % number), parent=parent)
        except HfHubHTTPError as error:
            return error.response.status_code
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [200, *[412] * 7]
    assert hub.history(SPACE)[0].parent == parent


def test_a_missing_space_is_hidden_as_a_private_one_is(hub: LoopbackSpaces, api: HfApi) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.space_info("owner/none")


def test_a_child_process_takes_it_for_the_hub(hub: LoopbackSpaces) -> None:
    code = "from huggingface_hub import HfApi, whoami; print(HfApi().space_info('owner/app').sha, whoami()['name'])"
    environment = hub.environment(hub.token)
    child = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert child.stdout.split() == [hub.head(SPACE), "owner"]


def test_every_model_is_there_and_small(api: HfApi) -> None:
    info = api.model_info("org/any", files_metadata=True)
    assert (info.id, info.gated) == ("org/any", False)
    assert {sibling.rfilename for sibling in info.siblings or ()} == {"config.json", "model.safetensors"}
    assert api.model_info("org/any", revision="v1").sha == info.sha
