"""Measures a model as the app reads with it, and writes metrics.json beside it: python -m training.evaluate DIR"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from sklearn.metrics import confusion_matrix
from tqdm import tqdm

from digit_model import model_file, reader
from training import dataset, people, pictures, scenes
from training.judge import Judge, calibration
from training.own_data import DataError
from training.rewriting import middle_line


def main(arguments: list[str] | None = None) -> None:
    args = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split(":")[0])
    args.add_argument("dir", type=Path, help="folder with model.keras; metrics.json and pictures/ for the model card are written into it")
    args.add_argument("--data", help=dataset.DATA)
    args.add_argument("--sets", type=Path, help="folder with drawings and pictures by people to judge on as well (tablet_digits.npz ...)")
    args.add_argument("--limit", type=int, help="judge on so many of each other set only, and on all of MNIST's test part")
    args = args.parse_args(arguments)
    try:
        _, _, test = dataset.mnist(args.data)
    except DataError as error:
        sys.exit(str(error))

    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "model.tflite"
        converted.write_bytes(model_file.convert(args.dir / "model.keras"))
        model = reader.Model.load(converted, info={})
        metrics = {
            "mnist_test": on_mnist(model, test),
            "mnist_test_changed": on_changed_mnist(model, test[: args.limit]),
            "simulated_pad": on_simulated_pad(model, test[: args.limit]),
            "composed_photos": on_composed_photos(model, 60 if args.limit is None else max(1, args.limit // 100)),
            "drawn_non_digits_refused": on_drawn_non_digits(model, args.limit or 5_000),
            "sha256": hashlib.sha256((args.dir / "model.keras").read_bytes()).hexdigest(),
            "file_bytes": (args.dir / "model.keras").stat().st_size,
            "parameters": model_file.open_keras(args.dir / "model.keras").count_params(),
            "one_image_ms": one_image_ms(model),
        }
        if args.sets:
            metrics["people"] = people.measure(model, args.sets, args.limit)
        pictures.write(args.dir / "pictures", metrics["mnist_test"], test, classify(model, test.frames.astype(np.float32) / 255)[:, :10])
    (args.dir / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n")
    print(json.dumps({k: v for k, v in metrics.items() if k != "mnist_test"} | {"mnist_test": summary(metrics["mnist_test"])}, indent=1))


def summary(figures: dict) -> dict:
    """Return the single numbers among the figures."""
    return {name: value for name, value in figures.items() if isinstance(value, int | float)}


def on_mnist(model: reader.Model, test: dataset.Split) -> dict:
    """Return accuracy, errors, calibration and confusion on MNIST's own frames."""
    probabilities = classify(model, test.frames.astype(np.float32) / 255)
    ten = probabilities[:, :10]
    answered = probabilities[:, reader.NOT_A_DIGIT :].sum(1) < reader.REFUSAL
    guesses = ten.argmax(1)
    right = (guesses == test.labels) & answered
    error, table = calibration(ten.max(1)[answered], right[answered])
    return {
        "images": len(test),
        "accuracy": float(right.mean()),
        "errors": int((~right).sum()),
        "refused": int((~answered).sum()),
        "accuracy_of_ten": float((guesses == test.labels).mean()),
        "ece": error,
        "brier": float(((ten - np.eye(10)[test.labels]) ** 2).sum(1).mean()),
        "per_digit": [float(right[test.labels == d].mean()) for d in range(10)],
        "confusion": confusion_matrix(test.labels, guesses, labels=range(10)).tolist(),
        "reliability": table,
    }


def classify(model: reader.Model, of_pieces: np.ndarray, chunk: int = 256) -> np.ndarray:
    """Return the probabilities of frames float32 (N, 28, 28): (N, 10 or 11)."""
    if model.size != of_pieces.shape[1:]:
        of_pieces = np.stack([cv2.resize(frame, model.size[::-1], interpolation=cv2.INTER_LINEAR) for frame in of_pieces])
    return np.concatenate([model.classify(of_pieces[i : i + chunk, ..., None]) for i in range(0, len(of_pieces), chunk)])


def on_changed_mnist(model: reader.Model, test: dataset.Split) -> dict:
    """Return the accuracy on MNIST's test digits as pictures, changed in one way each, through the app's own road."""
    rng = np.random.default_rng(0)
    figures = {}
    for name, change in CHANGES.items():
        judge = Judge(model)
        for frame, label in zip(tqdm(test.frames, desc=name, leave=False), test.labels, strict=True):
            canvas = change(cv2.copyMakeBorder(frame, 14, 14, 14, 14, cv2.BORDER_CONSTANT), rng)
            judge.read(reader.pieces_of_image(Image.fromarray(canvas)), str(label))
        figures[name] = sum(right for _, right in judge.judged) / len(test)
    return figures


