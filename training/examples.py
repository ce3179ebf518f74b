"""The gallery's pictures, drawn by our own code: `python -m training.examples` writes them to examples/, the label first in each name."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from digit_model import hands

FOLDER = Path(__file__).parent.parent / "examples"
SIDE = 240  # pixels, of a square picture
OVER = 4  # times larger it is drawn, then shrunk: smooth lines

# label, what it shows: height, line (parts of the side), place of the centre, ink and paper colours, turn of the paper's light
PICTURES = {
    "0_felt-pen": {"line": 0.06},
    "1_thin-line": {"line": 0.008},
    "2_small-in-a-corner": {"height": 0.16, "line": 0.012, "at": (0.8, 0.2)},
    "3_blue-ballpoint": {"line": 0.016, "ink": (36, 62, 158)},
    "4_chalk-on-a-blackboard": {"line": 0.035, "ink": (236, 238, 230), "paper": (44, 62, 54), "grain": 9},
    "5_pencil-on-shaded-paper": {"line": 0.014, "ink": (104, 102, 104), "paper": (226, 222, 214), "shade": 0.45, "grain": 5},
    "6_red-marker": {"line": 0.045, "ink": (198, 40, 48)},
    "7_light-on-dark": {"line": 0.03, "ink": (245, 245, 245), "paper": (18, 18, 22)},
    "8_transparent": {"line": 0.04, "paper": None},
    "9_brush": {"line": 0.065},
    "2_green-pen-on-yellow-paper": {"line": 0.02, "ink": (30, 110, 60), "paper": (246, 232, 150), "grain": 3},
    "4_low-on-the-page": {"height": 0.3, "line": 0.02, "at": (0.35, 0.78)},
    "7_white-pen-on-kraft-paper": {"line": 0.03, "ink": (250, 247, 240), "paper": (158, 122, 84), "grain": 7},
    "9_pencil-in-bad-light": {"height": 0.45, "line": 0.012, "ink": (96, 94, 98), "paper": (176, 172, 166), "shade": 0.6, "grain": 7},
}


def main() -> None:
    """Write all pictures, always the same."""
    FOLDER.mkdir(exist_ok=True)
    for seed, (name, look) in enumerate(PICTURES.items(), start=41):
        rng = np.random.default_rng(seed)
        picture(hands.draw(name[0], rng, wildness=0.45), rng, **look).save(FOLDER / f"{name}.png", optimize=True)


def picture(strokes, rng, height=0.6, line=0.03, at=(0.5, 0.5), ink=(28, 32, 40), paper=(252, 252, 250), shade=0.0, grain=0) -> Image.Image:
    """Return the strokes as a picture.

    height, line, at: the digit's height, its line and its centre, in parts of the side. ink, paper: RGB; no paper: transparent.
    shade: how much darker the paper is at its darkest; grain: its noise, in grey values.
    """
    covered = coverage(strokes, height, line, at)[..., None]  # (SIDE, SIDE, 1), 0 .. 1
    if paper is None:
        colours = np.concatenate([np.broadcast_to(np.array(ink), (SIDE, SIDE, 3)), covered * 255], axis=2)
        return Image.fromarray(colours.round().astype(np.uint8), "RGBA")
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    light = 1 - shade * np.clip(0.9 * x + 0.5 * y - 0.3 + 0.1 * np.sin(5 * x + 3 * y), 0, 1)[..., None]
    colours = (np.array(paper) * (1 - covered) + np.array(ink) * covered) * light
    colours += cv2.GaussianBlur(rng.normal(0, grain, (SIDE, SIDE)), (5, 5), 0)[..., None]
    return Image.fromarray(colours.clip(0, 255).round().astype(np.uint8), "RGB")


def coverage(strokes, height, line, at) -> np.ndarray:
    """Return how much of each pixel the line covers: float (SIDE, SIDE), 0 .. 1."""
    side = SIDE * OVER
    points = np.concatenate(strokes)
    low, high = points.min(0), points.max(0)
    scale = height * side / max(high - low)
    canvas = np.zeros((side, side), np.uint8)
    for stroke in strokes:
        placed = (stroke - (low + high) / 2) * scale + np.array(at) * side
        cv2.polylines(canvas, [np.rint(placed * 16).astype(np.int32)], False, 255, max(1, round(line * side)), cv2.LINE_AA, shift=4)
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / 255


if __name__ == "__main__":
    main()
