"""Draws the model card's pictures: how far to trust a confidence, what is taken for what, the worst mistakes. evaluate.py calls it."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.dataset import Split

WHITE, INK, GREY, BLUE, RED = (255, 255, 255), (32, 36, 44), (200, 204, 210), (58, 92, 200), (200, 52, 52)
CELL = 52  # pixels, of the confusion matrix
SHOWN = 24  # mistakes


def write(folder: Path, figures: dict, test: Split, probabilities: np.ndarray) -> None:
    """Write reliability.png, confusion.png and mistakes.png into the folder.

    figures: what evaluate.on_mnist returned for the test part; probabilities: of its frames, (N, 10).
    """
    folder.mkdir(exist_ok=True)
    reliability(figures["reliability"]).save(folder / "reliability.png", optimize=True)
    confusion(figures["confusion"]).save(folder / "confusion.png", optimize=True)
    mistakes(test, probabilities).save(folder / "mistakes.png", optimize=True)


def reliability(table: list) -> Image.Image:
    """Return the reliability diagram: of each bin of confidence [mean confidence, accuracy, count], how many were right."""
    side, margin = 420, 64
    picture, draw = _sheet(side + 2 * margin, side + 2 * margin)

    def at(sure: float, good: float) -> tuple[float, float]:
        return margin + sure * side, margin + (1 - good) * side

    for tick in np.linspace(0, 1, 6):
        draw.line([at(tick, 0), at(tick, 1)], GREY)
        draw.line([at(0, tick), at(1, tick)], GREY)
        _text(draw, (at(tick, 0)[0], margin + side + 16), f"{tick:.0%}")
        _text(draw, (margin - 28, at(0, tick)[1]), f"{tick:.0%}")
    draw.line([at(0, 0), at(1, 1)], INK, 2)
    most = max(count for *_, count in table)
    for sure, good, count in table:
        x, y = at(sure, good)
        radius = 4 + 10 * (count / most) ** 0.5
        draw.line([at(sure, sure), (x, y)], RED, 2)
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], BLUE)
    _text(draw, (margin + side / 2, margin / 2), "right, of the answers given with this confidence")
    _text(draw, (margin + side / 2, margin + side + 42), "confidence; the larger the dot, the more answers")
    return picture


def confusion(table: list) -> Image.Image:
    """Return the confusion matrix, a row for each true digit, a column for each that was read; mistakes in red."""
    picture, draw = _sheet(12 * CELL, 12 * CELL)
    counts = np.array(table)
    wrong = counts * (1 - np.eye(10, dtype=int))
    for true in range(10):
        _text(draw, (0.6 * CELL, (true + 1.5) * CELL), str(true), 20)
        _text(draw, ((true + 1.5) * CELL, 0.6 * CELL), str(true), 20)
        for read in range(10):
            share = counts[true, read] / max(1, counts[true].sum()) if true == read else wrong[true, read] / max(1, wrong.max())
            colour = tuple(round(255 + (c - 255) * share * 0.6) for c in (BLUE if true == read else RED))
            box = [(read + 1) * CELL, (true + 1) * CELL, (read + 2) * CELL - 2, (true + 2) * CELL - 2]
            draw.rectangle(box, colour if counts[true, read] else WHITE, GREY)
            if counts[true, read]:
                _text(draw, ((read + 1.5) * CELL, (true + 1.5) * CELL), str(counts[true, read]))
    _text(draw, (6 * CELL, 0.2 * CELL), "what was read")
    _text(draw, (6 * CELL, 11.4 * CELL), "rows: what it is")
    return picture


def mistakes(test: Split, probabilities: np.ndarray) -> Image.Image:
    """Return the frames whose true digit was given the least probability, each with what it is and what was read."""
    columns, zoom = 6, 3
    guesses = probabilities.argmax(1)
    of_truth = probabilities[np.arange(len(test)), test.labels]
    worst = [i for i in np.argsort(of_truth, kind="stable") if guesses[i] != test.labels[i]][:SHOWN]
    width, height = 28 * zoom + 16, 28 * zoom + 44
    picture, draw = _sheet(columns * width + 16, max(1, -(-len(worst) // columns)) * height + 16)
    for place, i in enumerate(worst):
        x, y = place % columns * width + 16, place // columns * height + 16
        frame = Image.fromarray(255 - test.frames[i]).resize((28 * zoom, 28 * zoom), Image.Resampling.NEAREST)
        picture.paste(frame, (x, y))
        said = f"{test.labels[i]} read as {guesses[i]}\n{probabilities[i].max():.0%} sure"
        _text(draw, (x + 14 * zoom, y + 28 * zoom + 18), said)
    if not worst:
        _text(draw, (picture.width / 2, picture.height / 2), "no mistakes")
    return picture


def _sheet(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (width, height), WHITE)
    return picture, ImageDraw.Draw(picture)


def _text(draw: ImageDraw.ImageDraw, centre: tuple, text: str, size: int = 13) -> None:
    draw.text(centre, text, INK, ImageFont.load_default(size), anchor="mm", align="center")
