"""Proposes where the ink of touching digits may part. NumPy only; reader.py scores all proposals in one batch."""

from itertools import pairwise

import numpy as np

WIDE = 0.75  # of the ink's height: narrower ink is one digit
SLICE = 0.15  # of the ink's height: no slice is narrower
CROSSING = 0.35  # of the ink's height: more ink in a column is the middle of a digit, not where the pen crosses to the next
MOST_CUTS = 7
CUT_COST = 1.0  # nats for each cut: most ink that hangs together is one digit


def slices(ink: np.ndarray) -> list[tuple[int, int]]:
    """Return columns (left, right) that part the ink from left to right; one slice where it is too narrow to be two digits.

    ink: float32 (H, W), 0 paper .. 1 ink, cropped. A cut lies where the pen crosses from one digit to the next: in the columns with
    least ink, found one after the other, each well away from those before.
    """
    height, width = ink.shape
    if width < WIDE * height:
        return [(0, width)]
    smooth = np.ones(max(1, round(0.04 * height)))
    columns = np.convolve(ink.sum(0), smooth / smooth.sum(), mode="same")
    narrowest = max(2.0, SLICE * height)
    cuts: list[int] = []
    for x in np.argsort(columns, kind="stable"):
        if columns[x] > CROSSING * height or len(cuts) == MOST_CUTS:
            break
        if min(x, width - x, *(abs(x - cut) for cut in cuts)) >= narrowest:
            cuts.append(int(x))
    return list(pairwise([0, *sorted(cuts), width]))
