"""A picture's ink is the same whatever the file's mode, polarity, orientation and paper."""

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageOps

from digit_model import frames, hands, image, strokes
from training import people, scenes

LIMIT = 50_000_000
SEVEN = [(110, 90), (190, 90), (140, 210)]


def drawn(line=14, paper=245, ink=30, size=(300, 300)) -> Image.Image:
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).line(SEVEN, fill=ink, width=line, joint="curve")
    return picture


def encoded(picture: Image.Image, kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def frame_of(data: bytes) -> np.ndarray:
    (mark,) = image.marks(image.open_image(data, LIMIT))
    return frames.frame(mark.ink)


def differs(data: bytes) -> float:
    """Return how far the picture's frame is from the plain one's, and from the same strokes on the pad, whichever is more."""
    pad = frames.frame(strokes.ink([np.array(SEVEN, float)], line=0.115))  # about as thick as the picture's
    frame = frame_of(data)
    return max(float(np.abs(frame - other).mean()) for other in (frame_of(encoded(drawn())), pad))


SIXTEEN_BITS = Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 257)
MODES = {
    "1": drawn().convert("1", dither=Image.Dither.NONE),
    "L": drawn(),
    "LA": drawn().convert("LA"),
    "P": drawn().convert("P"),
    "RGB": drawn().convert("RGB"),
    "RGBA": drawn().convert("RGBA"),
    "I;16": SIXTEEN_BITS,
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_same_ink(mode):
    assert differs(encoded(MODES[mode])) < 0.04


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "CMYK"), ("WEBP", "RGB"), ("GIF", "P"), ("BMP", "RGB")])
def test_every_format_gives_the_same_ink(kind, mode):
    assert differs(encoded(drawn().convert(mode), kind)) < 0.04


def test_light_ink_on_dark_paper_gives_the_same_ink():
    assert differs(encoded(ImageOps.invert(drawn()))) < 0.04


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (30, 60, 200)])
def test_ink_on_transparent_paper_is_seen(ink):
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line(SEVEN, fill=(*ink, 255), width=14, joint="curve")
    assert differs(encoded(picture)) < 0.04


def test_thick_white_ink_is_seen_where_it_covers_most_of_a_transparent_picture():
    picture = Image.new("RGBA", (180, 200), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([(30, 40), (150, 40), (90, 170)], fill=(255, 255, 255, 255), width=75, joint="curve")
    assert np.asarray(picture)[..., 3].mean() > 128
    (mark,) = image.marks(picture)
    left, top, right, bottom = picture.getbbox()
    assert mark.box == pytest.approx((left, top, right - left, bottom - top), abs=3)


@pytest.mark.parametrize("alpha", [60, 100, 128])
def test_half_transparent_ink_is_seen(alpha):
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line(SEVEN, fill=(0, 0, 0, alpha), width=14, joint="curve")
    assert differs(encoded(picture)) < 0.04


@pytest.mark.parametrize("ink", [(180, 180, 180), (255, 165, 100)])
def test_light_ink_on_a_white_card_with_transparent_corners_is_seen(ink):
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).rounded_rectangle((0, 0, 299, 299), 40, fill="white")
    ImageDraw.Draw(picture).line(SEVEN, fill=ink, width=14, joint="curve")
    assert differs(encoded(picture)) < 0.04


@pytest.mark.parametrize("bits", [8, 10])
def test_a_camera_need_not_fill_16_bits(bits):
    picture = Image.fromarray(np.asarray(drawn()).astype(np.uint16) << bits - 8)
    assert differs(encoded(picture)) < 0.04


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_set_upright(orientation):
    undo = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # Pillow's transpositions that such a camera would have stored
    stored = drawn()
    for step in undo.get(orientation, []):
        stored = stored.transpose(Image.Transpose(step))
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = image.open_image(encoded(stored, exif=exif), LIMIT)
    assert np.array_equal(np.asarray(upright.convert("L")), np.asarray(drawn()))


@pytest.mark.parametrize("line", [3, 7, 14, 20])
def test_a_thin_line_reads_as_a_thick_one(line):
    assert differs(encoded(drawn(line))) < 0.075


def test_light_that_falls_unevenly_does_not_matter():
    shade = np.linspace(0.55, 1, 300)[:, None] * np.linspace(0.7, 1, 300)
    assert differs(encoded(Image.fromarray((np.asarray(drawn()) * shade).astype(np.uint8)))) < 0.05


def test_a_box_is_in_pixels_of_the_picture():
    (mark,) = image.marks(image.open_image(encoded(drawn()), LIMIT))
    assert mark.box == pytest.approx((103, 83, 94, 134), abs=8)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_plain_paper_is_blank(value):
    assert image.marks(image.open_image(encoded(Image.new("L", (200, 200), value)), LIMIT)) == []


