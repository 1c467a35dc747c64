"""Turns the cell that holds a row's picture into a name, and looks at every picture once; knows no other cell."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from microscope.engine.pictures import MAX_BYTES
from microscope.errors import UserError
from microscope.evaluation.items.cells import is_missing
from microscope.evaluation.items.places import MAX_NAME, Place, is_picture, locate, safe_name, unique_files
from microscope.evaluation.items.scratch import Scratch
from microscope.evaluation.items.tables import shorten
from microscope.evaluation.results import ImageFacts
from microscope.records import Picture

# The guard decodes two at once; the others read and hash meanwhile.
WORKERS = 4
# Pictures that are under way at once; progress is told after each such lot.
LOT = 256
# The shortest picture there is has more letters than this in base64.
SHORTEST_BASE64 = 32

_DATA_URL = re.compile(r"data:image/[\w.+-]+(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")


@dataclass(frozen=True)
class SetPictures:
    """The pictures of a set: in the place it came from, and in the scratch folder where they came as bytes."""

    place: Place | None
    scratch: Scratch

    def read(self, name: str) -> Picture:
        """Return a picture by its name in the set; `UserError` where it cannot be read. Safe from several threads."""
        if self.scratch.has(name):
            return self.scratch.picture(name)
        if self.place is None:
            raise UserError(f"The set has no picture {shorten(name)}.")
        return self.place.picture(name)

    def bytes_of(self, name: str) -> bytes:
        """Return the bytes of a picture's file; `UserError` where they cannot be read or are too many."""
        if self.place is None:
            raise UserError(f"The set has no picture {shorten(name)}.")
        return self.place.read(name, MAX_BYTES)


class Namer:
    """Gives the picture in each row's cell a name, and keeps the bytes of those that are no files.

    `fetch` opens what a stream of the Hub calls its pictures by; elsewhere nothing is fetched.
    """

    def __init__(self, pictures: SetPictures, folder: str, fetch: Callable[[str], bytes] | None = None) -> None:
        self._pictures = pictures
        self._folder = folder
        self._fetch = fetch
        self._by_last = unique_files(tuple(filter(is_picture, pictures.place.names()))) if pictures.place else {}
        self._known: dict[str, str] = {}

    def name(self, value: object) -> str:
        """Return the name of the picture in a cell; `UserError` with the reason where there is none."""
        if is_missing(value):
            raise UserError("There is no picture in this row.")
        if isinstance(value, list | tuple):
            if len(value) != 1:
                raise UserError(f"The row has {len(value)} pictures, and a question here is about one.")
            return self.name(value[0])
        if isinstance(value, bytes | bytearray):
            return self._pictures.scratch.keep(bytes(value))
        if isinstance(value, Mapping):
            return self._from_struct(value)
        if isinstance(value, str):
            return self._from_text(value)
        raise UserError(f"{shorten(value)} is no picture: write its file's name, or put its bytes there.")

    def _from_struct(self, value: Mapping[str, object]) -> str:
        data, path = value.get("bytes"), value.get("path")
        if isinstance(data, bytes | bytearray) and data:
            return self._pictures.scratch.keep(bytes(data))
        if isinstance(data, str) and data:
            return self._from_text(data)
        if isinstance(path, str) and path:
            if self._fetch is not None:
                return self._pictures.scratch.keep(self._fetch(path))
            return self._from_text(path)
        raise UserError("There is no picture in this row.")

    def _from_text(self, text: str) -> str:
        known = self._known.get(text) if len(text) <= MAX_NAME else None
        if known is not None:
            return known
        encoded = _base64_part(text)
        if encoded is not None:
            return self._pictures.scratch.keep(encoded)
        place = self._pictures.place
        if place is None:
            safe_name(text)
            raise UserError(
                f"{shorten(text)} names a file, which a stream does not have: download the data set, and choose its"
                " folder."
            )
        name = locate(place, text, self._folder, self._by_last)
        self._known[text] = name
        return name


@dataclass(frozen=True)
class Looked:
    """What looking at the pictures gave: facts of the good ones, a sentence for each of the others."""

    facts: Mapping[str, ImageFacts]
    broken: Mapping[str, str]


def look_at(pictures: SetPictures, names: Sequence[str], tell: Callable[[int, int], None] | None) -> Looked:
    """Decode each picture once, those with equal bytes once together, and return what they are.

    `tell` is told how many of all names are done. None of the pictures stays in memory.
    """
    facts: dict[str, ImageFacts] = {}
    broken: dict[str, str] = {}
    by_bytes: dict[str, ImageFacts | str] = {}
    rest = iter(names)
    done = 0
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="pictures") as pool:
        while lot := list(islice(rest, LOT)):
            hashes = dict(zip(lot, pool.map(lambda name: _hash(pictures, name), lot), strict=True))
            fresh = {key: name for name, key in hashes.items() if key not in by_bytes}
            looked = pool.map(lambda name: _look(pictures, name), fresh.values())
            by_bytes |= dict(zip(fresh, looked, strict=True))
            for name, key in hashes.items():
                found = by_bytes[key]
                if isinstance(found, str):
                    broken[name] = found
                else:
                    facts[name] = found
            done += len(lot)
            if tell is not None:
                tell(done, len(names))
    return Looked(facts, broken)


def _hash(pictures: SetPictures, name: str) -> str:
    """Return what files with equal bytes share; the name itself where the bytes cannot be had."""
    if pictures.scratch.has(name):
        return name
    try:
        return hashlib.sha256(pictures.bytes_of(name)).hexdigest()
    except UserError:
        return f"name:{name}"


def _look(pictures: SetPictures, name: str) -> ImageFacts | str:
    try:
        picture = pictures.read(name)
    except UserError as error:
        return str(error)
    return ImageFacts(picture.digest, picture.width, picture.height)


def _base64_part(text: str) -> bytes | None:
    """Return the bytes that a text holds as base64, after a `data:` address or bare; None where it is something else.

    A bare one must begin like a picture: a path may consist of the same letters.
    """
    match = _DATA_URL.match(text)
    if match is None and (len(text) < SHORTEST_BASE64 or _BASE64.fullmatch(text) is None):
        return None
    try:
        data = base64.b64decode("".join(text[match.end() if match else 0 :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        if match is None:
            return None
        raise UserError("The picture's base64 is damaged: write it again.") from error
    if match is None and not data.startswith(_MAGIC) and data[4:8] != b"ftyp":
        return None
    return data
