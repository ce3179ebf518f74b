"""Measures a model on what people drew, photographed and scanned, and on numbers of their digits. evaluate.py and the tests call it."""

import csv
from collections import defaultdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from tqdm import tqdm

from digit_model import frames, image, reader, strokes
from training.judge import Judge

DIGIT_SHAPED = set("OoIlSsZzBbqgDi1|/-")  # letters and signs with a digit's shape: neither answer is wrong
GAPS = {"numbers": (0.12, 0.4), "numbers_touching": (-0.06, -0.02)}  # between the digits of a number, in parts of a digit's height


def measure(model: reader.Model, folder: Path, limit: int | None = None) -> dict:
    """Return what the app reads of the sets in the folder: digits and numbers right, non-digits refused, how sure it was.

    limit: judge on so many of each large set, drawn at random, always the same. Scans do not count for the calibration: nobody sends those.
    """
    judge, scans, rng, figures = Judge(model), Judge(model), np.random.default_rng(0), {}

    tablet = some(drawings(folder / "tablet_digits.npz"), limit)
    right = np.array([judge.read(reader.pieces_of_strokes(d), label) for label, d, _ in tqdm(tablet, desc="tablet strokes", leave=False)])
    odd = np.array([writer % 2 == 1 for *_, writer in tablet])
    figures["tablet_strokes"] = float(right.mean())
    figures["tablet_strokes_odd_writers"] = float(right[odd].mean())
    right = [judge.read(reader.pieces_of_image(picture(d, rng)), label) for label, d, _ in tqdm(tablet, desc="pictures", leave=False)]
    figures["tablet_pictures"] = float(np.mean(right))

    sources = defaultdict(list)
    with open(folder / "images" / "labels.csv", newline="") as rows:
        for row in csv.DictReader(rows):
            upright = image.open_image((folder / "images" / row["file"]).read_bytes(), max_pixels=50_000_000)
            sources[row["source"]].append(judge.read(reader.pieces_of_image(upright), row["label"]))
    figures["pictures_mean_over_sources"] = float(np.mean([np.mean(rights) for rights in sources.values()]))
    figures["pictures"] = {source: f"{sum(rights)}/{len(rights)}" for source, rights in sources.items()}
    figures["single_digits"] = judge.digits
    figures["single_digits_read_as_several"] = judge.several

    for name, x, y in (("usps", "x_test", "y_test"), ("semeion", "x", "y")):
        with np.load(folder / f"{name}.npz") as arrays:
            of_set = some(list(zip(arrays[x].astype(np.float32) / 255, arrays[y], strict=True)), limit)
        pieces = [reader.Piece(partial(frames.frame, scan), (0, 0, 16, 16), 0, 1) for scan, _ in of_set]
        figures[name] = float(np.mean([scans.read([piece], str(label)) for piece, (_, label) in zip(pieces, of_set, strict=True)]))
    figures["digits_wrongly_refused"] = (judge.wrongly_refused + scans.wrongly_refused) / (judge.digits + scans.digits)

    for name in ("tablet_letters", "touch_symbols"):
        kept = [d for label, d, _ in drawings(folder / f"{name}.npz") if label not in DIGIT_SHAPED]
        figures[f"{name}_refused"] = float(np.mean([judge.read(reader.pieces_of_strokes(d), None) for d in kept]))

    figures["ece"], figures["reliability"] = judge.calibration()
    for name, gaps in GAPS.items():
        numbers = [number(tablet, gaps, rng) for _ in range(limit or 2000)]
        right = [judge.read(reader.pieces_of_strokes(d), text) for text, d in tqdm(numbers, desc=name, leave=False)]
        figures[f"{name}_strokes"] = float(np.mean(right))
        lines = rng.uniform(5, 10, len(numbers))
        right = [
            judge.read(reader.pieces_of_image(picture(d, rng, line)), text)
            for (text, d), line in tqdm(zip(numbers, lines, strict=True), desc=f"{name}, pictures", leave=False)
        ]
        figures[f"{name}_pictures"] = float(np.mean(right))

    figures["ece_with_numbers"], _ = judge.calibration()
    figures["auroc"] = judge.auroc()
    return figures


def some(items: list, limit: int | None) -> list:
    """Return at most so many of the items, chosen at random, always the same."""
    return [items[i] for i in np.random.default_rng(0).permutation(len(items))[:limit]]


def drawings(path: Path) -> list[tuple[str, list[np.ndarray], int]]:
    """Return (label, strokes, writer) of every drawing of a stroke file; the layout is that of the UCI pen digits as arrays."""
    with np.load(path) as z:
        arrays = {name: z[name] for name in z.files}
    lines = np.split(arrays["points"].astype(float), arrays["stroke_start"][1:-1])
    bounds = arrays["sample_start"]
    writers = arrays.get("writer", np.zeros(len(bounds) - 1, int))
    return [(str(arrays["label"][i]), lines[bounds[i] : bounds[i + 1]], int(writers[i])) for i in range(len(bounds) - 1)]


def number(pool: list[tuple[str, list[np.ndarray], int]], gaps: tuple[float, float], rng: np.random.Generator) -> tuple[str, list]:
    """Return a number of 2 to 6 digits of one writer as (text, strokes).

    pool: (label, strokes, writer) of single digits; gaps: from .. to, in parts of a digit's height, negative where digits overlap.
    """
    writer = rng.choice(np.unique([writer for *_, writer in pool]))
    own = [(label, drawing) for label, drawing, by in pool if by == writer]
    text, drawn, x = "", [], 0.0
    for _ in range(rng.integers(2, 7)):
        label, drawing = own[rng.integers(len(own))]
        low, high = strokes.extent(drawing)
        height = rng.uniform(90, 115)
        scale = height / max(high[1] - low[1], (high[0] - low[0]) / 1.2, 1)
        place = np.array([x, rng.uniform(-8, 8)])
        drawn += [(stroke - low) * scale + place for stroke in drawing]
        x += (high[0] - low[0]) * scale + rng.uniform(*gaps) * height
        text += label
    return text, drawn


def picture(drawing: list[np.ndarray], rng: np.random.Generator, line: float | None = None) -> Image.Image:
    """Return a drawing as a picture, dark on light or light on dark; line: in pixels, else 1.5 to 12 % of its height."""
    low, high = strokes.extent(drawing)
    line = line or rng.uniform(0.015, 0.12) * max(high[1] - low[1], 40)
    ink = np.zeros(np.ceil((high - low)[::-1] + 80).astype(int) * 4, np.uint8)
    points = [np.rint((stroke - low + 40) * 4).astype(np.int32).reshape(-1, 1, 2) for stroke in drawing]
    cv2.polylines(ink, points, False, 255, max(1, round(line * 4)), cv2.LINE_AA)
    small = cv2.resize(ink, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) / 255
    paper, pen = (245, 30) if rng.random() < 0.5 else (15, 235)
    return Image.fromarray(np.round(paper + small * (pen - paper)).astype(np.uint8))
