"""Makes small models for the tests of this folder, good ones and bad ones: `python -m tests.hub.zoo FOLDER CONVERTED`.

CONVERTED gets "good", "better", "no_channel" and the bundled model as a former start would have kept them. Beside each good NAME.keras
stands NAME.npz: `frames` at the model's size, and the `probabilities` that Keras itself gives for them.
"""

import hashlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np

os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}

import h5py
import keras
from keras import layers

from digit_model import hands, model_file, strokes
from digit_model.frames import frame


def digits(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return digits of many hands as frames (N, 28, 28, 1) and what they are."""
    rng = np.random.default_rng(1)
    labels = np.arange(count) % 10
    return np.stack([frame(strokes.ink(hands.draw(str(label), rng, wildness=0.5))) for label in labels])[..., None], labels


def network(shape=(28, 28, 1), outputs=10, activation="softmax", hidden=48) -> keras.Model:
    """Return a small network of its own kind for each input."""
    entry = keras.Input(shape)
    x = layers.Reshape((*shape, 1))(entry) if len(shape) == 2 else entry
    x = layers.AveragePooling2D(2)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(hidden, activation="relu")(x)
    return keras.Model(entry, layers.Dense(outputs, activation=activation)(layers.Dropout(0.1)(x)))


def train(model: keras.Model, x: np.ndarray, y: np.ndarray) -> keras.Model:
    height, width, *channels = model.input_shape[1:]
    x = np.asarray(keras.ops.image.resize(x, (height, width)))
    x = np.repeat(x, channels[0], axis=-1) if channels else x[..., 0]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=model.layers[-1].activation is keras.activations.linear)
    model.compile("adam", loss)
    model.fit(x, y, epochs=12, batch_size=32, verbose=0)
    return model


def save(model: keras.Model, path: Path) -> None:
    model.save(path)
    height, width, *channels = model.input_shape[1:]
    frames, _ = model_file._self_test_frames(height, width)
    x = np.repeat(frames, channels[0], axis=-1) if channels else frames[..., 0]
    outputs = np.asarray(model(x))
    logits = model.layers[-1].activation is keras.activations.linear
    np.savez(path.with_suffix(".npz"), frames=frames, probabilities=np.asarray(keras.ops.softmax(outputs)) if logits else outputs)


def repack(source: Path, target: Path, **members: bytes | None) -> None:
    """Copy a .keras file with members added or replaced (config, metadata, weights by these short names)."""
    names = {"config": "config.json", "metadata": "metadata.json", "weights": "model.weights.h5"}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        changed = {names.get(name, name): data for name, data in members.items()}
        for name in dict.fromkeys([*old.namelist(), *changed]):
            new.writestr(name, changed.get(name) or old.read(name))


def main(folder: Path, converted: Path) -> None:
    keras.utils.set_random_seed(7)
    x, y = digits(1200)
    save(train(network(), x, y), folder / "good.keras")
    save(train(network(hidden=64, outputs=11), x, y), folder / "better.keras")
    save(train(network((28, 28)), x, y), folder / "no_channel.keras")
    save(train(network((32, 32, 3), activation=None), x, y), folder / "rgb_32_logits.keras")
    bad(folder, folder / "good.keras")
    for path in (folder / "good.keras", folder / "better.keras", folder / "no_channel.keras"):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        model_file.keep_converted([converted], sha256, model_file.convert(path))


def bad(folder: Path, good: Path) -> None:
    """Write the files that must be refused."""
    with zipfile.ZipFile(good) as archive:
        config = json.loads(archive.read("config.json"))
    network().save(folder / "untrained.keras")
    network(outputs=5).save(folder / "wrong_shapes.keras")

    model = keras.saving.load_model(good)
    model.layers[-1].set_weights([w * np.nan for w in model.layers[-1].get_weights()])
    model.save(folder / "nan_weights.keras")

    entry = keras.Input((28, 28, 1))
    flat = layers.Flatten()(entry)
    keras.Model(entry, layers.Lambda(lambda t: t[:, :10])(flat)).save(folder / "lambda.keras")

    def edited(name: str, edit) -> None:
        new = json.loads(json.dumps(config))
        edit(new["config"]["layers"])
        repack(good, folder / f"{name}.keras", config=json.dumps(new).encode())

    lookup = {"vocabulary": "/etc/passwd", "name": "reshape"}
    edited("lookup", lambda all_: all_[1].update(class_name="StringLookup", config=lookup))
    with keras.StatelessScope(initialize_variables=False):  # without the memory such models take
        huge = keras.saving.serialize_keras_object(network(hidden=100_000_000))
    repack(good, folder / "huge_dense.keras", config=json.dumps(huge).encode())
    large = layers.GlobalAveragePooling2D()(layers.UpSampling2D(9999)(entry))
    keras.Model(entry, layers.Dense(10, activation="softmax")(large)).save(folder / "shape_bomb.keras")
    entry = keras.Input((9999, 9999, 1))
    keras.Model(entry, layers.Dense(10)(layers.GlobalAveragePooling2D()(entry))).save(folder / "large_frames.keras")
    x = entry = keras.Input((256, 256, 1))
    for _ in range(4):
        x = layers.Conv2D(4, 255, padding="same")(x)
    keras.Model(entry, layers.Dense(10)(layers.GlobalAveragePooling2D()(x))).save(folder / "endless.keras")
    edited("custom_class", lambda all_: all_[1].update(registered_name="evil>Layer"))
    repack(good, folder / "config_bomb.keras", config=b" " * 400_000_000 + b"{}")
    repack(good, folder / "asset_bomb.keras", **{"assets/vocabulary.txt": b"0" * 50_000_000})
    repack(good, folder / "path_traversal.keras", **{"../../../tmp/outside": b"x"})
    repack(good, folder / "weights_bomb.keras", weights=weights_bomb())
    repack(good, folder / "weights_elsewhere.keras", weights=weights_elsewhere())
    (folder / "truncated.keras").write_bytes(good.read_bytes()[:-2000])
    (folder / "text.keras").write_text("version https://git-lfs.github.com/spec/v1\n")


def weights_bomb() -> bytes:
    """Return an HDF5 file of a few kB that claims 40 GB."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file.create_dataset("layers/dense/vars/0", shape=(100_000, 100_000), dtype="f4", chunks=(100, 100))
    return data.getvalue()


def weights_elsewhere() -> bytes:
    """Return an HDF5 file whose weights are the bytes of another file."""
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file.create_dataset("layers/dense/vars/0", shape=(4,), dtype="f4", external=[("/etc/passwd", 0, 16)])
    return data.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
