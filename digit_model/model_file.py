"""The child: checks, opens, self-tests and converts a .keras file, which never enters the serving process. model_source.py starts it.

`python -m digit_model.model_file` reads one job, a line of JSON, from standard input and tells what happens as lines of JSON on
standard output. TensorFlow is imported for a file that was not converted before, and only then.

    job     {"folders": [PATH, ...], "candidates": [{ORIGIN, "path"}, ...],
             "hub": {"repo_id", "revision"} or null, "seconds": for all that is asked of it,
             "known": [COMMIT, ...], served or refused: neither fetched nor tried}
    events  {"event": "answered", "revision": COMMIT, "known": bool}    which commit the Hub has; an unknown one is fetched now
            {"event": "missed", "reason"}                               the Hub, or the way to it, did not give its model
            {"event": "opening", ORIGIN}                                from here on the file itself may end this process
            {"event": "model", ORIGIN, "path", "sha256", "converted": PATH, "metrics"}
            {"event": "failed", ORIGIN, "reason", "final": bool}        final: the same file would fail again
    ORIGIN  "source", "repo_id", "revision"

The first candidate that may be served is made ready while the Hub is asked; then the Hub's model is, unless its commit is known already.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FetchTimeout
from importlib.metadata import version
from pathlib import Path

import numpy as np

MEMORY = 6 << 30  # bytes of data the child may hold; TensorFlow and the largest model allowed take about 2 GB
LARGEST_FILE = 160_000_000  # bytes the child may write: hub.py's largest download, whatever the sender says of its length
MEMBERS = {"metadata.json": 100_000, "config.json": 2_000_000, "model.weights.h5": 150_000_000}  # what a .keras file holds, bytes at most
MAX_PARAMETERS = 20_000_000  # of the model; ours has 0.4 million, a ResNet-18 has 11 million
MAX_VALUES = 20_000_000  # between two layers, for one frame
MAX_SIDE = 256  # pixels of a frame
SAME = 1e-3  # how far a probability of the converted model may be from Keras' own; found: 1e-7
SAME_IN_8_BITS = 0.02  # likewise with weights of 8 bits, on the self-test's digits
SELF_TEST = 0.8  # of the plainly written digits must be read; ours reads all
MAX_METRICS_BYTES = 1_000_000
KEPT = 8  # converted models kept in a folder
SHIPPED = Path(__file__).with_name("converted")  # holds the bundled model, so that no start waits for TensorFlow (training/bundle.py)

# Layers that only compute, from what the file itself holds. None runs code of the file (Lambda) or reads other files (TFSMLayer, lookups).
_BUILT_IN = """
    Functional Sequential InputLayer DTypePolicy
    Dense Conv1D Conv2D Conv2DTranspose DepthwiseConv2D SeparableConv2D
    MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D
    BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization Normalization Rescaling
    Activation ReLU LeakyReLU PReLU ELU Softmax Identity ActivityRegularization
    Dropout SpatialDropout1D SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise
    Flatten Reshape Permute RepeatVector ZeroPadding2D Cropping2D UpSampling2D Resizing CenterCrop
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot
    RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom
    Attention MultiHeadAttention TimeDistributed LSTM GRU SimpleRNN LSTMCell GRUCell SimpleRNNCell Bidirectional
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling Orthogonal
    GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform
    L1 L2 L1L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm
"""
_FUNCTIONAL = ("keras.src.models.functional", "keras.src.engine.functional")  # where Keras 3 and Keras 2 keep it
BUILT_IN = {
    (f"keras{package}", name)
    for name in _BUILT_IN.split()
    for package in ("", ".models", ".layers", ".initializers", ".regularizers", ".constraints", ".dtype_policies")
} | {(module, "Functional") for module in _FUNCTIONAL}
MARKERS = ("__keras_tensor__", "__tuple__")  # plain data in a configuration, no classes


class Refused(Exception):
    """The file may not be served; the message says why."""


# Checks before Keras sees the file ------------------------------------------------------------------------------------------------


def check(path: Path) -> dict:
    """Return the configuration of a .keras file that is safe to open. Raises Refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive)
            config = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
    # RuntimeError and its kinds: an encryption or a compression that zipfile does not know, JSON nested too deeply.
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError) as error:
        raise Refused(f"it is no whole .keras file ({_first_line(error)})") from error
    if not isinstance(config, dict):
        raise Refused("its config.json describes no model")
    config.pop("compile_config", None)  # not used: the model is opened with compile=False
    _check_classes(config)
    _check_weights(weights)
    return config


