"""A finding outlives its form as bytes, and bytes that are no finding are refused as such."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microscope.lens.finding_file import finding_from_bytes, finding_to_bytes
from microscope.lens.findings import Badge, Finding
from tests.lens.samples import finding, heat

WHOLE = finding_to_bytes(finding())


def same(one: Finding, other: Finding) -> None:
    """Fail where two findings differ; NaN equals NaN."""
    assert repr(replace(one, rows=np.empty(0), vision=None)) == repr(replace(other, rows=np.empty(0), vision=None))
    np.testing.assert_array_equal(one.rows, other.rows, strict=True)
    assert (one.vision is None) == (other.vision is None)
    if one.vision is not None and other.vision is not None:
        np.testing.assert_array_equal(one.vision, other.vision, strict=True)
    for mine, its in zip(one.heats, other.heats, strict=True):
        np.testing.assert_array_equal(mine.values, its.values, strict=True)


def changed(change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a whole archive whose record was changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "finding.json":
                record = json.loads(data)
                change(record)
                data = json.dumps(record).encode()
            new.writestr(name, data)
    return buffer.getvalue()


def test_a_finding_comes_back_as_it_was() -> None:
    same(finding_from_bytes(WHOLE), finding())


def test_what_may_be_missing_may_be_missing() -> None:
    bare = replace(finding(), heats=(), vision=None, prior=(0.0, math.nan))
    same(finding_from_bytes(finding_to_bytes(bare)), bare)
    unmeasured = finding(replace(heat((1, 2, 3, 4, 5)), badge=None))
    same(finding_from_bytes(finding_to_bytes(unmeasured)), unmeasured)


def test_a_badge_may_hold_what_is_no_number() -> None:
    badge = Badge((0.0, 1.0), (1.0, math.nan), (0.0, 1.0), (1.0, 0.0), (0.0, 1.0))
    back = finding_from_bytes(finding_to_bytes(finding(replace(heat((1, 2, 3, 4, 5)), badge=badge))))
    read = back.heats[0].badge
    assert read is not None
    assert math.isnan(read.deletion[1])
    assert read.keep == badge.keep


def test_equal_findings_are_equal_bytes() -> None:
    assert finding_to_bytes(finding()) == WHOLE


def test_the_arrays_are_an_npz_that_needs_no_pickle() -> None:
    with np.load(io.BytesIO(WHOLE), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["rows"], finding().rows)
        assert set(archive.files) == {"finding.json", "rows", "prior", "vision", "chance", "heat_0", "heat_1"}


@given(st.integers(0, len(WHOLE) - 1))
def test_a_torn_file_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        finding_from_bytes(WHOLE[:length])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(place: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= change
    try:
        read = finding_from_bytes(bytes(data))
    except ValueError:
        return
    same(read, finding())


def _drop(record: dict[str, Any], name: str) -> None:
    del record[name]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.update(version=1), "version 2"),
        (lambda record: _drop(record, "layout"), "not a finding"),
        (lambda record: record.update(answer={}), "not an answer"),
        (lambda record: record.update(size=[1]), "not enough values"),
        (lambda record: record["layout"]["cells"].pop(), "do not fit"),
        (lambda record: record["answer"]["tokens"].pop(), "do not fit"),
        (lambda record: record["heats"].append(record["heats"][0]), "heat_2"),
        (lambda record: record["heats"][0].update(cost={"seconds": 1, "more": 2}), "more"),
    ],
)
def test_a_whole_file_of_another_form_is_refused(change: Callable[[dict[str, Any]], None], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        finding_from_bytes(changed(change))


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_bytes_that_are_no_archive_of_ours_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a finding"):
        finding_from_bytes(data)


def test_a_pickle_in_an_array_is_not_run() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as old, zipfile.ZipFile(buffer, "w") as new:
        new.writestr("finding.json", old.read("finding.json"))
        with new.open("rows.npy", "w") as file:
            np.lib.format.write_array(file, np.array([{"any": "object"}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        finding_from_bytes(buffer.getvalue())


def test_a_compressed_archive_that_might_be_a_bomb_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("finding.json", " " * 10_000_000)
    with pytest.raises(ValueError, match="not stored as it is"):
        finding_from_bytes(buffer.getvalue())