def _affine(canvas: np.ndarray, scale: float = 1, degrees: float = 0, x: float = 0, y: float = 0) -> np.ndarray:
    side = len(canvas) * max(1, scale)
    matrix = cv2.getRotationMatrix2D((len(canvas) / 2 - 0.5, len(canvas) / 2 - 0.5), degrees, scale)
    matrix[:, 2] += (side - len(canvas)) / 2 + np.array([x, y])
    return cv2.warpAffine(canvas, matrix, (int(side), int(side)), flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _jpeg(canvas: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_GRAYSCALE)


CHANGES = {  # a picture uint8 (56, 56), light digit on dark, 14 pixels of paper around MNIST's 28 -> the changed picture
    "as it is": lambda canvas, rng: canvas,
    "moved": lambda canvas, rng: _affine(canvas, x=rng.uniform(-12, 12), y=rng.uniform(-12, 12)),
    "scaled 0.5 to 3": lambda canvas, rng: _affine(canvas, scale=rng.uniform(0.5, 3)),
    "turned up to 15 degrees": lambda canvas, rng: _affine(canvas, degrees=rng.uniform(-15, 15)),
    "thinned": lambda canvas, rng: _affine(cv2.erode(_affine(canvas, 2), np.ones((3, 3))), 0.5)[28:84, 28:84],
    "thickened": lambda canvas, rng: cv2.dilate(canvas, np.ones((2, 2))),
    "noisy": lambda canvas, rng: np.clip(canvas + rng.normal(0, 20, canvas.shape), 0, 255).astype(np.uint8),
    "blurred": lambda canvas, rng: cv2.GaussianBlur(canvas, (0, 0), 1),
    "JPEG at 30 %": lambda canvas, rng: _jpeg(canvas),
}


def on_simulated_pad(model: reader.Model, test: dataset.Split) -> dict:
    """Return the accuracy on MNIST's test digits enlarged, moved and redrawn with a thin and a thick line on a pad of 280 pixels."""
    rng = np.random.default_rng(0)
    figures = {}
    for name, line in (("thin", 0.0), ("thick", 0.13)):
        judge = Judge(model)
        for frame, label in zip(tqdm(test.frames, desc=f"pad, {name}", leave=False), test.labels, strict=True):
            judge.read(reader.pieces_of_image(Image.fromarray(redrawn(frame, line, rng))), str(label))
        figures[name] = sum(right for _, right in judge.judged) / len(test)
    return figures


def redrawn(frame: np.ndarray, line: float, rng: np.random.Generator) -> np.ndarray:
    """Return a frame's digit drawn anew, somewhere on a pad: uint8 (28, 28) -> uint8 (280, 280), 255 paper .. 0 ink.

    line: in parts of the height that the frame's 28 pixels have on the pad; at least 2 pixels.
    """
    side = int(rng.integers(90, 270))
    width = max(2, round(line * side))
    drawn = cv2.resize(middle_line(frame).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    drawn = cv2.dilate(np.uint8(drawn > 0) * 255, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))
    pad = np.zeros((280, 280), np.uint8)
    x, y = rng.integers(0, 281 - side, 2)
    pad[y : y + side, x : x + side] = drawn
    return 255 - pad


def on_composed_photos(model: reader.Model, count: int) -> dict:
    """Return the part of so many photos of each kind that is read rightly, and the mean over the kinds; scenes.py composes them."""
    kinds = scenes.measure(lambda photo: reader.read(model, reader.pieces_of_image(photo))["text"], count)
    return {"each": count, "mean": float(np.mean(list(kinds.values()))), "kinds": kinds}


def on_drawn_non_digits(model: reader.Model, count: int) -> float:
    """Return the part of so many letters, signs and scribbles of hands.py, of hands not trained on, that is refused."""
    _, others = dataset.drawn(count, seed=1_000_003)
    return float((classify(model, others.frames.astype(np.float32) / 255)[:, reader.NOT_A_DIGIT :].sum(1) >= reader.REFUSAL).mean())


def one_image_ms(model: reader.Model) -> float:
    """Return the median time of one frame to its probabilities, in milliseconds."""
    one = np.zeros((1, *model.size, 1), np.float32)
    times = []
    for _ in range(500):
        start = time.perf_counter()
        model.classify(one)
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


if __name__ == "__main__":
    main()