def test_a_fully_transparent_picture_is_blank():
    assert image.marks(image.open_image(encoded(Image.new("RGBA", (200, 200), (0, 0, 0, 0))), LIMIT)) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"no picture at all", "no picture"),
        (encoded(drawn(), "TIFF"), "no picture"),
        (encoded(drawn())[:200], "damaged"),
        (encoded(drawn(), "JPEG")[:400], "damaged"),
        (encoded(Image.new("1", (9000, 9000))), "pixels"),
        (encoded(Image.new("1", (5000, 4000))), "JPEG"),
    ],
    ids=["empty", "text", "TIFF", "cut PNG", "cut JPEG", "too many pixels", "too many for a PNG"],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(data, told):
    with pytest.raises(image.UnreadableImage, match=told):
        image.open_image(data, LIMIT)


# Papers: a 2 drawn here, on papers made here.

HEIGHT, WIDTH = 240, 300
DIGITS = {  # as lines on a square of side 1
    "2": [[(0.1, 0.25), (0.25, 0.05), (0.55, 0), (0.75, 0.2), (0.6, 0.5), (0.05, 1), (0.85, 1)]],
    "4": [[(0.5, 0), (0.05, 0.65), (0.8, 0.65)], [(0.6, 0.3), (0.6, 1)]],
    "5": [[(0.2, 0.05), (0.15, 0.45), (0.5, 0.4), (0.75, 0.65), (0.55, 0.95), (0.1, 0.95)], [(0.2, 0.05), (0.75, 0)]],
    "7": [[(0, 0.05), (0.7, 0), (0.3, 1)]],
}


def coverage(digit="2", left=100, top=60, size=110, line=0.08, shape=(HEIGHT, WIDTH)) -> np.ndarray:
    """Return how much of each pixel a digit covers, float32 (H, W), 0 .. 1."""
    ink = np.zeros((4 * shape[0], 4 * shape[1]), np.uint8)
    for stroke in DIGITS[digit]:
        points = (np.array(stroke) * size + (left, top)) * 4
        cv2.polylines(ink, [np.round(points).astype(np.int32)], False, 255, max(1, round(4 * line * size)))
    return cv2.resize(ink, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def painted(ink, paper=245, pen=30) -> np.ndarray:
    """Return paper with ink on it, float32 (H, W, 3); paper and pen are grey levels, colours or whole papers."""
    paper = np.broadcast_to(np.asarray(paper, np.float32), (*ink.shape, 3))
    return paper + (np.asarray(pen, np.float32) - paper) * ink[..., None]


def pil(pixels) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def likeness(a, b) -> float:
    """Return how alike two frames are, 0 .. 1, whichever way rounding moved them by a pixel."""
    moved = [np.roll(b, (x, y), (0, 1)) for x in (-1, 0, 1) for y in (-1, 0, 1)]
    return max(float((a * c).sum() / np.sqrt((a * a).sum() * (c * c).sum())) for c in moved)


def reads_as(picture, digit="2", least=0.85) -> bool:
    found = image.marks(picture)
    (expected,) = image.marks(pil(painted(coverage(digit, left=60, top=30, size=160))))
    return len(found) == 1 and likeness(frames.frame(found[0].ink), frames.frame(expected.ink)) > least


def light(start, stop, shape=(HEIGHT, WIDTH)) -> np.ndarray:
    """Return light that falls off from left to right, float32 (H, W, 1)."""
    return np.broadcast_to(np.linspace(start, stop, shape[1], dtype=np.float32)[None, :, None], (*shape, 1))


def shadow(depth=0.5) -> np.ndarray:
    """Return the light of a shadow with a slanting edge through the digit, 3 pixels soft, float32 (H, W, 1)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return (1 - depth / (1 + np.exp((x + 0.4 * y - 170) / 3)))[..., None]


def rules(squared=False) -> np.ndarray:
    """Return paper with thin printed lines, a little turned, float32 (H, W, 3)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    lines = (y + 0.03 * x) % 28 < 1.5
    if squared:
        lines |= (x - 0.03 * y) % 28 < 1.5
    return np.where(lines[..., None], (150, 170, 210), (240, 238, 230)).astype(np.float32)


def table() -> np.ndarray:
    """Return a sheet of paper, a little turned, on a dark table, float32 (H, W, 3)."""
    pixels = np.full((HEIGHT, WIDTH, 3), 50, np.float32)
    cv2.fillPoly(pixels, [np.array([(20, 30), (280, 15), (290, 220), (30, 232)])], (235, 232, 225))
    return pixels


SMALL = coverage(left=70, top=110, size=50, line=0.07)


def on_a_table(colour, turn=0.06, at=(0.5, 0.5), paper=225) -> np.ndarray:
    """Return a photo of a sheet with a small 2, turned by an angle in radians, on a table with grain, float32 (480, 640, 3).

    at: where its middle is, in parts of the photo.
    """
    sheet = painted(SMALL, paper, (40, 50, 130))
    c, s = 0.8 * np.cos(turn), 0.8 * np.sin(turn)
    shape = np.array([[c, -s, 640 * at[0]], [s, c, 480 * at[1]]])
    shape[:, 2] -= shape[:, :2] @ (WIDTH / 2, HEIGHT / 2)
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 60, (480, 640)).astype(np.float32), (0, 0), sigmaX=30, sigmaY=2)
    photo = np.full((480, 640, 3), colour, np.float32) + grain[..., None]
    mask = cv2.warpAffine(np.ones((HEIGHT, WIDTH), np.float32), shape, (640, 480))[..., None]
    return photo * (1 - mask) + cv2.warpAffine(sheet, shape, (640, 480)) * mask


