"""Proposes where the ink of touching digits may part. NumPy only; reader.py scores all proposals in one batch."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WIDE, LONG = 0.5, 8.0  # of the ink's height: narrower ink is one digit, and wider ink no row of them
APART = 0.06  # of the ink's height: a seam costs least of all that are as near to it halfway down
FINER, FINER_COST = 0.03, 1.0  # of half as many it does so at a second look; nats that speak against such a seam
ENTER, ALONG, ASIDE = 0.25, 0.08, 0.3  # what a seam pays: for each line it crosses, in heights; for a pixel of ink; for a step to the side
MOST = 0.6  # of the ink's height, what a seam may cost: two lines crossed, or one followed for a while
MOST_CUTS = 12  # in ink as wide as high: more are found only in ink that is solid, which is no row of digits
STEPS = np.array([-1, 0, 1])  # of a seam from a row to the next: from the left, straight down, from the right
CUT_COST, CERTAIN = 2.0, 1.3  # nats that speak against a cut, less for wider ink: nothing where its width is so many heights
REFUSAL_COST = 0.6  # nats that speak against one sign that is no digit where the ink can be cut


def slices(ink: np.ndarray) -> tuple[list[np.ndarray], list[float]]:
    """Return the ink parted from left to right, each part with the shape of the whole, and what speaks against the seam before each part.

    There is one part where the ink is too narrow, too long or too solid to be several digits. The costs are in nats, the first is 0.
    ink: float32 (H, W), 0 paper .. 1 ink, cropped. The seams between the parts run from the top to the bottom across as few lines as
    they can, found as in Avidan and Shamir, "Seam Carving for Content-Aware Image Resizing", 2007.
    """
    height, width = ink.shape
    if (against_cut := cut_cost(ink)) == math.inf:
        return [ink], [0.0]
    cost, ways = seams(ink, ENTER * height)
    best = least_around(cost, MOST * height, APART * height)
    if len(best) * height > MOST_CUTS * width:
        return [ink], [0.0]
    chosen = sorted(best | least_around(cost, MOST * height, FINER * height))
    parts, costs, left = [], [0.0], np.zeros((height, 1), bool)
    for x, path in zip(chosen, followed(ways, chosen, height), strict=True):
        right = np.arange(width) < path[:, None]
        parts.append(ink * (right & ~left))
        costs.append(against_cut + (0.0 if x in best else FINER_COST))
        left = left | right
    return [*parts, ink * ~left], costs


def cut_cost(ink: np.ndarray) -> float:
    """Return what speaks at least against a cut of the ink, float32 (H, W), in nats; infinity where it is too narrow or long for one."""
    height, width = ink.shape
    return CUT_COST * max(0.0, CERTAIN - width / height) if WIDE * height <= width <= LONG * height else math.inf


def least_around(cost: np.ndarray, most: float, reach: float) -> set[int]:
    """Return the columns of the seams that cost least of all up to `reach` columns away, and at most `most`. cost: float (W,)."""
    reach = max(1, round(reach))
    least = sliding_window_view(np.pad(cost, reach, mode="edge"), 2 * reach + 1).min(1)
    chosen: list[int] = []
    for x in np.flatnonzero((cost == least) & (cost <= most)):
        if min(x, len(cost) - x) >= reach and (not chosen or x - chosen[-1] > reach):
            chosen.append(int(x))
    return set(chosen)


def seams(ink: np.ndarray, enter: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what the best seam through each column of the middle costs, float (W,), and the ways there, float (rows - 1, 2, 3, W).

    It comes from the top and from the bottom, which are looked at side by side, `rows` each; a way is what it costs to come into a row
    from the left, from straight above and from the right. enter: what it costs to go from paper into ink.
    """
    height, width = ink.shape
    rows = (height + 1) // 2
    halves = np.zeros((rows, 2, width + 2), np.float32)  # the middle is the last row of both; of an odd height one begins with paper
    halves[rows - height // 2 :, 0, 1:-1] = ink[: height // 2]
    halves[:, 1, 1:-1] = ink[height // 2 :][::-1]
    here, above = halves[1:, :, None, 1:-1], _neighbours(halves[:-1])
    ways = enter * np.maximum(here - above, 0) + ALONG * here + ASIDE * np.abs(STEPS)[:, None]
    cost = np.pad(enter * halves[:, :, 1:-1], ((0, 0), (0, 0), (1, 1)), constant_values=np.inf)
    for way, before, after in zip(ways, _neighbours(cost), cost[1:], strict=False):
        way += before
        way.min(1, out=after[:, 1:-1])
    return cost[-1, :, 1:-1].sum(0) - enter * halves[-1, :, 1:-1].min(0), ways  # a line in the middle is not crossed twice


def _neighbours(rows: np.ndarray) -> np.ndarray:
    """Return for each column its left neighbour, itself and its right neighbour, as a view: (R, 2, W + 2) -> (R, 2, 3, W)."""
    return sliding_window_view(rows, 3, axis=2).swapaxes(2, 3)


def followed(ways: np.ndarray, columns: list[int], height: int) -> np.ndarray:
    """Return the whole seam through each of these columns of the middle: int (N, H), its column in each row."""
    paths = np.empty((len(ways) + 1, 2, len(columns)), int)
    paths[-1] = columns
    half = np.arange(2)[:, None]
    for y in range(len(ways) - 1, -1, -1):
        into = ways[y][half, :, paths[y + 1]]  # (2, N, 3)
        paths[y] = paths[y + 1] + STEPS[into.argmin(2)]
    return np.concatenate([paths[len(paths) - height // 2 :, 0], paths[::-1, 1]]).T
