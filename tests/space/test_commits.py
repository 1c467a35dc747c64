"""One commit, made once or not at all, whatever the Hub does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from microscope.errors import UserError
from microscope.space.errors import ConflictError, UnreachableError
from microscope.space.hub import Changes, Patience, SpaceHub
from tests.hub.spaces.loopback_spaces import LoopbackSpaces

SPACE = "owner/app"
README = b"---\ntitle: App\nsdk: gradio\n---\n"
FILES = {"README.md": README, "app.py": b"old", "a.safetensors": b"old" * 400, "gone.txt": b"gone"}
NEW = Changes({"app.py": b"new", "a.safetensors": b"new" * 400}, ("gone.txt",))
MADE = {"README.md": README, "app.py": b"new", "a.safetensors": b"new" * 400}


class Place:
    """A Space, its newest commit before anything, and what was waited."""

    def __init__(self, spaces: LoopbackSpaces) -> None:
        self.spaces = spaces
        self.parent = spaces.create(SPACE, FILES)
        self.before = len(spaces.history(SPACE))
        self.slept: list[float] = []
        self._acts: list[Callable[[], object]] = []
        patience = Patience(tries=3, sleep=self._sleep)
        self.hub = SpaceHub(SPACE, endpoint=spaces.url, token=spaces.token, patience=patience)

    def commit(self, changes: Changes = NEW, message: str = "Deploy 1") -> str:
        return self.hub.commit(changes, message, self.parent)

    def while_waiting(self, act: Callable[[], object]) -> None:
        """Do something during the next pause."""
        self._acts.append(act)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        while self._acts:
            self._acts.pop()()

    @property
    def files(self) -> dict[str, bytes]:
        held = self.spaces.tree(SPACE)
        return {path: content for path, content in held.items() if path != ".gitattributes"}

    @property
    def made(self) -> int:
        """Return how many commits were made since."""
        return len(self.spaces.history(SPACE)) - self.before


@pytest.fixture
def place() -> Iterator[Place]:
    with LoopbackSpaces() as spaces:
        yield Place(spaces)


def test_all_changes_are_one_commit(place: Place) -> None:
    sha = place.commit()
    assert (sha, place.made) == (place.spaces.head(SPACE), 1)
    assert place.files == MADE
    top = place.spaces.history(SPACE)[0]
    assert (top.title, top.parent) == ("Deploy 1", place.parent)


def test_a_whole_deploy_is_one_commit(place: Place, tmp_path: Path) -> None:
    for number in range(450):
        name = f"w{number}.safetensors" if number < 6 else f"f{number}.py"
        (tmp_path / name).write_bytes(bytes([number % 251]) * (4_000_000 if number < 6 else 2_000))
    added = {f"src/{path.name}": path for path in tmp_path.iterdir()}
    place.commit(Changes(added))
    assert place.made == 1
    assert place.spaces.count("PUT", "/large/") == 6
    assert place.spaces.count("POST", "/commit/") == 1
    assert {path: held for path, held in place.files.items() if path.startswith("src/")} == {
        path: source.read_bytes() for path, source in added.items()
    }


def test_files_of_both_kinds_come_back_from_an_old_commit(place: Place) -> None:
    second = place.commit()
    uploads = place.spaces.count("PUT")
    back = Changes({}, (), dict.fromkeys(("app.py", "a.safetensors", "gone.txt"), place.parent))
    third = place.hub.commit(back, "Roll back", second)
    assert third not in (place.parent, second)
    assert place.files == FILES
    assert place.spaces.count("PUT") == uploads


@pytest.mark.parametrize("changes", [Changes({}), Changes({"app.py": b"old"}), Changes({}, (), {"app.py": "main"})])
def test_where_nothing_changes_no_commit_is_made(place: Place, changes: Changes) -> None:
    assert place.commit(changes) == place.parent
    assert place.made == 0


def test_unchanged_files_beside_changed_ones_do_no_harm(place: Place) -> None:
    place.commit(Changes({**FILES, "app.py": b"new"}))
    assert place.files == {**FILES, "app.py": b"new"}


def test_a_newer_commit_is_a_conflict_before_anything_is_sent(place: Place) -> None:
    place.spaces.commit(SPACE, {"app.py": b"theirs"})
    with pytest.raises(ConflictError, match="nothing was written"):
        place.commit()
    assert place.spaces.count("POST") == 0


def test_a_commit_that_comes_in_between_is_a_conflict(place: Place) -> None:
    place.spaces.meanwhile("/commit/", lambda: place.spaces.commit(SPACE, {"app.py": b"theirs"}))
    with pytest.raises(ConflictError, match="nothing was written"):
        place.commit()
    assert (place.made, place.files["app.py"]) == (1, b"theirs")


@pytest.mark.parametrize("applied", [False, True])
def test_a_lost_connection_costs_no_commit_and_makes_no_second(place: Place, *, applied: bool) -> None:
    place.spaces.drop("/commit/", applied=applied)
    assert place.commit() == place.spaces.head(SPACE)
    assert (place.made, place.files) == (1, MADE)
    assert len(place.slept) == 1
    assert place.spaces.count("POST", "/commit/") == (1 if applied else 2)
    assert place.spaces.count("PUT", "/large/") == 1


def test_the_last_try_is_looked_after_as_well(place: Place) -> None:
    place.spaces.drop("/commit/", times=2)
    place.spaces.drop("/commit/", applied=True)
    assert place.commit() == place.spaces.head(SPACE)
    assert place.made == 1


def test_a_lost_commit_below_somebody_elses_is_found(place: Place) -> None:
    place.spaces.drop("/commit/", applied=True)
    place.while_waiting(lambda: place.spaces.commit(SPACE, {"other.txt": b"x"}))
    assert place.commit() == place.spaces.history(SPACE)[1].sha
    assert place.made == 2


def test_somebody_elses_commit_is_not_taken_for_a_lost_one(place: Place) -> None:
    place.spaces.drop("/commit/")
    place.while_waiting(lambda: place.spaces.commit(SPACE, {"app.py": b"theirs"}, message="Deploy 1"))
    with pytest.raises(ConflictError):
        place.commit(message="Deploy 1")
    assert place.files["app.py"] == b"theirs"


def test_a_lost_commit_that_lists_do_not_show_yet_is_found_later(place: Place) -> None:
    """A list of commits that lags behind, as replicas of the Hub's do."""
    place.spaces.drop("/commit/", applied=True)
    history, lags = place.spaces.space(SPACE).commits, iter((True, True))

    def lag() -> None:
        if next(lags, False):
            made = history.pop()
            place.spaces.meanwhile("/commit/", lambda: history.append(made))

    place.spaces.meanwhile("/commits/main", lambda: place.spaces.meanwhile("/commits/main", lag))
    assert place.commit() == place.spaces.head(SPACE)
    assert (place.made, place.files) == (1, MADE)
    assert place.spaces.count("POST", "/commit/") == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_trouble_that_passes_is_waited_for(place: Place, status: int) -> None:
    place.spaces.fail(status, on="/commit/", times=2, headers={"Retry-After": "7"})
    place.commit()
    assert (place.made, place.slept) == (1, [7, 7])