def scan() -> np.ndarray:
    pixels = np.full((HEIGHT, WIDTH, 3), 240, np.float32)
    cv2.fillPoly(pixels, [np.array([(0, 0), (WIDTH, 0), (WIDTH, 22), (0, 8)])], (20, 20, 20))
    pixels[:, -9:] = 20
    return pixels


def screenshot() -> np.ndarray:
    pixels = np.full((HEIGHT, WIDTH, 3), 255, np.float32)
    pixels[:22] = 220
    for x, colour in ((12, (255, 90, 80)), (30, (250, 190, 40)), (48, (40, 200, 60))):
        cv2.circle(pixels, (x, 11), 5, colour, -1)
    cv2.rectangle(pixels, (8, 30), (292, 232), (90, 90, 90), 2)
    return pixels


def grain(amount, blur=0.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), blur) if blur else noise
    return (amount * noise / noise.std())[..., None]


INK = coverage()
PAPERS = {
    "uneven light": painted(INK) * light(1, 0.35),
    "shadow": painted(INK) * shadow(),
    "pencil on shaded paper": painted(INK * 0.5, 230, 110) * light(0.5, 1) + grain(3, 1),
    "thin blue pen in shadow": painted(coverage(line=0.02), (205, 198, 185), (110, 105, 165)) * light(1, 0.6) + grain(3),
    "yellow pen": painted(INK, 250, (245, 225, 60)),
    "red pen": painted(INK, 240, (220, 50, 60)),
    "chalk on a blackboard": painted(INK * 0.85, (35, 60, 50), 225) + grain(5, 1),
    "ruled": painted(INK, rules(), (60, 60, 70)),
    "squared": painted(INK, rules(squared=True), (60, 60, 70)),
    "pencil on dark rules": painted(INK, rules() - 60 * (rules() < 220), (110, 110, 115)),
    "dark table": painted(INK, table()),
    "scan with a dark border": painted(INK, scan()),
    "screenshot with a toolbar and a frame": painted(INK, screenshot(), 0),
    "white on black in a light page": np.pad(painted(INK, 0, 255), ((20, 20), (30, 30), (0, 0)), constant_values=240),
    "noise": painted(INK, 220, 60) + grain(25),
    "low contrast": painted(INK, 150, 120) + grain(2),
    "specks": painted(np.maximum(INK, np.pad(np.ones((3, 3), np.float32), ((200, 37), (40, 257)))), 240),
}


@pytest.mark.parametrize("paper", PAPERS)
def test_the_paper_does_not_matter(paper):
    assert reads_as(pil(PAPERS[paper]))


TABLES = {
    "dark wood": on_a_table((95, 60, 35)),
    "a blue cloth": on_a_table((40, 60, 95)),
    "a grey table": on_a_table((140, 135, 130), turn=-0.06),
    "at the edge": on_a_table((120, 40, 40), at=(0.2, 0.55)),
}


@pytest.mark.parametrize("where", TABLES)
def test_a_sheet_on_a_table_reads_as_if_it_filled_the_picture(where):
    assert reads_as(pil(TABLES[where]), least=0.8)


def test_a_box_is_in_pixels_of_the_picture_where_the_sheet_is_a_part_of_it():
    (mark,) = image.marks(pil(on_a_table((95, 60, 35), turn=0)))
    y, x = np.nonzero(cv2.warpAffine(SMALL, np.array([[0.8, 0, 320 - 120], [0, 0.8, 240 - 96]]), (640, 480)) > 0.5)
    assert mark.box == pytest.approx((x.min(), y.min(), np.ptp(x), np.ptp(y)), abs=4)


def boxed(kind) -> np.ndarray:
    """Return the 2 in something that was drawn or printed around it, float32 (H, W, 3)."""
    ink = np.uint8(255 * INK)
    for x in (80, 230) if kind == "grid" else ():
        cv2.line(ink, (x, 0), (x + 5, HEIGHT), 255, 3)
    for y in (40, 190) if kind == "grid" else ():
        cv2.line(ink, (0, y), (WIDTH, y + 5), 255, 3)
    if kind == "box":
        cv2.polylines(ink, [np.array([(80, 40), (230, 44), (226, 190), (78, 188)])], True, 255, 4)
    if kind == "ring with a gap":
        cv2.ellipse(ink, (145, 115), (95, 90), 0, 10, 355, 255, 4)
    if kind == "narrow ring":
        cv2.ellipse(ink, (148, 115), (76, 108), 0, 0, 360, 255, 4)
    return painted(ink / 255)


