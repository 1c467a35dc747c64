"""The decoding guard over a corpus of malformed and unusual files, and over files made to harm."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from microscope.engine.pictures import MAX_BYTES, MAX_JPEG_SCANS, image_to_picture, picture_to_image, read_picture
from microscope.errors import UserError
from microscope.records import Picture

CORPUS = Path(__file__).parents[1] / "data" / "bad_images"
INDEX = list(csv.DictReader((CORPUS / "INDEX.csv").read_text(encoding="utf-8").splitlines()))
LINUX = sys.platform == "linux"

# Reads groups of files, one file after the other, and prints what became of each and the peak of memory so far. The
# peak is the kernel's own and counts what decoders allocate outside Python.
READER = """
import json, sys
from pathlib import Path
from PIL import Image
from microscope.engine.pictures import read_picture
from microscope.errors import UserError

def peak_megabytes():
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0)

def outcome(name):
    try:
        picture = read_picture(Path(name))
    except UserError as error:
        return "refused", str(error)
    except BaseException as error:
        return "escaped", repr(error)
    return "picture", f"{picture.width}x{picture.height}"

Image.init()
start = peak_megabytes()
groups = json.load(sys.stdin)
print(json.dumps([[{Path(name).name: outcome(name) for name in names}, peak_megabytes() - start] for names in groups]))
"""

Group = tuple[dict[str, tuple[str, str]], float]  # kind and text of each outcome by file name, growth in MB


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> list[Group]:
    """Read small files of too many pixels, then the corpus, then a picture at the limit, in a process of their own."""
    folder = tmp_path_factory.mktemp("pictures")
    sizes = {"bomb": (13_000, 13_000), "above": (5_001, 5_000), "tower": (1, 20_000), "strip": (201, 1)}
    too_large = [saved(Image.new("1", size), folder / f"{name}.png") for name, size in sizes.items()]
    assert all(path.stat().st_size < 30_000 for path in too_large)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image = Image.new("RGBA", (5_000, 5_000), (10, 20, 30, 40))
    largest = saved(image, folder / "largest.webp", exif=exif, lossless=True, method=0)
    paths = [too_large, [CORPUS / row["file"] for row in INDEX], [largest]]
    child = subprocess.run(
        [sys.executable, "-c", READER],
        input=json.dumps([[str(path) for path in group] for group in paths]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [(outcomes, megabytes) for outcomes, megabytes in json.loads(child.stdout)]


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    """Save an image and return where."""
    image.save(path, **options)
    return path


def pixels(picture: Picture) -> list[tuple[int, int, int]]:
    """Return the pixels row by row."""
    return [tuple(picture.rgb[start : start + 3]) for start in range(0, len(picture.rgb), 3)]


@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["file"])
def test_every_file_gives_a_picture_or_a_sentence(row: dict[str, str], groups: list[Group]) -> None:
    kind, text = groups[1][0][row["file"]]
    if row["kind"] == "valid_odd":
        assert kind == "picture", text
    assert kind in ("picture", "refused"), text
    if kind == "refused":
        assert str(CORPUS) not in text
        assert text.endswith(".")
        assert ":" in text


@pytest.mark.skipif(not LINUX, reason="the peak of memory is read from /proc")
def test_the_corpus_costs_little_memory(groups: list[Group]) -> None:
    assert 0 < groups[1][1] < 100


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore::UserWarning:PIL")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("avif__hopper.heif", "HEIC"),
        ("truncated_image.png", "cut off"),
        ("truncated_jpeg.jpg", "cut off"),
        ("bmp__b__reallybig.bmp", "more pixels than any photograph"),
        ("l2rgb_read.bmp", "3,158,064 x 48"),
        ("png_decompression_dos.png", "damaged"),
        ("crash-86214e58da443d2b80820cff9677a38a33dcbbca.tif", "damaged"),
        ("psd-oob-write.psd", "not an image that can be read here"),
        ("zero_dpi.jp2", "not an image that can be read here"),
    ],
)
def test_the_cause_is_named(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_picture(CORPUS / name)


@pytest.mark.parametrize("place", [b"infe", b"pixi"])
def test_an_avif_with_a_broken_field_is_named_as_damaged(tmp_path: Path, place: bytes) -> None:
    data = bytearray((CORPUS / "avif__hopper.avif").read_bytes())
    field = data.index(place) + 8
    data[field : field + 4] = b"\xff" * 4
    (tmp_path / "broken.avif").write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        read_picture(tmp_path / "broken.avif")


def test_no_image_is_refused() -> None:
    with pytest.raises(UserError, match="no image yet"):
        read_picture(None)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gone.png", "no longer there"),
        ("nul\0.png", "could not be read"),
        ("x" * 5000, "could not be read"),
        (".", "not a file"),
    ],
)
def test_a_file_that_cannot_be_had_is_named_as_such(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        read_picture(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UserError, match="not a file"):
        read_picture(tmp_path / "pipe.png")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"just some text, and no image\n" * 20, "not an image that can be read here"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<SVG xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"\0\0\0\x18ftypheixmore", "HEIC"),
        (b"\0\0\0\x18ftypisomvideo", "not an image that can be read here"),
        (b"\x89PNG\r\n\x1a\n", "not an image that can be read here"),
        (b"\xff" * (MAX_BYTES + 1), "larger than 10 MB"),
    ],
)
def test_what_is_no_picture_is_named_as_such_whatever_its_name(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        read_picture(path)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bomb.png", "169.0 megapixels, and at most 25"),
        ("above.png", "5,001 x 5,000 pixels"),
        ("tower.png", "1 x 20,000 pixels, and a side may have at most 16,384"),
        ("strip.png", "at most 200 times"),
    ],
)
def test_too_many_pixels_are_refused(name: str, sentence: str, groups: list[Group]) -> None:
    kind, text = groups[0][0][name]
    assert kind == "refused"
    assert sentence in text


def test_too_many_pixels_are_refused_before_they_are_decoded(groups: list[Group]) -> None:
    assert groups[0][1] < 10


def test_a_picture_at_every_limit_is_read(tmp_path: Path) -> None:
    picture = read_picture(saved(Image.new("1", (200, 1)), tmp_path / "strip.png"))
    assert (picture.width, picture.height) == (200, 1)


@pytest.mark.skipif(not LINUX, reason="the peak of memory is read from /proc")
def test_the_largest_picture_stays_within_the_promised_memory(groups: list[Group]) -> None:
    assert groups[2][0]["largest.webp"] == ["picture", "5000x5000"]
    assert groups[2][1] < 700


def test_a_jpeg_of_endless_scans_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 128).save(buffer, "JPEG", progressive=True)
    data, end = buffer.getvalue(), buffer.getvalue().rindex(b"\xff\xd9")
    scan = data[data.rindex(b"\xff\xda") : end]
    path = tmp_path / "scans.jpg"
    path.write_bytes(data[:end] + scan * MAX_JPEG_SCANS + data[end:])
    with pytest.raises(UserError, match="so many layers"):
        read_picture(path)
    path.write_bytes(data[:end] + scan * 50 + data[end:])
    assert read_picture(path).width == 64


@pytest.mark.filterwarnings("error")
def test_a_process_that_makes_warnings_errors_still_gets_sentences(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="more pixels than any photograph"):
        read_picture(saved(Image.new("1", (10_000, 10_000)), tmp_path / "bomb.png"))
    with pytest.raises(UserError, match=r"cut off|damaged"):
        read_picture(CORPUS / "crash-86214e58da443d2b80820cff9677a38a33dcbbca.tif")


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
def test_a_grey_gradient_of_16_bits_and_more_keeps_its_steps(tmp_path: Path, mode: str) -> None:
    ramp = Image.frombytes("I;16", (256, 2), b"".join((level * 257).to_bytes(2, "little") for level in range(256)) * 2)
    picture = read_picture(saved(ramp.convert("I").convert(mode), tmp_path / "ramp.tif"))
    levels = [red for red, _, _ in pixels(picture)][:256]
    assert all(abs(level - wanted) <= 1 for level, wanted in zip(levels, range(256), strict=True))
    assert all(red == green == blue for red, green, blue in pixels(picture))


def test_a_16_bit_png_with_a_transparent_grey_is_read(tmp_path: Path) -> None:
    ramp = Image.frombytes("I;16", (256, 2), b"".join((level * 257).to_bytes(2, "little") for level in range(256)) * 2)
    picture = read_picture(saved(ramp, tmp_path / "ramp.png", transparency=40_000))
    assert [red for red, _, _ in pixels(picture)][:256] == list(range(256))


def test_a_constant_float_image_is_read_and_one_of_no_numbers_refused(tmp_path: Path) -> None:
    assert pixels(read_picture(saved(Image.new("F", (2, 1), 7.5), tmp_path / "flat.tif"))) == [(0, 0, 0)] * 2
    with pytest.raises(UserError, match="not numbers"):
        read_picture(saved(Image.new("F", (2, 1), float("nan")), tmp_path / "nan.tif"))


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (3, 1))
    for column, alpha in enumerate((0, 128, 255)):
        image.putpixel((column, 0), (200, 0, 0, alpha))
    first, half, last = pixels(read_picture(saved(image, tmp_path / "alpha.png")))
    assert (first, last) == ((255, 255, 255), (200, 0, 0))
    assert half == pytest.approx((227, 127, 127), abs=1)


def test_a_transparent_palette_entry_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 0, 90, 0])
    image.putpixel((1, 0), 1)
    assert pixels(read_picture(saved(image, tmp_path / "p.gif", transparency=0))) == [(255, 255, 255), (0, 90, 0)]


@pytest.mark.parametrize(
    ("mode", "red"), [("CMYK", (0, 255, 255, 0)), ("LAB", (136, 208, 195)), ("P", None), ("LA", None)]
)
def test_every_colour_space_becomes_rgb(tmp_path: Path, mode: str, red: tuple[int, ...] | None) -> None:
    image = Image.new(mode, (4, 4), red) if red else Image.new("RGB", (4, 4), (255, 0, 0)).convert(mode)
    wanted = (76, 76, 76) if mode == "LA" else (255, 0, 0)
    picture = read_picture(saved(image, tmp_path / "red.tif"))
    assert all(pixel == pytest.approx(wanted, abs=12) for pixel in pixels(picture))


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "RGBa"])
def test_an_open_image_of_any_mode_becomes_rgb(mode: str) -> None:
    red = Image.new("RGBA", (2, 2), (255, 0, 0, 255))
    image = red.convert(mode) if mode == "RGBa" else red.convert("RGB").convert(mode)
    assert all(pixel == pytest.approx((255, 0, 0), abs=2) for pixel in pixels(image_to_picture(image)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright(tmp_path: Path, orientation: int) -> None:
    upright = Image.new("RGB", (3, 2))
    for place in range(6):
        upright.putpixel((place % 3, place // 3), (place * 40, 0, 0))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = read_picture(saved(stored, tmp_path / "turned.png", exif=exif))
    assert (picture.width, picture.height) == (3, 2)
    assert [red for red, _, _ in pixels(picture)] == [0, 40, 80, 120, 160, 200]


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_ignored(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture = read_picture(saved(Image.new("RGB", (3, 2)), tmp_path / "odd.jpg", exif=exif))
    assert (picture.width, picture.height) == (3, 2)


def test_metadata_that_cannot_be_read_leaves_the_pixels_as_they_are(tmp_path: Path) -> None:
    picture = read_picture(saved(Image.new("RGB", (3, 2)), tmp_path / "odd.png", exif=b"Exif\0\0no directory"))
    assert (picture.width, picture.height) == (3, 2)


@pytest.mark.parametrize("name", ["one.gif", "one.webp", "one.png", "one.tif"])
def test_the_first_frame_of_several_counts(tmp_path: Path, name: str) -> None:
    first, second = Image.new("RGB", (8, 8), (0, 0, 255)), Image.new("RGB", (8, 8), (255, 0, 0))
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(first, tmp_path / name, save_all=True, append_images=[second], **options)
    assert set(pixels(read_picture(path))) == {(0, 0, 255)}


def test_metadata_is_dropped(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), (1, 2, 3))
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "somebody"
    plain = read_picture(saved(image, tmp_path / "plain.png"))
    signed = read_picture(saved(image, tmp_path / "signed.png", exif=exif))
    assert signed == plain
    assert signed.digest == plain.digest
    assert picture_to_image(signed).info == {}
    assert len(picture_to_image(signed).getexif()) == 0


def test_a_picture_and_its_image_are_the_same() -> None:
    picture = Picture(2, 3, bytes(range(18)))
    image = picture_to_image(picture)
    assert (image.mode, image.size) == ("RGB", (2, 3))
    assert image_to_picture(image) == picture


def test_an_open_image_is_held_to_the_same_limits() -> None:
    with pytest.raises(UserError, match="megapixels"):
        image_to_picture(Image.new("1", (6_000, 6_000)))
    with pytest.raises(UserError, match="no pixels"):
        image_to_picture(Image.new("RGB", (0, 5)))


def test_many_threads_read_the_same_picture() -> None:
    digests: list[str] = []
    readers = [
        threading.Thread(target=lambda: digests.append(read_picture(CORPUS / "flower.jpg").digest)) for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(digests) == 8
    assert len(set(digests)) == 1
