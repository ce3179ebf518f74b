"""Picture files that people and attackers send, as tables: a name, and what makes the bytes. The drawing in them is a 7."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageDraw, ImageOps, PngImagePlugin

pillow_heif.register_heif_opener()
HERE = Path(__file__).parent
SEVEN = (110, 90), (190, 90), (140, 210)


def drawn(size=(300, 300), paper=245, ink=30, place=(0, 0), scale=1.0, points=SEVEN) -> Image.Image:
    """Return a drawing, grey: by default a 7, dark on light, in the middle."""
    picture = Image.new("L", size, paper)
    line = [(place[0] + scale * x, place[1] + scale * y) for x, y in points]
    ImageDraw.Draw(picture).line(line, fill=ink, width=max(1, round(14 * scale)), joint="curve")
    return picture


def encoded(picture: Image.Image, kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@cache
def file(make: Callable[[], bytes]) -> bytes:
    """Return what a table's entry makes, made once."""
    return make()


def plain(colour, size=(300, 300), mode="RGB") -> bytes:
    return encoded(Image.new(mode, size, colour))


def animated(kind: str) -> bytes:
    """Return an animation: a 7, then a 1."""
    one = drawn(points=((150, 80), (150, 220)))
    return encoded(drawn(), kind, save_all=True, append_images=[one], duration=100)


def turned(orientation: int, kind: str, *size, **drawing) -> bytes:
    """Return the 7 as a camera held that way would have stored it."""
    undo = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}
    stored = drawn(*size, **drawing)
    for step in undo.get(orientation, []):
        stored = stored.transpose(Image.Transpose(step))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, kind, exif=exif)


def one_dot() -> bytes:
    picture = Image.new("L", (300, 300), 245)
    ImageDraw.Draw(picture).ellipse((144, 144, 156, 156), fill=30)
    return encoded(picture)


def transparent(ink, side=300) -> Image.Image:
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    times = side / 300
    line = [(times * x, times * y) for x, y in SEVEN]
    ImageDraw.Draw(picture).line(line, fill=(*ink, 255), width=round(14 * times), joint="curve")
    return picture


def palette_with_transparency() -> bytes:
    picture = Image.new("P", (300, 300), 0)
    picture.putpalette([0, 0, 0, 20, 20, 20])
    ImageDraw.Draw(picture).line(SEVEN, fill=1, width=14, joint="curve")
    return encoded(picture, transparency=0)


