"""One Space through the real client, against the loopback Hub."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import pytest
from huggingface_hub import Volume

from microscope.errors import UserError
from microscope.space.errors import UnreachableError
from microscope.space.hub import Patience, Runtime, SpaceHub, without_token
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.hub.spaces.repository import Told

SPACE = "owner/app"
README = "---\ntitle: App\nsdk: gradio\n---\n"
FILES = {"README.md": README.encode(), "src/app.py": b"old\n", "a.safetensors": b"weights"}


@pytest.fixture
def spaces() -> Iterator[LoopbackSpaces]:
    with LoopbackSpaces() as spaces:
        spaces.create(SPACE, FILES, hardware="zero-a10g")
        yield spaces


@pytest.fixture
def hub(spaces: LoopbackSpaces) -> SpaceHub:
    return SpaceHub(SPACE, endpoint=spaces.url, token=spaces.token, patience=patience())


def patience(sleep: Callable[[float], None] = lambda _: None) -> Patience:
    """Return a patience that waits for nothing."""
    return Patience(tries=3, sleep=sleep, silence_seconds=0.1)


@pytest.mark.parametrize("name", ["", "app", "owner/app/more", "https://huggingface.co/spaces/a/b", "a b/c", "owner/"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="give it as owner/name"):
        SpaceHub(name)


def test_the_space_has_a_page_and_an_app(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    assert (hub.space, hub.endpoint, hub.page) == (SPACE, spaces.url, f"{spaces.url}/spaces/owner/app")
    assert hub.host == "https://owner-app.hf.space"
    spaces.host(SPACE, "http://127.0.0.1:7860")
    assert hub.host == "http://127.0.0.1:7860"
    assert SpaceHub(SPACE, patience=patience()).endpoint == spaces.url


def test_commits_and_files_of_every_revision_are_read(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    first = hub.head()
    second = spaces.commit(SPACE, {"src/app.py": b"new\n"}, message="change\n\nin more words")
    assert hub.head() == second
    assert [commit.sha for commit in hub.history(2)] == [second, first]
    assert hub.history()[0].title.startswith("change")
    assert hub.history()[0].when > hub.history()[1].when
    assert hub.read("src/app.py") == b"new\n"
    assert hub.read("src/app.py", first) == b"old\n"
    assert hub.read("none.py") is None
    assert hub.read("a.safetensors") == b"weights"
    files = hub.files(first)
    assert set(files) == {*FILES, ".gitattributes"}
    assert (files["a.safetensors"].size, files["a.safetensors"].digest) == (7, hashlib.sha256(b"weights").hexdigest())
    assert files["src/app.py"].digest == hashlib.sha1(b"blob 4\0old\n", usedforsecurity=False).hexdigest()


def test_a_long_history_is_not_read_whole(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    for number in range(120):
        spaces.commit(SPACE, {"src/app.py": b"%d" % number})
    assert len(hub.history(60)) == 60
    assert spaces.count("GET", "/commits/") == 2


def test_the_hub_says_what_is_wrong_with_a_readme(hub: SpaceHub) -> None:
    assert hub.check_front_matter(README) == ()
    assert hub.check_front_matter("# No head\n") == ()
    assert hub.check_front_matter("---\nsdk: gradio\ncolorFrom: white\n---\n") == (
        '"colorFrom" must be one of [red, yellow, green, blue, indigo, purple, pink, gray]',
    )


def test_the_runtime_is_told_with_its_commit(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    old = hub.head()
    assert hub.runtime() == Runtime("RUNNING", old, "zero-a10g", "zero-a10g", None)
    stages = (Told("RUNNING", "old"), Told("RUNNING", "none"), Told("BUILD_ERROR", error="exit code 1"))
    spaces.script(SPACE, *stages)
    new = spaces.commit(SPACE, {"src/app.py": b"new\n"})
    told = [hub.runtime() for _ in range(3)]
    assert [(runtime.stage, runtime.sha, runtime.error) for runtime in told] == [
        ("RUNNING", old, ""),
        ("RUNNING", None, ""),
        ("BUILD_ERROR", new, "exit code 1"),
    ]


def test_logs_are_lines(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    spaces.say(SPACE, "build", "one", "two", "three")
    spaces.open_logs = True
    assert list(hub.log("build", most=2)) == ["two", "three"]
    assert list(hub.log("run")) == []


def test_a_space_is_created_once_with_all_that_belongs_to_it(spaces: LoopbackSpaces) -> None:
    hub = SpaceHub("owner/new", token=spaces.token, patience=patience())
    volume = Volume(type="bucket", source="owner/data", mount_path="/data")
    assert not hub.exists()
    assert hub.create(
        hardware="t4-small",
        sleep_seconds=600,
        private=True,
        variables={"A": "1"},
        secrets={"B": "2"},
        volumes=[volume],
    )
    made = spaces.space("owner/new")
    assert (made.requested, made.sleep, made.private) == ("t4-small", 600, True)
    assert (made.variables, made.secrets) == ({"A": "1"}, {"B": "2"})
    assert hub.exists()
    assert hub.volumes() == (volume,)
    assert not hub.create(hardware="cpu-basic", variables={"A": "other"})
    assert made.variables == {"A": "1"}
    assert spaces.count("POST", "/repos/create") == 1


def test_a_creation_without_an_answer_is_ours_all_the_same(spaces: LoopbackSpaces) -> None:
    spaces.drop("/repos/create", applied=True)
    assert SpaceHub("owner/new", token=spaces.token, patience=patience()).create(hardware="zero-a10g")
    spaces.meanwhile("/repos/create", lambda: spaces.create("owner/third"))
    assert not SpaceHub("owner/third", token=spaces.token, patience=patience()).create(hardware="zero-a10g")


def test_settings_are_read_and_changed(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    hub.set_variable("A", "1")
    hub.set_variable("B", "2")
    hub.delete_variable("A")
    hub.delete_variable("A")
    assert hub.variables() == {"B": "2"}
    hub.set_secret("HF_TOKEN", "s3cret")
    assert hub.secret_names() == ("HF_TOKEN",)
    assert spaces.space(SPACE).secrets == {"HF_TOKEN": "s3cret"}
    hub.request_hardware("t4-small", 3600)
    assert (hub.runtime().requested, hub.runtime().sleep_seconds) == ("t4-small", 3600)
    hub.set_sleep(-1)
    assert hub.runtime().sleep_seconds == -1
    volume = Volume(type="bucket", source="owner/data", mount_path="/data")
    hub.set_volumes([volume])
    assert hub.volumes() == (volume,)
    hub.set_volumes(())
    hub.set_volumes(())
    assert hub.volumes() == ()


def test_restarting_builds_anew_only_where_asked(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    hub.restart()
    hub.restart(factory=True)
    asked = [request.query for request in spaces.requests if request.path.endswith("/restart")]
    assert asked == [{}, {"factory": "true"}]
    assert hub.runtime().stage == "BUILDING"


def test_trouble_that_passes_is_waited_for(spaces: LoopbackSpaces) -> None:
    slept: list[float] = []
    hub = SpaceHub(SPACE, endpoint=spaces.url, token=spaces.token, patience=patience(slept.append))
    spaces.fail(503, on="/runtime", times=2)
    spaces.fail(429, on="/variables", headers={"Retry-After": "30"})
    spaces.drop("/secrets", applied=True)
    assert hub.runtime().stage == "RUNNING"
    hub.set_variable("A", "1")
    hub.set_secret("B", "2")
    assert slept == [2, 4, 30, 2]
    assert (spaces.space(SPACE).variables, spaces.space(SPACE).secrets) == ({"A": "1"}, {"B": "2"})


def test_trouble_that_stays_is_told_after_every_try(spaces: LoopbackSpaces, hub: SpaceHub) -> None:
    spaces.fail(502, on="/runtime", times=99)
    with pytest.raises(UnreachableError, match="HTTP 502"):
        hub.runtime()
    assert spaces.count("GET", "/runtime") == 3


def test_what_is_public_is_read_without_any_token(spaces: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_this_machine")
    stranger = without_token(SPACE, endpoint=spaces.url, patience=patience())
    assert stranger.head() == spaces.head(SPACE)
    assert stranger.read("src/app.py") == b"old\n"
    assert stranger.runtime().stage == "RUNNING"
    assert stranger.files()
    assert stranger.history()
    assert stranger.host
    assert {request.token for request in spaces.requests} == {""}


def test_a_token_of_the_machine_is_used_where_none_is_given(
    spaces: LoopbackSpaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", spaces.token)
    SpaceHub(SPACE, patience=patience()).set_variable("A", "1")
    assert spaces.space(SPACE).variables == {"A": "1"}
