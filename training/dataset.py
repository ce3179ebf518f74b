"""What the network learns from: MNIST, the shapes of hands.py, and things that are no digit. train.py and evaluate.py call it."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np

from digit_model import frames, hands, strokes
from digit_model.reader import NOT_A_DIGIT
from training import own_data

DATA = "an .npz in the layout of keras.datasets.mnist, or a folder of pictures by label; without it Keras downloads MNIST"  # of --data
VALIDATION = 5_000  # of MNIST's train part, a tenth of a smaller one, kept from training
LINE = 0.115  # median thickness of drawn lines in parts of the longest side: MNIST's digits have about 2.3 of 20 pixels
MIRRORED = (3, 4, 6, 7, 9)  # digits whose mirror image is no digit: a mirrored 2 can be a 5, a mirrored 5 a 2
TURNED = (2, 3, 4, 5, 7)  # digits that are no digit after a quarter turn


@dataclass(frozen=True)
class Split:
    """Frames uint8 (N, 28, 28), 0 paper .. 255 ink, and labels int64 (N,): 0 .. 9, or 10 for no digit."""

    frames: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which) -> "Split":
        return Split(self.frames[which], self.labels[which])


def mnist(data: str | None = None, limit: int | None = None) -> tuple[Split, Split, Split]:
    """Return MNIST, or own digits in its place, as train, validation and test part. Raises DataError.

    data: an .npz in the layout of keras.datasets.mnist, or a folder of pictures by label; without it that function downloads MNIST.
    limit: keep only so many training images, and a tenth of it for validation. What is for validation is always the same: a run may go on
    from another's weights.
    """
    (x_train, y_train), (x_test, y_test) = own_data.load(Path(data)) if data else downloaded()
    order = np.random.default_rng(0).permutation(len(y_train))
    kept = min(VALIDATION, len(order) // 10)
    held_out, rest = order[:kept], order[kept:][:limit]
    own_data.check_complete(y_train[rest], f"what is left of {data or 'MNIST'} to train on")
    train = Split(x_train, y_train.astype(np.int64))
    return train[rest], train[held_out[: limit and limit // 10]], Split(x_test, y_test.astype(np.int64))


def downloaded() -> tuple[own_data.Part, own_data.Part]:
    """Return MNIST's train and test part as Keras fetches and keeps them. Raises DataError."""
    try:
        return keras.datasets.mnist.load_data()
    except Exception as error:  # Keras raises just that
        raise own_data.DataError(f"MNIST cannot be downloaded ({error}): give it with --data FILE.") from error


def as_input(frames: np.ndarray) -> np.ndarray:
    """Return uint8 frames (N, 28, 28) as the network takes them: float32 (N, 28, 28, 1), 0 .. 1."""
    return (frames.astype(np.float32) / 255)[..., None]


def drawn(count: int, seed: int, jobs: int | None = None) -> tuple[Split, Split]:
    """Return `count` digits and as many things that are no digit, drawn by hands.py in as many hands, as frames.

    jobs: processes that draw; by default one a processor. The result does not depend on it.
    """
    parts = [(min(1000, count - start), (seed, start)) for start in range(0, count, 1000)]
    digits, others = zip(*in_processes(_draw_part, parts, jobs), strict=True)
    return join(digits), join(others)


def in_processes(work: Callable, parts: list, jobs: int | None) -> list:
    """Return what a function of some module makes of each part, in order, by `jobs` processes; by default one a processor."""
    if jobs == 1 or len(parts) == 1:
        return [work(part) for part in parts]
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        return list(pool.map(work, parts))


def join(splits: Iterable[Split]) -> Split:
    """Return several splits as one, in order."""
    splits = list(splits)
    return Split(np.concatenate([split.frames for split in splits]), np.concatenate([split.labels for split in splits]))


def _draw_part(part: tuple[int, tuple[int, int]]) -> tuple[Split, Split]:
    count, seed = part
    rng = np.random.default_rng(seed)
    labels = rng.integers(10, size=count)
    digits = np.stack([_frame_of(hands.draw(str(label), rng), rng) for label in labels])
    names = rng.choice([*hands.NON_DIGITS, *["scribble"] * 12], size=count)
    others = np.stack([_other(name, rng) for name in names])
    return Split(digits, labels), Split(others, np.full(count, NOT_A_DIGIT))


def _other(name: str, rng) -> np.ndarray:
    while True:
        frame = _frame_of(hands.scribble(rng) if name == "scribble" else hands.draw(name, rng), rng)
        if not is_upright_stroke(frame):
            return frame