def _check_members(archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if sorted(names) != sorted(MEMBERS):
        odd = next((name for name in names if name not in MEMBERS), "one of them twice, or not at all")
        raise Refused(f"a .keras file holds {', '.join(MEMBERS)} and nothing else; this one has {odd[:80]!r}")
    for member in members:
        if member.file_size > MEMBERS[member.filename]:
            allowed = MEMBERS[member.filename]
            raise Refused(f"{member.filename} unpacks to {member.file_size:,} bytes, more than the {allowed:,} allowed")


def _check_classes(config: dict) -> None:
    """Refuse every class that is not one of Keras' own BUILT_IN."""
    for item in _dicts(config):
        if "class_name" not in item or item["class_name"] in MARKERS:
            continue
        module, name = str(item.get("module")), str(item["class_name"])
        registered = str(item.get("registered_name") or name)
        if (module, name) not in BUILT_IN or registered != name:
            its = f"{module}.{name}" if registered == name else registered
            raise Refused(f"it uses {its[:80]}; only Keras' own layers are served, and of them none that runs code or reads files")


def _dicts(value) -> Iterator[dict]:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            yield item
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)


def _check_weights(data: bytes) -> None:
    """Refuse an HDF5 file that points outside itself, or that unpacks to more than its cap."""
    import h5py

    try:
        with h5py.File(io.BytesIO(data)) as file:
            rest, size, count = [file], 0, 0
            while rest:
                group = rest.pop()
                for name in group:
                    count += 1
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise Refused(f"model.weights.h5 points elsewhere at {name[:80]!r}")
                    item = group[name]
                    if isinstance(item, h5py.Group):
                        rest.append(item)
                    elif item.external or item.is_virtual:
                        raise Refused(f"model.weights.h5 reads another file at {name[:80]!r}")
                    else:
                        size += item.nbytes
                if size > MEMBERS["model.weights.h5"] or count > 100_000:
                    raise Refused(f"model.weights.h5 unpacks to more than the {MEMBERS['model.weights.h5']:,} bytes allowed")
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise Refused(f"model.weights.h5 cannot be read ({_first_line(error)})") from error


# Opening --------------------------------------------------------------------------------------------------------------------------


def open_keras(path: Path):
    """Return the Keras model of a checked file: (N, H, W[, 1 or 3]) -> (N, 10 or 11), finite weights. Raises Refused."""
    config = check(path)
    import keras

    try:
        # Built first without memory for its weights: a Dense(100000) is refused before it takes 2 GB.
        with keras.StatelessScope(initialize_variables=False):
            _check_shapes(keras.saving.deserialize_keras_object(config))
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # Keras raises all kinds for a broken file
        raise Refused(f"Keras cannot open it ({_first_line(error)})") from error
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise Refused("it has weights that are not finite numbers")
    return model


def _check_shapes(model) -> None:
    shapes = [tuple(tensor.shape) for tensor in (*model.inputs, *model.outputs)]
    match shapes:
        case [(None, int(height), int(width)) | (None, int(height), int(width), 1 | 3), (None, 10 | 11)]:
            if not 1 <= height <= MAX_SIDE or not 1 <= width <= MAX_SIDE:
                raise Refused(f"its frames are {height} x {width} pixels; at most {MAX_SIDE} x {MAX_SIDE} are served")
        case _:
            raise Refused(f"it maps {' -> '.join(map(str, shapes))}; a model of (None, H, W[, 1 or 3]) -> (None, 10 or 11) is needed")
    if model.count_params() > MAX_PARAMETERS:
        raise Refused(f"it has {model.count_params():,} parameters, more than the {MAX_PARAMETERS:,} allowed")
    for layer in model._flatten_layers():
        values = sum(int(np.prod(tensor.shape[1:])) for node in layer._inbound_nodes for tensor in node.output_tensors)
        if values > MAX_VALUES:
            raise Refused(f"its layer {layer.name!r} gives {values:,} values for one frame, more than the {MAX_VALUES:,} allowed")


# Converting -----------------------------------------------------------------------------------------------------------------------


