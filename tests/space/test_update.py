"""What an update would change in a duplicate: every way in which two sides can have changed a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from microscope.errors import UserError
from microscope.space.payload import Payload
from microscope.space.release import Release, checkout_release, space_release
from microscope.space.update import Action, Choice, Update, plan_update
from tests.hub.spaces.loopback_spaces import LoopbackSpaces
from tests.space.versions import FILES, NEXT, README, SPACE, TEMPLATE, contents, space_of, version

MANIFEST = "assets/manifest.json"


@pytest.fixture
def hub() -> Iterator[LoopbackSpaces]:
    """Serve a Hub."""
    with LoopbackSpaces() as hub:
        yield hub


@pytest.fixture
def old(tmp_path: Path) -> Payload:
    """Return the version that duplicates were made of."""
    return version(tmp_path / "old", "1.0.0")


@pytest.fixture
def new(tmp_path: Path) -> Release:
    """Return the next version."""
    return checkout_release(version(tmp_path / "new", "2.0.0", NEXT, gradio="6.31.0"))


def duplicate(
    hub: LoopbackSpaces, payload: Payload, changed: Mapping[str, str] | None = None, deleted: tuple[str, ...] = ()
) -> None:
    """Make a duplicate whose owner has since changed files."""
    hub.create(SPACE, contents(payload))
    if changed or deleted:
        hub.commit(SPACE, {path: text.encode() for path, text in (changed or {}).items()}, deleted)


def planned(hub: LoopbackSpaces, release: Release, choice: Choice = Choice.ASK) -> Update:
    return plan_update(space_of(hub), release, choice)


def actions(update: Update) -> dict[str, str]:
    return {step.path: step.action.value for step in update.steps}


def added(update: Update, path: str) -> str:
    content = update.changes().added[path]
    return (content if isinstance(content, bytes) else content.read_bytes()).decode()


UNTOUCHED = {
    "src/microscope/__init__.py": "replace",
    "src/microscope/engine.py": "replace",
    "src/microscope/lens.py": "add",
    "src/microscope/scoring.py": "delete",
    "requirements.txt": "replace",
    "README.md": "replace",
    MANIFEST: "replace",
}


def test_what_the_owner_left_alone_becomes_the_new_version(hub: LoopbackSpaces, old: Payload, new: Release) -> None:
    duplicate(hub, old)
    update = planned(hub, new)
    assert actions(update) == UNTOUCHED
    changes = update.changes()
    assert set(changes.added) == {path for path, action in UNTOUCHED.items() if action != "delete"}
    assert changes.deleted == ("src/microscope/scoring.py",)
    assert changes.added[MANIFEST] == new.manifest
    assert (update.parent, update.current, update.empty) == (hub.head(SPACE), "1.0.0", False)


def test_what_is_the_owners_stays(hub: LoopbackSpaces, old: Payload, new: Release) -> None:
    mine = {
        "models.yaml": "models: {mine: {hub: org/mine}}\n",
        "assets/page.css": "p { color: red }\n",
        "src/microscope/mine.py": "mine = 1\n",
        "notes.md": "Mine.\n",
    }
    duplicate(hub, old, mine, deleted=("packages.txt",))
    update = planned(hub, new)
    assert actions(update) == {**UNTOUCHED, "assets/page.css": "keep", "packages.txt": "keep"}
    kept = {step.path: step.why for step in update.steps if step.action is Action.KEEP}
    assert kept == {"assets/page.css": "changed by you", "packages.txt": "deleted by you"}
    assert not set(mine) & set(update.changes().added)
    assert not set(mine) & set(update.changes().deleted)


ENGINE, LENS, SCORING = (f"src/microscope/{name}.py" for name in ("engine", "lens", "scoring"))


@pytest.mark.parametrize(
    ("conflict", "theirs", "why", "overwritten"),
    [
        (ENGINE, "mine\n", "changed by both", "replace"),
        (LENS, "mine\n", "added by both", "replace"),
        (SCORING, "mine\n", "deleted by the template", "delete"),
        (ENGINE, None, "deleted by you", "add"),
    ],
)
def test_what_both_changed_is_the_owners_to_decide(
    hub: LoopbackSpaces, tmp_path: Path, conflict: str, theirs: str | None, why: str, overwritten: str
) -> None:
    new = checkout_release(version(tmp_path / "new", "2.0.0", NEXT))
    written, deleted = ({}, (conflict,)) if theirs is None else ({conflict: theirs}, ())
    duplicate(hub, version(tmp_path / "old", "1.0.0"), written, deleted)
    asked = planned(hub, new)
    assert asked.conflicts == (conflict,)
    assert why in next(step.why for step in asked.steps if step.path == conflict)
    with pytest.raises(UserError, match=f"Nothing was changed: .*{conflict}.*--keep.*--overwrite"):
        asked.changes()
    kept = planned(hub, new, Choice.KEEP)
    assert actions(kept)[conflict] == "keep"
    assert conflict not in {*kept.changes().added, *kept.changes().deleted}
    assert actions(planned(hub, new, Choice.OVERWRITE))[conflict] == overwritten


def test_packages_that_the_owner_added_are_merged_from_the_history(
    hub: LoopbackSpaces, old: Payload, new: Release
) -> None:
    duplicate(hub, old, {"requirements.txt": FILES["requirements.txt"] + "my-package\n"})
    hub.commit(SPACE, {"notes.md": b"later\n"})
    update = planned(hub, new)
    assert actions(update)["requirements.txt"] == "merge"
    assert added(update, "requirements.txt") == "torch==2.13.0\nhttpx\nscipy\nmy-package\n"


def test_packages_that_both_changed_are_a_conflict(hub: LoopbackSpaces, old: Payload, new: Release) -> None:
    duplicate(hub, old, {"requirements.txt": "torch==2.11.0\nhttpx\n"})
    assert planned(hub, new).conflicts == ("requirements.txt",)
    assert "requirements.txt" not in planned(hub, new, Choice.KEEP).changes().added


def test_packages_whose_beginning_is_lost_are_a_conflict_unless_the_template_remembers(
    hub: LoopbackSpaces, old: Payload, new: Release, tmp_path: Path
) -> None:
    files = contents(old)
    files["requirements.txt"] += b"my-package\n"
    hub.create(SPACE, files)
    assert planned(hub, new).conflicts == ("requirements.txt",)
    hub.create(TEMPLATE, contents(old))
    hub.commit(TEMPLATE, contents(version(tmp_path / "new", "2.0.0", NEXT, gradio="6.31.0")), tuple(NEXT)[2:3])
    update = planned(hub, space_release(space_of(hub, TEMPLATE)))
    assert actions(update)["requirements.txt"] == "merge"


def test_packages_that_only_the_owner_changed_stay(hub: LoopbackSpaces, old: Payload, new: Release) -> None:
    duplicate(hub, old, {"packages.txt": "git\nffmpeg\n"})
    assert actions(planned(hub, new))["packages.txt"] == "keep"


def test_a_readme_of_the_owners_gets_what_the_code_needs(hub: LoopbackSpaces, old: Payload, new: Release) -> None:
    mine = README.format(gradio="6.30.0", version="mine").replace("title: VLM Microscope", "title: Mine")
    duplicate(hub, old, {"README.md": mine})
    update = planned(hub, new)
    assert actions(update)["README.md"] == "merge"
    assert added(update, "README.md") == mine.replace("6.30.0", "6.31.0")


def test_a_readme_that_needs_nothing_stays_and_one_that_is_gone_comes_back(
    hub: LoopbackSpaces, old: Payload, new: Release
) -> None:
    duplicate(hub, old, {"README.md": README.format(gradio="6.31.0", version="mine")})
    assert actions(planned(hub, new))["README.md"] == "keep"
    hub.commit(SPACE, {}, deleted=("README.md",))
    assert actions(planned(hub, new))["README.md"] == "add"


def test_an_update_twice_has_nothing_to_do(hub: LoopbackSpaces, old: Payload, new: Release) -> None:
    duplicate(hub, old, {"models.yaml": "mine: {}\n", "requirements.txt": FILES["requirements.txt"] + "my-package\n"})
    space = space_of(hub)
    update = plan_update(space, new)
    space.commit(update.changes(), "update", update.parent)
    again = plan_update(space, new)
    assert again.empty
    assert again.current == "2.0.0"
    assert actions(again) == {"requirements.txt": "keep"}


def test_a_duplicate_from_before_manifests_gets_the_package_and_nothing_is_deleted(
    hub: LoopbackSpaces, old: Payload, new: Release
) -> None:
    files = contents(old)
    del files[MANIFEST]
    hub.create(SPACE, {**files, "app.py": b"mine\n", "src/microscope/mine.py": b"mine\n"})
    update = planned(hub, new)
    assert update.current == "1.0.0"
    assert update.conflicts == ("app.py", "requirements.txt")
    assert planned(hub, new, Choice.OVERWRITE).changes().deleted == ()
    assert actions(planned(hub, new, Choice.KEEP)) == {
        "app.py": "keep",
        "requirements.txt": "keep",
        "src/microscope/__init__.py": "replace",
        "src/microscope/engine.py": "replace",
        "src/microscope/lens.py": "add",
        "README.md": "merge",
        MANIFEST: "add",
    }


def test_an_older_version_is_refused_unless_it_is_insisted_on(
    hub: LoopbackSpaces, old: Payload, tmp_path: Path
) -> None:
    later = version(tmp_path / "later", "1.10.0", NEXT)
    duplicate(hub, later)
    with pytest.raises(UserError, match=r"has version 1\.10\.0, and this checkout is 1\.0\.0, which is older"):
        planned(hub, checkout_release(old))
    forced = plan_update(space_of(hub), checkout_release(old), force=True)
    assert actions(forced)["src/microscope/lens.py"] == "delete"


def test_a_space_that_is_no_copy_is_refused(hub: LoopbackSpaces, new: Release) -> None:
    hub.create(SPACE, {"app.py": b"", "README.md": b""})
    with pytest.raises(UserError, match="is no copy of VLM Microscope"):
        planned(hub, new)


def test_large_files_are_compared_without_being_read(hub: LoopbackSpaces, tmp_path: Path) -> None:
    weights = {"assets/one.safetensors": "a" * 2000, "assets/two.safetensors": "b" * 2000}
    duplicate(hub, version(tmp_path / "old", "1.0.0", weights))
    changed = {"assets/one.safetensors": "a" * 2000, "assets/two.safetensors": "c" * 2000}
    update = planned(hub, checkout_release(version(tmp_path / "new", "2.0.0", changed)))
    assert hub.stored(SPACE)["assets/one.safetensors"].large
    assert actions(update)["assets/two.safetensors"] == "replace"
    assert "assets/one.safetensors" not in actions(update)
    assert hub.count("GET", "safetensors") == 0
