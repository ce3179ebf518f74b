"""Exports a model for phones, browsers and small machines, and compares the files: python -m training.export DIR --int8

    model.keras -> model_file.as_probabilities -> LiteRT: model.tflite, model-int8.tflite
                                               -> ONNX:   model.onnx,   model-int8.onnx

Every file takes float32 frames and gives float32 probabilities, as the original does; its metadata says how a digit is framed for it.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quant_pre_process, quantize_static
from tensorflow.lite.tools import flatbuffer_utils

from digit_model import frames, model_file, reader
from training import dataset, environment, evaluate
from training.own_data import DataError

FORMATS = ("tflite", "onnx")
OPSET = 17  # of ONNX: read by ONNX Runtime 1.12 (2022) and newer
MAX_LOSS = 0.0005  # of MNIST's test part that an int8 file may read worse than the original
MAX_SIZE = 1 / 3  # of the float file's bytes that an int8 file may have
# Frames that 8-bit ranges are taken from: of MNIST's train part, and of hands.py's digits and of its other shapes. With seven times
# as many the ranges, and so the steps, are wider: probabilities moved by 0.0006 instead of 0.0004 in the mean (MNIST's validation part).
CALIBRATION = 100, 50
CALIBRATION_SEED = 2_000_003  # of hands not trained on


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split(":")[0])
    args.add_argument("dir", type=Path, help="folder with model.keras; the exported files and export.json are written into it")
    args.add_argument("--format", nargs="+", choices=FORMATS, default=FORMATS, help="what to write (default: both)")
    args.add_argument("--int8", action="store_true", help="write each in 8 bits as well, about a quarter as large")
    args.add_argument("--data", help=dataset.DATA)
    args = args.parse_args()

    try:
        train, _, test = dataset.mnist(args.data)
    except DataError as error:
        sys.exit(str(error))
    source = args.dir / "model.keras"
    classify = model_file.as_probabilities(model_file.open_keras(source))
    told = metadata(source, classify)
    calibration = calibration_frames(train, classify) if args.int8 else None
    files = {source.name: original(classify)}
    for kind in args.format:
        for name, data in exported(kind, source, classify, calibration):
            path = args.dir / name
            path.write_bytes(WITH_METADATA[kind](data, told))
            files[name] = OPEN[kind](path)

    figures = {}
    for name, model in files.items():
        mnist = evaluate.summary(evaluate.on_mnist(model, test))
        figures[name] = mnist | {"file_bytes": (args.dir / name).stat().st_size, "one_image_ms": evaluate.one_image_ms(model)}
    (args.dir / "export.json").write_text(json.dumps({"files": figures, "environment": environment.describe()}, indent=1) + "\n")
    print(table(figures))
    if reasons := too_bad(figures):
        sys.exit("\n".join(reasons))


def exported(kind: str, source: Path, classify, calibration: np.ndarray | None) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of a model in one format, and with calibration frames, float32 (N, H, W, 1), also in 8 bits."""
    data = model_file.convert(source, in_8_bits=False) if kind == "tflite" else to_onnx(classify)
    yield f"model.{kind}", data
    if calibration is not None:
        yield f"model-int8.{kind}", to_int8_tflite(classify, calibration) if kind == "tflite" else to_int8_onnx(data, calibration)


