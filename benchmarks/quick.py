"""Row of the table: training to the plain network's final accuracy, by it and by our quick preset, in turn, on MNIST's train part."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import ROOT, row

EPOCHS, BATCH = 10, 128  # of the plain network, as in its example
GOAL = 0.989  # accuracy on the images kept from training
MNIST = ROOT.parent / "shared" / "data" / "mnist.npz"


def quick(folder: Path) -> Iterator[dict]:
    """Yield the time of `training.train --preset quick` against the plain network's, both without the imports."""
    data = ["--data", str(MNIST)] if MNIST.exists() else []  # else it is downloaded
    run = [sys.executable, "-m", "training.train", "--preset", "quick", "--out", str(folder / "quick"), *data]
    subprocess.run(run, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 our own command
    told = json.loads((folder / "quick" / "settings.json").read_text())
    ours, accuracy = told["seconds"], told["history"]["val_accuracy"][-1]
    taken, plain_accuracy = plain_training(*data[1:])
    yield row(
        f"training to {GOAL:.1%} on images kept from it, against the plain network's {EPOCHS} epochs",
        f"{ours / taken:.2f} of its {taken:.0f} s; {accuracy:.2%}, the plain network {plain_accuracy:.2%}",
        "at most 0.33",
        taken / 3 / ours if accuracy >= GOAL else 0,
        ours_s=ours,
        plain_s=taken,
        ours_accuracy=accuracy,
        plain_accuracy=plain_accuracy,
    )


def plain_training(data: str | None = None) -> tuple[float, float]:
    """Train the plain network as its example does; return the seconds it took and its accuracy on what was kept from training."""
    import keras

    from benchmarks import plain
    from training import dataset

    train, validation, _ = dataset.mnist(data)
    keras.utils.set_random_seed(0)
    model = plain.network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    history = model.fit(
        dataset.as_input(train.frames),
        train.labels,
        batch_size=BATCH,
        epochs=EPOCHS,
        validation_data=(dataset.as_input(validation.frames), validation.labels),
        verbose=0,
    )
    return time.perf_counter() - began, history.history["val_accuracy"][-1]
