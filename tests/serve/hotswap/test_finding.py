"""What a catalogue that is read again has that the running one has not, and what must not be taken for a change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from microscope.catalog.build import build_catalog
from microscope.catalog.hub import UnreachableError, hub_client
from microscope.catalog.spec import BadEntry, Catalog, ModelSpec
from microscope.engine.download import Downloads
from microscope.engine.files import Fetcher
from microscope.errors import UserError
from microscope.hardware import Machine, tier
from microscope.serve.hotswap.finding import Found, Heads, find, running_at
from microscope.serve.hotswap.places import Place
from tests.hub.checkpoints import write_adapter, write_checkpoint
from tests.serve.hotswap.lab import CATALOG, CHECKPOINTS, Lab
from tests.serve.hotswap.samples import A, B

OURS = ModelSpec("ours", "Ours", "lab/run")


@pytest.fixture
def fetcher(lab: Lab) -> Fetcher:
    return Fetcher(Downloads(hub_client(lab.hub.url), lab.home / "cache"))


@pytest.fixture
def look(lab: Lab, fetcher: Fetcher) -> Callable[..., Found]:
    """Return what compares a running catalogue with the file as it is now."""
    found = tier("cpu-basic")
    assert found is not None
    machine = Machine("cpu", found, 16 * 10**9, 0, 2, "CPU", "float32")

    def compare(running: Catalog | None = None, *, offline: bool = False, kept: frozenset[str] = frozenset()) -> Found:
        api = hub_client(lab.hub.url)
        settings = replace(lab.settings, offline=offline)
        read = build_catalog(settings, machine, api)
        return find(running or read, read, fetcher, Heads(None if offline else api, lab.home / "cache"), kept)

    return compare


def test_what_did_not_change_is_pinned_to_its_commit(lab: Lab, look: Callable[..., Found]) -> None:
    commit = lab.publish(300)
    found = look()
    (spec,) = found.catalog.specs
    assert spec.revision == commit
    assert found.asked == {"ours": Place("lab/run")}
    assert (found.new, found.edited, found.replaced, found.gone, found.changed) == ((),) * 5
    assert look(found.catalog).catalog == found.catalog


def test_a_branch_that_moved_is_a_change_from_what_is_used_here(
    lab: Lab, fetcher: Fetcher, look: Callable[..., Found]
) -> None:
    old = lab.publish(300)
    running = Catalog(look().catalog.specs)
    fetcher.fetch(running.specs[0])
    new = lab.publish(2000)
    (change,) = look(running).changed
    assert (change.current.revision, change.candidate.revision) == (old, new)
    assert change.asked == Place("lab/run")
    assert look(running).catalog.specs[0].revision == old


def test_what_nobody_asked_for_yet_has_nothing_to_be_held_against(lab: Lab, look: Callable[..., Found]) -> None:
    lab.publish(300)
    running = Catalog((replace(OURS, dtype="float32"),))
    new = lab.publish(2000)
    found = look(running)
    assert found.changed == ()
    assert found.catalog.specs[0].revision == new


def test_what_this_machine_has_from_before_is_what_answers(
    lab: Lab, fetcher: Fetcher, look: Callable[..., Found]
) -> None:
    old = lab.publish(300)
    fetcher.fetch(OURS)
    fresh = Fetcher(fetcher.downloads)
    assert running_at(OURS, fresh) == Place("lab/run", old)
    new = lab.publish(2000)
    assert fetcher.fetch(OURS).revision == old
    (change,) = look(Catalog((OURS,))).changed
    assert (change.current.revision, change.candidate.revision) == (old, new)


def test_other_words_of_the_same_weights_hold_at_once(lab: Lab, look: Callable[..., Found]) -> None:
    lab.publish(300)
    running = look().catalog
    lab.write(CATALOG.replace("label: Ours", "label: Theirs\n    system: Be brief."))
    found = look(running)
    assert (found.edited, found.changed) == (("ours",), ())
    assert (found.catalog.specs[0].label, found.catalog.specs[0].system) == ("Theirs", "Be brief.")


def test_an_entry_that_names_another_repository_is_a_change_and_the_old_words_stay(
    lab: Lab, fetcher: Fetcher, look: Callable[..., Found]
) -> None:
    lab.publish(300)
    new = lab.publish(2000, "lab/other")
    running = look().catalog
    fetcher.fetch(running.specs[0])
    lab.write(CATALOG.replace("lab/run", "lab/other").replace("Ours", "Theirs"))
    found = look(running)
    (change,) = found.changed
    assert (change.candidate.source, change.candidate.revision, change.candidate.label) == ("lab/other", new, "Theirs")
    assert found.catalog.specs == running.specs


def test_new_branches_of_a_run_are_new_and_deleted_ones_are_gone(lab: Lab, look: Callable[..., Found]) -> None:
    lab.write(CATALOG.replace("hub: lab/run", "run: lab/run@*"))
    for name in ("run", "run@step-1", "run@step-2"):
        write_checkpoint(lab.home / "hub" / "lab" / name)
    running = look().catalog
    keys = [spec.key for spec in running.specs]
    assert keys == ["lab/run@step-1", "lab/run@step-2", "lab/run@main"]
    write_checkpoint(lab.home / "hub" / "lab" / "run@step-3", parameters=5)
    shutil.rmtree(lab.home / "hub" / "lab" / "run@step-1")
    found = look(running)
    assert [spec.key for spec in found.new] == ["lab/run@step-3"]
    assert found.new[0].revision == lab.hub.commit("lab/run", "step-3")
    assert [spec.key for spec in found.gone] == ["lab/run@step-1"]
    assert [spec.key for spec in found.catalog.specs] == ["lab/run@step-2", "lab/run@main"]


@pytest.mark.parametrize("search", [False, True])
def test_a_hub_that_is_away_leaves_everything_as_it_is(search: bool, lab: Lab, look: Callable[..., Found]) -> None:  # noqa: FBT001
    lab.write(CATALOG.replace("hub: lab/run", "run: lab/run@*") if search else CATALOG)
    write_checkpoint(lab.home / "hub" / "lab" / "run")
    running = look().catalog
    lab.hub.fail(503)
    with pytest.raises(UserError if search else UnreachableError, match="trouble of its own"):
        look(running)


def test_a_run_that_cannot_be_listed_this_time_keeps_its_checkpoints(lab: Lab, look: Callable[..., Found]) -> None:
    both = CATALOG.replace("hub: lab/run", "run: lab/run@*").replace("presets:", "  two:\n    hub: lab/two\npresets:")
    lab.write(both.replace("[ours]", "[ours, two]"))
    for name in ("run", "two"):
        write_checkpoint(lab.home / "hub" / "lab" / name)
    running = look().catalog
    lab.hub.fail(429, on="lab/run")
    found = look(running)
    assert {spec.key for spec in found.catalog.specs} == {"lab/run@main", "two"}
    assert found.gone == ()
    assert "slow down" in found.failed["lab/run@main"]
    # Nor the next time, nor the one after it, though by then the entry was bad before.
    for _ in range(2):
        assert found.kept == {"lab/run@main"}
        found = look(found.catalog, kept=found.kept)
        assert {spec.key for spec in found.catalog.specs} == {"lab/run@main", "two"}
        assert "slow down" in found.failed["lab/run@main"]
    lab.hub.recover()
    found = look(found.catalog, kept=found.kept)
    assert (found.gone, found.failed, found.kept) == ((), {}, frozenset())


def test_a_new_one_that_the_hub_refuses_is_neither_offered_nor_passed_over(
    lab: Lab, look: Callable[..., Found]
) -> None:
    lab.publish(300)
    running = look().catalog
    more = CATALOG.replace("presets:", "  two:\n    hub: lab/two\npresets:").replace("[ours]", "[ours, two]")
    lab.write(more)
    found = look(running)
    assert [spec.key for spec in found.catalog.specs] == ["ours"]
    assert found.new == ()
    assert [spec.key for spec in found.refused] == ["two"]
    assert "shows us no model lab/two" in found.failed["two"]


def test_a_repository_that_is_gone_stays_as_it_is_and_says_why(lab: Lab, look: Callable[..., Found]) -> None:
    lab.publish(300)
    running = look().catalog
    shutil.rmtree(lab.home / "hub" / "lab" / "run")
    found = look(running)
    assert found.catalog.specs == running.specs
    assert "shows us no model lab/run" in found.failed["ours"]


def test_a_catalogue_that_would_leave_nothing_is_refused(lab: Lab, look: Callable[..., Found]) -> None:
    lab.publish(300)
    running = look().catalog
    lab.write("nothing")
    with pytest.raises(UserError, match=r"leaves nothing to offer: models\.yaml holds no sections"):
        look(running)


def test_an_entry_with_a_mistake_keeps_what_it_offered(lab: Lab, look: Callable[..., Found]) -> None:
    more = CATALOG.replace("presets:", "  two:\n    hub: lab/two\npresets:").replace("[ours]", "[ours, two]")
    lab.write(more)
    for name in ("run", "two"):
        write_checkpoint(lab.home / "hub" / "lab" / name)
    running = look().catalog
    lab.write(more.replace("label: Ours", "lable: Ours"))
    found = look(running)
    assert [spec.key for spec in found.catalog.specs] == ["two", "ours"]
    assert "did you mean 'label'" in found.failed["ours"]
    lab.write(more.replace("[ours, two]", "[two]"))
    assert [spec.key for spec in look(running).gone] == ["ours"]


def test_what_was_wrong_before_keeps_nothing(fetcher: Fetcher) -> None:
    bad = (BadEntry("ours", "It is wrong."),)
    other = ModelSpec("two", "Two", "lab/two", revision=A)
    found = find(Catalog((replace(OURS, revision=A), other), bad), Catalog((other,), bad), fetcher, Heads(None))
    assert [spec.key for spec in found.gone] == ["ours"]


def test_the_base_of_an_adapter_counts_as_well(lab: Lab, fetcher: Fetcher, look: Callable[..., Found]) -> None:
    lab.write(CATALOG.replace("hub: lab/run", "adapter: lab/run\n    base: lab/base"))
    write_adapter(lab.home / "hub" / "lab" / "run")
    write_checkpoint(lab.home / "hub" / "lab" / "base")
    running = look().catalog
    local = fetcher.fetch(running.specs[0])
    own, base = lab.hub.commit("lab/run"), lab.hub.commit("lab/base")
    assert local.revision == f"{base}+{own}"
    assert running_at(replace(OURS, base="lab/base"), fetcher).base == "lab/base"
    write_checkpoint(lab.home / "hub" / "lab" / "base", parameters=7)
    (change,) = look(running).changed
    assert (change.candidate.revision, change.candidate.base_revision) == (own, lab.hub.commit("lab/base"))
    assert change.current.base_revision == base


def test_files_that_were_replaced_in_a_folder_answer_already_and_it_is_said(
    lab: Lab, fetcher: Fetcher, look: Callable[..., Found]
) -> None:
    folder = lab.home / "one"
    shutil.copytree(CHECKPOINTS / "scenes-step-300", folder)
    lab.write(CATALOG.replace("hub: lab/run", f"folder: {folder}"))
    running = look().catalog
    assert look(running).replaced == ()
    fetcher.fetch(running.specs[0])
    assert look(running).replaced == ()
    shutil.copy(CHECKPOINTS / "scenes-step-800" / "model.safetensors", folder)
    assert look(running).replaced == ("one",)
    (folder / "model.safetensors").write_bytes(b"no weights")
    assert "damaged weight file" in look(running).failed["one"]


def test_off_the_network_what_this_machine_has_is_what_there_is(
    lab: Lab, fetcher: Fetcher, look: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(lab.home / "cache"))
    old = lab.publish(300)
    fetcher.fetch(OURS)
    running = look().catalog
    lab.publish(2000)
    found = look(running, offline=True)
    assert found.changed == ()
    assert found.catalog.specs[0].revision == old


def test_a_revision_that_is_a_commit_is_asked_of_nobody() -> None:
    assert Heads(None).fixed(Place("lab/run", A, base="lab/base", base_revision=B)) == Place(
        "lab/run", A, None, "lab/base", B
    )
    assert Heads(None).fixed(Place("/here", base="/there")) == Place("/here", base="/there")


def test_each_revision_is_asked_once(lab: Lab, tmp_path: Path) -> None:
    lab.publish(300)
    heads = Heads(hub_client(lab.hub.url), tmp_path / "cache")
    before = lab.hub.count(on="/api/models/lab/run")
    assert heads.fixed(Place("lab/run")) == heads.fixed(Place("lab/run"))
    assert lab.hub.count(on="/api/models/lab/run") == before + 1
