"""Pen strokes to ink: what was drawn, redrawn at the line thickness MNIST has, so that pen width and digit size no longer matter."""

import math
from itertools import chain
from operator import itemgetter

import cv2
import numpy as np

DRAWN_BOX = 160  # pixels, longest side of a redrawn digit: eight times the frame's 20, so that its edges become smooth grey
JOINT = 0.02  # of a digit's height, about: so near to where a stroke ended the next goes on with it, the pen having been lifted unawares
SKIP = 5  # times as far, where it goes straight on: fingers lose touch for a moment
STRAIGHT = 0.8  # cosine, of the gap with the line before and after, at least
LONGEST = 2.5  # times the highest stroke is the most that a digit in several may be
WIDEST = 0.8  # of the drawing's height: what would become wider is rather the next digit, begun where the last one ended
TAP = 0.05  # of the largest stroke: what is smaller is a tap of the hand, or a point between numbers,
ALONE = 0.2  # where it is so far from all else, in parts of the same
LINE = 0.1  # thickness of the redrawn line in parts of the longest side: 2 of a frame's 20 pixels, read a little better than MNIST's 2.3


class UnreadableStrokes(ValueError):
    """What was sent is no list of strokes; the message says what to send instead."""


def parse(value, max_points: int, max_strokes: int) -> list[np.ndarray]:
    """Return the strokes of a JSON value as float32 (P, 2) arrays, y down; strokes without a point are dropped.

    value: a list of strokes, each a list of [x, y] or [x, y, seconds]. Raises UnreadableStrokes.
    """
    shape = "strokes must be a list of strokes, each a list of points [x, y] or [x, y, seconds]"
    if not isinstance(value, list) or not all(isinstance(stroke, list) for stroke in value):
        raise UnreadableStrokes(f"{shape}.")
    if len(value) > max_strokes:  # what may be one digit is looked for among all neighbours
        raise UnreadableStrokes(f"The drawing has more than {max_strokes:,} strokes; send fewer, or send a picture.")
    if sum(map(len, value)) > max_points:
        raise UnreadableStrokes(f"The drawing has more than {max_points:,} points; send fewer, or send a picture.")
    strokes = []
    for stroke in filter(None, value):
        # Types are looked at without a line of Python for each point: there may be a hundred thousand.
        pairs = set(map(type, stroke)) == {list} and set(map(len, stroke)) <= {2, 3}
        if not pairs or not set(map(type, chain.from_iterable(stroke))) <= {int, float}:
            raise UnreadableStrokes(f"{shape}, of numbers.")
        try:
            points = np.fromiter(chain.from_iterable(map(itemgetter(0, 1), stroke)), np.float64).reshape(-1, 2)
        except OverflowError:
            points = np.array([math.inf])
        if not (np.abs(points) < 1e9).all():  # False for NaN as well
            raise UnreadableStrokes(f"{shape}, of finite numbers of ordinary size.")
        strokes.append(points)
    return strokes


def tidied(strokes: list[np.ndarray]) -> list[np.ndarray]:
    """Return a drawing's strokes, at least one, without lifts of the pen in the middle of a line and without taps far from all else."""
    low, high = extent(strokes)
    height = high[1] - low[1]
    near = JOINT * min(height, LONGEST * max(np.ptp(stroke[:, 1]) for stroke in strokes))
    lines, low, high = [[strokes[0]]], *extent(strokes[:1])
    for stroke in strokes[1:]:
        before = lines[-1][-1]
        gap = np.hypot(*(stroke[0] - before[-1]))
        lowest, highest = extent([stroke])
        with_low, with_high = np.minimum(low, lowest), np.maximum(high, highest)
        goes_on = gap <= near or (gap <= SKIP * near and goes_straight_on(before, stroke, 2 * near))
        if goes_on and with_high[0] - with_low[0] <= WIDEST * height:
            lines[-1].append(stroke)
            low, high = with_low, with_high
        else:
            lines.append([stroke])
            low, high = lowest, highest
    lines = [np.concatenate(parts) if len(parts) > 1 else parts[0] for parts in lines]
    lows, highs = np.array([extent([line]) for line in lines], float).transpose(1, 0, 2)  # each (N, 2)
    sizes = (highs - lows).max(1)
    gaps = np.maximum(lows - highs[:, None], lows[:, None] - highs).max(2)  # (N, N), between any two; below 0: beside each other
    np.fill_diagonal(gaps, np.inf)
    lost = (sizes < TAP * sizes.max()) & (gaps.min(1) > ALONE * sizes.max())
    return [line for line, tap in zip(lines, lost, strict=True) if not tap]


def goes_straight_on(before: np.ndarray, after: np.ndarray, leg: float) -> bool:
    """Return whether a stroke lies where the one before was heading and heads there as well; both (P, 2).

    leg: how far from the gap a point of each must be to show its heading, in the strokes' units.
    """
    end, start = before[-1], after[0]
    back, ahead = before[np.hypot(*(before - end).T) > leg], after[np.hypot(*(after - start).T) > leg]
    if not len(back) or not len(ahead):
        return False
    headings = np.array([end - back[-1], start - end, ahead[0] - start])
    headings /= np.hypot(*headings.T)[:, None]
    return bool((headings[[0, 2]] @ headings[1] > STRAIGHT).all())


def box(strokes: list[np.ndarray]) -> tuple[float, float, float, float]:
    """Return x, y, width, height of the strokes, in their own units."""
    low, high = extent(strokes)
    return (*low.tolist(), *(high - low).tolist())


def extent(strokes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest x and y of the strokes: two arrays (2,)."""
    points = np.concatenate(strokes)
    return points.min(0), points.max(0)


def ink(strokes: list[np.ndarray], line: float = LINE) -> np.ndarray:
    """Return the strokes as ink: float32 (H, W), 0 paper .. 1 ink, the longer side about 160 pixels whatever the drawing's scale.

    line: the line's thickness in parts of the longer side.
    """
    low, high = extent(strokes)
    thickness = max(1, round(DRAWN_BOX * line))
    scale = (DRAWN_BOX - thickness) / max(*(high - low), 1e-9)
    margin = thickness // 2 + 2
    width, height = np.ceil((high - low) * scale).astype(int) + 2 * margin
    canvas = np.zeros((height, width), np.uint8)
    for stroke in strokes:
        points = np.rint((stroke - low) * scale + margin).astype(np.int32)
        points = points[np.append(True, (points[1:] != points[:-1]).any(1))]  # drawn once, however slowly the pen went
        cv2.polylines(canvas, [points.reshape(-1, 1, 2)], isClosed=False, color=255, thickness=thickness, lineType=cv2.LINE_AA)
        if len(points) == 1:
            cv2.circle(canvas, points[0].tolist(), thickness // 2, 255, cv2.FILLED, cv2.LINE_AA)
    return canvas.astype(np.float32) / 255