def to_onnx(classify) -> bytes:
    """Return the model as ONNX: "frames" float32 (N, H, W, 1) -> "probabilities" float32 (N, 10 or 11)."""
    named = tf.function(lambda frames: {"probabilities": classify(frames)}, input_signature=classify.input_signature)
    model, _ = tf2onnx.convert.from_function(named, named.input_signature, opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    return model.SerializeToString()


def to_int8_onnx(data: bytes, calibration: np.ndarray) -> bytes:
    """Return an ONNX model with 8-bit weights, one scale a channel, and activations.

    Weights keep to 7 of their 8 bits: x86 processors without VNNI add two products in 16 bits, which 8 would overflow. Probabilities
    move by 0.0008 in the mean, with 8 bits by 0.0004 (MNIST's validation part). The softmax stays in floats, see to_int8_tflite.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported, plain, int8 = (Path(folder) / f"{name}.onnx" for name in ("exported", "plain", "int8"))
        exported.write_bytes(data)  # given the model itself, quant_pre_process loses its constants (ONNX Runtime 1.32)
        quant_pre_process(exported, plain, skip_symbolic_shape=True)
        softmax = [node.name for node in onnx.load(plain).graph.node if node.op_type == "Softmax"]
        quantize_static(
            plain,
            int8,
            Calibration(calibration),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            nodes_to_exclude=softmax,
        )
        return int8.read_bytes()


class Calibration(CalibrationDataReader):
    """Hands the frames to ONNX Runtime's quantisation, some at a time."""

    def __init__(self, calibration: np.ndarray):
        self.batches = iter(np.array_split(calibration, max(1, len(calibration) // 50)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {"frames": batch}


def to_int8_tflite(classify, calibration: np.ndarray) -> bytes:
    """Return a LiteRT model with 8-bit weights, one scale a channel, and activations.

    The softmax stays in floats: in 8 bits no probability is finer than 1/256, and the cross-entropy on MNIST's validation part rises
    from 0.021 to 0.026 (of the network in one view); so it does not.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([frame[None]] for frame in calibration)
    # The converter itself cannot leave a layer out; its debugger can.
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=["SOFTMAX"])
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=converter.representative_dataset, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()


def calibration_frames(train: dataset.Split, classify) -> np.ndarray:
    """Return what the ranges of 8-bit activations are taken from: float32 (N, H, W, 1)."""
    of_mnist, of_each = CALIBRATION
    of_pieces = dataset.join([train[:of_mnist], *dataset.drawn(of_each, CALIBRATION_SEED)]).frames.astype(np.float32) / 255
    _, height, width, _ = classify.input_signature[0].shape
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in of_pieces])[..., None]


# Metadata -------------------------------------------------------------------------------------------------------------------------


def metadata(source: Path, classify) -> dict[str, str]:
    """Return what an exported file says of itself."""
    _, height, width, _ = classify.input_signature[0].shape
    classes = classify.get_concrete_function().output_shapes[-1]
    side, box = frames.FRAME, frames.DIGIT_BOX
    framing = (
        f"Cut the digit's ink out (what is above {frames.INK_EDGE}), scale it so that its longer side is {box} pixels and its shape stays "
        f"(by area when it shrinks), and lay it on {side}x{side} pixels of paper, moved by whole pixels, rounded up "
        f"(to the right and down), so that its centre of mass is the centre, as MNIST's digits are."
    )
    if (height, width) != (side, side):
        framing += f" Then resize it to {height}x{width}, bilinearly."
    output = f"float32 (N, {classes}): the probabilities of the digits 0 to 9"
    if classes > reader.NOT_A_DIGIT:
        output += f' and, last, of "not a digit"; from {reader.REFUSAL} of that on the app refuses to read'
    return {
        "input": f"float32 (N, {height}, {width}, 1): one digit a frame, 0 paper .. 1 ink",
        "framing": framing,
        "output": f"{output}.",
        "licence": "MIT",
        "source_sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "made_with": f"training.export; Keras {version('keras')}, TensorFlow {tf.__version__}",
    }


def tflite_with_metadata(data: bytes, told: dict[str, str]) -> bytes:
    """Return a LiteRT model with one metadata buffer for each name."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = flatbuffer_utils.convert_bytearray_to_object(data)
    for name, text in told.items():
        buffer, entry = schema.BufferT(), schema.MetadataT()
        buffer.data = np.frombuffer(text.encode(), np.uint8)
        entry.name, entry.buffer = name, len(model.buffers)
        model.buffers.append(buffer)
        model.metadata.append(entry)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def onnx_with_metadata(data: bytes, told: dict[str, str]) -> bytes:
    """Return an ONNX model with metadata_props."""
    model = onnx.load_from_string(data)
    onnx.helper.set_model_props(model, told)
    return model.SerializeToString()


WITH_METADATA = {"tflite": tflite_with_metadata, "onnx": onnx_with_metadata}


# Comparing ------------------------------------------------------------------------------------------------------------------------


def original(classify) -> reader.Model:
    """Return the Keras model as TensorFlow runs it, compiled to a graph."""
    return _model(lambda batch: classify(batch).numpy(), classify.input_signature[0].shape)


def open_tflite(path: Path) -> reader.Model:
    """Open an exported file with LiteRT, as the app does."""
    return reader.Model.load(path, info={})


def open_onnx(path: Path) -> reader.Model:
    """Open an exported file with ONNX Runtime, on as many threads as LiteRT has in the app."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return _model(lambda batch: session.run(None, {"frames": batch})[0], session.get_inputs()[0].shape)


OPEN = {"tflite": open_tflite, "onnx": open_onnx}


def _model(classify: Callable[[np.ndarray], np.ndarray], shape) -> reader.Model:
    _, height, width, _ = shape
    return reader.Model(classify, (height, width), info={})


def table(figures: dict[str, dict]) -> str:
    """Return the figures of the files, by name, as a Markdown table."""
    rows = []
    for name, of in figures.items():
        right = f"{of['accuracy']:.2%} | {of['accuracy_of_ten']:.2%} | {of['ece']:.2%}"
        rows.append(f"| `{name}` | {right} | {of['file_bytes']:,} | {of['one_image_ms']:.2f} ms |")
    return "\n".join(["| file | MNIST test | best of the ten | ECE | bytes | one frame |", "| --- | --- | --- | --- | --- | --- |", *rows])


def too_bad(figures: dict[str, dict]) -> list[str]:
    """Return why int8 files should not be used: they read worse than the original, or are not small."""
    reasons = []
    for name, of in figures.items():
        if "int8" not in name:
            continue
        loss = figures["model.keras"]["accuracy"] - of["accuracy"]
        if loss > MAX_LOSS + 1e-9:
            reasons.append(f"{name} loses {loss:.2%} on MNIST's test part; at most {MAX_LOSS:.2%} is allowed")
        size = of["file_bytes"] / figures[name.replace("-int8", "")]["file_bytes"]
        if size > MAX_SIZE:
            reasons.append(f"{name} has {size:.0%} of the bytes of the file without int8; at most {MAX_SIZE:.0%} is allowed")
    return reasons


if __name__ == "__main__":
    main()
