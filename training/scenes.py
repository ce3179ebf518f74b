"""Photographs composed by our own code: what hands.py writes, on paper, in a light, on a table, before a camera. evaluate.py reads them.

paper, its rules -> ink -> what is drawn around it -> light -> table -> camera
"""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from digit_model import hands, strokes

HEIGHT, WIDTH = 480, 640  # pixels of a photo
FINE = 3  # times finer is ink drawn than seen
CELL = 1.2  # of a digit's height, width of a cell that has a digit each
PENS = {  # colour, and how much of the paper it hides
    "black": ((40, 40, 45), 1),
    "blue": ((40, 55, 140), 0.95),
    "red": ((190, 40, 50), 0.9),
    "pencil": ((95, 95, 100), 0.75),
    "faint": ((120, 120, 125), 0.35),
    "chalk": ((235, 235, 230), 0.9),
    "light": ((255, 255, 255), 1),
}
TABLES = (60, 45, 35), (150, 110, 75), (40, 42, 45), (110, 120, 125), (70, 90, 70), (180, 150, 120)  # colours
GRAINS = (40, 1.5), (3, 3), (1, 1)  # pixels, width and height of what a table's pattern is made of
KINDS: dict[str, dict] = {
    "plain": {},
    "red pen": {"pen": "red"},
    "marker": {"line": (0.12, 0.2)},
    "fine line": {"line": (0.015, 0.03)},
    "small": {"height": (0.08, 0.15), "line": (0.06, 0.12)},
    "pencil": {"pen": "pencil"},
    "faint pencil": {"pen": "faint"},
    "chalk on a board": {"pen": "chalk", "paper": (45, 70, 60)},
    "light on a dark screen": {"pen": "light", "paper": (18, 18, 22), "line": (0.1, 0.2)},
    "ruled paper": {"rules": "ruled"},
    "squared paper": {"rules": "squared"},
    "one square a digit": {"rules": "a square each", "height": (0.12, 0.2), "line": (0.06, 0.12), "digits": 4},
    "pencil on ruled paper": {"rules": "ruled", "pen": "pencil"},
    "box": {"around": "box"},
    "ring": {"around": "ring", "height": (0.2, 0.4)},
    "cells of a form": {"around": "cells", "height": (0.12, 0.2), "line": (0.06, 0.12), "digits": 4},
    "underlined": {"around": "line"},
    "uneven light": {"light": "lamp"},
    "shadow": {"light": "shadow", "depth": (0.35, 0.55)},
    "deep shadow": {"light": "shadow", "depth": (0.6, 0.8)},
    "two shadows": {"light": "two shadows", "depth": (0.35, 0.6)},
    "dim": {"light": "even", "depth": (0.7, 0.8), "noise": (2, 4)},
    "night": {"light": "even", "depth": (0.88, 0.92), "noise": (2, 4)},
    "out of focus": {"blur": (4, 7)},
    "noise": {"noise": (15, 25)},
    "JPEG at 10 %": {"quality": 10},
    "sheet on a table": {"table": True},
    "small on a sheet on a table": {"table": True, "height": (0.1, 0.18), "line": (0.06, 0.12)},
    "ruled sheet on a table": {"table": True, "rules": "ruled"},
    "sheet in a shadow on a table": {"table": True, "light": "shadow", "depth": (0.35, 0.55)},
    "number": {"digits": 3, "height": (0.2, 0.35)},
    "number in pencil on squared paper": {"digits": 3, "height": (0.2, 0.35), "pen": "pencil", "rules": "squared"},
    "number on a sheet on a table": {"digits": 3, "height": (0.2, 0.35), "table": True},
    "bare paper": {"digits": 0},
    "bare ruled paper": {"digits": 0, "rules": "ruled"},
    "bare squared paper": {"digits": 0, "rules": "squared"},
    "bare paper in a shadow": {"digits": 0, "light": "shadow", "depth": (0.35, 0.7)},
    "bare sheet on a table": {"digits": 0, "table": True},
}


def measure(read: Callable[[Image.Image], str], count: int, seed: int = 0) -> dict[str, float]:
    """Return of each kind the share of photos that are read rightly, bare paper as no text; read: photo -> text."""
    figures = {}
    for number, kind in enumerate(tqdm(KINDS, desc="composed photos", leave=False)):
        rng = np.random.default_rng([seed, number])
        photos = [compose(rng, **KINDS[kind]) for _ in range(count)]
        figures[kind] = float(np.mean([read(photo) == text for text, photo in photos]))
    return figures