@pytest.mark.parametrize("kind", ["box", "ring with a gap", "narrow ring", "grid"])
def test_what_is_drawn_around_a_digit_is_none(kind):
    assert reads_as(pil(boxed(kind)))


def test_the_digits_of_a_form_are_read_without_its_lines():
    ink = np.zeros((120, 500), np.float32)
    for place in range(4):
        ink = np.maximum(ink, coverage(left=50 + 110 * place, top=30, size=55, shape=ink.shape))
    form = np.uint8(255 * ink)
    cv2.rectangle(form, (20, 10), (480, 105), 255, 3)
    for x in (135, 250, 365):
        cv2.line(form, (x, 10), (x, 105), 255, 3)
    assert len(image.marks(pil(painted(form / 255)))) == 4


@pytest.mark.parametrize("radius", [20, 28])
def test_a_0_with_a_large_dot_in_it_is_no_dot_in_a_ring(radius):
    picture = Image.new("L", (300, 300), 245)
    ImageDraw.Draw(picture).ellipse((90, 60, 210, 240), outline=30, width=14)
    ImageDraw.Draw(picture).ellipse((150 - radius, 150 - radius, 150 + radius, 150 + radius), fill=30)
    assert (90, 60, 120, 180) in [pytest.approx(mark.box, abs=4) for mark in image.marks(picture)]


def test_a_ring_with_a_point_in_it_is_a_ring():
    picture = Image.new("L", (300, 300), 245)
    ImageDraw.Draw(picture).ellipse((90, 60, 210, 240), outline=30, width=14)
    ImageDraw.Draw(picture).ellipse((142, 142, 158, 158), fill=30)
    (mark,) = image.marks(picture)
    assert mark.box == pytest.approx((90, 60, 120, 180), abs=4)
    ImageDraw.Draw(picture).line([(172, 100), (128, 200)], fill=30, width=12)  # a 0 with a stroke through it that does not touch it
    assert (90, 60, 120, 180) in [pytest.approx(mark.box, abs=4) for mark in image.marks(picture)]


def test_the_stroke_through_a_round_0_is_no_digit_in_a_ring():
    picture = Image.new("L", (300, 300), 245)
    ImageDraw.Draw(picture).ellipse((70, 60, 230, 240), outline=30, width=12)
    ImageDraw.Draw(picture).line([(185, 110), (115, 190)], fill=30, width=12)  # it does not touch
    assert (70, 60, 160, 180) in [pytest.approx(mark.box, abs=4) for mark in image.marks(picture)]


def test_the_edge_of_a_shadow_is_no_edge_of_a_sheet():
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    for across in (x + y - 290, x - y - 40, 40 + y - x, 290 - x - y, x - 140, y - 110, x + y - 200, 200 - x - y, x - y - 130, 130 + y - x):
        shaded = painted(INK) * (1 - 0.45 / (1 + np.exp(np.clip(across / 4, -50, 50))))[..., None]
        assert reads_as(pil(shaded), least=0.8)
        assert image.find_sheets(image.shrunk_to_extent(np.asarray(pil(shaded)))) == []


@pytest.mark.parametrize("margin", [0, 1, 2])
@pytest.mark.parametrize(("side", "line"), [(16, 2), (160, 20)])
def test_a_digit_may_fill_its_picture(side, line, margin):
    across = (np.arange(side) - (side - 1) / 2) / (side / 2)
    distance = (np.abs(across) ** 3 + np.abs(across[:, None]) ** 3) ** (1 / 3)  # between a circle and a square
    ink = np.pad(np.uint8(255 * ((distance < 1) & (distance > 1 - 2 * line / side))), margin)
    for picture in (ink, 255 - ink):
        (mark,) = image.marks(Image.fromarray(picture))
        assert mark.box == pytest.approx((margin, margin, side, side), abs=2)


def test_ink_in_strong_noise_is_no_edge():
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(0, 20, (160, 160, 1))
        assert len(image.marks(pil(painted(0.5 * coverage(left=40, top=32, size=96, shape=(160, 160)), 220, 60) + noise))) == 1


@pytest.mark.parametrize(("height", "width", "size"), [(40, 1300, 28), (60, 1000, 25), (50, 2000, 40)])
def test_a_long_strip_of_digits_is_read(height, width, size):
    ink = np.zeros((height, width), np.float32)
    for place in range(6):
        ink = np.maximum(ink, coverage(left=30 + place * 1.6 * size, top=4, size=size, shape=ink.shape))
    assert len(image.marks(pil(painted(ink)))) == 6


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_line_of_a_cell_beside_a_small_digit_is_none(side):
    ink = np.uint8(255 * coverage(left=9, top=8, size=12, line=0.14, shape=(28, 28)))
    ink[:, 0 if side == "left" else -1] = 255
    (mark,) = image.marks(Image.fromarray(255 - ink))
    assert mark.box[2] < 16


