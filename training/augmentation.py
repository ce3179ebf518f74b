"""Imitates other hands, pens and scanners on a frame. NumPy and OpenCV only; train.py calls it.

Every frame goes through digit_model.frames again at the end, so that training sees digits framed as serving frames them.
"""

import cv2
import numpy as np

from digit_model import frames

WORK = 56  # pixels, side of the picture the changes are made on: twice a frame, so that a line can change by half a pixel
CENTER = (WORK - 1) / 2
_GRID = np.stack(np.meshgrid(np.arange(WORK, dtype=np.float32), np.arange(WORK, dtype=np.float32)), -1) - CENTER
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def augment(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a variation of one frame: uint8 (28, 28) -> float32 (28, 28), 0 paper .. 1 ink."""
    ink = warp(frame.astype(np.float32) / 255, rng)
    ink = change_thickness(ink, rng)
    if rng.random() < 0.2:
        ink = spoil(ink, rng)
    return jitter(frames.frame(np.clip(ink, 0, 1)), rng)


def warp(frame: np.ndarray, rng) -> np.ndarray:
    """Stretch, slant, turn (affine) and bend (elastic; Simard, Steinkraus and Platt 2003) in one step: (28, 28) -> (56, 56)."""
    turn, slant = rng.normal(0, 0.09), rng.normal(0, 0.12)
    stretch = np.exp(rng.normal(0, 0.12) if rng.random() < 0.9 else rng.uniform(-0.6, 0.5))  # now and then a scan whose shape was not kept
    c, s = np.cos(turn) * 0.55, np.sin(turn) * 0.55  # a little smaller than the picture: nothing is cut off
    shape = np.array([[c * stretch, s], [(slant * c - s) * stretch, slant * s + c]], np.float32)
    coarse = rng.standard_normal((4, 4, 2), np.float32) * np.float32(rng.uniform(0, 0.9))
    bend = cv2.resize(coarse, (WORK, WORK), interpolation=cv2.INTER_CUBIC)
    source = _GRID @ shape + bend + (frames.FRAME - 1) / 2
    return cv2.remap(frame, source, None, cv2.INTER_LINEAR)


def change_thickness(ink: np.ndarray, rng) -> np.ndarray:
    """Make the line up to a pixel of the frame thicker or thinner, by a mixture of the picture and its dilation or erosion."""
    amount = rng.uniform(-0.8, 1.3)
    if amount > 1:
        ink, amount = cv2.dilate(ink, _DISC), amount - 1
    changed = cv2.dilate(ink, _DISC) if amount > 0 else cv2.erode(ink, _DISC)
    return ink + abs(amount) * (changed - ink)


def spoil(ink: np.ndarray, rng) -> np.ndarray:
    """Do one of what pens, scanners and cameras do: few pixels, blur, hard edges, gaps, specks, uneven ink."""
    kind = rng.integers(6)
    if kind == 0:
        side = int(rng.integers(14, 28))
        small = cv2.resize(ink, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.resize(small, (WORK, WORK), interpolation=cv2.INTER_LINEAR)
    if kind == 1:
        return np.clip(cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.5, 2.2)) * rng.uniform(1, 1.6), 0, 1)
    if kind == 2:
        return (ink > rng.uniform(0.25, 0.65)).astype(np.float32)
    if kind == 3:
        for _ in range(rng.integers(1, 4)):  # the pen skipped
            cv2.circle(ink, tuple(rng.integers(8, WORK - 8, 2).tolist()), int(rng.integers(1, 4)), 0, cv2.FILLED)
        return ink
    if kind == 4:
        specks = rng.random(ink.shape, np.float32) < rng.uniform(0, 0.01)
        return np.maximum(ink, cv2.GaussianBlur(specks.astype(np.float32), (3, 3), 0) * 2 * (cv2.dilate(ink, np.ones((9, 9))) > 0.5))
    shade = cv2.resize(rng.uniform(0.45, 1, (3, 3)).astype(np.float32), (WORK, WORK), interpolation=cv2.INTER_LINEAR)
    return ink * shade


def jitter(frame: np.ndarray, rng) -> np.ndarray:
    """Move the frame by up to a pixel: a speck or a cut edge moves a digit's centre of mass as far."""
    x, y = rng.integers(0, 3, 2)
    return cv2.copyMakeBorder(frame, 1, 1, 1, 1, cv2.BORDER_CONSTANT)[y : y + frames.FRAME, x : x + frames.FRAME]
