"""The bytes of a text become the text, whatever it was saved in."""

from __future__ import annotations

import pytest

from microscope.errors import UserError
from microscope.evaluation.items.encoding import decode_text

TEXT = "image,question,answers\na.png,Où est le café à côté ?,à gauche\nb.png,Combien d’élèves à l’école ?,deux\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_without_a_word(encoding: str) -> None:
    assert decode_text(TEXT.encode(encoding)) == (TEXT, "")


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("cp1252", TEXT),
        ("cp1251", "a.png,Какого цвета квадрат?,красный\nb.png,Сколько фигур на картинке?,две\n"),
        ("cp932", "a.png,四角形は何色ですか,赤\nb.png,いくつありますか,二つ\n"),
        ("gb18030", "a.png,正方形是什么颜色的。,红色\nb.png,图中有几个圆形。,两个\n"),
    ],
)
def test_an_old_encoding_is_found_out_and_named(encoding: str, line: str) -> None:
    text, note = decode_text(line.encode(encoding))
    assert text == line
    assert encoding in note


def test_a_stray_nul_is_left_to_its_row() -> None:
    text = "image,question,answers\n" + "a.png,what?,this\n" * 20 + "a.png,wh\0at?,this\n"
    assert decode_text(text.encode()) == (text, "")


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(UserError, match="not a text"):
        decode_text(bytes(range(256)) * 4 + b"\0" * 100)


def test_bytes_that_fit_no_encoding_are_read_all_the_same() -> None:
    text, note = decode_text(b"a.png,what?,\x81\x8d\x8f\x90\x9d\n")
    assert text.startswith("a.png,what?,")
    assert note
