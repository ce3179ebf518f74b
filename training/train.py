"""Trains the network on MNIST and on our own drawings, and writes model.keras: python -m training.train --out DIR"""

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from digit_model import model_file
from training import dataset, environment, network
from training.augmentation import augment
from training.own_data import DataError

LEAST = 1_000  # images in an epoch; fewer are shown several times, each time changed anew
ENOUGH = 500  # validation images for a temperature; by fewer, all of them right, a model would become as sure as can be

BATCH = 256
LEARNING_RATE = 2e-3  # at its peak, after a twentieth of the run; then down to nothing along a cosine
WEIGHT_DECAY = 0.02

LAST = 0.23  # of the epochs have the second mix


@dataclass(frozen=True)
class Mix:
    """What is in an epoch beside MNIST, in parts of it: MNIST again, drawn digits, others; and the part that is changed only lightly."""

    shares: tuple[float, float, float]
    light: float


MIXES = Mix((0, 0.45, 0.3), 0.5), Mix((0.2, 0.3, 0.25), 0.75)  # of the same sum: all epochs have as many batches


class Batches(keras.utils.PyDataset):
    """One epoch: all of MNIST's part, a fresh share of it and of the drawn shapes on top, every frame augmented anew.

    The last epochs have less of what is drawn and change most frames only lightly, so that the weights end nearer to real digits.
    Every batch has its own seed (run, epoch, batch), so that a run that goes on after a stop sees what it would have seen.
    """

    def __init__(self, mnist, digits, others, seed, model, epochs):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=16)
        self.mnist, self.digits, self.others, self.seed, self.model = mnist, digits, others, seed, model
        self.last = round(epochs * (1 - LAST))
        self.shuffle(epoch=0)

    def __len__(self):
        return len(self.order) // BATCH

    def on_epoch_begin(self):
        self.shuffle(int(self.model.optimizer.iterations) // len(self))

    def shuffle(self, epoch):
        self.epoch = epoch
        self.mix = MIXES[epoch >= self.last]
        rng = np.random.default_rng([self.seed, epoch])
        order, first = [np.arange(len(self.mnist))], 0
        for part, share in zip((self.mnist, self.digits, self.others), self.mix.shares, strict=True):
            order.append(first + rng.choice(len(part), round(share * len(self.mnist))))
            first += len(part)
        self.order = rng.permutation(np.concatenate(order))

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, self.epoch, index])
        chosen = [self._at(place) for place in self.order[index * BATCH : (index + 1) * BATCH]]
        return np.stack([augment(frame, rng, self.mix.light) for frame, _ in chosen])[..., None], np.array([label for _, label in chosen])

    def _at(self, place):
        for part in (self.mnist, self.digits, self.others):
            if place < len(part):
                return part.frames[place], part.labels[place]
            place -= len(part)
        raise IndexError(place)


class KeepMemory(keras.callbacks.Callback):
    """Lets the C library keep the memory of large tensors between two steps.

    TensorFlow's generator data set sets malloc's trim threshold to 128 kB, so that every step gives all of it back and gets it anew:
    218 frames per second of processor time without this, 318 with it, in one run on two busy cores.
    """

    def on_train_batch_begin(self, batch, logs=None):
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            for option in (-1, -3):  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
                libc.mallopt(option, 32 << 20)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature with the least cross-entropy: logits (N, 11), labels (N,) -> a number, 1 = as they are."""
    temperatures = np.geomspace(0.3, 3, 400)
    return float(min(temperatures, key=lambda t: cross_entropy(logits / t, labels)))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy in nats of logits (N, C) against labels (N,)."""
    shifted = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(1)) - shifted[np.arange(len(labels)), labels]).mean())


