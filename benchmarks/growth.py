"""How time and memory grow with what is asked: picture size, points, digits, images of a call, clients. Linux only, for the memory.

Nothing may be worse than linear: between no two measurements that are a decade apart may the exponent exceed 1, but for noise.
"""

import ctypes
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import orjson
import requests

from benchmarks import apps, process
from benchmarks.measuring import EXAMPLE, forget_peak, peak, post, row, running_ours, until
from digit_model import local
from digit_model.reader import pieces_of_strokes, read
from digit_model.settings import Settings
from digit_model.strokes import parse

MEGAPIXELS = (0.1, 0.3, 1, 3, 10, 20, 50)
POINTS = (10, 100, 1_000, 10_000, 100_000)
DIGITS = (1, 2, 5, 10, 20, 50)
IMAGES = (1, 3, 10, 30, 100, 300, 1_000)
CLIENTS = (1, 3, 10, 30, 100)
LONGEST = 1.5  # seconds of one client after the other for a number of clients
NOISE = 0.1  # of an exponent
SMALL = 4e6  # bytes: memory below is what happened to be free


def growth(folder: Path) -> Iterator[dict]:
    """Yield a row for each of the five, with the curve in its numbers."""
    model = local.model()

    def picture(megapixels: float) -> Callable[[], str]:
        side = round(math.sqrt(megapixels * 1e6))
        data = process.encoded(cv2.resize(cv2.imread(str(EXAMPLE)), (side, side), interpolation=cv2.INTER_CUBIC), "JPEG")
        return lambda: process.reading(model, data)["text"]

    def drawing(points: int) -> Callable[[], str]:
        [[two]] = [apps.twos(1)]
        along = np.linspace(0, len(two) - 1, points)
        stroke = np.stack([np.interp(along, range(len(two)), axis) for axis in np.array(two).T], 1)
        body = orjson.dumps([stroke.tolist()])
        return lambda: read(model, pieces_of_strokes(parse(orjson.loads(body), Settings.max_points, Settings.max_strokes)))["text"]

    def number(digits: int) -> Callable[[], str]:
        data = process.encoded(sheet(digits), "PNG")
        return lambda: process.reading(model, data)["text"].replace("\n", "")

    yield in_process("megapixels of a picture", MEGAPIXELS, picture, lambda _: "3")
    yield in_process("points of a drawing", POINTS, drawing, lambda _: "2")
    yield in_process("digits in a picture", DIGITS, number, lambda digits: "2" * digits)
    with running_ours(folder / "growth") as (url, app, _):
        until(lambda: post(url))
        yield at_the_door("images in a call", IMAGES, lambda count: call(url, count), app.pid)
        yield at_the_door("clients at once", CLIENTS, lambda clients: wait(url, clients), app.pid)


def in_process(what: str, sizes: tuple, prepared: Callable, right: Callable) -> dict:
    """Return the row of something read in this process. Raises ValueError where it is not read right."""
    times, held = [], []
    for size in sizes:
        reading = prepared(size)
        if (text := reading()) != right(size):
            raise ValueError(f"{size} {what}: read {text!r}")
        ctypes.CDLL(None).malloc_trim(0)  # what is free already would hide what is taken
        rest = forget_peak(os.getpid())
        taken = []
        while len(taken) < 5 or (sum(taken) < 0.3 and len(taken) < 50):
            began = time.perf_counter()
            reading()
            taken.append(time.perf_counter() - began)
        times.append(min(taken))
        held.append(peak(os.getpid()) - rest)
    return grew(what, sizes, times, held)


def at_the_door(what: str, sizes: tuple, measured: Callable[[int], float], pid: int) -> dict:
    """Return the row of something asked of the app, a process of its own. measured: returns the seconds it took."""
    times, held = [], []
    for size in sizes:
        rest = forget_peak(pid)
        times.append(measured(size))
        held.append(peak(pid) - rest)
    return grew(what, sizes, times, held)


def sheet(digits: int) -> np.ndarray:
    """Return a page with so many 2s, ten in a line: uint8 (H, W), always of the same size."""
    page = np.full((1000, 1400), 255, np.uint8)
    for i, stroke in enumerate(apps.twos(1) * digits):
        place = np.array(stroke) * 0.9 + [60 + 130 * (i % 10), 50 + 190 * (i // 10)]
        cv2.polylines(page, [np.rint(place).astype(np.int32).reshape(-1, 1, 2)], False, 0, 8, cv2.LINE_AA)
    return page


def call(url: str, count: int) -> float:
    """Return the seconds of one call with so many pictures of the gallery; its least of three where it is short."""
    paths = itertools.islice(itertools.cycle(sorted(EXAMPLE.parent.glob("*.png"))), count)
    path, body, headers = apps.request("/predict", {"files": [("image", (path.name, path.read_bytes(), "image/png")) for path in paths]})

    def once() -> float:
        began = time.perf_counter()
        reply = requests.post(url + path, body, headers=headers, timeout=600)
        reply.raise_for_status()
        if count > 1 and len(reply.json()) != count:
            raise ValueError(f"{len(reply.json())} answers to {count} pictures")
        return time.perf_counter() - began

    return min(once() for _ in range(3 if count <= 100 else 1))


def wait(url: str, clients: int) -> float:
    """Return how many seconds an answer takes while so many clients ask, in the median."""
    return median(apps.answered(url, apps.request("/predict", apps.picture()), "3", clients, LONGEST + clients / 50)[1])


def grew(what: str, sizes: tuple, times: list[float], held: list[float]) -> dict:
    """Return a row with the fitted exponents of time and memory and the steepest of each."""
    in_time, in_memory = exponents(sizes, times), exponents(sizes, np.maximum(held, SMALL))
    return row(
        f"from {sizes[0]:g} to {sizes[-1]:,} {what}",
        f"time {times[0] * 1e3:,.1f} to {times[-1] * 1e3:,.1f} ms, exponent {in_time[0]:.2f}; memory {in_memory[0]:.2f}",
        "nowhere worse than linear",
        (1 + NOISE) / max(in_time[1], in_memory[1], 0.1),
        sizes=list(sizes),
        times_s=times,
        held_bytes=held,
        steepest_time=in_time[1],
        steepest_memory=in_memory[1],
    )


def exponents(sizes: tuple, costs) -> tuple[float, float]:
    """Return the exponent fitted to all measurements, and the largest between two that are a decade apart."""
    x, y = np.log(sizes), np.log(costs)
    pairs = [(i, j) for i in range(len(x)) for j in range(i) if x[i] - x[j] >= math.log(10) * 0.99]
    return float(np.polyfit(x, y, 1)[0]), max(float((y[i] - y[j]) / (x[i] - x[j])) for i, j in pairs)