def compose(
    rng: np.random.Generator,
    digits: int = 1,
    height: tuple[float, float] = (0.3, 0.6),
    line: tuple[float, float] = (0.05, 0.11),
    pen: str | None = None,
    paper: tuple[int, int, int] | None = None,
    rules: str | None = None,
    around: str | None = None,
    light: str = "soft",
    depth: tuple[float, float] = (0.1, 0.3),
    table: bool = False,
    blur: tuple[float, float] = (0.5, 1.2),
    noise: tuple[float, float] = (1, 4),
    quality: int = 75,
) -> tuple[str, Image.Image]:
    """Return what stands in a photo, and the photo, RGB, 640 x 480. Two numbers are the limits of what is drawn anew for each photo.

    height: of the digits, in parts of the photo's; line: of the digit's height; depth: how much light a shadow takes; blur: standard
    deviation, pixels; noise: standard deviation, levels of 255; quality: of the JPEG.
    """
    text = "".join(rng.choice(list(hands.DIGITS), digits))
    tall = rng.uniform(*height) * HEIGHT
    lines, boxes = written(rng, text, tall, apart=rng.uniform(0.25, 0.45), each_in_a_cell=rules == "a square each" or around == "cells")
    sheet = sheet_of(rng, paper)
    if rules:
        rule(rng, sheet, rules, tall, boxes)
    ink = drawn(lines, max(1.5, rng.uniform(*line) * tall))
    if around:
        ink = np.maximum(ink, drawn(drawn_around(rng, around, boxes), rng.uniform(1.5, max(3, 0.04 * tall))))
    colour, hides = PENS[pen or rng.choice(["black", "blue"])]
    sheet += (np.array(colour, np.float32) - sheet) * (hides * ink)[..., None]
    photo = on_a_table(rng, sheet) if table else sheet
    photo *= lit(rng, light, rng.uniform(*depth))[..., None]
    photo = cv2.GaussianBlur(photo, (0, 0), rng.uniform(*blur)) + rng.normal(0, rng.uniform(*noise), photo.shape)
    stored = cv2.imencode(".jpg", np.clip(photo[..., ::-1], 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return text, Image.fromarray(cv2.imdecode(stored, cv2.IMREAD_COLOR)[..., ::-1])


def written(rng, text, tall, apart, each_in_a_cell):
    """Return the strokes of a text somewhere in the middle of a photo, and the box of each of its digits: x, y, right, bottom."""
    lines, boxes, x = [], [], 0.0
    for name in text:
        digit = hands.draw(name, rng, wildness=0.3)
        low, high = strokes.extent(digit)
        scale = tall * rng.uniform(0.9, 1) / max(high[1] - low[1], (high[0] - low[0]) / 1.2)
        width = (high[0] - low[0]) * scale
        left = x + (CELL * tall - width) / 2 if each_in_a_cell else x
        at = np.array([left, rng.uniform(-0.04, 0.04) * tall])
        lines += [(stroke - low) * scale + at for stroke in digit]
        boxes.append([*at, *(at + (high - low) * scale)])
        x += CELL * tall if each_in_a_cell else width + apart * tall
    if not lines:
        return [], np.zeros((0, 4))
    boxes = np.array(boxes)
    size = boxes[:, 2:].max(0) - boxes[:, :2].min(0)
    free = np.array([WIDTH, HEIGHT]) - size
    move = free * rng.uniform(0.3, 0.7, 2) - boxes[:, :2].min(0)
    return [stroke + move for stroke in lines], boxes + np.tile(move, 2)


def drawn(lines, thickness):
    """Return how much of each pixel is covered by lines, each (P, 2): float32 (H, W), 0 .. 1."""
    ink = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.uint8)
    points = [np.rint(np.asarray(one) * FINE * 16).astype(np.int32).reshape(-1, 1, 2) for one in lines]
    cv2.polylines(ink, points, False, 255, max(1, round(thickness * FINE)), cv2.LINE_AA, shift=4)
    return cv2.resize(ink, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def smooth(rng, width):
    """Return noise without what is finer than `width`, x and y, standard deviation 1: float32 (H, W)."""
    noise = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), sigmaX=width[0], sigmaY=width[1])
    return (noise - noise.mean()) / noise.std()


