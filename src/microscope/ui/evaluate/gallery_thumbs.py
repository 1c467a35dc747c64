"""Pictures of a set as data addresses: small ones, kept within a bound, and large ones, kept by nobody.

Knows no item and no page. Small ones are kept under the digest of their pixels, so that sets that share pictures
share them, and nobody is shown a picture that their own set does not name.
"""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from io import BytesIO

from PIL import Image

from microscope.engine.pictures import picture_to_image
from microscope.evaluation.items.base import Pictures
from microscope.records import Picture

SMALL_SIDE, SMALL_QUALITY = 160, 80
LARGE_SIDE, LARGE_QUALITY = 1024, 88
KEPT_BYTES = 32 * 1024 * 1024


class Thumbnails:
    """The process's small pictures, at most `limit` bytes of them; those not asked for the longest go first."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> Thumbnails:
        """Return the one store of the process: a lock cannot be copied, and two stores would have two bounds."""
        return self

    @property
    def size(self) -> int:
        """Return how many bytes are kept."""
        return self._size

    def get(self, digest: str, name: str, pictures: Pictures) -> str:
        """Return a picture as a JPEG's data address, at most 160 pixels a side; reads it only where it is not kept.

        A picture that cannot be read raises the `UserError` of who reads it, and is asked for again the next time.
        """
        with self._lock:
            known = self._kept.get(digest)
            if known is not None:
                self._kept.move_to_end(digest)
                return known
        made = _address(pictures.read(name), SMALL_SIDE, SMALL_QUALITY)
        with self._lock:
            if digest not in self._kept:
                self._kept[digest] = made
                self._size += len(made)
            while self._size > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
        return made


def large(picture: Picture) -> str:
    """Return a picture as a JPEG's data address, at most 1024 pixels a side."""
    return _address(picture, LARGE_SIDE, LARGE_QUALITY)


def _address(picture: Picture, side: int, quality: int) -> str:
    image = picture_to_image(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    held = BytesIO()
    image.save(held, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"
