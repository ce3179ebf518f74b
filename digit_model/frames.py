"""One digit's ink to the frame the network reads, as MNIST framed its digits. NumPy and OpenCV only; reader.py and training call it."""

import math

import cv2
import numpy as np

FRAME = 28  # pixels, side of a frame, as in MNIST
DIGIT_BOX = 20  # pixels, longest side of a digit in its frame, as in MNIST
INK_EDGE = 0.1  # ink below this is the fading edge of a line and does not count for a digit's extent


def frame(ink: np.ndarray) -> np.ndarray:
    """Return the frame of one digit's ink: float32 (28, 28), 0 paper .. 1 ink, all zero when there is no ink.

    ink: float32 (H, W), 0 paper .. 1 ink, any size. The digit is fitted into 20x20 keeping its shape and placed so that its
    centre of mass is the centre of 28x28 (LeCun, Cortes and Burges, "The MNIST database of handwritten digits").
    """
    cropped = crop(ink)
    if cropped.size == 0:
        return np.zeros((FRAME, FRAME), np.float32)
    return center_by_mass(fit_to_box(cropped))


def box(ink: np.ndarray) -> tuple[int, int, int, int]:
    """Return x, y, width, height of the ink's extent in pixels; width and height are 0 where there is no ink."""
    return cv2.boundingRect((ink > INK_EDGE).view(np.uint8))


def crop(ink: np.ndarray) -> np.ndarray:
    """Return the part of the ink inside its own extent."""
    x, y, width, height = box(ink)
    return ink[y : y + height, x : x + width]


def fit_to_box(ink: np.ndarray) -> np.ndarray:
    """Return the ink scaled so that its longest side is 20 pixels, by area when it shrinks, so that thin lines stay."""
    scale = DIGIT_BOX / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    return cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def center_by_mass(ink: np.ndarray) -> np.ndarray:
    """Return the ink, at most 20x20, on a 28x28 frame with its centre of mass in the middle, moved by whole pixels as MNIST is."""
    height, width = ink.shape
    total = ink.sum()
    x_mass = (ink.sum(0) @ np.arange(width) + 0.5 * total) / total  # pixel i covers i .. i + 1
    y_mass = (ink.sum(1) @ np.arange(height) + 0.5 * total) / total
    # Rounded up: of 20,000 of MNIST's digits 19,999 stand so. A very lopsided digit would leave the frame: it stops at the edge.
    x = min(max(math.ceil(FRAME / 2 - x_mass), 0), FRAME - width)
    y = min(max(math.ceil(FRAME / 2 - y_mass), 0), FRAME - height)
    out = np.zeros((FRAME, FRAME), np.float32)
    out[y : y + height, x : x + width] = ink
    return out