def sheet_of(rng, colour):
    """Return paper, float32 (H, W, 3), of a colour, or about white."""
    base = np.array(colour or rng.uniform(215, 250) - np.array([0, 2, 8]) * rng.uniform(0, 2), np.float32)
    return base + smooth(rng, (1.5, 1.5))[..., None] * rng.uniform(0.5, 2)


def rule(rng, sheet, kind, tall, boxes):
    """Draw the lines that are printed on paper."""
    across = CELL * tall if kind == "a square each" else rng.uniform(0.3, 0.9) * tall
    x, y = boxes[0, :2] - 0.1 * tall if kind == "a square each" else rng.uniform(0, across, 2)
    lines = [[(0, v), (WIDTH, v)] for v in np.arange(y % across, HEIGHT, across)]
    if kind != "ruled":
        lines += [[(v, 0), (v, HEIGHT)] for v in np.arange(x % across, WIDTH, across)]
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), rng.uniform(-2, 2), 1.05)
    ink = cv2.warpAffine(drawn(lines, rng.uniform(1, 2)), turn, (WIDTH, HEIGHT))
    sheet += (np.array([130, 150, 200], np.float32) - sheet) * (ink * rng.uniform(0.3, 0.7))[..., None]


def drawn_around(rng, kind, boxes):
    """Return the lines of a box, ring, row of cells or underline around digits, each (P, 2), by hand."""
    (x, y), (right, bottom) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    rim = rng.uniform(0.2, 0.45) * (bottom - y)
    if kind == "line":
        lines = [[(x - rim, bottom + rim), (right + rim, bottom + rim)]]
    elif kind == "ring":
        angle = np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.05), 60) + rng.uniform(0, 6)
        radius = np.array([right - x, bottom - y]) / 2 + 1.2 * rim
        lines = [np.array([x + right, y + bottom]) / 2 + radius * np.stack([np.cos(angle), np.sin(angle)], 1)]
    else:
        x, y, right, bottom = x - rim, y - rim, right + rim, bottom + rim
        lines = [[(x, y), (right, y), (right, bottom), (x, bottom), (x, y)]]
        if kind == "cells":
            lines += [[(v, y), (v, bottom)] for v in (boxes[1:, 0] + boxes[:-1, 2]) / 2]
    return [np.asarray(one) + rng.normal(0, 0.6, np.shape(one)) for one in lines]


def lit(rng, kind, depth):
    """Return the light that falls on a photo: float32 (H, W), 0 dark .. 1; depth: how much of it is taken where it is least."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) / HEIGHT
    if kind == "even":
        return np.full((HEIGHT, WIDTH), 1 - depth, np.float32)
    if kind == "lamp":
        away = np.hypot(x - rng.uniform(0.2, 1.1), y - rng.uniform(0.1, 0.9))
        return 1 / (1 + rng.uniform(1, 2.5) * away**2)
    light = np.ones((HEIGHT, WIDTH), np.float32)
    for _ in range(2 if kind == "two shadows" else 1):
        angle, soft = rng.uniform(0, 2 * np.pi), 0.4 if kind == "soft" else rng.uniform(0.004, 0.05)
        along = (x - rng.uniform(0.45, 0.85)) * np.cos(angle) + (y - rng.uniform(0.35, 0.65)) * np.sin(angle)
        light *= 1 - depth / (1 + np.exp(np.clip(along / soft, -50, 50)))
    return light


def on_a_table(rng, sheet):
    """Return a photo of the sheet, smaller and turned, on wood, stone or cloth: float32 (H, W, 3)."""
    photo = np.float32(TABLES[rng.integers(len(TABLES))]) + smooth(rng, GRAINS[rng.integers(len(GRAINS))])[..., None] * rng.uniform(3, 12)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), rng.uniform(-12, 12), rng.uniform(0.6, 0.8))
    turn[:, 2] += rng.uniform(-40, 40, 2)
    mask = cv2.warpAffine(np.ones((HEIGHT, WIDTH), np.float32), turn, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    photo *= (1 - 0.3 * cv2.GaussianBlur(np.roll(mask, (3, 4), (0, 1)), (0, 0), 6))[..., None]
    return photo + (cv2.warpAffine(sheet, turn, (WIDTH, HEIGHT), flags=cv2.INTER_AREA) - photo) * mask[..., None]
