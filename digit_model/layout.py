"""Parts of ink (pen strokes, or connected marks of a picture) to lines of writing, and to all ways of taking neighbours as one digit.

NumPy only; it sees boxes, not ink. reader.py reads every way and chooses.
"""

from dataclasses import dataclass

import numpy as np

MOST_PARTS = 4  # of one digit among others; a digit alone may have any number
TALL = 0.4  # of the tallest part: lower parts are hats, bars and dots
LINE_GAP = 0.2  # of the tallest part: nearer ones above each other are one digit in two parts
WIDEST_GAP = 0.35  # between parts of one digit, in parts of the line's height
FREE_GAP, GAP_COST = 0.05, 12.0  # a gap beyond this inside a digit costs so many nats for each height of the line
FREE_OVERLAP, OVERLAP_COST = 0.1, 12.0  # an overlap beyond this between two digits likewise
FREE_WIDTH, WIDTH_COST = 0.8, 4.0  # parts that together are wider than this, in parts of their own height, likewise
LOW, LOW_COST = 0.75, 12.0  # a digit that is lower than this, in parts of the tallest ink beside it, likewise


@dataclass(frozen=True)
class Run:
    """Neighbouring parts of a line that may be one digit: `parts` are their numbers, start .. stop their places in reading order.

    line: which line, from the top; cost: what speaks against one digit where these parts lie, in nats.
    """

    parts: list[int]
    start: int
    stop: int
    line: int
    cost: float


def lines(boxes: np.ndarray) -> list[list[int]]:
    """Return the parts of each line of writing: lines from top to bottom, parts from left to right.

    boxes: float (N, 4), left, top, right, bottom. Going right, a tall part continues the line whose last tall part is beside it, or all
    but touches it from above or below, so that a line may slope; small ones go to the nearest line afterwards.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    heights = boxes[:, 3] - boxes[:, 1]
    tallest = heights.max(initial=0)
    tall = heights >= TALL * tallest
    found: list[tuple[np.ndarray, list[int]]] = []  # (box of the line's end, its parts)
    for i in sorted(range(len(boxes)), key=lambda i: (not tall[i], middles[i, 0])):
        beside = [min(boxes[i, 3], end[3]) - max(boxes[i, 1], end[1]) for end, _ in found]  # below 0: apart by so much
        nearest = int(np.argmax(beside)) if found else -1
        if not found or (tall[i] and beside[nearest] < -LINE_GAP * tallest):
            found.append((boxes[i].copy(), [i]))
            continue
        end, line = found[nearest]
        line.append(i)
        if tall[i] and middles[i, 0] > end[2]:
            end[:] = boxes[i]
        elif tall[i]:  # above or below what is there already
            end[:2], end[2:] = np.minimum(end[:2], boxes[i, :2]), np.maximum(end[2:], boxes[i, 2:])
    found.sort(key=lambda line: line[0][1] + line[0][3])
    return [sorted(line, key=lambda i: middles[i, 0]) for _, line in found]


def cost_of_low(height: float, tallest: float) -> float:
    """Return what speaks against ink of this height being a digit beside ink so tall, in nats: a hat, a bar or a bit of one is lower."""
    return LOW_COST * max(0.0, LOW * tallest - height) / max(tallest, 1e-9)


def runs(boxes: np.ndarray) -> list[Run]:
    """Return all ways to take neighbouring parts as one digit; a reading uses every part once. boxes: float (N, 4), as for `lines`."""
    out, first = [], 0
    for number, line in enumerate(lines(boxes)):
        left, top, right, bottom = boxes[line].T
        height = max(bottom.max() - top.min(), (right - left).max(), 1e-9)
        tallest = (bottom - top).max()
        reach = np.maximum.accumulate(right)  # how far right the parts up to here come
        apart = np.append(0, left[1:] - reach[:-1]) / height  # before each part; negative where it overlaps those before
        for start in range(len(line)):
            overlap = -apart[start] if start else 0.0
            for stop in range(start + 1, len(line) + 1):
                gaps = apart[start + 1 : stop]
                if (gaps > WIDEST_GAP).any():
                    break
                if MOST_PARTS < stop - start < len(line):
                    continue
                here = slice(start, stop)
                run_width, run_height = right[here].max() - left[here].min(), bottom[here].max() - top[here].min()
                cost = GAP_COST * np.clip(gaps - FREE_GAP, 0, None).sum() + OVERLAP_COST * max(0.0, overlap - FREE_OVERLAP)
                cost += cost_of_low(run_height, tallest)
                if stop - start > 1:
                    cost += WIDTH_COST * max(0.0, run_width / max(run_height, 1e-9) - FREE_WIDTH)
                out.append(Run(line[start:stop], first + start, first + stop, number, float(cost)))
        first += len(line)
    return out
