"""Proposes where the ink of touching digits may part. NumPy only; reader.py scores all proposals in one batch."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WIDE, LONG = 0.75, 8.0  # of the ink's height: narrower ink is one digit, and wider ink no row of them
APART = 0.06  # of the ink's height: a seam costs least of all that are as near to it halfway down
ENTER, ALONG, ASIDE = 0.25, 0.08, 0.3  # what a seam pays: for each line it crosses, in heights; for a pixel of ink; for a step to the side
MOST = 0.6  # of the ink's height, what a seam may cost: two lines crossed, or one followed for a while
MOST_CUTS = 12  # in ink as wide as high: more are found only in ink that is solid, which is no row of digits
STEPS = np.array([0, -1, 1])  # of a seam from a row to the next: straight down, from the left, from the right
CUT_COST, CERTAIN = 2.0, 1.3  # nats that speak against a cut, less for wider ink: nothing where its width is so many heights


def slices(ink: np.ndarray) -> list[np.ndarray]:
    """Return the ink parted from left to right, each part with the shape of the whole.

    There is one part where the ink is too narrow, too long or too solid to be several digits.
    ink: float32 (H, W), 0 paper .. 1 ink, cropped. The seams between the parts run from the top to the bottom across as few lines as
    they can, found as in Avidan and Shamir, "Seam Carving for Content-Aware Image Resizing", 2007.
    """
    height, width = ink.shape
    if not WIDE * height <= width <= LONG * height:
        return [ink]
    middle = height // 2
    above, cost_above = seams(ink[:middle], ENTER * height)
    below, cost_below = seams(ink[middle:][::-1], ENTER * height)
    cost = cost_above + cost_below - ENTER * height * np.minimum(ink[middle - 1], ink[middle])  # one line is not crossed twice
    reach = max(1, round(APART * height))
    least = sliding_window_view(np.pad(cost, reach, mode="edge"), 2 * reach + 1).min(1)
    chosen: list[int] = []
    for x in np.flatnonzero((cost == least) & (cost <= MOST * height)):
        if min(x, width - x) >= reach and (not chosen or x - chosen[-1] > reach):
            chosen.append(int(x))
    if len(chosen) * height > MOST_CUTS * width:
        return [ink]
    columns = np.arange(width)
    parts, left = [], np.zeros((height, 1), bool)
    for x in chosen:
        right = columns < np.concatenate([above[:, x], below[::-1, x]])[:, None]
        parts.append(ink * (right & ~left))
        left = left | right
    return [*parts, ink * ~left]


def cut_cost(ink: np.ndarray) -> float:
    """Return what speaks against a cut through this ink, float32 (H, W), in nats: the narrower it is, the more likely it is one digit."""
    height, width = ink.shape
    return CUT_COST * max(0.0, CERTAIN - width / height)


def seams(ink: np.ndarray, enter: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the best seam from the top to each column of the last row, int (H, W) its columns, and what each costs, float (W,).

    enter: what it costs to go from paper into ink.
    """
    height, width = ink.shape
    come_from = np.arange(width) + 1 + STEPS[:, None]  # (3, W), columns of the row above with one more on each side
    above = np.pad(ink[:-1], ((0, 0), (1, 1)))[:, come_from]  # (H - 1, 3, W)
    step_costs = enter * np.maximum(ink[1:, None] - above, 0) + ALONG * ink[1:, None] + ASIDE * np.abs(STEPS)[:, None]
    cost = np.pad(enter * ink[0].astype(float), 1, constant_values=np.inf)
    steps = np.zeros((height, width), int)
    for y, step_cost in enumerate(step_costs, 1):
        ways = cost[come_from] + step_cost
        steps[y] = STEPS[ways.argmin(0)]
        cost[1:-1] = ways.min(0)
    paths = np.empty((height, width), int)
    paths[-1] = np.arange(width)
    for y in range(height - 1, 0, -1):
        paths[y - 1] = paths[y] + steps[y, paths[y]]
    return paths, cost[1:-1]
