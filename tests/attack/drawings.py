"""Drawings that people and attackers send, as tables of strokes."""

import math
import random

from tests.attack.pictures import SEVEN

RANDOM = random.Random(0)


def seven(scale=1.0, x=0.0, y=0.0) -> list:
    return [[[scale * a + x, scale * b + y] for a, b in SEVEN]]


def anywhere() -> list[float]:
    return [RANDOM.uniform(0, 1000), RANDOM.uniform(0, 1000)]


READ = {
    "a 7": seven(),
    "outside of the pad": seven(1, -5000, -5000),
    "a million times larger": seven(1e6),
    "a million times smaller": seven(1e-6),
    "with whole numbers and times": [[[int(x), int(y), i] for i, (x, y) in enumerate(SEVEN)]],
    "with strokes without a point": [[], *seven(), []],
}
ANSWERED = {
    "no stroke": [],
    "a stroke without a point": [[]],
    "a stroke of one point": [[[5, 5]]],
    "one point many times": [[[5, 5]] * 1000],
    "a straight line": [[[0, 0], [1e8, 0]]],
    "smaller than numbers are": seven(1e-300),
    "as far apart as it may be": seven() + seven(1, 9e8),
    "300 points in one place": [[[5, 5]]] * 300,
    "300 points in a row": [[[10 * i, 5]] for i in range(300)],
    "300 points anywhere": [[anywhere()] for _ in range(300)],
    "300 dashes in a row": [[[30 * i, 5], [30 * i + 1, 90]] for i in range(300)],
    "300 dashes close together": [[[0.1 * i, 5], [0.1 * i + 1, 90]] for i in range(300)],
    "300 dashes anywhere": [[anywhere(), anywhere()] for _ in range(300)],
    "a circle of 100,000 points": [[[100 * math.cos(i / 50), 100 * math.sin(i / 50)] for i in range(100_000)]],
}
REFUSED = {
    "301 strokes": [[[5, 5]]] * 301,
    "100,001 points": [[[5, 5]] * 100_001],
    "100,000 dots": [[[5, 5]]] * 100_000,
    "null": None,
    "true": True,
    "a number": 7,
    "text": "seven",
    "an object": {"0": [[1, 2]]},
    "a list of numbers": [1, 2],
    "a list of points": [[1, 2], [3, 4]],
    "points of one number": [[[1]]],
    "points of four numbers": [[[1, 2, 3, 4]]],
    "points of text": [[["1", "2"]]],
    "points of null": [[[None, None]]],
    "points of true": [[[True, False]]],
    "points of lists": [[[[1], [2]]]],
    "NaN": [[[math.nan, 1]]],
    "infinity": [[[math.inf, -math.inf]]],
    "a number of 400 digits": [[[10**400, 1]]],
    "too far away": [[[1e9, 1]]],
}
