"""Rows of the table: what reading costs in this process, beside the plain network, LiteRT and ONNX Runtime."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from benchmarks.measuring import EXAMPLE, ROOT, as_long, faster, in_turn, milliseconds, row
from digit_model import hands, local, model_file, reader
from digit_model.image import open_image
from digit_model.reader import Model, pieces_of_image, read
from digit_model.settings import Settings
from training import network

MODEL = ROOT / "digit_model" / "model.keras"
SAME = model_file.SAME_IN_8_BITS  # how far probabilities of the same network may differ between runtimes, ours in 8 bits
BATCH = 256
PICTURES = (  # what, size, format, milliseconds asked
    ("400x400 PNG to its Reading", (400, 400), "PNG", 4),
    ("12-megapixel JPEG to its Reading", (4000, 3000), "JPEG", 40),
)


def pictures(folder: Path) -> Iterator[dict]:
    """Yield what a picture costs from its bytes to its Reading."""
    model = local.model()
    picture = np.asarray(Image.open(EXAMPLE).convert("RGB"))
    for what, size, kind, asked in PICTURES:
        data = encoded(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), kind)
        if (text := reading(model, data)["text"]) != "3":
            raise ValueError(f"{what} was read as {text!r}")
        [taken] = in_turn(60, lambda data=data: reading(model, data))
        yield milliseconds(what, asked, taken)


def reading(model: Model, data: bytes) -> dict:
    """Return the Reading of a picture file."""
    return read(model, pieces_of_image(open_image(data, Settings.max_pixels)))


def encoded(pixels: np.ndarray, kind: str) -> bytes:
    """Return pixels, uint8 (H, W) or (H, W, 3), as a picture file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def frames(folder: Path) -> Iterator[dict]:
    """Yield what one frame costs, and many, against model.predict, the runtimes alone and the machine's matrix products."""
    from benchmarks import plain  # TensorFlow takes memory and threads: the pictures come before

    model, plain_network = local.model(), plain.network()
    lite, onnx = litert(model.path), onnx_runtime(to_onnx(folder / "model.onnx"))
    drawings, _ = hands.self_test_digits()
    digits = np.stack([reader.pieces_of_strokes(drawing)[-1].frame for drawing in drawings])[..., None]  # (40, 28, 28, 1)
    one = digits[:1]
    for other in (lite, onnx):
        if (apart := max(np.abs(other(digit[None]) - model.classify(digit[None])).max() for digit in digits)) > SAME:
            raise ValueError(f"the runtimes differ by {apart}")
    ours, by_plain, by_lite, by_onnx = in_turn(
        100, lambda: model.classify(one), lambda: plain_network.predict(one, verbose=0), lambda: lite(one), lambda: onnx(one)
    )
    yield faster("one frame to probabilities, against model.predict", 100, ours, by_plain, "plain")
    name, taken = min((("LiteRT", by_lite), ("ONNX Runtime", by_onnx)), key=lambda found: median(found[1]))
    yield as_long(f"one frame to probabilities, against {name} barely called, the faster of two", 1.3, ours, taken, "runtime")

    multiplies = int(multiplications(MODEL))
    many = np.random.default_rng(0).random((BATCH, 28, 28, 1), np.float32)
    square = np.random.default_rng(0).random((1500, 1500), np.float32)
    ours, by_onnx, products = in_turn(15, lambda: model.classify(many), lambda: onnx(many), lambda: square @ square)
    rate, limit = BATCH / median(ours), square.size * len(square) / median(products) / multiplies
    yield row(
        f"frames in batches of {BATCH}, {multiplies / 1e6:.1f} million multiplies each",
        f"{rate:,.0f} a second, {rate / limit:.0%} of {limit:,.0f}",
        "20,000, or 80 % of the machine's matrix products",
        rate / min(20_000, 0.8 * limit),
        ours_per_s=rate,
        limit_per_s=limit,
        onnx_runtime_per_s=BATCH / median(by_onnx),
    )


def litert(path: Path) -> Callable:
    """Return a bare call of a LiteRT model with one frame."""
    interpreter = Interpreter(str(path), num_threads=2)
    interpreter.allocate_tensors()
    entry, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def call(batch: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(entry, batch)
        interpreter.invoke()
        return interpreter.get_tensor(out)

    return call


def onnx_runtime(path: Path) -> Callable:
    """Return a bare call of an ONNX model."""
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    return lambda batch: session.run(None, {name: batch})[0]


def to_onnx(path: Path) -> Path:
    """Write the bundled model as ONNX, once, and return the path."""
    if not path.exists():
        model = model_file.open_keras(MODEL)
        model(np.zeros((1, 28, 28, 1), np.float32))  # Keras exports what was called
        model.export(path, format="onnx", verbose=False)
    return path


def multiplications(path: Path) -> float:
    """Return how many products of two numbers the bundled model takes for a frame; what turns its views, a thousandth of it, left out."""
    model = model_file.open_keras(path)
    views = len(model.get_layer("logits").input)
    layers = [layer for layer in model.get_layer(network.NETWORK).layers if hasattr(layer, "kernel")]
    return views * sum(np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:-1]) for layer in layers)
