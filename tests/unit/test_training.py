"""The road from images to a model that the app opens, on small data."""

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from digit_model import frames, hands, reader, strokes
from training import augmentation, dataset, network, rewriting, train
from training.judge import calibration
from training.own_data import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small_mnist(tmp_path_factory) -> Path:
    """Return an .npz in MNIST's layout, drawn by our own hands: 7,000 to train and validate on, 200 to test."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=600)
    drawn = np.stack([np.uint8(255 * frames.frame(strokes.ink(hands.draw(str(label), rng)))) for label in labels])
    path = tmp_path_factory.mktemp("data") / "mnist.npz"
    many = np.resize(np.arange(400), 7000)
    np.savez(path, x_train=drawn[many], y_train=labels[many], x_test=drawn[400:], y_test=labels[400:])
    return path


def test_training_for_two_epochs_on_2000_images_gives_a_model_that_evaluates(small_mnist, tmp_path):
    def run(*command):
        return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    out = tmp_path / "run"
    run("training.train", "--out", str(out), "--data", str(small_mnist), "--limit", "2000", "--epochs", "2")
    assert (out / "model.keras").stat().st_size < 4_000_000
    settings = json.loads((out / "settings.json").read_text())
    assert (settings["epochs"], settings["limit"], settings["seed"]) == (2, 2000, 0)
    first, second = settings["history"]["loss"]
    assert second < 0.95 * first  # it learns

    model = keras.saving.load_model(out / "model.keras")
    probabilities = model.predict(np.zeros((3, 28, 28, 1), np.float32), verbose=0)
    assert probabilities.shape == (3, 11)
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-5)


def test_blots_are_solid_spots_and_no_strokes():
    rng = np.random.default_rng(0)
    for _ in range(50):
        blot = dataset.blot(rng)
        frame = np.round(255 * frames.frame(blot)).astype(np.uint8)
        _, _, width, height = frames.box(blot)
        assert (frame > 127).sum() > 80  # a digit's lines cover about as much only where they are very bold
        assert max(width, height) < 2.5 * min(width, height)
        assert not dataset.is_upright_stroke(frame)


def test_a_stopped_run_goes_on_with_its_own_options_only(small_mnist, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "training_metadata.json").write_text('{"epoch": 1}')
    asked = ["--preset", "quick", "--out", str(tmp_path), "--data", str(small_mnist), "--limit", "100", "--epochs", "2"]
    options = vars(train.parse(asked))
    kept = {name: options[name] for name in ("preset", "epochs", "seed", "data", "init", "learning_rate", "limit")}
    train.keep_options(tmp_path / "state", kept)
    with pytest.raises(DataError, match="has a run that was stopped"):
        train.run(train.parse([*asked, "--seed", "1"]))


def test_every_batch_is_made_of_its_own_epochs_order():
    """Keras makes the first ones before it tells that the epoch begins."""
    made = []

    class Noted(train.Batches):
        def __getitem__(self, index):
            made.append(self.order.tobytes())
            return super().__getitem__(index)

        def on_epoch_begin(self):
            time.sleep(0.3)  # as long as the workers need for their first batches
            super().on_epoch_begin()

    split = dataset.Split(np.zeros((100, 28, 28), np.uint8), np.zeros(100, np.int64))
    model = network.build_quick()
    batches = Noted(split, split, split, split, seed=0, model=model, epochs=3, batch=20)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(batches, epochs=3, verbose=0)
    for epoch in (1, 2):  # of the first one some are made twice: Keras looks at them before it begins
        batches.shuffle(epoch)
        assert made.count(batches.order.tobytes()) == len(batches)


def test_the_same_seed_gives_the_same_drawings_however_many_processes_draw():
    one, other = dataset.drawn(1500, seed=3, jobs=1), dataset.drawn(1500, seed=3, jobs=2)
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.frames, b.frames)
        assert np.array_equal(a.labels, b.labels)
    assert set(one[0].labels) == set(range(10))
    assert set(one[1].labels) == {reader.NOT_A_DIGIT}


def test_a_bare_upright_stroke_is_never_drawn_as_something_that_is_no_digit():
    def frame(*points):
        return np.uint8(255 * frames.frame(strokes.ink([np.array(points, float)])))

    assert dataset.is_upright_stroke(frame((0, 0), (5, 100)))
    assert not dataset.is_upright_stroke(frame((0, 0), (100, 5)))
    assert not dataset.is_upright_stroke(frame((40, 0), (0, 50), (40, 100)))
    _, others = dataset.drawn(1000, seed=7, jobs=1)
    assert not any(map(dataset.is_upright_stroke, others.frames))


def test_every_epoch_has_as_many_batches():
    split = dataset.Split(np.zeros((4000, 28, 28), np.uint8), np.zeros(4000, int))
    batches = train.Batches(split, split, split, split, seed=0, model=None, epochs=10, batch=256)
    lengths = []
    for epoch in range(10):
        batches.shuffle(epoch)
        lengths.append(len(batches))
    assert set(lengths) == {32}


def test_every_epoch_has_all_of_mnist_and_its_shares_of_the_rest_and_the_last_ones_change_little():
    parts = [dataset.Split(np.zeros((1000, 28, 28), np.uint8), np.arange(1000) + 1000 * part) for part in range(4)]
    batches = train.Batches(*parts, seed=0, model=None, epochs=10, batch=256)
    for epoch, lightly in ((0, 0.5), (6, 0.5), (7, 0.75), (9, 0.75)):
        batches.shuffle(epoch)
        labels, lights = np.array([batches._at(place)[1:] for place in batches.order]).T
        assert np.bincount(labels.astype(int) // 1000).tolist() == [1000, 300, 450, 350]
        assert set(labels) >= set(range(1000))
        rewritten = labels // 1000 == 1
        assert set(lights[~rewritten]) == {lightly}
        assert set(lights[rewritten]) == {1}


@pytest.mark.parametrize("light", [0, 1])
def test_an_augmented_frame_is_a_frame_and_another_one_each_time(light):
    rng = np.random.default_rng(0)
    frame = np.uint8(255 * frames.frame(strokes.ink(hands.draw("5", rng))))
    first, second = augmentation.augment(frame, rng, light), augmentation.augment(frame, rng, light)
    assert first.shape == (28, 28)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert 0.02 < np.abs(first - second).mean() < 0.3


def test_a_cut_takes_ink_from_one_side_and_a_neighbour_leaves_some():
    ink = np.zeros((augmentation.WORK, augmentation.WORK), np.float32)
    ink[12:44, 16:40] = 0.5
    for seed in range(20):
        cut = augmentation.part_from_neighbour(ink.copy(), cut=True, rng=np.random.default_rng(seed))
        kept = np.flatnonzero(cut.max(0))
        assert (kept[0] == 16) != (kept[-1] == 39)  # one side and one only
        assert 18 <= len(kept) < 24
        grown = augmentation.part_from_neighbour(ink.copy(), cut=False, rng=np.random.default_rng(seed))
        assert (grown >= ink).all()
        assert grown[:, :16].any() or grown[:, 40:].any()


def test_a_middle_line_is_one_pixel_wide_and_keeps_the_hole():
    frame = np.zeros((28, 28), np.uint8)
    cv2.ellipse(frame, (14, 14), (6, 8), 0, 0, 360, 255, 4)
    middle = rewriting.middle_line(frame)
    assert not cv2.erode(middle.astype(np.uint8), np.ones((2, 2))).any()
    parts, _ = cv2.connectedComponents(middle.astype(np.uint8), connectivity=8)
    outside_and_hole, _ = cv2.connectedComponents((~middle).astype(np.uint8), connectivity=4)
    assert (parts - 1, outside_and_hole - 1) == (1, 2)


def test_rewritten_digits_keep_their_label_and_have_other_pens(small_mnist):
    digits, _, _ = dataset.mnist(str(small_mnist), limit=600)
    rewritten = rewriting.rewritten(digits, seed=5, jobs=1)
    again = rewriting.rewritten(digits, seed=5, jobs=2)
    assert np.array_equal(rewritten.frames, again.frames)
    assert np.array_equal(rewritten.labels, again.labels)
    assert len(rewritten) > 0.95 * len(digits)
    bundled = keras.saving.load_model(ROOT / "digit_model" / "model.keras")
    read = bundled.predict(dataset.as_input(rewritten.frames), verbose=0)[:, :10].argmax(1)
    assert (read == rewritten.labels).mean() > 0.95
    lines = [np.mean(cv2.distanceTransform(np.uint8(frame > 90), cv2.DIST_L2, 3)[frame > 90]) for frame in rewritten.frames]
    assert np.quantile(lines, 0.95) > 1.5 * np.quantile(lines, 0.05)


@pytest.mark.parametrize("amount", [-1.5, 0.0, 0.4, 2.0])
def test_a_line_grows_on_each_side_by_as_much_as_was_asked(amount):
    ink = np.zeros((56, 56), np.float32)
    ink[8:48, 24:32] = 1
    assert augmentation.thicker(ink, amount)[28].sum() == pytest.approx(8 + 2 * amount, abs=0.01)


def test_spoilt_digits_are_labelled_as_no_digits(small_mnist):
    digits, _, _ = dataset.mnist(str(small_mnist), limit=500)
    spoilt = dataset.spoilt(digits, 50, np.random.default_rng(0))
    assert set(spoilt.labels) == {reader.NOT_A_DIGIT}
    assert spoilt.frames.reshape(50, -1).max(1).min() > 50  # none is empty


def test_validation_is_kept_from_training(small_mnist):
    with np.load(small_mnist) as arrays:
        numbered = np.zeros((7000, 28, 28), np.uint8)
        numbered[:, 0, :2] = np.stack(np.divmod(np.arange(7000), 256), 1)
        np.savez(small_mnist.with_name("numbered.npz"), **{**arrays, "x_train": numbered})
    train_part, validation, _ = dataset.mnist(str(small_mnist.with_name("numbered.npz")))
    numbers = [set(part.frames[:, 0, 0].astype(int) * 256 + part.frames[:, 0, 1]) for part in (train_part, validation)]
    assert len(train_part) == 6300
    assert len(validation) == 700
    assert not numbers[0] & numbers[1]


def test_a_view_is_the_frame_turned_about_its_middle():
    frame = frames.frame(strokes.ink(hands.draw("4", np.random.default_rng(0))))
    for angle in (-network.TURN, network.TURN):
        turn = cv2.getRotationMatrix2D((13.5, 13.5), np.degrees(angle), 1)
        expected = cv2.warpAffine(frame, turn, (28, 28), flags=cv2.INTER_LINEAR)
        view = np.asarray(network.turned(frame[None, ..., None], angle))[0, ..., 0]
        assert np.abs(view - expected).mean() < 0.02 < 0.1 < np.abs(view - expected[:, ::-1]).mean()


def test_the_logits_of_a_model_are_the_mean_of_its_two_views():
    inner = network.build_quick()
    frame = frames.frame(strokes.ink(hands.draw("4", np.random.default_rng(0))))[None, ..., None]
    views = np.concatenate([network.turned(frame, network.TURN), network.turned(frame, -network.TURN)])
    expected = np.asarray(inner(views)).mean(0)
    np.testing.assert_allclose(network.with_views(inner)(frame)[0], expected, atol=1e-5)


def test_the_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 11))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (chances.cumsum(1) > rng.random((len(logits), 1))).argmax(1)
    assert train.fit_temperature(logits * 2.5, labels) == pytest.approx(2.5, rel=0.05)


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy():
    confidence = np.array([0.9] * 10 + [0.5] * 10)
    right = np.array([True] * 6 + [False] * 4 + [True] * 5 + [False] * 5)
    error, table = calibration(confidence, right)
    assert error == pytest.approx(0.5 * 0.3)
    assert [row[2] for row in table] == [10, 10]