def convert(path: Path, in_8_bits: bool = True) -> bytes:
    """Return a .keras file as a LiteRT model that was seen to read digits. Raises Refused.

    The result maps float32 (N, H, W, 1), 0 paper .. 1 ink, N of any size, to probabilities float32 (N, 10 or 11): grey is repeated for
    three channels, and outputs that are no probabilities are taken as logits.
    in_8_bits: multiply in 8 bits (LiteRT's dynamic range quantisation; a fifth of the time where the processor has VNNI) where that gives
    the same digits with all but the same probabilities; of 5,000 images kept from training it changed two answers of the bundled
    model, both below one half.
    """
    classify = as_probabilities(open_keras(path))
    import tensorflow as tf

    _, height, width, _ = classify.input_signature[0].shape
    frames, labels = _self_test_frames(height, width)  # (40, H, W, 1), (40,)
    expected = classify(frames).numpy()
    for optimizations, apart in (([tf.lite.Optimize.DEFAULT], SAME_IN_8_BITS), ([], SAME))[not in_8_bits :]:
        try:
            # Without the model as second argument, the converter freezes the weights. With it, all outputs were NaN (TensorFlow 2.21).
            converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()])
            converter.optimizations = optimizations
            converted = converter.convert()
            readings = run(converted, frames)
        except (ValueError, RuntimeError, tf.errors.OpError) as error:
            raise Refused(f"it cannot be converted for LiteRT ({_first_line(error)})") from error
        if np.allclose(readings, expected, rtol=0, atol=apart):  # False for NaN as well
            break
    else:
        raise Refused("LiteRT and Keras do not agree on it, or it gives no finite numbers")
    right = float((readings.argmax(1) == labels).mean())
    if right < SELF_TEST:
        raise Refused(f"it reads {right:.0%} of the digits of the self-test; at least {SELF_TEST:.0%} is needed")
    return converted


def as_probabilities(model):
    """Return a Keras model as the tf.function that convert() converts: float32 (N, H, W, 1) -> probabilities (N, 10 or 11)."""
    import tensorflow as tf

    entry = model.inputs[0]
    _, height, width, *channels = entry.shape

    def raw(x):
        if channels != [1]:
            x = tf.repeat(x, channels[0], axis=-1) if channels else tf.squeeze(x, -1)
        return tf.cast(model(tf.cast(x, entry.dtype), training=False), tf.float32)

    outputs = raw(_self_test_frames(height, width)[0]).numpy()  # (40, 10 or 11)
    probable = (outputs >= 0).all() and (abs(outputs.sum(1) - 1) <= 1e-3).all()

    @tf.function(input_signature=[tf.TensorSpec((None, height, width, 1), tf.float32, name="frames")])
    def classify(x):
        return raw(x) if probable else tf.nn.softmax(raw(x))

    return classify


def run(converted: bytes, frames: np.ndarray) -> np.ndarray:
    """Return what a LiteRT model makes of frames: float32 (N, H, W, 1) -> (N, 10 or 11)."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=converted, num_threads=1)
    entry, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(entry, frames.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, frames)
    interpreter.invoke()
    return interpreter.get_tensor(out)


def _self_test_frames(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return plainly written digits at the model's size, float32 (40, H, W, 1), and what they are, (40,)."""
    import cv2

    from digit_model import frames, hands, strokes

    drawings, labels = hands.self_test_digits()
    small = [frames.frame(strokes.ink(drawing)) for drawing in drawings]
    sized = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in small]
    return np.stack(sized)[..., None].astype(np.float32), np.array(labels, int)


# Keeping --------------------------------------------------------------------------------------------------------------------------
# A converted model is named SHA256.VERSION.DIGEST.tflite: of which file, by which code, and the digest of its own bytes.


def code_version() -> str:
    """Return what tells conversions by other code or other libraries apart."""
    libraries = "".join(version(name) for name in ("keras", "ai-edge-litert"))
    return hashlib.sha256(Path(__file__).read_bytes() + libraries.encode()).hexdigest()[:8]


def find_converted(folders: list[Path], sha256: str) -> Path | None:
    """Return the converted model of the .keras file with this sha256, whole and by this code, from the first folder that has it.

    What is shipped is taken whichever code it is by: the tests hold it against what the code of now makes.
    """
    for folder, by in (*((folder, code_version()) for folder in folders), (SHIPPED, "*")):
        with contextlib.suppress(OSError):
            for path in folder.glob(f"{sha256}.{by}.*.tflite"):
                if path.name.split(".")[2] == _digest(path.read_bytes()):
                    return path
    return None