def test_trouble_that_stays_leaves_the_space_as_it_was(place: Place) -> None:
    place.spaces.fail(503, on="/commit/", times=99)
    with pytest.raises(UnreachableError, match="HTTP 503"):
        place.commit()
    assert (place.made, place.files) == (0, FILES)
    assert place.spaces.count("POST", "/commit/") == 3


@pytest.mark.parametrize("on", ["/preupload/", "/objects/batch", "/large/", "/info/lfs/verify", "/validate-yaml"])
def test_trouble_on_the_way_is_waited_for(place: Place, on: str) -> None:
    place.spaces.fail(500, on=on, times=2)
    place.commit(Changes({**NEW.added, "README.md": README + b"# App\n"}))
    assert (place.made, place.files["app.py"]) == (1, b"new")


@pytest.mark.parametrize("on", ["/preupload/", "/objects/batch", "/large/", "/validate-yaml"])
def test_trouble_on_the_way_that_stays_leaves_the_space_as_it_was(place: Place, on: str) -> None:
    place.spaces.fail(500, on=on, times=99)
    with pytest.raises(UnreachableError):
        place.commit(Changes({**NEW.added, "README.md": README + b"# App\n"}))
    assert (place.made, place.files) == (0, FILES)


def test_a_connection_lost_during_an_upload_is_taken_up_again(place: Place) -> None:
    place.spaces.drop("/large/", times=2)
    place.commit()
    assert (place.made, place.files) == (1, MADE)


def test_a_readme_that_the_hub_refuses_is_told_before_anything_is_sent(place: Place) -> None:
    long = b"---\nsdk: gradio\nshort_description: " + b"x" * 61 + b"\n---\n"
    with pytest.raises(UserError, match="length must be less than or equal to 60"):
        place.commit(Changes({"README.md": long, "a.safetensors": b"new"}))
    assert place.spaces.count("PUT") == 0
    with pytest.raises(UserError, match="UTF-8"):
        place.commit(Changes({"README.md": b"\xff"}))


def test_what_a_gitignore_of_the_space_names_is_sent_all_the_same(place: Place) -> None:
    place.parent = place.spaces.commit(SPACE, {".gitignore": b"assets\n*.py\n*.safetensors\n"})
    place.commit()
    assert place.files["app.py"] == b"new"
    assert place.files["a.safetensors"] == b"new" * 400


def test_a_file_that_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    for changes, part in (
        (Changes({"app.py": tmp_path / "none.py"}), r"none\.py"),
        (Changes({}, ("none.txt",)), r"none\.txt"),
        (Changes({}, (), {"none.txt": "main"}), r"none\.txt"),
    ):
        with pytest.raises(UserError, match=part):
            place.commit(changes)
    assert place.made == 0


def test_xet_that_fails_is_told_with_the_way_around_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback Hub speaks no Xet, which is as good as a network that lets none through."""
    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    with pytest.raises(UserError, match="HF_HUB_DISABLE_XET=1"):
        place.commit()
    assert place.made == 0
    place.commit(Changes({"app.py": b"new"}))
    assert place.made == 1


def test_a_workflow_commits_without_a_key(place: Place) -> None:
    place.spaces.trust(SPACE)
    code = (
        "import sys; sys.path.insert(0, 'src'); from microscope.space.hub import Changes, SpaceHub\n"
        f"hub = SpaceHub({SPACE!r})\n"
        "print(hub.commit(Changes({'app.py': b'new', 'a.safetensors': b'new' * 400}), 'Deploy 1', hub.head()))"
    )
    environment = place.spaces.environment() | place.spaces.keyless(SPACE) | {"PATH": os.environ["PATH"]}
    root = Path(__file__).parents[2]
    child = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert child.stdout.split() == [place.spaces.head(SPACE)], child.stderr
    assert place.spaces.history(SPACE)[0].author == "[OIDC]"
    assert place.spaces.count("POST", "/oauth/token") == 1