def test_a_digit_near_the_rim_of_its_sheet_leaves_the_others_as_they_are():
    photo = np.full((480, 640, 3), 20, np.float32)
    photo[120:360, 140:500] = 235
    for place in range(3):
        photo = painted(coverage(left=145 + 110 * place, top=190, size=90, shape=(480, 640)), photo)
    assert [round(mark.box[0]) for mark in image.marks(pil(photo))] == pytest.approx([145, 255, 365], abs=20)


@pytest.mark.parametrize("variant", range(4))
def test_a_4_that_fills_its_picture_is_read_though_it_encloses_what_looks_like_a_sheet(variant):
    ink = strokes.ink(hands.draw("4", np.random.default_rng(0), wildness=0, variant=variant), line=0.06)
    y, x = np.nonzero(ink > 0.2)
    ink = ink[y.min() : y.max() + 1, x.min() : x.max() + 1]
    (mark,) = image.marks(Image.fromarray((255 * (1 - ink)).astype(np.uint8)))
    assert mark.box == pytest.approx((0, 0, *ink.shape[::-1]), abs=4)


def test_a_thick_0_is_read_where_it_looks_like_a_dark_sheet():
    picture = Image.new("L", (280, 280), 255)
    outline = [(100, 70), (180, 60), (200, 130), (150, 200), (80, 190), (100, 70), (150, 65)]
    ImageDraw.Draw(picture).line(outline, fill=0, width=44, joint="curve")
    assert len(image.find_sheets(image.shrunk_to_extent(image.rgb(picture)))) == 1
    (mark,) = image.marks(picture)
    assert mark.box == pytest.approx((58, 38, 164, 184), abs=4)


def test_a_rule_of_squared_paper_along_the_pictures_edge_is_no_1():
    paper = np.full((2 * HEIGHT, 2 * WIDTH, 3), 240, np.float32)
    cv2.line(paper, (0, 90), (5, 2 * HEIGHT), (150, 170, 210), 2)
    assert image.marks(pil(paper + np.random.default_rng(0).normal(0, 2, paper.shape))) == []


def test_the_edge_of_a_deep_shadow_is_no_ink():
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    for across in (x + 0.4 * y - 170, x - 140, 150 - x - 0.2 * y, y - 110, 110 - y, x + y - 250, 250 - x - y):
        light = 1 - 0.7 / (1 + np.exp(np.clip(across / 3, -50, 50)))
        assert reads_as(pil(painted(INK) * light[..., None]))


def test_the_line_of_a_large_1_is_no_sheet_and_a_strip_of_paper_is_one():
    small = np.zeros((28, 28), np.uint8)
    small[4:24, 13:15] = 255
    picture = Image.fromarray(cv2.resize(small, (280, 280)))
    (mark,) = image.marks(picture)
    assert mark.box == pytest.approx((130, 40, 20, 200), abs=4)
    assert image.find_sheets(image.shrunk_to_extent(image.rgb(picture))) == []
    strip = np.full((480, 640, 3), (60, 70, 90), np.float32) + np.random.default_rng(0).normal(0, 4, (480, 640, 1))
    strip[180:300, 70:570] = 230
    for x in (120, 240, 360, 480):
        strip = painted(coverage(left=x, top=205, size=60, shape=(480, 640)), strip)
    assert [round(mark.box[0], -1) for mark in image.marks(pil(strip))] == [120, 240, 360, 480]
    assert len(image.find_sheets(image.shrunk_to_extent(np.asarray(pil(strip))))) == 1


def test_the_edge_of_a_shadow_through_a_digit_on_a_sheet_does_not_cut_it():
    table = np.array((70, 90, 70)) + np.random.default_rng(0).normal(0, 4, (HEIGHT + 100, WIDTH + 120, 1))
    table[50:-50, 60:-60] = painted(INK, 225, (40, 50, 130))
    (whole,) = image.marks(pil(table))
    y, x = np.mgrid[: HEIGHT + 100, : WIDTH + 120].astype(np.float32)
    for across in (x - 200, 200 - x, 160 - y, x + y - 370):
        (mark,) = image.marks(pil(table * (1 - 0.5 / (1 + np.exp(np.clip(across / 8, -50, 50))))[..., None]))
        assert mark.box == pytest.approx(whole.box, abs=6)


@pytest.mark.parametrize("seed", [0, 4, 15, 35])
def test_the_edges_of_a_bare_sheet_on_a_table_are_no_ink(seed):
    _, photo = scenes.compose(np.random.default_rng(seed), **scenes.KINDS["bare sheet on a table"])
    assert image.marks(photo) == []


@pytest.mark.parametrize("card", [40, 200])
def test_a_digit_beside_a_bare_card_is_read(card):
    photo = Image.new("L", (640, 480), 235)
    draw = ImageDraw.Draw(photo)
    draw.rectangle((330, 80, 560, 400), fill=card)
    draw.line([(90, 150), (220, 150), (140, 330)], fill=20, width=14)
    (mark,) = image.marks(photo)
    assert mark.box == pytest.approx((90, 144, 138, 190), abs=4)


