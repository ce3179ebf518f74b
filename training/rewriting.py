"""MNIST's digits as other pens, papers and cameras would have them, and as the app then frames them. train.py learns from them.

frame -> its ink thinner or thicker, or its middle line written anew -> picture -> the app's image.py and frames.py -> frame
"""

import cv2
import numpy as np
from PIL import Image
from skimage.morphology import skeletonize

from digit_model import frames, image
from training import dataset
from training.augmentation import WORK, thicker, turned_and_slanted, warp
from training.dataset import Split

ANEW = 0.3  # of the digits are written anew
FINE = 3  # times a frame's pixels, of the picture whose middle line is found


def rewritten(digits: Split, seed: int, jobs: int | None = None) -> Split:
    """Return the digits, each as another pen and picture would have it; those in which the app finds no digit, or several, are left out.

    jobs: processes that write; by default one a processor. The result does not depend on it.
    """
    parts = [(digits[start : start + 500], (seed, start)) for start in range(0, len(digits), 500)]
    return dataset.join(dataset.in_processes(_rewrite_part, parts, jobs))


def _rewrite_part(part: tuple[Split, tuple[int, int]]) -> Split:
    digits, seed = part
    rng = np.random.default_rng(seed)
    kept, written = [], []
    for i, frame in enumerate(digits.frames):
        picture = pictured(written_anew(frame, rng) if rng.random() < ANEW else restyled(frame, rng), rng)
        marks = image.marks(Image.fromarray(picture))
        if len(marks) == 1:
            kept.append(i)
            written.append(np.round(255 * frames.frame(marks[0].ink)).astype(np.uint8))
    return Split(np.array(written, np.uint8).reshape(-1, frames.FRAME, frames.FRAME), digits.labels[kept])


def restyled(frame: np.ndarray, rng) -> np.ndarray:
    """Return a frame's digit turned and slanted a little, its line up to a pixel thinner or thicker: uint8 (28, 28) -> float32 (H, W).

    The ink, 0 .. 1, has paper around it, and one to four pixels for each of the frame's.
    """
    shape = turned_and_slanted(*rng.normal(0, 0.1, 2)) / 2
    ink = thicker(warp(frame.astype(np.float32) / 255, shape, WORK, rng.uniform(0, 0.5), rng), rng.uniform(-2, 2.5))
    side = int(rng.uniform(1, 4) * 2 * frames.FRAME)
    return cv2.resize(_on_paper(ink, WORK // 2), (side, side), interpolation=cv2.INTER_AREA if side < 2 * WORK else cv2.INTER_LINEAR)


def written_anew(frame: np.ndarray, rng) -> np.ndarray:
    """Return the middle line of a frame's digit as a pen of even width writes it: uint8 (28, 28) -> float32 (H, W), 0 .. 1."""
    line = middle_line(frame, rng.integers(90, 160))
    apart = cv2.distanceTransform(1 - line.view(np.uint8), cv2.DIST_L2, 5)
    side = int(rng.integers(100, 200))
    apart = cv2.GaussianBlur(apart, (0, 0), rng.uniform(0.5, 1.5))  # the steps from pixel to pixel are none of the hand's
    apart = cv2.resize(apart, (side, side), interpolation=cv2.INTER_LINEAR) * side / len(line)
    width = max(2, side * np.exp(rng.uniform(np.log(0.02), np.log(0.15))))
    return _on_paper((width / 2 + 0.5 - apart).clip(0, 1), side // 6)


def middle_line(frame: np.ndarray, threshold: int = 127) -> np.ndarray:
    """Return the middle line, one pixel wide, of a frame enlarged: uint8 (28, 28) -> bool (84, 84)."""
    side = FINE * frames.FRAME
    return skeletonize(cv2.resize(frame, (side, side), interpolation=cv2.INTER_CUBIC) > threshold)


def _on_paper(ink: np.ndarray, rim: int) -> np.ndarray:
    return cv2.copyMakeBorder(ink, rim, rim, rim, rim, cv2.BORDER_CONSTANT)


def pictured(ink: np.ndarray, rng) -> np.ndarray:
    """Return a picture of the ink, sharp, blurred, noisy or as a bad JPEG: float32 (H, W), 0 .. 1 -> uint8 (H, W), dark on light or not."""
    kind = rng.choice(["blurred", "noisy", "jpeg", "sharp"])
    if kind == "blurred":
        ink = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.4, 1.3) * len(ink) / (2 * frames.FRAME))
        ink /= max(ink.max(), 0.1)  # a thin line would be lost
    paper, pen = (rng.uniform(200, 255), rng.uniform(0, 110)) if rng.random() < 0.5 else (rng.uniform(0, 50), rng.uniform(140, 255))
    picture = paper + ink * (pen - paper)
    if kind == "noisy":
        picture = picture + rng.normal(0, rng.uniform(5, 25), picture.shape)
    picture = picture.clip(0, 255).astype(np.uint8)
    if kind == "jpeg":
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 60))])
        picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    return picture