def main(arguments: list[str] | None = None) -> None:
    try:
        run(parse(arguments))
    except DataError as error:
        sys.exit(str(error))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of a run, by default the command line's. Ends the program with a line when they are wrong."""
    args = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split(":")[0])
    args.add_argument("--out", required=True, type=Path, help="folder for model.keras, settings.json and the run's state")
    args.add_argument("--data", help=dataset.DATA)
    args.add_argument(
        "--epochs", type=int, default=28, help="epochs, each all of MNIST once and three quarters as much on top (default 28)"
    )
    args.add_argument("--seed", type=int, default=0, help="seed of the weights, the drawings and the augmentation (default 0)")
    args.add_argument("--init", type=Path, help="a model.keras to go on from, as trained here; without it the weights start at random")
    args.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help=f"at its peak (default {LEARNING_RATE})")
    args.add_argument("--limit", type=int, help="train on so many images of the data only, to try the road")
    args.add_argument("--tensorboard", help="folder for TensorBoard logs")
    return args.parse_args(arguments)


def run(args: argparse.Namespace, callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict:
    """Train as the options say, watched by the callbacks; write model.keras and settings.json, and return the latter. Raises DataError."""
    started = time.time()
    keras.utils.set_random_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    train, validation, _ = dataset.mnist(args.data, args.limit, args.seed)
    train = train[np.resize(np.arange(len(train)), max(len(train), LEAST))]
    print("Drawing digits and things that are no digit ...", flush=True)
    digits, others = dataset.drawn(2 * len(train), args.seed)
    spoilt = dataset.spoilt(train, len(train), np.random.default_rng([args.seed, 1]))
    others = dataset.join([others, spoilt])
    print(
        f"{len(train):,} of {args.data or 'MNIST'}, {len(digits):,} drawn digits, {len(others):,} that are none, "
        f"{time.time() - started:.0f} s",
        flush=True,
    )

    model = network.build()
    if args.init:
        go_on_from(args.init, model)
    batches = Batches(train, digits, others, args.seed, model, args.epochs)
    steps = args.epochs * len(batches)
    warmup = steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=args.learning_rate, warmup_steps=warmup)
    momentum = max(0, 1 - 15 / steps)  # the weights kept are a mean over about a fifteenth of the run, at its end
    optimizer = keras.optimizers.AdamW(schedule, WEIGHT_DECAY, use_ema=True, ema_momentum=momentum)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"], jit_compile=False)
    callbacks = [keras.callbacks.BackupAndRestore(args.out / "state", delete_checkpoint=True), KeepMemory(), *callbacks]
    if args.tensorboard:
        from training.watching import Watch  # needs TensorFlow, whatever Keras trains with

        callbacks.append(Watch(args.tensorboard, validation))
    progress = 1 if sys.stdout.isatty() else 2  # a bar with the time left, or a line an epoch
    history = model.fit(
        batches,
        epochs=args.epochs,
        validation_data=(dataset.as_input(validation.frames), validation.labels),
        callbacks=callbacks,
        verbose=progress,
    )

    temperature = 1.0
    if len(validation) >= ENOUGH:
        temperature = fit_temperature(model.predict(dataset.as_input(validation.frames), verbose=0), validation.labels)
    network.calibrated(model, temperature).save(args.out / "model.keras")
    settings = {
        "epochs": args.epochs,
        "seed": args.seed,
        "data": args.data,
        "init": args.init and str(args.init),
        "learning_rate": args.learning_rate,
        "limit": args.limit,
        "temperature": temperature,
        "seconds": round(time.time() - started),
        "environment": environment.describe(),
        "history": history.history,
    }
    (args.out / "settings.json").write_text(json.dumps(settings, indent=1))
    print(f"{args.out / 'model.keras'} after {settings['seconds']} s, temperature {temperature:.2f}")
    return settings


def go_on_from(path: Path, model: keras.Model) -> None:
    """Give the network the weights of a model.keras that was trained here, the served one for example. Raises DataError."""
    try:
        weights = model_file.open_keras(path).get_weights()  # its temperature and softmax have none
    except (model_file.Refused, OSError) as error:
        raise DataError(f"--init {path} cannot be opened: {error}.") from error
    if [weight.shape for weight in weights] != [weight.shape for weight in model.get_weights()]:
        raise DataError(f"--init {path} has other layers than training/network.py builds: leave --init out, or build its layers there.")
    model.set_weights(weights)


if __name__ == "__main__":
    main()
