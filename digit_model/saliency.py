"""Where in a frame the answer came from. Needs no gradients, which LiteRT does not give. web/page.py calls it when a visitor asks."""

import numpy as np

from digit_model.frames import FRAME
from digit_model.reader import Model, classified

PATCH, STEP = 5, 2  # pixels: side of the covered square, and how far it moves; 144 frames for each digit


def occlusion(model: Model, frame: np.ndarray, answer: int) -> np.ndarray:
    """Return the heat of a frame: float (28, 28), 0 .. 1 where the answer depends most on what is there.

    frame: float32 (28, 28), 0 paper .. 1 ink; answer: the class read, 0 .. 10. Occlusion sensitivity (Zeiler and Fergus, "Visualizing and
    Understanding Convolutional Networks", ECCV 2014, section 4.2): a square is covered with paper, place after place, and the heat of a
    pixel is how much of the answer's probability is lost, on average over the squares that cover it. Ink is covered, so it tells which
    strokes speak for the answer, and not which missing ones do.
    """
    places = [(y, x) for y in range(0, FRAME - PATCH + 1, STEP) for x in range(0, FRAME - PATCH + 1, STEP)]
    covered = np.repeat(frame[None], len(places), 0)  # (144, 28, 28)
    for each, (y, x) in zip(covered, places, strict=True):
        each[y : y + PATCH, x : x + PATCH] = 0
    probability, *without = classified(model, [frame, *covered])[:, answer]
    lost, times = np.zeros((FRAME, FRAME)), np.full((FRAME, FRAME), 1e-9)
    for p, (y, x) in zip(without, places, strict=True):
        lost[y : y + PATCH, x : x + PATCH] += max(probability - p, 0)
        times[y : y + PATCH, x : x + PATCH] += 1
    heat = lost / times
    return heat / max(heat.max(), 1e-9)
