"""The store of findings keeps what it was given, and loses no map that was added."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest

from microscope.lens import finding_store
from microscope.lens.finding_store import MOST_IN_MEMORY, FindingStore
from tests.lens.samples import finding, heat

VALUES = (1.0, 2.0, 3.0, 4.0, 5.0)
ONE = "ab" * 32


def address(number: int) -> str:
    """Return one of endlessly many content addresses."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> FindingStore:
    return FindingStore(tmp_path / "findings", 1_000_000)


def test_making_a_store_and_asking_it_touches_no_disk(store: FindingStore, tmp_path: Path) -> None:
    assert store.get(ONE) is None
    assert store.add(ONE, heat(VALUES)) is None
    assert list(tmp_path.iterdir()) == []


def test_a_finding_is_in_memory_and_outlives_its_store(store: FindingStore, tmp_path: Path) -> None:
    kept = finding()
    assert store.put(kept)
    assert store.get(ONE) is kept
    read = FindingStore(tmp_path / "findings", 1_000_000).get(ONE)
    assert read is not None
    np.testing.assert_array_equal(read.rows, kept.rows)


def test_a_later_finding_takes_the_place_of_an_earlier_one(store: FindingStore) -> None:
    store.put(finding(checkpoint="first"))
    store.put(finding(checkpoint="second"))
    found = store.get(ONE)
    assert found is not None
    assert found.checkpoint == "second"


def test_maps_are_merged_by_method_and_token_and_kept(store: FindingStore, tmp_path: Path) -> None:
    store.put(finding(heat(VALUES, method="attention"), heat(VALUES, method="relevancy", token=1)))
    better = heat(VALUES[::-1], method="relevancy", token=1)
    merged = store.add(ONE, better, heat(VALUES, method="relevancy", token=0))
    assert merged is not None
    assert [(one.method, one.token) for one in merged.heats] == [
        ("attention", None),
        ("relevancy", 1),
        ("relevancy", 0),
    ]
    assert merged.heat("relevancy", 1) is better
    assert store.get(ONE) is merged
    read = FindingStore(tmp_path / "findings", 1_000_000).get(ONE)
    assert read is not None
    assert len(read.heats) == 3


def test_maps_are_added_to_a_finding_that_left_memory(store: FindingStore, tmp_path: Path) -> None:
    store.put(finding(heat(VALUES)))
    merged = FindingStore(tmp_path / "findings", 1_000_000).add(ONE, heat(VALUES, token=1))
    assert merged is not None
    assert len(merged.heats) == 2


def test_threads_that_add_maps_at_once_lose_none(store: FindingStore) -> None:
    store.put(finding(heat(VALUES)))
    together = threading.Barrier(8)

    def work(first: int) -> None:
        together.wait()
        for token in range(first, first + 5):
            store.add(ONE, heat(VALUES, method="evidence", token=token))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 40, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.get(ONE)
    assert found is not None
    assert {one.token for one in found.heats if one.method == "evidence"} == set(range(40))


def test_memory_holds_the_last_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way: nothing is written")
    store = FindingStore(tmp_path / "file" / "findings", 1_000_000)
    for number in range(MOST_IN_MEMORY):
        assert not store.put(finding(address=address(number)))
    assert store.get(address(0)) is not None
    store.put(finding(address=address(MOST_IN_MEMORY)))
    assert store.get(address(0)) is not None
    assert store.get(address(1)) is None


def test_memory_is_bounded_in_bytes_but_for_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding_store, "MOST_BYTES_IN_MEMORY", 3 * finding_store._bytes(finding()))
    (tmp_path / "file").write_text("in the way: nothing is written")
    store = FindingStore(tmp_path / "file" / "findings", 1_000_000)
    for number in range(5):
        store.put(finding(address=address(number)))
    assert [store.get(address(number)) is not None for number in range(5)] == [False, False, True, True, True]
    monkeypatch.setattr(finding_store, "MOST_BYTES_IN_MEMORY", 0)
    store.put(finding(address=address(9)))
    assert store.get(address(9)) is not None


def test_a_damaged_finding_is_a_miss_and_is_removed(store: FindingStore, tmp_path: Path) -> None:
    store.put(finding())
    (path,) = (tmp_path / "findings").iterdir()
    path.rename(path.with_name(address(1) + ".finding"))
    fresh = FindingStore(tmp_path / "findings", 1_000_000)
    assert fresh.get(address(1)) is None
    assert list((tmp_path / "findings").iterdir()) == []


def test_a_finding_without_an_address_cannot_be_kept(store: FindingStore) -> None:
    with pytest.raises(ValueError, match="not a content address"):
        store.put(finding(address=""))
