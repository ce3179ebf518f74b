"""training.export: the real command on the bundled model, its files opened with the real runtimes."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema

from digit_model import model_file
from tests.road.conftest import BUNDLED, ROOT
from training import dataset, export

pytestmark = pytest.mark.timeout(900)  # the command takes 25 seconds on two idle cores, minutes on busy ones

FLOAT = ("model.tflite", "model.onnx")
INT8 = ("model-int8.tflite", "model-int8.onnx")
FENCE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
SNIPPETS = [text for text in FENCE.findall((ROOT / "docs" / "tensorflow.md").read_text(encoding="utf-8")) if any(f in text for f in INT8)]

MNIST_SNIPPETS = FENCE.findall((ROOT / "docs" / "mnist-dataset.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory, request) -> Path:
    """A folder with the bundled model and all that is exported from it, measured on MNIST where it is at hand, else on drawn digits."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copy(BUNDLED, folder / "model.keras")
    mnist = ROOT.parent / "shared" / "data" / "mnist.npz"
    data = mnist if mnist.is_file() else request.getfixturevalue("small_mnist")
    command = [sys.executable, "-m", "training.export", folder, "--int8", "--data", data]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Digits, letters, signs and scribbles of our own hands, float32 (400, 28, 28, 1)."""
    digits, others = dataset.drawn(200, seed=7)
    return np.concatenate([digits.frames, others.frames])[..., None].astype(np.float32) / 255


@pytest.fixture(scope="module")
def original(drawn) -> np.ndarray:
    """What Keras makes of `drawn`: (400, 11)."""
    return model_file.open_keras(BUNDLED).predict(drawn, verbose=0)


def run(path: Path, frames: np.ndarray) -> np.ndarray:
    """Return what the format's own runtime makes of frames."""
    if path.suffix == ".tflite":
        return model_file.run(path.read_bytes(), frames)
    return onnxruntime.InferenceSession(path).run(["probabilities"], {"frames": frames})[0]


def test_data_that_is_none_ends_the_command_with_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["training.export", str(tmp_path), "--data", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit, match="does not exist"):
        export.main()


@pytest.mark.parametrize("name", FLOAT)
def test_a_float_file_gives_the_probabilities_of_the_original(exported, drawn, original, name):
    np.testing.assert_allclose(run(exported / name, drawn), original, atol=1e-5)


@pytest.mark.parametrize("name", INT8)
def test_an_int8_file_gives_the_answers_of_the_original(exported, drawn, original, name):
    probabilities = run(exported / name, drawn)
    sure = original.max(1) > 0.7  # what the original itself doubts may fall either way
    assert sure.sum() > 350
    assert (probabilities.argmax(1) == original.argmax(1))[sure].all()
    assert abs(probabilities - original).max(1).mean() < 0.006
    assert len(np.unique(probabilities)) > 256  # the softmax is not in steps of 1/256


@pytest.mark.parametrize("name", [*FLOAT, *INT8])
def test_a_file_says_how_to_frame_a_digit_for_it_and_what_it_was_made_from(exported, name):
    told = metadata(exported / name)
    assert told.keys() >= {"input", "framing", "output", "licence", "source_sha256"}
    assert "(N, 28, 28, 1)" in told["input"]
    assert "0 paper .. 1 ink" in told["input"]
    assert "20 pixels" in told["framing"]
    assert "centre of mass" in told["framing"]
    assert "(N, 11)" in told["output"]
    assert told["licence"] == "MIT"
    assert told["source_sha256"] == hashlib.sha256(BUNDLED.read_bytes()).hexdigest()