def is_upright_stroke(frame: np.ndarray) -> bool:
    """Tell whether the ink is one straight upright stroke, which is a 1 under whatever name it was drawn: uint8 (28, 28)."""
    y, x = np.nonzero(frame > 90)
    _, sides, _ = cv2.minAreaRect(np.stack([x, y], 1).astype(np.float32))
    short, long = sorted(side + 1 for side in sides)
    return np.ptp(y) >= 15 and long > 2.5 * short and len(x) > 0.6 * short * long


def _frame_of(drawing: list[np.ndarray], rng) -> np.ndarray:
    line = np.clip(LINE * np.exp(rng.normal(0, 0.3)), 0.05, 0.25)  # pens differ, and so do MNIST's
    return np.round(frames.frame(strokes.ink(drawing, line)) * 255).astype(np.uint8)


def spoilt(digits: Split, count: int, rng: np.random.Generator) -> Split:
    """Return `count` frames of what is no digit, or none any more: digits mirrored, turned, two or three side by side; textures; blots."""
    kinds = rng.choice(5, size=count, p=[0.2, 0.2, 0.45, 0.1, 0.05])
    by_digit = [np.flatnonzero(digits.labels == d) for d in range(10)]

    def pick(allowed) -> np.ndarray:
        return digits.frames[rng.choice(by_digit[rng.choice(allowed)])].astype(np.float32) / 255

    out = np.empty((count, frames.FRAME, frames.FRAME), np.uint8)
    for i, kind in enumerate(kinds):
        if kind == 0:
            ink = pick(MIRRORED)[:, ::-1]
        elif kind == 1:
            ink = np.rot90(pick(TURNED), rng.choice([1, 3]))
        elif kind == 2:
            ink = side_by_side([frames.crop(pick(range(10))) for _ in range(rng.choice([2, 3], p=[0.8, 0.2]))], rng)
        elif kind == 3:
            coarse = rng.random((rng.integers(2, 14), rng.integers(2, 14))).astype(np.float32)
            ink = np.clip(cv2.resize(coarse, (40, 40), interpolation=cv2.INTER_CUBIC) * 3 - rng.uniform(0.5, 2), 0, 1)
        else:
            ink = blot(rng)
        out[i] = np.round(np.clip(frames.frame(np.ascontiguousarray(ink)), 0, 1) * 255)
    return Split(out, np.full(count, NOT_A_DIGIT))


def blot(rng) -> np.ndarray:
    """Return a solid spot, round or uneven, at most half again as long as wide, and often ragged: float32 (80, 80)."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    waves = np.arange(1, 6)[:, None]
    radius = 1 + (rng.normal(0, rng.uniform(0, 0.25), (5, 1)) / waves * np.cos(waves * angle + rng.uniform(0, 2 * np.pi, (5, 1)))).sum(0)
    points = np.stack([np.cos(angle), np.sin(angle) * rng.uniform(0.67, 1)], 1) * radius[:, None]
    turn = rng.uniform(0, np.pi)
    points = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    ink = np.zeros((80, 80), np.uint8)
    cv2.fillPoly(ink, [np.rint(40 + 25 * points / abs(points).max()).astype(np.int32)], 255, cv2.LINE_AA)
    if rng.random() < 0.5:  # filled by hand, the lines in sight
        for _ in range(rng.integers(2, 8)):
            ends = points[rng.integers(len(points), size=2)] * rng.uniform(0.8, 1.1, (2, 1))
            (x, y), (u, v) = np.rint(40 + 25 * ends / abs(points).max()).astype(int).tolist()
            cv2.line(ink, (x, y), (u, v), int(rng.choice([0, 255])), int(rng.integers(1, 4)), cv2.LINE_AA)
    return ink.astype(np.float32) / 255


def side_by_side(inks: list[np.ndarray], rng) -> np.ndarray:
    """Return the inks on one line of writing, from apart to overlapping a little: float32 (H, W)."""
    height = max(len(ink) for ink in inks) + 6
    canvas = np.zeros((height, sum(ink.shape[1] for ink in inks) + 8 * len(inks)), np.float32)
    x = 0
    for ink in inks:
        y = rng.integers(0, height - len(ink) + 1)
        place = canvas[y : y + len(ink), x : x + ink.shape[1]]
        np.maximum(place, ink, out=place)
        x += max(1, ink.shape[1] + int(rng.integers(-3, 7)))
    return canvas
