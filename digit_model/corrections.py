"""What was made of a digit before it was read, told from how it stood on its sheet and stands in its frame. web/page.py calls it."""

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from digit_model.frames import DIGIT_BOX, FRAME, crop
from digit_model.image import rgb
from digit_model.reader import Piece
from digit_model.strokes import LINE

OFF_CENTRE = 0.08  # of the sheet's shorter side: from here on a digit counts as moved
CHANGED = 1.3  # times: from here on it counts as enlarged or made smaller, as thickened or thinned


@dataclass(frozen=True)
class Sheet:
    """What was written on: width and height in the units of the pieces' boxes.

    thicker: how many times broader the lines are in the frames, each in parts of its digit; light: light ink on dark.
    """

    width: float
    height: float
    thicker: float
    light: bool = False


def drawn_on(told: object, pieces: list[Piece]) -> Sheet | None:
    """Return the pad as the page tells it, {"width", "height", "line"}, the last the pen's width; None when that is not told."""
    sides = [told.get(name) for name in ("width", "height", "line")] if isinstance(told, dict) else []
    if not sides or not all(type(side) in (int, float) and 0 < side < 1e9 for side in sides):
        return None
    width, height, line = sides
    return Sheet(width, height, LINE / (line / (longest_side(pieces) + line)))


def photographed(picture: Image.Image, pieces: list[Piece]) -> Sheet:
    """Return an upright picture as a sheet; its lines and their light are those of the first of the pieces read on it."""
    grey = rgb(picture).mean(2)
    width, height = picture.info.get("full_size", picture.size)
    x, y, w, h = (round(side * grey.shape[1] / width) for side in pieces[0].box)
    ink = crop(pieces[0].frame)
    part = grey[y : y + max(h, 1), x : x + max(w, 1)]
    as_large = cv2.resize(ink, part.shape[::-1], interpolation=cv2.INTER_LINEAR)
    light = float(np.mean((as_large - as_large.mean()) * (part - part.mean()))) > 0
    return Sheet(width, height, covered(ink) / max(covered(part if light else -part), 1e-9), light)


def made(pieces: list[Piece], sheet: Sheet) -> list[str]:
    """Return what was made of the pieces, of "inverted", "split", "centred", "enlarged", "reduced", "thickened" and "thinned"."""
    shorter = min(sheet.width, sheet.height)
    x, y, width, height = pieces[0].box
    moved = max(abs(x + width / 2 - sheet.width / 2), abs(y + height / 2 - sheet.height / 2)) > OFF_CENTRE * shorter
    grown = (DIGIT_BOX / FRAME) / (longest_side(pieces) / shorter)
    steps = {
        "inverted": sheet.light,
        "split": len(pieces) > 1,
        "centred": moved and len(pieces) == 1,
        "enlarged": grown > CHANGED,
        "reduced": grown < 1 / CHANGED,
        "thickened": sheet.thicker > CHANGED,
        "thinned": sheet.thicker < 1 / CHANGED,
    }
    return [step for step, taken in steps.items() if taken]


def longest_side(pieces: list[Piece]) -> float:
    """Return the longest side of a digit, the median of several."""
    return float(np.median([max(piece.box[2:]) for piece in pieces])) + 1e-9


def covered(ink: np.ndarray) -> float:
    """Return how much of its box the ink covers, 0 .. 1: (H, W), bright on dark, of any scale and offset."""
    paper, full = np.percentile(ink, [20, 98])
    return float(((ink - paper) / max(full - paper, 1e-9)).clip(0, 1).mean())
