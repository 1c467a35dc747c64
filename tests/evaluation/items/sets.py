"""Small pictures and tables for the tests of item sets."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image


def png(color: str = "red", size: tuple[int, int] = (8, 8)) -> bytes:
    """Return the bytes of a PNG of one color."""
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return data.getvalue()


def base64_of(data: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(data).decode()


def write(path: Path, data: bytes | str) -> Path:
    """Write a file, with the folders around it, and return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def csv_text(rows: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def jsonl(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def write_zip(path: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write a zip, and return where."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


ROWS: list[dict[str, object]] = [
    {"image": "a.png", "question": "Which colour?", "answers": ["red", "rot"]},
    {"image": "b.png", "question": "Which colour?", "answers": ["blue"]},
]


def write_pictures(folder: Path) -> Path:
    """Write the pictures of `ROWS`, and return the folder."""
    write(folder / "a.png", png("red"))
    write(folder / "b.png", png("blue"))
    return folder