def test_a_digit_that_cuts_into_the_part_of_its_sheet_that_is_in_the_light_is_read():
    text, photo = scenes.compose(np.random.default_rng([5027, 28]), **scenes.KINDS["sheet in a shadow on a table"])
    assert text == "1"
    assert [round(mark.box[0]) for mark in image.marks(photo)] == pytest.approx([260], abs=6)


def test_the_paper_on_both_sides_of_a_1_that_fills_its_picture_is_no_bare_sheet():
    picture = Image.new("L", (160, 220), 245)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((65, 0, 95, 220), fill=20)
    draw.rectangle((0, 190, 160, 220), fill=20)
    assert len(image.find_sheets(image.shrunk_to_extent(image.rgb(picture)))) == 2
    assert len(image.marks(picture)) == 1


def beside_a_2(width: int, ends: list, size: int = 130, line: float = 0.06) -> Image.Image:
    """Return a photo of a 2 and of a straight thing beside it, from one end to the other."""
    photo = painted(coverage(left=330, top=170, size=size, line=line, shape=(480, 640)), 225, (30, 40, 90))
    mask = np.zeros((480, 640), np.uint8)
    cv2.line(mask, *ends, 255, width, cv2.LINE_AA)
    return pil(painted(mask / 255, photo, (150, 40, 40)))


@pytest.mark.parametrize("ends", [[(120, 40), (160, 430)], [(560, 60), (520, 400)], [(200, 90), (90, 470)]])
def test_a_pen_that_lies_beside_a_digit_is_no_1(ends):
    (mark,) = image.marks(beside_a_2(24, ends))
    assert mark.box[:2] == pytest.approx((330, 170), abs=8)


@pytest.mark.parametrize(("width", "ends"), [(8, [(260, 120), (250, 330)]), (12, [(250, 170), (250, 300)])])
def test_a_1_beside_another_digit_is_read_where_it_is_higher_or_bolder(width, ends):
    assert len(image.marks(beside_a_2(width, ends))) == 2


def test_a_1_above_small_print_is_read():
    (mark,) = image.marks(beside_a_2(34, [(200, 40), (195, 440)], size=80, line=0.12))
    assert mark.box[3] > 390


def test_each_of_several_sheets_is_read():
    notes = np.full((HEIGHT, 3 * WIDTH, 3), (60, 110, 70), np.uint8)
    for place, digit in enumerate("275"):
        notes[40:200, 300 * place + 60 : 300 * place + 240] = 235
        ink = coverage(digit, left=300 * place + 120, top=80, size=80, shape=notes.shape[:2])
        notes = np.array(pil(painted(ink, notes)))
    assert len(image.find_sheets(image.shrunk_to_extent(notes))) == 3
    assert [round(mark.box[0], -2) for mark in image.marks(pil(notes))] == [100, 400, 700]


def test_a_sheet_that_is_hardly_wider_than_its_rim_is_none():
    strip = np.zeros((7, 65, 3), np.uint8)
    strip[2:4, :14] = 255
    image.marks(pil(strip))  # raised an error once


@pytest.mark.parametrize("paper", ["uneven light", "chalk on a blackboard", "red pen"])
def test_jpeg_artefacts_do_not_matter(paper):
    assert reads_as(image.open_image(encoded(pil(PAPERS[paper]), "JPEG", quality=30), LIMIT))


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("line", [0.015, 0.03, 0.06, 0.12])
def test_lines_of_one_and_a_half_to_twelve_percent_read_the_same(digit, line):
    assert reads_as(pil(painted(coverage(digit, line=line))), digit, least=0.8)
    assert reads_as(pil(painted(coverage(digit, line=line), 15, 235)), digit, least=0.8)


@pytest.mark.parametrize("height", [20, 40, 70, 80, 120])
def test_a_round_spot_is_no_ink(height):
    assert image.marks(spot(height, height)) == []


@pytest.mark.parametrize("height", [20, 40, 70])
def test_a_digit_whose_loop_is_full_is_ink(height):
    assert len(image.marks(spot(0.65 * height, height))) == 1


def spot(width, height) -> Image.Image:
    picture = Image.new("L", (300, 300), 245)
    ImageDraw.Draw(picture).ellipse((150 - width / 2, 150 - height / 2, 150 + width / 2, 150 + height / 2), fill=30)
    return picture


def test_the_background_is_exactly_clean():
    (mark,) = image.marks(pil(PAPERS["pencil on shaded paper"]))
    assert mark.ink.dtype == np.float32
    assert mark.ink.min() == 0
    assert mark.ink.max() > 0.9
    assert (mark.ink == 0).mean() > 0.4


