"""A stand-in Hub that is written to, models to publish, and MNIST-like images: the real commands with the real Hub client."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest

from digit_model import frames, hands, strokes
from tests.road.standin import OWNER, Hub
from training import hub_commit, network

ROOT = Path(__file__).parents[2]
BUNDLED = ROOT / "digit_model" / "model.keras"


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[Hub]:
    """The Hub of this process, with the owner's token; the pauses between tries are short."""
    hub = Hub()
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(hub_commit, "PAUSES", (0.05, 0.05, 0.05))
    monkeypatch.setenv("HF_TOKEN", OWNER)
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def small_mnist(tmp_path_factory) -> Path:
    """An .npz in MNIST's layout, plainly drawn by our own hands: enough to keep 5,000 from training, and 300 to test."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=500)
    drawings = [hands.draw(str(label), rng, wildness=0.1, variant=0) for label in labels]
    drawn = np.stack([np.uint8(255 * frames.frame(strokes.ink(drawing))) for drawing in drawings])
    many = np.resize(np.arange(300), 5600)
    path = tmp_path_factory.mktemp("data") / "mnist.npz"
    np.savez(path, x_train=drawn[many], y_train=labels[many], x_test=drawn[200:], y_test=labels[200:])
    return path


@pytest.fixture(scope="session")
def worse(tmp_path_factory) -> Path:
    """The bundled model, but it reads no 4: good enough for the Space's self-test, and for that only."""
    import keras

    model = keras.saving.load_model(BUNDLED, compile=False)
    last = model.get_layer(network.NETWORK).get_layer("logits")
    kernel, bias = last.get_weights()
    kernel[:, 4], bias[4] = 0, -30
    last.set_weights([kernel, bias])
    path = tmp_path_factory.mktemp("worse") / "model.keras"
    model.save(path)
    return path


@pytest.fixture
def run(tmp_path) -> Callable[..., Path]:
    """Make a folder as training.train and training.evaluate leave it: figures that pass the gate, and of `metrics` what is given."""

    def make(name: str = "run", model: Path | None = None, **metrics) -> Path:
        folder = tmp_path / name
        (folder / "pictures").mkdir(parents=True)
        if model:
            shutil.copy(model, folder / "model.keras")
        else:
            repack(BUNDLED, folder / "model.keras", name)
        for picture in ("reliability", "confusion", "mistakes"):
            (folder / "pictures" / f"{picture}.png").write_bytes(picture.encode())
        sha256 = hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()
        (folder / "metrics.json").write_text(json.dumps({**FIGURES, "sha256": sha256, **metrics}))
        return folder

    return make


FIGURES = {
    "mnist_test": {"images": 300, "accuracy": 0.995, "errors": 1, "ece": 0.004, "brier": 0.008, "per_digit": [0.99] * 10},
    "mnist_test_changed": {"as it is": 0.99, "thinned": 0.95},
    "simulated_pad": {"thin": 0.96, "thick": 0.98},
    "composed_photos": {"each": 60, "mean": 0.98, "kinds": {"plain": 1.0, "shadow": 0.96}},
    "drawn_non_digits_refused": 0.93,
    "file_bytes": 930_000,
    "parameters": 213_000,
    "one_image_ms": 0.4,
}


def repack(model: Path, to: Path, note: str) -> None:
    """Write the same model as other bytes, as a run with another name would."""
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(to, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b" " * len(note) if name == "metadata.json" else b""))
