"""Turns the bytes of a text file into text: finds its encoding out; knows nothing of what the text says."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from microscope.errors import UserError

# The encodings that spreadsheets of the last decades saved in, where it was not Unicode; the rarer ones are mistaken
# for these and these for them, so that a longer list guesses worse.
LEGACY = ("cp1252", "cp1250", "cp1251", "cp932", "gb18030", "cp949", "big5")
SAMPLE_BYTES = 64 * 1024
# The share of NULs that a text may have, and of control characters where it is not Unicode: a stray one is a cell's
# fault, many are a picture or a program.
MOST_CONTROLS = 0.05
# UTF-32 first: its mark begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_NUL = re.compile("\0")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")


def decode_text(data: bytes) -> tuple[str, str]:
    """Return the text of a file, and a sentence where its encoding had to be guessed (empty: it is Unicode).

    Raises `UserError` where the bytes are no text.
    """
    marked = next((name for mark, name in MARKS if data.startswith(mark)), "")
    # UTF-16 without a mark is valid UTF-8 as well, full of NULs.
    for name in filter(None, (marked, _unmarked_utf16(data), "utf-8")):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if _share(_NUL, text) <= MOST_CONTROLS:
            return text, ""
    if _share(_CONTROL, data[:SAMPLE_BYTES].decode("latin-1")) > MOST_CONTROLS:
        raise UserError("The file is not a text: choose a table saved as CSV, JSON or Parquet.")
    guess = from_bytes(_foreign_lines(data), cp_isolation=list(LEGACY)).best()
    encoding = guess.encoding if guess else LEGACY[0]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, errors="replace")
    return text, f"The file is not UTF-8, and was read as {encoding}: where accents look wrong, save it as UTF-8."


def _share(characters: re.Pattern[str], text: str) -> float:
    """Return how much of a text's beginning are such characters; 0 where it is empty."""
    sample = text[:SAMPLE_BYTES]
    return len(characters.findall(sample)) / max(len(sample), 1)


def _unmarked_utf16(data: bytes) -> str:
    """Return which UTF-16 it seems to be: in a table in a Latin script every second byte is NUL."""
    sample = data[:400]
    for name, start in (("utf-16-le", 1), ("utf-16-be", 0)):
        halves = sample[start::2]
        if halves and halves.count(0) > 0.8 * len(halves):
            return name
    return ""


def _foreign_lines(data: bytes) -> bytes:
    """Return the first lines that hold more than ASCII: in the others every encoding is alike."""
    lines, size = [], 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > SAMPLE_BYTES:
                break
    return b"".join(lines)[: 2 * SAMPLE_BYTES]
