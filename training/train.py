"""Trains the network on MNIST and on our own drawings, and writes model.keras: python -m training.train --out DIR"""

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from digit_model import model_file
from training import dataset, environment, network, rewriting
from training.augmentation import augment
from training.own_data import DataError

LEAST = 1_000  # images in an epoch; fewer are shown several times, each time changed anew
ENOUGH = 500  # validation images for a temperature; by fewer, all of them right, a model would become as sure as can be

WEIGHT_DECAY = 0.02


@dataclass(frozen=True)
class Preset:
    """A network and how it is trained: the learning rate rises for a part of the run, then goes down to nothing along a cosine."""

    build: Callable[[], keras.Model]
    epochs: int
    batch: int
    learning_rate: float  # at its peak
    rising: float  # part of the run
    drawn: bool  # with drawn shapes and every frame changed anew, or MNIST as it is


PRESETS = {
    "full": Preset(network.build, 34, 256, 2e-3, 0.05, drawn=True),
    "quick": Preset(network.build_quick, 3, 128, 7e-3, 0.25, drawn=False),
}

SHARES = 1, 0.3, 0.45, 0.35  # of an epoch, in parts of MNIST: its digits, rewritten and drawn ones, others
LIGHT = 0.5, 0.75  # of the frames are changed only lightly, before and in the last epochs
LAST = 0.3  # of the epochs


class Batches(keras.utils.PyDataset):
    """One epoch: all of MNIST's part, a fresh share of what was rewritten and drawn on top, every frame augmented anew.

    The last epochs change most frames only lightly: the weights end nearer to real digits.
    Every batch has its own seed (run, epoch, batch), so that a run that goes on after a stop sees what it would have seen.
    """

    def __init__(self, mnist, rewritten, digits, others, seed, model, epochs, batch):
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=16)
        self.parts, self.rewritten = (mnist, rewritten, digits, others), rewritten
        self.seed, self.model, self.batch = seed, model, batch
        self.last = round(epochs * (1 - LAST))
        self.shuffle(epoch=0)

    def __len__(self):
        return len(self.order) // self.batch

    def on_epoch_begin(self):  # for the first one after a stop
        self.shuffle(int(self.model.optimizer.iterations) // len(self))

    on_epoch_end = on_epoch_begin  # for the next one, whose first batches are made before it begins

    def shuffle(self, epoch):
        self.epoch = epoch
        self.light = LIGHT[epoch >= self.last]
        rng = np.random.default_rng([self.seed, epoch])
        order, first = [], 0
        for part, share in zip(self.parts, SHARES, strict=True):
            order.append(first + np.resize(rng.permutation(len(part)), round(share * len(self.parts[0]))))
            first += len(part)
        self.order = rng.permutation(np.concatenate(order))

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, self.epoch, index])
        chosen = [self._at(place) for place in self.order[index * self.batch : (index + 1) * self.batch]]
        return np.stack([augment(frame, rng, light) for frame, _, light in chosen])[..., None], np.array([label for _, label, _ in chosen])

    def _at(self, place):
        for part in self.parts:
            if place < len(part):
                light = 1 if part is self.rewritten else self.light  # what was rewritten has been changed enough
                return part.frames[place], part.labels[place], light
            place -= len(part)
        raise IndexError(place)


@contextmanager
def bfloat16() -> Iterator[None]:
    """Let TensorFlow multiply in bfloat16 where the processor does that itself; sums and weights stay float32.

    1.2 to 1.3 times as many frames a second on two cores with AMX, 1.4 to 1.5 times on two cores of an AMD EPYC of the fourth generation
    (two pairs of runs in turn, 48 and 24 steps). What the process runs afterwards is in float32 again: the option is the whole
    process's, and rounds a trained model's answers by more than a served copy may differ.
    """
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    if keras.backend.backend() != "tensorflow" or not {"amx_bf16", "avx512_bf16"} & set(flags):
        yield
        return
    import tensorflow as tf

    option = "auto_mixed_precision_onednn_bfloat16"
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: False})


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


def defaults(option: str) -> str:
    """Return what each preset has for an option, for its help."""
    return ", ".join(f"{name}: {getattr(preset, option)}" for name, preset in PRESETS.items())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of a run, by default the command line's. Ends the program with a line when they are wrong."""
    args = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split(":")[0])
    args.add_argument("--out", required=True, type=Path, help="folder for model.keras, settings.json and the run's state")
    args.add_argument("--data", help=dataset.DATA)
    args.add_argument(
        "--preset", choices=PRESETS, default="full", help="full: the bundled model's; quick: a small one on MNIST as it is, in a minute"
    )
    args.add_argument("--epochs", type=int, help=f"each all of MNIST, and of full 1.1 times as much on top ({defaults('epochs')})")
    args.add_argument("--seed", type=int, default=0, help="seed of the weights, the drawings and the augmentation (default 0)")
    args.add_argument("--init", type=Path, help="a model.keras to go on from, as trained here; without it the weights start at random")
    args.add_argument("--learning-rate", type=float, help=f"at its peak ({defaults('learning_rate')})")
    args.add_argument("--limit", type=int, help="train on so many images of the data only, to try the road")
    args.add_argument("--tensorboard", help="folder for TensorBoard logs")
    args = args.parse_args(arguments)
    preset = PRESETS[args.preset]
    args.epochs, args.learning_rate = args.epochs or preset.epochs, args.learning_rate or preset.learning_rate
    return args