def metadata(path: Path) -> dict[str, str]:
    """Return what a file says of itself, read without our own code."""
    if path.suffix == ".onnx":
        return {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    model = schema.Model.GetRootAs(path.read_bytes())
    entries = (model.Metadata(i) for i in range(model.MetadataLength()))
    return {entry.Name().decode(): model.Buffers(entry.Buffer()).DataAsNumpy().tobytes().decode("utf-8", "replace") for entry in entries}


def test_one_table_has_every_file_beside_the_original(exported):
    kept = json.loads((exported / "export.json").read_text())
    assert list(kept["files"]) == ["model.keras", "model.tflite", "model-int8.tflite", "model.onnx", "model-int8.onnx"]
    assert kept["environment"]["versions"]["keras"]
    rows = (exported / "printed").read_text()
    for name, figures in kept["files"].items():
        assert figures["file_bytes"] == (exported / name).stat().st_size
        assert f"| `{name}` | {figures['accuracy']:.2%} |" in rows
        assert f"| {figures['file_bytes']:,} |" in rows
        assert figures["one_image_ms"] > 0


@pytest.mark.parametrize(("name", "of"), list(zip(INT8, FLOAT, strict=True)))
def test_an_int8_file_is_at_most_a_third_of_the_float_file(exported, name, of):
    assert (exported / name).stat().st_size <= (exported / of).stat().st_size / 3


@pytest.mark.parametrize("name", [*FLOAT, *INT8])
def test_a_file_reads_mnist_as_well_as_the_original(exported, people_data, name):
    files = json.loads((exported / "export.json").read_text())["files"]
    assert files["model.keras"]["images"] == 10_000
    allowed = 0.0005 if name in INT8 else 0
    assert files[name]["accuracy"] >= files["model.keras"]["accuracy"] - allowed - 1e-9
    assert abs(files[name]["ece"] - files["model.keras"]["ece"]) < 0.001


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_snippets_of_the_docs_run_with_the_exported_files(exported, tmp_path, snippet):
    for source in (ROOT / "digit_model", ROOT / "examples", *exported.glob("model*")):
        (tmp_path / source.name).symlink_to(source)
    done = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("7 ")


@pytest.mark.parametrize("snippet", MNIST_SNIPPETS)
def test_the_snippets_of_the_docs_run_with_mnist(people_data, tmp_path, snippet):
    for source in (ROOT / "digit_model", ROOT / "training", people_data / "mnist.npz"):
        (tmp_path / source.name).symlink_to(source)
    environment = {**os.environ, "MODEL_PATH": str(BUNDLED), "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "99.97%" in done.stdout or " of 10000" in done.stdout


def test_there_is_a_snippet_for_each_runtime():
    assert [name for name in INT8 if any(name in text for text in SNIPPETS)] == list(INT8)
    assert len(MNIST_SNIPPETS) == 2


def test_another_model_is_exported_at_its_size_with_its_logits_made_probabilities(tmp_path):
    """(N, 32, 32, 3) -> logits (N, 10), made of the bundled one."""
    import keras

    bundled = keras.saving.load_model(BUNDLED, compile=False)
    entry = keras.Input((32, 32, 3))
    grey = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 3))(entry)
    frames = keras.layers.Resizing(28, 28)(grey)
    logits = keras.Model(bundled.input, bundled.get_layer("temperature").output)(frames)
    ten = keras.layers.Dense(10, use_bias=False)
    model = keras.Model(entry, ten(logits))
    ten.set_weights([np.eye(11, 10)])
    model.save(tmp_path / "model.keras")

    classify = model_file.as_probabilities(model_file.open_keras(tmp_path / "model.keras"))
    told = export.metadata(tmp_path / "model.keras", classify)
    assert "(N, 32, 32, 1)" in told["input"]
    assert "resize it to 32x32" in told["framing"]
    assert "(N, 10)" in told["output"]
    assert "not a digit" not in told["output"]
    frames, labels = model_file._self_test_frames(32, 32)
    original = classify(frames).numpy()
    train = dataset.Split(np.uint8(model_file._self_test_frames(28, 28)[0][..., 0] * 255), labels)
    files = dict(export.exported("onnx", tmp_path / "model.keras", classify, export.calibration_frames(train, classify)))
    for name, data in files.items():
        (tmp_path / name).write_bytes(export.onnx_with_metadata(data, told))
        probabilities = run(tmp_path / name, frames)
        np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
        assert (probabilities.argmax(1) == original.argmax(1)).all()


def test_an_int8_file_that_reads_worse_or_is_large_is_told():
    good = {"accuracy": 0.995, "file_bytes": 900}
    files = {"model.keras": good, "model.onnx": good, "model-int8.onnx": {"accuracy": 0.9945, "file_bytes": 300}}
    assert export.too_bad(files) == []
    files["model-int8.onnx"] = {"accuracy": 0.9944, "file_bytes": 310}
    worse, large = export.too_bad(files)
    assert "loses 0.06% on MNIST" in worse
    assert "34% of the bytes" in large
