"""Proposes where the ink of touching digits may part. NumPy only; reader.py scores all proposals in one batch."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WIDE = 0.75  # of the ink's height: narrower ink is one digit
APART = 0.06  # of the ink's height: a seam crosses the least ink of all that are as near to it halfway down
ASIDE = 0.3  # what each step to the side costs a seam, in pixels of ink
MOST_CROSSED = 0.5  # of the ink's height: a seam through more ink does not part two digits


def slices(ink: np.ndarray) -> list[np.ndarray]:
    """Return the ink parted from left to right, each part with the shape of the whole; one part where it is too narrow to be two digits.

    ink: float32 (H, W), 0 paper .. 1 ink, cropped. The seams between the parts run from the top to the bottom through as little ink as
    they can, found as in Avidan and Shamir, "Seam Carving for Content-Aware Image Resizing", 2007.
    """
    height, width = ink.shape
    if width < WIDE * height:
        return [ink]
    middle = height // 2
    above, crossed_above = seams(ink[:middle])
    below, crossed_below = seams(ink[middle:][::-1])
    crossed = crossed_above + crossed_below
    reach = max(1, round(APART * height))
    least = sliding_window_view(np.pad(crossed, reach, mode="edge"), 2 * reach + 1).min(1)
    chosen: list[int] = []
    for x in np.flatnonzero((crossed == least) & (crossed <= MOST_CROSSED * height)):
        if min(x, width - x) >= reach and (not chosen or x - chosen[-1] > reach):
            chosen.append(int(x))
    columns = np.arange(width)
    parts, left = [], np.zeros((height, 1), bool)
    for x in chosen:
        right = columns < np.concatenate([above[:, x], below[::-1, x]])[:, None]
        parts.append(ink * (right & ~left))
        left = left | right
    return [*parts, ink * ~left]


def seams(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best seam from the top to each column of the last row, int (H, W) its columns, and how much ink each crosses, (W,)."""
    height, width = ink.shape
    crossed = ink[0].astype(float)
    steps = np.zeros((height, width), int)
    for y in range(1, height):
        padded = np.pad(crossed, 1, constant_values=np.inf)
        before = np.stack([padded[1:-1], padded[:-2] + ASIDE, padded[2:] + ASIDE])  # from above, from the left, from the right
        best = before.argmin(0)
        steps[y] = np.array([0, -1, 1])[best]
        crossed = ink[y] + before[best, np.arange(width)]
    paths = np.empty((height, width), int)
    paths[-1] = np.arange(width)
    for y in range(height - 1, 0, -1):
        paths[y - 1] = paths[y] + steps[y, paths[y]]
    return paths, crossed