def sixteen_bits(mode: str, *size, **drawing) -> bytes:
    pixels = np.asarray(drawn(*size, **drawing).convert(mode)).astype(np.uint16) * 257
    return cv2.imencode(".png", pixels)[1].tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, body=b"", *extra: bytes, bits=8) -> bytes:
    """Return a grey PNG of that claimed size, with these pixels and further chunks."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def black(width: int, height: int) -> bytes:
    """Return a true PNG of any size in a few kilobytes, one bit a pixel."""
    return png(width, height, bytes((1 + (width + 7) // 8) * height), bits=1)


def text_chunk(size: int, compressed: bool) -> bytes:
    body = b"a\0\0" + zlib.compress(bytes(size), 9) if compressed else b"a\0" + b"b" * size
    return png(8, 8, bytes(72), chunk(b"zTXt" if compressed else b"tEXt", body))


def many_texts(count: int, size: int) -> bytes:
    info = PngImagePlugin.PngInfo()
    for number in range(count):
        info.add_text(f"t{number}", "b" * size, zip=True)
    return encoded(drawn(), pnginfo=info)


def colour_profile_bomb(size: int) -> bytes:
    return png(8, 8, bytes(72), chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(size), 9)))


def gif(width: int, height: int) -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0x80, 0, 0)
        + bytes(6)
        + b","
        + struct.pack("<HHHHBB", 0, 0, width, height, 0, 2)
        + b"\x02\x4c\x01\0;"
    )


def bmp(width: int, height: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 1000, 0, 0, 62)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 1, 0, 0, 0, 0, 2, 0)
        + bytes(8 + 900)
    )


def broken(data: bytes, at: float) -> bytes:
    """Return the file with one byte changed at that part of its length."""
    data = bytearray(data)
    data[int(len(data) * at)] ^= 0xFF
    return bytes(data)


def cut(kind: str, at=0.5, **options) -> bytes:
    data = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), kind, **options)
    return data[: int(len(data) * at)]


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("7.png", encoded(drawn()))
    return out.getvalue()


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated: each costs a pass over all pixels, and the file next to nothing."""
    data = encoded(Image.new("L", (side, side), 200), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def jpeg_with(junk: bytes) -> bytes:
    data = encoded(drawn(), "JPEG")
    return data[:2] + junk + data[2:]


def gif_with(junk: bytes) -> bytes:
    data = encoded(drawn(), "GIF")
    palette = 3 << 1 + (data[10] & 7) if data[10] & 0x80 else 0
    return data[: 13 + palette] + junk + data[13 + palette :]


def hidden_scans() -> bytes:
    data = encoded(Image.new("L", (3000, 3000), 200), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + b"\xff\xfe\x00\x02" * 30_000 + data[last:-2] * 1000 + data[-2:]


def endless_notes(entries=200, size=5_000_000) -> bytes:
    """Return EXIF whose every entry stands for the same megabytes."""
    places = b"".join(struct.pack("<HHII", tag, 7, size, 14 + 12 * entries) for tag in range(1, entries + 1))
    return b"II*\0" + struct.pack("<IH", 8, entries) + places + bytes(4 + size)


def jpeg_of_endless_notes() -> bytes:
    notes, parts = endless_notes(), []
    for at in range(0, len(notes), 65_000):
        part = b"Exif\0\0" + notes[at : at + 65_000]
        parts.append(b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part)
    data = encoded(drawn(), "JPEG")
    return data[:2] + b"".join(parts) + data[20:]  # without JFIF, whose resolution Pillow would take instead


def lying(data: bytes, width: int, height: int) -> bytes:
    """Return an AVIF or HEIC that claims another size than its pixels have."""
    head, *rest = data.split(b"ispe")
    return b"ispe".join([head, *(part[:4] + struct.pack(">II", width, height) + part[12:] for part in rest)])


def phone_film() -> bytes:
    """Return a JPEG with a film behind it, as phones store one; in it are bytes that look like the beginnings of scans."""
    return encoded(drawn(), "JPEG") + b"\xff\xda" * 1000


TEXT_FOR_ORIENTATION = b"Exif\0\0II*\0" + struct.pack("<IHHHI4sI", 8, 1, 0x0112, 2, 2, b"6\0\0\0", 0)

READ = {
    "dark on light": lambda: encoded(drawn()),
    "white on black": lambda: encoded(ImageOps.invert(drawn())),
    "RGB": lambda: encoded(drawn().convert("RGB")),
    "LA": lambda: encoded(drawn().convert("LA")),
    "RGBA": lambda: encoded(drawn().convert("RGBA")),
    "1 bit": lambda: encoded(drawn().convert("1", dither=Image.Dither.NONE)),
    "palette": lambda: encoded(drawn().convert("P")),
    "palette with transparency": palette_with_transparency,
    "black on transparent": lambda: encoded(transparent((0, 0, 0))),
    "white on transparent": lambda: encoded(transparent((255, 255, 255))),
    "16 bits grey": lambda: sixteen_bits("L"),
    "16 bits colour": lambda: sixteen_bits("RGB"),
    "16 bits with transparency": lambda: sixteen_bits("RGBA"),
    "CMYK": lambda: encoded(drawn().convert("CMYK"), "JPEG"),
    "progressive JPEG": lambda: encoded(drawn(), "JPEG", progressive=True),
    **{f"{kind}, orientation {o}": lambda kind=kind, o=o: turned(o, kind) for kind in ("JPEG", "PNG", "AVIF") for o in range(1, 9)},
    "an orientation that is text": lambda: encoded(drawn(), "JPEG", exif=TEXT_FOR_ORIENTATION),
    "WebP": lambda: encoded(drawn(), "WEBP"),
    "WebP without loss": lambda: encoded(drawn(), "WEBP", lossless=True),
    "BMP": lambda: encoded(drawn(), "BMP"),
    "AVIF": lambda: encoded(drawn(), "AVIF"),
    "HEIC": lambda: encoded(drawn(), "HEIF"),
    "GIF": lambda: encoded(drawn(), "GIF"),
    "first frame of a GIF": lambda: animated("GIF"),
    "first frame of an APNG": lambda: animated("PNG"),
    "first frame of a WebP": lambda: animated("WEBP"),
    "in a corner": lambda: encoded(drawn(place=(-90, -75))),
    "tiny": lambda: encoded(drawn((900, 900), place=(700, 60), scale=0.3)),
    "huge": lambda: encoded(drawn((3000, 3000), scale=10)),
    "16 megapixels": lambda: encoded(drawn((4000, 4000), scale=13)),
    "16 megapixels with an orientation": lambda: turned(6, "PNG", (4000, 4000), scale=13),
    "16 megapixels of 16 bits": lambda: sixteen_bits("L", (4000, 4000), scale=13),
    "16 megapixels of WebP with transparency": lambda: encoded(transparent((0, 0, 0), 4000), "WEBP", lossless=True),
    "48 megapixels of JPEG": lambda: encoded(drawn((8000, 6000), scale=20), "JPEG"),
    "a film behind a JPEG": phone_film,
    "endless camera notes in a JPEG": jpeg_of_endless_notes,
    "endless camera notes in a WebP": lambda: encoded(drawn(), "WEBP", exif=b"Exif\0\0" + endless_notes()),
    "endless camera notes in an AVIF": lambda: encoded(drawn(), "AVIF", exif=endless_notes()),
    "endless camera notes in a HEIC": lambda: encoded(drawn(), "HEIF", exif=b"Exif\0\0" + endless_notes()),
    "48 megapixels of progressive JPEG": lambda: encoded(drawn((8000, 6000), scale=20).convert("RGB"), "JPEG", progressive=True),
}

NOTHING = {
    "white": lambda: plain("white"),
    "black": lambda: plain("black"),
    "grey": lambda: plain("grey"),
    "fully transparent": lambda: plain((0, 0, 0, 0), mode="RGBA"),
    "one dot": one_dot,
    "1 x 1": lambda: plain("white", (1, 1)),
    "1 x 5000": lambda: plain("black", (1, 5000)),
    "5000 x 1": lambda: plain("white", (5000, 1)),
    "2 x 2 black and white": lambda: encoded(Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8))),
    "16 megapixels, white": lambda: plain("white", (4000, 4000)),
    "16 megapixels of dots": lambda: encoded(Image.fromarray(np.tile(np.array([[0, 255], [255, 0]], np.uint8), (2000, 2000)))),
    "noise": lambda: encoded(Image.effect_noise((1000, 1000), 120)),
    "16 megapixels of noise": lambda: encoded(Image.effect_noise((4000, 4000), 120), "JPEG"),
}

