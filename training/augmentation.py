"""Imitates other hands, pens and scanners on a frame. NumPy and OpenCV only; train.py calls it."""

import cv2
import numpy as np

from digit_model import frames

WORK = 2 * frames.FRAME  # pixels, side of the picture strong changes are made on, so that a line can change by half a pixel
_GRIDS = {
    side: np.stack(np.meshgrid(np.arange(side, dtype=np.float32), np.arange(side, dtype=np.float32)), -1) - (side - 1) / 2
    for side in (frames.FRAME, WORK)
}
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def augment(frame: np.ndarray, rng: np.random.Generator, light: float) -> np.ndarray:
    """Return a variation of one frame: uint8 (28, 28) -> float32 (28, 28), 0 paper .. 1 ink.

    light: how probably it keeps MNIST's own sharpness and framing.
    """
    ink = frame.astype(np.float32) / 255
    return change_lightly(ink, rng) if rng.random() < light else change_strongly(ink, rng)


def change_lightly(ink: np.ndarray, rng) -> np.ndarray:
    """Turn, slant, stretch, bend, move and thicken a little, on the frame itself."""
    stretch = np.exp(rng.normal(0, 0.07, 2))
    shape = turned_and_slanted(rng.normal(0, 0.12), rng.normal(0, 0.12)) * stretch
    ink = warp(ink, shape, frames.FRAME, rng.uniform(0, 0.7), rng, moved=rng.normal(0, 0.6, 2))
    if rng.random() < 0.5:
        return ink
    changed = cv2.dilate(ink, _CROSS) if rng.random() < 0.6 else cv2.erode(ink, _CROSS)
    return ink + np.float32(rng.uniform(0, 0.6)) * (changed - ink)


def change_strongly(ink: np.ndarray, rng) -> np.ndarray:
    """Write with another hand and pen, sometimes scan badly, and frame again as serving frames a digit."""
    stretch = np.exp(rng.normal(0, 0.12) if rng.random() < 0.9 else rng.uniform(-0.6, 0.5))  # now and then a scan whose shape was not kept
    shape = turned_and_slanted(rng.normal(0, 0.09), rng.normal(0, 0.12)) * np.array([stretch, 1])
    ink = warp(ink, shape * 0.55, WORK, rng.uniform(0, 0.9), rng)  # a little smaller than the picture: nothing is cut off
    ink = thicker(ink, rng.uniform(-0.8, 1.3))
    if rng.random() < 0.4:
        ink = spoil(ink, rng)
    return jitter(frames.frame(np.clip(ink, 0, 1)), rng)


def turned_and_slanted(turn: float, slant: float) -> np.ndarray:
    """Return the matrix (2, 2) that turns by an angle in radians and slants by a tangent."""
    c, s = np.cos(turn), np.sin(turn)
    return np.array([[c, s], [slant * c - s, slant * s + c]])


def warp(frame: np.ndarray, shape: np.ndarray, side: int, bend: float, rng, moved=(0, 0)) -> np.ndarray:
    """Change shape (affine) and bend (elastic; Simard, Steinkraus and Platt 2003) in one step: (28, 28) -> (side, side).

    shape: (2, 2), from places of the result to places of the frame; bend and moved: pixels of the frame.
    """
    coarse = rng.standard_normal((5, 5, 2), np.float32) * np.float32(bend)
    elastic = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    source = _GRIDS[side] @ shape.astype(np.float32) + elastic + np.float32((frames.FRAME - 1) / 2 + np.asarray(moved))
    return cv2.remap(frame, source, None, cv2.INTER_LINEAR)


def thicker(ink: np.ndarray, amount: float) -> np.ndarray:
    """Return the ink with its edge so many pixels further out, or further in where negative, by mixing it with its dilation or erosion."""
    while amount:
        step = min(1, abs(amount))
        changed = cv2.dilate(ink, _DISC) if amount > 0 else cv2.erode(ink, _DISC)
        ink = ink + np.float32(step) * (changed - ink)
        amount = np.sign(amount) * (abs(amount) - step)
    return ink


def spoil(ink: np.ndarray, rng) -> np.ndarray:
    """Do one of what pens, scanners, cameras and neighbours do: few pixels, blur, hard edges, gaps, specks, touching ink, uneven ink."""
    kind = rng.integers(9)
    if kind == 0:
        side = int(rng.integers(14, 28))
        small = cv2.resize(ink, (side, side), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.5:  # a scan of one bit a pixel
            small = (small > rng.uniform(0.25, 0.6)).astype(np.float32)
        return cv2.resize(small, (WORK, WORK), interpolation=cv2.INTER_LINEAR)
    if kind in (1, 8):
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
    if kind in (5, 6):
        return part_from_neighbour(ink, cut=kind == 5, rng=rng)
    shade = cv2.resize(rng.uniform(0.45, 1, (3, 3)).astype(np.float32), (WORK, WORK), interpolation=cv2.INTER_LINEAR)
    return ink * shade


def part_from_neighbour(ink: np.ndarray, cut: bool, rng) -> np.ndarray:
    """Do what a cut between touching digits does to one of them: a side is cut off, or a bit of the other digit stays on it."""
    columns, rows = np.flatnonzero(ink.max(0) > 0.1), np.flatnonzero(ink.max(1) > 0.1)
    if not len(columns):
        return ink
    side = int(rng.choice([-1, 1]))
    edge = columns[0] if side < 0 else columns[-1]
    if cut:
        inner = edge - side * int(rng.integers(1, 2 + len(columns) // 6))
        ink[:, slice(0, inner + 1) if side < 0 else slice(inner, None)] = 0
        return ink
    y = int(rng.choice(rows))
    end = (int(edge + side * rng.integers(1, 8)), int(y + rng.normal(0, 5)))
    cv2.line(ink, (int(edge - side * rng.integers(0, 6)), y), end, float(rng.uniform(0.7, 1)), int(rng.integers(2, 7)), cv2.LINE_AA)
    return ink


def jitter(frame: np.ndarray, rng) -> np.ndarray:
    """Move the frame by up to a pixel: a speck or a cut edge moves a digit's centre of mass as far."""
    x, y = rng.integers(0, 3, 2)
    return cv2.copyMakeBorder(frame, 1, 1, 1, 1, cv2.BORDER_CONSTANT)[y : y + frames.FRAME, x : x + frames.FRAME]
