"""Own digits in place of MNIST: an .npz or a folder of pictures by label, as frames. dataset.py calls it.

x_train, y_train, x_test, y_test                \
FOLDER/0 .. FOLDER/9                             pictures -> marks, as the app finds them -> the largest one's frame
FOLDER/train/0 .. and FOLDER/test/0 .. likewise /
"""

import hashlib
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from digit_model import frames, image
from digit_model.local import picture
from digit_model.settings import Settings

NAMES = "x_train", "y_train", "x_test", "y_test"  # of keras.datasets.mnist
DIGITS = [str(digit) for digit in range(10)]
TEST = 7  # of so many pictures one is kept for the test, as of MNIST's 70,000

Part = tuple[np.ndarray, np.ndarray]


class DataError(ValueError):
    """The data cannot be trained or judged on; the message is one line that says what is wrong and what to do."""


def load(path: Path) -> tuple[Part, Part]:
    """Return the train and the test part: frames uint8 (N, 28, 28), 0 paper .. 255 ink, and labels int64 (N,). Raises DataError."""
    parts = of_folder(path) if path.is_dir() else of_arrays(path)
    for name, (_, labels) in zip(("train", "test"), parts, strict=True):
        check_complete(labels, f"the {name} part of {path}")
    return parts


def check_complete(labels: np.ndarray, where: str) -> None:
    """Raise DataError unless the labels (N,) are the ten digits, each at least once."""
    found = set(labels.tolist())
    if odd := sorted(found - set(range(10))):
        raise DataError(f"{where} has the label {odd[0]}: a reading is made of the digits 0 to 9, and no other class is trained.")
    if missing := sorted(set(range(10)) - found):
        raise DataError(f"{where} has no {missing[0]}: every digit is needed there; add pictures of it.")


def of_arrays(path: Path) -> tuple[Part, Part]:
    """Return the parts of an .npz in the layout of keras.datasets.mnist, its pictures of any size and polarity. Raises DataError."""
    needed = f"an .npz with {', '.join(NAMES)}, as keras.datasets.mnist has them, or a folder of pictures by label is needed"
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path} {'is no .npz file' if path.exists() else 'does not exist'}: {needed}.")
        with np.load(path) as file:
            if missing := [name for name in NAMES if name not in file.files]:
                raise DataError(f"{path} has no {missing[0]}: {needed}.")
            x_train, y_train, x_test, y_test = (file[name] for name in NAMES)
    except DataError:
        raise
    except Exception as error:  # OSError, BadZipFile, zlib.error, ValueError for Python objects in it, and more
        raise DataError(f"{path} cannot be read ({error}): {needed}.") from error
    return part_of_arrays(x_train, y_train, f"{path}, train part"), part_of_arrays(x_test, y_test, f"{path}, test part")


def part_of_arrays(pictures: np.ndarray, labels: np.ndarray, where: str) -> Part:
    """Return frames and labels of pictures (N, H, W[, 1, 3 or 4]), uint8 or float 0 .. 1, with labels (N,)."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{where}: labels must be whole numbers, one for each picture; these are {labels.dtype} {labels.shape}.")
    if pictures.ndim not in (3, 4) or len(pictures) != len(labels):
        raise DataError(f"{where}: pictures (N, H, W) and labels (N,) are needed; these are {pictures.shape} and {labels.shape}.")
    if pictures.shape[3:] == (1,):
        pictures = pictures[..., 0]
    if pictures.dtype == np.uint8 and pictures.shape[1:] == (frames.FRAME, frames.FRAME) and pictures.mean() < 128:
        return pictures, labels.astype(np.int64)  # light on dark: these are frames already, as MNIST's
    return framed(pictures, [f"{where}, picture {i}" for i in range(len(pictures))]), labels.astype(np.int64)


def of_folder(folder: Path) -> tuple[Part, Part]:
    """Return the parts of a folder of pictures by label: train/ and test/ where it has them, else of each digit one in seven to test.

    Which ones is told by the pictures' own bytes: it is the same whatever they are called, and whatever seed is trained with.
    """
    if any((folder / name).is_dir() for name in ("train", "test")):
        train, test = by_label(folder / "train"), by_label(folder / "test")
    else:
        both = by_label(folder)
        count = {label: max(1, round(len(paths) / TEST)) for label, paths in both.items()}
        train = {label: paths[count[label] :] for label, paths in both.items()}
        test = {label: paths[: count[label]] for label, paths in both.items()}
    return part_of_files(train), part_of_files(test)


def by_label(folder: Path) -> dict[str, list[Path]]:
    """Return the different files of FOLDER/0 .. FOLDER/9 in the order of their checksums. Hidden files and folders do not count."""
    if not folder.is_dir():
        raise DataError(f"{folder} does not exist: pictures of each digit are needed, in its folders 0 to 9.")
    labels = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if odd := [label for label in labels if label not in DIGITS]:
        raise DataError(f"{folder} has a folder {odd[0]!r}: a reading is made of the digits 0 to 9, and no other class is trained.")
    if missing := [label for label in DIGITS if label not in labels]:
        raise DataError(f"{folder} has no folder {missing[0]}: pictures of each digit are needed, in the folders 0 to 9.")
    found: dict[str, Path] = {}  # by checksum
    for label in DIGITS:
        paths = [path for path in (folder / label).iterdir() if path.is_file() and not path.name.startswith(".")]
        if not paths:
            raise DataError(f"{folder / label} is empty: pictures of each digit are needed.")
        for path in paths:
            other = found.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
            if other.parent != path.parent:
                raise DataError(f"{other} and {path} are the same picture under two labels: remove the wrong one.")
    ordered = [found[checksum] for checksum in sorted(found)]
    return {label: [path for path in ordered if path.parent.name == label] for label in DIGITS}


def part_of_files(by_label: dict[str, list[Path]]) -> Part:
    """Return frames and labels of picture files."""
    paths = [path for paths in by_label.values() for path in paths]
    return framed(paths, paths), np.array([int(path.parent.name) for path in paths], np.int64)


def framed(pictures: Sequence[Path | np.ndarray], names: Sequence) -> np.ndarray:
    """Return the frames of pictures of one digit each, uint8 (N, 28, 28), drawn by a process for each processor. Raises DataError."""
    if len(pictures) <= 100:  # the processes would take longer to start
        drawn = list(map(frame_or_reason, pictures))
    else:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            drawn = list(pool.map(frame_or_reason, pictures, chunksize=32))
    unread = [f"{name}: {reason}" for name, reason in zip(names, drawn, strict=True) if isinstance(reason, str)]
    if unread:
        raise DataError(f"{len(unread):,} of {len(drawn):,} pictures cannot be used. Replace or remove {unread[0]}")
    return np.stack(drawn) if drawn else np.zeros((0, frames.FRAME, frames.FRAME), np.uint8)


def frame_or_reason(what: Path | np.ndarray) -> np.ndarray | str:
    """Return the frame of a picture's digit, uint8 (28, 28), or why there is none. Of several marks it is the largest one's."""
    try:
        opened = picture(what) if isinstance(what, np.ndarray) else image.open_image(what.read_bytes(), Settings.max_pixels)
    except (image.UnreadableImage, OSError) as error:
        return str(error)
    marks = image.marks(opened)
    if not marks:
        return "No digit is seen on it."
    largest = max(marks, key=lambda mark: max(mark.box[2:]))
    return np.round(frames.frame(largest.ink) * 255).astype(np.uint8)
