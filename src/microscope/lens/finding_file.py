"""Findings as bytes and back: arrays as in an npz, all else as JSON beside them; knows no store and runs no pickle.

The archive is not compressed: attention rows hardly shrink, and a reader waits.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from microscope.lens.findings import Badge, Cost, Finding, Heat
from microscope.lens.layout import Cell, Layout, View
from microscope.records import Box
from microscope.storage.records_json import answer_from_json, answer_to_json

VERSION = 2
RECORD = "finding.json"
ROWS, PRIOR, VISION, CHANCE = "rows", "prior", "vision", "chance"

# What zip files, arrays and JSON of the wrong form raise.
_DAMAGE = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    struct.error,
)


def finding_to_bytes(finding: Finding) -> bytes:
    """Return the finding as the bytes of one npz archive; a number of the answer that is not finite becomes NaN."""
    arrays = {
        ROWS: np.asarray(finding.rows, np.float16),
        PRIOR: np.asarray(finding.prior, np.float64),
        **{_heat_name(number): np.asarray(one.values, np.float32) for number, one in enumerate(finding.heats)},
    }
    if finding.vision is not None:
        arrays[VISION] = np.asarray(finding.vision, np.float32)
    if finding.chance is not None:
        arrays[CHANCE] = np.asarray(finding.chance, np.float32)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(_member(RECORD), json.dumps(_record(finding), allow_nan=False))
        for name, array in arrays.items():
            with archive.open(_member(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def finding_from_bytes(data: bytes) -> Finding:
    """Return the finding that `finding_to_bytes` wrote.

    Raises `ValueError` where anything is damaged, or of another version.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            record = json.loads(_read(archive, RECORD, len(data)))
            arrays = {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    io.BytesIO(_read(archive, name, len(data))), allow_pickle=False
                )
                for name in archive.namelist()
                if name.endswith(".npy")
            }
        if record["version"] != VERSION:
            raise ValueError(f"its form is not version {VERSION}")
        finding = _finding(record, arrays)
    except _DAMAGE as error:
        raise ValueError(f"this is not a finding: {error!r}") from error
    _check_shapes(finding)
    return finding


def _member(name: str) -> zipfile.ZipInfo:
    # With no time in it, equal findings are equal bytes.
    return zipfile.ZipInfo(name)


def _heat_name(number: int) -> str:
    return f"heat_{number}"


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member, its checksum verified; raises `ValueError` where it says to be larger than the whole."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > most:
        raise ValueError(f"its {name} is not stored as it is")
    return archive.read(info)


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "version": VERSION,
        "checkpoint": finding.checkpoint,
        "label": finding.label,
        "answer": answer_to_json(finding.answer),
        "layout": asdict(finding.layout),
        "size": finding.size,
        "heats": [_heat_record(one) for one in finding.heats],
        "vision": finding.vision is not None,
        "chance": finding.chance is not None,
        "address": finding.address,
    }


def _heat_record(heat: Heat) -> dict[str, Any]:
    return {
        "method": heat.method,
        "token": heat.token,
        "cost": asdict(heat.cost),
        "badge": None if heat.badge is None else _badge_record(heat.badge),
        "done": heat.done,
        "total": heat.total,
    }


def _badge_record(badge: Badge) -> dict[str, list[float | None]]:
    curves: dict[str, tuple[float, ...]] = asdict(badge)
    return {name: [float(v) if math.isfinite(v) else None for v in curve] for name, curve in curves.items()}


def _finding(record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Finding:
    width, height = record["size"]
    return Finding(
        record["checkpoint"],
        record["label"],
        answer_from_json(record["answer"]),
        _layout(record["layout"]),
        (width, height),
        arrays[ROWS],
        tuple(arrays[PRIOR].tolist()),
        tuple(_heat(one, arrays[_heat_name(number)]) for number, one in enumerate(record["heats"])),
        arrays[VISION] if record["vision"] else None,
        arrays[CHANCE] if record["chance"] else None,
        record["address"],
    )


def _layout(record: Mapping[str, Any]) -> Layout:
    return Layout(
        tuple(
            Cell(cell["position"], None if cell["box"] is None else Box(**cell["box"]), cell["view"])
            for cell in record["cells"]
        ),
        tuple(View(**(view | {"box": Box(**view["box"])})) for view in record["views"]),
        Box(**record["seen"]),
        record["source"],
    )


def _heat(record: Mapping[str, Any], values: np.ndarray) -> Heat:
    badge = None
    if record["badge"] is not None:
        curves = record["badge"].items()
        badge = Badge(**{name: tuple(math.nan if v is None else v for v in curve) for name, curve in curves})
    return Heat(
        record["method"], record["token"], values, Cost(**record["cost"]), badge, record["done"], record["total"]
    )


def _check_shapes(finding: Finding) -> None:
    """Raise `ValueError` where arrays do not fit the answer and the layout."""
    cells, tokens = len(finding.layout.cells), len(finding.answer.tokens)
    rows_fit = finding.rows.ndim == 4 and len(finding.rows) <= tokens and finding.rows.shape[3] == cells  # noqa: PLR2004
    maps = [one.values for one in finding.heats] + ([] if finding.vision is None else [finding.vision])
    if not rows_fit or len(finding.prior) != tokens or any(one.shape != (cells,) for one in maps):
        raise ValueError("its arrays do not fit its answer and its layout")