def keep_converted(folders: list[Path], sha256: str, converted: bytes) -> Path:
    """Store a converted model in the first folder that takes it and return its path. Raises Refused when none does."""
    name = f"{sha256}.{code_version()}.{_digest(converted)}.tflite"
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / name, converted)
        except OSError as error:
            reason = error
            continue
        with contextlib.suppress(OSError):  # another app may clean up at the same time
            for old in sorted(folder.glob("*.tflite"), key=os.path.getmtime)[:-KEPT]:
                old.unlink(missing_ok=True)
        return folder / name
    raise OSError(f"the converted model cannot be stored ({reason.strerror})")


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it."""
    number, part = tempfile.mkstemp(dir=path.parent)
    try:
        with open(number, "wb") as file:
            file.write(data)
        os.replace(part, path)  # closed before: Windows moves no open file
    except BaseException:
        os.unlink(part)
        raise


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


# The job --------------------------------------------------------------------------------------------------------------------------


class Child:
    """One job; `tell` takes each event."""

    def __init__(self, job: dict, tell: Callable[[dict], None]):
        self.tell, self.candidates, self.known, self.seconds = tell, job["candidates"], job["known"], job["seconds"]
        self.folders = [Path(folder) for folder in job["folders"]]
        self.hub = None
        if job["hub"]:
            from digit_model.hub import Hub  # the Hub client takes half a second to import

            spare = self.folders[-1] / "hub"
            shutil.rmtree(spare, ignore_errors=True)  # an earlier job's download, converted since
            self.hub = Hub(**job["hub"], spare=spare)

    def work(self) -> None:
        """Do the job. The Hub is asked in a thread beside it, since TensorFlow alone takes ten seconds to import."""
        end = time.monotonic() + self.seconds
        fetched = ThreadPoolExecutor(1).submit(self._fetch) if self.hub else None
        any(self._offer(candidate) for candidate in self._candidates())
        if not fetched:
            return
        try:
            candidate = fetched.result(max(end - time.monotonic(), 0))
        except FetchTimeout:
            self.tell({"event": "missed", "reason": f"the Hub did not give the model within {self.seconds} seconds"})
        else:
            if candidate:
                self._offer(candidate)

    def _candidates(self) -> Iterator[dict]:
        """Yield the job's candidates; one without a path stands for the copy in the Hub client's own cache, if there is one."""
        for candidate in self.candidates:
            if not candidate["path"] and (copy := self.hub.cached()):
                candidate |= {"revision": copy[0], "path": copy[1]}
            if candidate["path"] and candidate["revision"] not in self.known:
                yield candidate

    def _fetch(self) -> dict | None:
        """Return the Hub's model as a candidate; None when its commit is known, or when there was a failure."""
        from digit_model.hub import HubError

        try:
            commit, etag = self.hub.ask()
            self.tell({"event": "answered", "revision": commit, "known": commit in self.known})
            if commit in self.known:
                return None
            path, sha256 = self.hub.fetch(commit, etag)
        except HubError as error:
            self.tell({"event": "missed", "reason": str(error)})
            return None
        return {"source": "hub", "repo_id": self.hub.repo_id, "revision": commit, "path": path, "sha256": sha256}

    def _offer(self, candidate: dict) -> bool:
        """Make one candidate ready and tell; return whether it may be served."""
        origin = {name: candidate[name] for name in ("source", "repo_id", "revision")}
        path = Path(candidate["path"])
        try:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            if candidate.get("sha256", sha256) != sha256:
                raise Refused("it is not the file it was: its sha256 has changed")
            converted = find_converted(self.folders, sha256)
            if not converted:
                self.tell({"event": "opening", **origin})
                converted = keep_converted(self.folders, sha256, convert(path))
        except (Refused, OSError) as error:
            self.tell({"event": "failed", **origin, "reason": _first_line(error), "final": isinstance(error, Refused)})
            return False
        metrics = read_metrics(path.with_name("metrics.json"))
        self.tell({"event": "model", **origin, "path": str(path), "sha256": sha256, "converted": str(converted), "metrics": metrics})
        return True


def read_metrics(path: Path) -> dict:
    """Return what a metrics.json says, {} when there is none to be read."""
    try:
        metrics = json.loads(path.read_bytes()) if path.stat().st_size <= MAX_METRICS_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return metrics if isinstance(metrics, dict) else {}


def _first_line(error: BaseException) -> str:
    """Return an error as one short line."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line[:300]


def main() -> None:
    """Do the job of standard input; end when the parent does."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what libraries print goes to the log, not among the events
        lock = threading.Lock()

        def tell(event: dict) -> None:
            with lock:
                print(json.dumps(event), file=out, flush=True)

        job = json.loads(sys.stdin.readline())
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()  # the parent is gone
        _set_limits()
        Child(job, tell).work()
        os._exit(0)  # not waiting for a download that was given up


def _set_limits() -> None:
    """Let a model that takes too much end this process, and not the one that serves; where the system knows such limits."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        Path("/proc/self/oom_score_adj").write_text("1000")
        for what, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_FSIZE, LARGEST_FILE)):
            resource.setrlimit(what, (most, resource.getrlimit(what)[1]))


if __name__ == "__main__":
    main()