@pytest.mark.parametrize("side", [16, 28, 100, 700, 2500])
def test_the_size_of_the_picture_does_not_matter(side):
    large = painted(coverage(left=60, top=30, size=180, line=0.1))
    small = cv2.resize(large, (side, side * HEIGHT // WIDTH), interpolation=cv2.INTER_AREA)
    assert reads_as(pil(small), least=0.75 if side < 20 else 0.85)


def test_a_digit_that_fills_the_picture_is_read():
    y, x = np.where(INK > 0.5)
    picture = painted(INK)[y.min() : y.max() + 1, x.min() : x.max() + 1]
    assert reads_as(pil(picture))
    assert reads_as(pil(255 - picture))


def test_a_tiny_digit_in_a_corner_is_read():
    shape = (750, 1000)
    assert reads_as(pil(painted(coverage(left=850, top=650, size=45, line=0.1, shape=shape)) * light(1, 0.7, shape)))


@given(left=st.integers(15, 170), top=st.integers(15, 110), size=st.integers(60, 110), paper=st.integers(170, 255), dark=st.booleans())
@settings(max_examples=40, deadline=None)
def test_where_a_digit_stands_does_not_matter(left, top, size, paper, dark):
    picture = painted(coverage(left=left, top=top, size=size), paper, 20)
    picture = pil(picture if dark else 255 - picture)
    assert reads_as(picture)
    (mark,) = image.marks(picture)
    x, y, w, h = mark.box
    assert (x + w / 2, y + h / 2) == pytest.approx((left + 0.45 * size, top + 0.5 * size), abs=0.06 * size + 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_read(kind):
    data = encoded(pil(painted(INK)), kind, save_all=True, append_images=[pil(painted(coverage("7")))], duration=100)
    assert reads_as(image.open_image(data, LIMIT))


@pytest.mark.parametrize("orientation", [1, 6])
def test_boxes_are_in_pixels_of_the_upright_picture_where_a_jpeg_was_decoded_reduced(orientation):
    small = painted(coverage(left=600, top=300, size=200, shape=(750, 1000)))
    taken = pil(cv2.resize(small, (4000, 3000), interpolation=cv2.INTER_LINEAR))
    exif = Image.Exif()
    exif[0x0112] = orientation
    taken = taken.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else taken
    reduced = image.open_image(encoded(taken, "JPEG", exif=exif), LIMIT)
    assert max(reduced.size) <= 1100
    ((x, y, w, h),) = (mark.box for mark in image.marks(reduced))
    assert (x, y, x + w, y + h) == pytest.approx((2400, 1180, 3110, 2030), abs=60)


def test_digits_come_in_reading_order():
    places = [("7", 30, 20), ("2", 110, 28), ("5", 200, 15), ("4", 60, 140), ("2", 150, 135)]
    found = image.marks(pil(painted(np.max([coverage(digit, left, top, size=75) for digit, left, top in places], axis=0))))
    assert len(found) == 5
    for mark, (_, left, top) in zip(found, places, strict=True):
        assert mark.box[:2] == pytest.approx((left, top), abs=12)


def test_a_digit_in_several_pieces_stays_one():
    floating_hat = coverage("5")
    floating_hat[74:82] = 0
    broken = coverage("2")
    broken[110:114] = 0
    for ink in (floating_hat, broken):
        assert cv2.connectedComponents((ink > 0.5).astype(np.uint8))[0] > 2  # the paper, and pieces
        (mark,) = image.marks(pil(painted(ink)))
        rows = np.flatnonzero((ink > 0.5).any(1))
        assert mark.box[3] == pytest.approx(rows[-1] - rows[0], abs=4)


@pytest.mark.parametrize("seed", [1, 3, 10, 25, 42])
def test_a_long_row_of_thin_digits_is_not_taken_for_gaps_in_dark_ink(seed):
    rng = np.random.default_rng(seed)
    pool = [(digit, hands.draw(digit, rng, wildness=0.5), 0) for digit in "0123456789"]
    text = ""
    while len(text) != 6:
        text, row = people.number(pool, (0.12, 0.4), rng)
    assert len(image.marks(people.picture(row, rng, line=5))) == 6


def test_a_thin_ring_that_fades_in_places_is_one_mark():
    canvas = np.zeros((56, 56), np.uint8)
    cv2.ellipse(canvas, (28, 28), (8, 12), 0, 0, 360, 230, 1, cv2.LINE_AA)
    canvas[27:29] //= 6
    (mark,) = image.marks(Image.fromarray(canvas))
    assert mark.box == pytest.approx((19, 15, 18, 26), abs=2)


def test_an_8_of_two_rings_that_do_not_touch_is_one_digit_beside_another():
    canvas = np.full((200, 300), 245, np.uint8)
    cv2.polylines(canvas, [np.array([[40, 40], [120, 40], [80, 160]])], False, 30, 9, cv2.LINE_AA)
    for middle, radius in ((66, 22), (136, 26)):
        cv2.ellipse(canvas, (210, middle), (radius, radius), 0, 0, 360, 30, 9, cv2.LINE_AA)
    _, eight = image.marks(Image.fromarray(canvas))
    assert eight.box[1::2] == pytest.approx((40, 126), abs=3)


def test_a_9_whose_loop_is_full_does_not_make_other_lines_look_too_thin():
    canvas = np.full((200, 340), 245, np.uint8)
    cv2.circle(canvas, (70, 65), 22, 30, cv2.FILLED, cv2.LINE_AA)
    cv2.polylines(canvas, [np.array([[90, 65], [86, 110], [60, 165]])], False, 30, 8, cv2.LINE_AA)
    for x in (170, 270):
        six = np.array([[x + 20, 40], [x - 15, 110], [x - 10, 150], [x + 20, 150], [x + 15, 115]])
        cv2.polylines(canvas, [six], False, 30, 8, cv2.LINE_AA)
    assert len(image.marks(Image.fromarray(canvas))) == 3


BLANKS = {
    "noise": 128 + grain(40) + np.zeros(3),
    "the paper's texture": 225 + grain(6, 2) + np.zeros(3),
    "uneven light": 235 * light(1, 0.3) + np.zeros(3),
    "a shadow": 235 * shadow() + grain(2) + np.zeros(3),
    "one dot": painted(cv2.circle(np.zeros((HEIGHT, WIDTH), np.float32), (150, 120), 6, 1, -1)),
    "1 x 1": np.zeros((1, 1, 3)),
    "1 x 5000": np.zeros((1, 5000, 3)),
    "5000 x 1": np.full((5000, 1, 3), 255),
}


@pytest.mark.parametrize("paper", BLANKS)
def test_paper_without_ink_is_blank(paper):
    assert image.marks(pil(BLANKS[paper])) == []


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
@settings(max_examples=60, deadline=None)
def test_any_picture_gives_well_formed_marks(pixels):
    for mark in image.marks(Image.fromarray(pixels)):
        x, y, w, h = mark.box
        assert min(x, y) >= 0
        assert x + w <= pixels.shape[1] + 0.01
        assert y + h <= pixels.shape[0] + 0.01
        assert mark.ink.dtype == np.float32
        assert 0 <= mark.ink.min() <= mark.ink.max() <= 1
        assert frames.frame(mark.ink).max() > 0


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: encoded(drawn())[:60] + tail))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_a_picture_or_refused(data):
    with contextlib.suppress(image.UnreadableImage):
        assert image.open_image(data, LIMIT).size > (0, 0)


def claiming(width, height) -> bytes:
    """Return a PNG of a hundred bytes that claims a size."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4100, 7800, 13300, 2**31 - 1])
def test_a_size_over_the_limits_is_refused_before_decoding(side):
    with pytest.raises(image.UnreadableImage, match="megapixels"):
        image.open_image(claiming(side, side), LIMIT)


@pytest.mark.parametrize("kind", ["PDF", "EPS", "ICO"])
def test_other_formats_are_refused(kind):
    with pytest.raises(image.UnreadableImage, match="Send a PNG, JPEG"):
        image.open_image(encoded(drawn(), kind), LIMIT)


def test_a_wrong_checksum_is_refused():
    data = bytearray(encoded(drawn()))
    data[len(data) // 2] ^= 255
    with pytest.raises(image.UnreadableImage, match="damaged"):
        image.open_image(bytes(data), LIMIT)


def test_a_large_jpeg_is_decoded_where_a_large_png_is_refused():
    large = Image.new("L", (5000, 3400), 255)
    assert max(image.open_image(encoded(large, "JPEG"), LIMIT).size) < 2000
    with pytest.raises(image.UnreadableImage, match="JPEG"):
        image.open_image(encoded(large), LIMIT)
    with pytest.raises(image.UnreadableImage, match="10 megapixels"):
        image.open_image(encoded(large, "JPEG"), 10_000_000)


@pytest.mark.parametrize(("line", "margin"), [(0.25, 12), (0.25, 2), (0.2, 0)])
@pytest.mark.parametrize("paper", [245, 15])
def test_bold_digits_on_plain_ground_are_read_to_the_pictures_edge(line, margin, paper):
    for name in "0123456789":
        ink = strokes.ink(hands.draw(name, np.random.default_rng(0), wildness=0), line=line)
        y, x = np.nonzero(ink > 0.2)
        height, width = np.ptp(y) + 1, np.ptp(x) + 1
        ink = np.pad(ink[y.min() : y.max() + 1, x.min() : x.max() + 1], margin)
        (mark,) = image.marks(Image.fromarray((paper + (260 - 2 * paper) * ink).astype(np.uint8)))
        assert mark.box == pytest.approx((margin, margin, width, height), abs=4), name


def test_a_bold_1_is_no_plate_and_stands_where_it_is_in_a_large_picture():
    picture = Image.new("L", (1000, 1400), 255)
    ImageDraw.Draw(picture).rectangle([350, 300, 650, 1100], fill=0)
    (mark,) = image.marks(picture)
    assert mark.box == pytest.approx((350, 300, 300, 800), abs=10)


def test_a_digit_in_a_speech_bubble_is_read_and_not_the_bubble():
    picture = Image.new("L", (300, 330), 245)
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle([30, 30, 270, 200], 20, fill=40)
    draw.polygon([(60, 190), (130, 190), (60, 290)], fill=40)
    draw.line([(120, 70), (180, 70), (145, 165)], fill=245, width=12, joint="curve")
    (mark,) = image.marks(picture)
    assert mark.box == pytest.approx((120, 65, 67, 103), abs=4)
