"""The store of finished answers by content address; knows no model, image or visitor, and leaves files to others.

An answer that a person waits for is a blob of its own; answers of a run over a set come by the thousand, and go to the
ledger. Whoever asks need not know which.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from microscope.records import Answer
from microscope.storage.blobs import BlobStore
from microscope.storage.ledger import Ledger
from microscope.storage.records_json import answer_from_json, answer_to_json

RECORD_VERSION = 1
SUFFIX = ".answer"


class AnswerStore:
    """Keeps answers as JSON in a folder that several threads and processes may share, as `BlobStore` has it.

    The ledger's journals lie beside the blobs, and take as many bytes again at most.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._blobs = BlobStore(folder, max_bytes, SUFFIX)
        self._ledger = Ledger(folder / "runs", max_bytes)
        self.max_bytes = max_bytes

    def get(self, address: str) -> Answer | None:
        """Return the answer kept under a content address, marked as coming from the store; None where there is none.

        Its `checkpoint` is the one that computed it: another key may stand for the same weights.
        """
        return self._own_answer(address) or self._run_answers([address]).get(address)

    def get_many(self, addresses: Iterable[str]) -> dict[str, Answer]:
        """Return those answers that are kept, as `get` does for each."""
        addresses = list(dict.fromkeys(addresses))
        found = self._run_answers(addresses)
        for address in addresses:
            answer = None if address in found else self._own_answer(address)
            if answer is not None:
                found[address] = answer
        return found

    def put(self, address: str, answer: Answer) -> bool:
        """Keep a finished answer under its content address, and tell whether it is kept.

        An answer that a person stopped is not what its address stands for, and is not kept.
        """
        data = _encode(replace(answer, address=address))
        return answer.facts.finish != "stopped" and self._blobs.put(address, data)

    def put_many(self, answers: Mapping[str, Answer]) -> bool:
        """Keep answers of a run by content address: once this returns, a crash loses none of them."""
        return self._ledger.put(
            {
                address: _encode(replace(answer, address=address))
                for address, answer in answers.items()
                if answer.facts.finish != "stopped"
            }
        )

    def _own_answer(self, address: str) -> Answer | None:
        data = self._blobs.get(address)
        if data is None:
            return None
        try:
            return _decode(data, address)
        except ValueError as error:
            self._blobs.discard(address, str(error))
            return None

    def _run_answers(self, addresses: list[str]) -> dict[str, Answer]:
        found: dict[str, Answer] = {}
        for address, data in self._ledger.get(addresses).items():
            # One of another version is a miss: it will be computed again.
            with suppress(ValueError):
                found[address] = _decode(data, address)
        return found


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
    return replace(answer, computed="store")
