"""The store of findings by content address: a few in memory before a bounded folder; knows no model and no page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from microscope.lens.finding_file import finding_from_bytes, finding_to_bytes
from microscope.lens.findings import Finding, Heat
from microscope.storage.blobs import BlobStore

SUFFIX = ".finding"
MOST_IN_MEMORY = 16
MOST_BYTES_IN_MEMORY = 256 * 2**20


class FindingStore:
    """Keeps findings in a folder, and the last used in this process' memory; several threads may share it.

    At most 16 stay in memory, and no more than 256 MB of them but for the last. Where nothing can be written, what is
    in memory is still found. Another process sees a finding as it was last put, and the last to put one wins.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._blobs = BlobStore(folder, max_bytes, SUFFIX)
        self._lock = threading.RLock()
        self._recent: OrderedDict[str, Finding] = OrderedDict()

    def get(self, address: str) -> Finding | None:
        """Return the finding kept under a content address, None where there is none."""
        with self._lock:
            if address in self._recent:
                self._recent.move_to_end(address)
                return self._recent[address]
            finding = self._read(address)
            if finding is not None:
                self._remember(finding)
            return finding

    def put(self, finding: Finding) -> bool:
        """Keep a finding under its content address in place of what was there; tell whether it outlives this process.

        Raises `ValueError` where its address is not a content address.
        """
        with self._lock:
            kept = self._blobs.put(finding.address, finding_to_bytes(finding))
            self._remember(finding)
            return kept

    def add(self, address: str, *heats: Heat) -> Finding | None:
        """Merge maps into the finding under an address, each in place of that of its method and token; return it.

        None where there is no such finding. No other thread's maps are lost meanwhile.
        """
        with self._lock:
            finding = self.get(address)
            if finding is None:
                return None
            merged = {(heat.method, heat.token): heat for heat in (*finding.heats, *heats)}
            finding = replace(finding, heats=tuple(merged.values()))
            self.put(finding)
            return finding

    def _read(self, address: str) -> Finding | None:
        data = self._blobs.get(address)
        if data is None:
            return None
        try:
            finding = finding_from_bytes(data)
        except ValueError as error:
            self._blobs.discard(address, str(error))
            return None
        if finding.address != address:
            self._blobs.discard(address, f"it belongs to {finding.address}")
            return None
        return finding

    def _remember(self, finding: Finding) -> None:
        self._recent[finding.address] = finding
        self._recent.move_to_end(finding.address)
        while len(self._recent) > 1 and (
            len(self._recent) > MOST_IN_MEMORY or sum(map(_bytes, self._recent.values())) > MOST_BYTES_IN_MEMORY
        ):
            self._recent.popitem(last=False)


def _bytes(finding: Finding) -> int:
    """Return about what a finding takes in memory: attention rows outweigh all else."""
    return finding.rows.nbytes + sum(heat.values.nbytes for heat in finding.heats)