def run(args: argparse.Namespace, callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict:
    """Train as the options say, watched by the callbacks; write model.keras and settings.json, and return the latter. Raises DataError."""
    started = time.time()
    preset = PRESETS[args.preset]
    keras.utils.set_random_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    options = {
        "preset": args.preset,
        "epochs": args.epochs,
        "seed": args.seed,
        "data": args.data,
        "init": args.init and str(args.init),
        "learning_rate": args.learning_rate,
        "limit": args.limit,
    }
    state = args.out / "state"
    keep_options(state, options)
    train, validation, _ = dataset.mnist(args.data, args.limit)
    train = train[np.resize(np.arange(len(train)), max(len(train), min(LEAST, args.limit or LEAST)))]
    model = preset.build()
    if preset.drawn:
        epoch = {"x": with_more(train, args, model)}
        steps = args.epochs * len(epoch["x"])
    else:
        epoch = {"x": dataset.as_input(train.frames), "y": train.labels, "batch_size": preset.batch}
        steps = args.epochs * -(-len(train) // preset.batch)
    if args.init:
        go_on_from(args.init, model)
    rising = round(preset.rising * steps)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps - rising, warmup_target=args.learning_rate, warmup_steps=rising)
    momentum = max(0, 1 - 15 / steps)  # the weights kept are a mean over about a fifteenth of the run, at its end
    optimizer = keras.optimizers.AdamW(schedule, WEIGHT_DECAY, use_ema=True, ema_momentum=momentum)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"], jit_compile=False)
    callbacks = [keras.callbacks.BackupAndRestore(state, delete_checkpoint=True), KeepMemory(), *callbacks]
    if args.tensorboard:
        from training.watching import Watch  # needs TensorFlow, whatever Keras trains with

        callbacks.append(Watch(args.tensorboard, validation))
    progress = 1 if sys.stdout.isatty() else 2  # a bar with the time left, or a line an epoch
    with bfloat16() if preset.drawn else nullcontext():
        history = model.fit(
            **epoch,
            epochs=args.epochs,
            validation_data=(dataset.as_input(validation.frames), validation.labels),
            callbacks=callbacks,
            verbose=progress,
        )

    seen = network.with_views(model)
    temperature = 1.0
    if len(validation) >= ENOUGH:
        temperature = fit_temperature(seen.predict(dataset.as_input(validation.frames), verbose=0), validation.labels)
    network.calibrated(seen, temperature).save(args.out / "model.keras")
    settings = options | {
        "temperature": temperature,
        "seconds": round(time.time() - started),
        "environment": environment.describe(),
        "history": history.history,
    }
    (args.out / "settings.json").write_text(json.dumps(settings, indent=1))
    print(f"{args.out / 'model.keras'} after {settings['seconds']} s, temperature {temperature:.2f}")
    return settings


def keep_options(state: Path, options: dict) -> None:
    """Keep a run's options beside its state. Raises DataError where a run with others was stopped there: it would go on with these."""
    told = state / "options.json"
    if told.exists() and (state / "training_metadata.json").exists() and json.loads(told.read_text()) != options:
        raise DataError(
            f"{state.parent} has a run that was stopped, with {told.read_text()}: go on with these options, or name another --out."
        )
    state.mkdir(parents=True, exist_ok=True)
    told.write_text(json.dumps(options))


def with_more(train: dataset.Split, args: argparse.Namespace, model: keras.Model) -> Batches:
    """Rewrite the digits, draw twice as many and as many things that are no digit, and return the epochs they make together."""
    print("Writing and drawing digits and things that are no digit ...", flush=True)
    began = time.time()
    rewritten = rewriting.rewritten(train, args.seed)
    digits, others = dataset.drawn(2 * len(train), args.seed)
    others = dataset.join([others, dataset.spoilt(train, len(train), np.random.default_rng([args.seed, 1]))])
    print(
        f"{len(train):,} of {args.data or 'MNIST'}, {len(rewritten):,} of them rewritten, {len(digits):,} drawn, {len(others):,} "
        f"that are none: {time.time() - began:.0f} s",
        flush=True,
    )
    return Batches(train, rewritten, digits, others, args.seed, model, args.epochs, PRESETS[args.preset].batch)


def go_on_from(path: Path, model: keras.Model) -> None:
    """Give the network the weights of a model.keras that was trained here, the served one for example. Raises DataError."""
    try:
        served = model_file.open_keras(path)
    except (model_file.Refused, OSError) as error:
        raise DataError(f"--init {path} cannot be opened: {error}.") from error
    weights = next((layer.get_weights() for layer in served.layers if layer.name == network.NETWORK), [])
    if [weight.shape for weight in weights] != [weight.shape for weight in model.get_weights()]:
        raise DataError(f"--init {path} has other layers than training/network.py builds: leave --init out, or build its layers there.")
    model.set_weights(weights)


if __name__ == "__main__":
    main()
