"""The store of finished answers by content address; knows no model, image or visitor, and leaves files to blobs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from microscope.records import Answer
from microscope.storage.blobs import BlobStore
from microscope.storage.records_json import answer_from_json, answer_to_json

RECORD_VERSION = 1
SUFFIX = ".answer"


class AnswerStore:
    """Keeps answers as JSON in a folder that several threads and processes may share, as `BlobStore` has it."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._blobs = BlobStore(folder, max_bytes, SUFFIX)

    def get(self, address: str) -> Answer | None:
        """Return the answer kept under a content address, marked as coming from the store; None where there is none.

        Its `checkpoint` is the one that computed it: another key may stand for the same weights.
        """
        data = self._blobs.get(address)
        if data is None:
            return None
        try:
            return replace(_decode(data, address), computed="store")
        except ValueError as error:
            self._blobs.discard(address, str(error))
            return None

    def put(self, address: str, answer: Answer) -> bool:
        """Keep a finished answer under its content address, and tell whether it is kept.

        An answer that a person stopped is not what its address stands for, and is not kept.
        """
        data = _encode(replace(answer, address=address))
        return answer.facts.finish != "stopped" and self._blobs.put(address, data)


def _encode(answer: Answer) -> bytes:
    return json.dumps({"version": RECORD_VERSION, "answer": answer_to_json(answer)}, allow_nan=False).encode("ascii")


def _decode(data: bytes, address: str) -> Answer:
    """Return the answer of a file; raises `ValueError` where it is of another version or of another address."""
    record = json.loads(data)
    if not isinstance(record, dict) or record.get("version") != RECORD_VERSION:
        raise ValueError(f"its form is not version {RECORD_VERSION}")
    answer = answer_from_json(record.get("answer", {}))
    if answer.address != address:
        raise ValueError(f"it belongs to {answer.address}")
    return answer