REFUSED = {
    "empty": lambda: b"",
    "text": lambda: b"seven",
    "HTML": lambda: b"<!doctype html><script>alert(7)</script>",
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "zip": zipped,
    "TIFF": lambda: encoded(drawn(), "TIFF"),
    "float TIFF with NaN": lambda: encoded(Image.fromarray(np.full((50, 50), np.nan, np.float32)), "TIFF"),
    "PFM with infinity": lambda: b"Pf\n20 20\n-1.0\n" + np.full(400, np.inf, "<f4").tobytes(),
    "PSD": lambda: b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 50, 50, 8, 3) + bytes(8000),
    "EPS": lambda: encoded(drawn(), "EPS"),
    "EPS that runs a program": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n",
    "PDF": lambda: encoded(drawn(), "PDF"),
    "ICO": lambda: encoded(drawn(), "ICO"),
    "PPM": lambda: encoded(drawn(), "PPM"),
    "cut PNG": lambda: cut("PNG"),
    "cut JPEG": lambda: cut("JPEG"),
    "cut WebP": lambda: cut("WEBP"),
    "cut GIF": lambda: cut("GIF"),
    "cut BMP": lambda: cut("BMP"),
    "cut AVIF": lambda: cut("AVIF"),
    "cut HEIC": lambda: cut("HEIF"),
    "only the head of a PNG": lambda: encoded(drawn())[:33],
    "only the head of a JPEG": lambda: encoded(drawn(), "JPEG")[:20],
    "bad CRC": lambda: broken(encoded(drawn()), 0.5),
    "PNG of size 0": lambda: png(0, 0),
    "PNG of size 2^31": lambda: png(2**31, 2**31),
    "PNG of size 2^32 - 1": lambda: png(-1, -1),
    "GIF of size 0": lambda: gif(0, 0),
    "GIF of 65535 x 65535": lambda: gif(65535, 65535),
    "BMP of size 0": lambda: bmp(0, 0),
    "BMP of size 2^31": lambda: bmp(2**31 - 1, 2**31 - 1),
    "BMP of negative size": lambda: bmp(-300, -300),
    "60 megapixels in a few kB": lambda: black(7800, 7700),
    "177 megapixels in a few kB": lambda: black(13300, 13300),
    "60 megapixels of JPEG": lambda: encoded(Image.new("L", (8000, 7500)), "JPEG"),
    "a PNG just over 16 megapixels": lambda: black(4000, 4001),
    "a JPEG just over 50 megapixels": lambda: encoded(Image.new("L", (10000, 5001)), "JPEG"),
    "more pixels than PNG data": lambda: png(4000, 4000, bytes(1000)),
    "70 MB of text chunk in a few kB": lambda: text_chunk(70_000_000, compressed=True),
    "2000 text chunks of 70 kB": lambda: many_texts(2000, 70_000),
    "a colour profile of 200 MB in a few kB": lambda: colour_profile_bomb(200_000_000),
    "a JPEG of 5000 scans": lambda: jpeg_of_scans(4000, 5000),
    "a JPEG of 1000 scans behind 30,000 comments": hidden_scans,
    "a progressive JPEG of 150 million coefficients": lambda: encoded(
        Image.new("RGB", (8000, 6000)), "JPEG", progressive=True, subsampling=0
    ),
    "225 megapixels in an AVIF of 3.5 kB that claims 300 x 300": (HERE / "lying.avif").read_bytes,
    "a HEIC that claims more than it has": lambda: lying(encoded(drawn(), "HEIF"), 4000, 4000),
    "a HEIC that claims less than it has": lambda: lying(encoded(drawn((900, 900), scale=3), "HEIF"), 300, 300),
    "a PNG of 500,000 empty chunks": lambda: png(8, 8, bytes(72), chunk(b"aaAa", b"") * 500_000),
    "a JPEG of 5 million markers": lambda: jpeg_with(b"\xff\xe0\x00\x02" * 5_000_000),
    "a JPEG of 20 MB of filling": lambda: jpeg_with(b"\xff" * 20_000_000),
    "a GIF of 7 million extensions": lambda: gif_with(b"\x21\xfe\x00" * 7_000_000),
    "a GIF whose comment comes byte by byte": lambda: gif_with(b"\x21\xfe" + b"\x01a" * 10_000_000 + b"\0"),
}
