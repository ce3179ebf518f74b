"""Own digits in place of MNIST: a folder of pictures or an .npz, what is wrong with them, and training on from the bundled model."""

import shutil
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from digit_model import frames, hands, image, model_file, settings, strokes
from tests.road.conftest import BUNDLED
from training import dataset, evaluate, network, own_data, people, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of pictures by label, seven of each digit, of many sizes, dark on light and light on dark; and what is lying around."""
    folder, rng = tmp_path_factory.mktemp("own") / "digits", np.random.default_rng(0)
    for label in map(str, range(10)):
        (folder / label).mkdir(parents=True)
        for i in range(7):
            picture = people.picture(hands.draw(label, rng, wildness=0.2, variant=0), rng)
            picture.save(folder / label / f"{i}.{'png' if i % 2 else 'jpg'}")
    (folder / "3" / ".DS_Store").write_bytes(b"\0")
    (folder / ".cache").mkdir()
    (folder / "README.txt").write_text("by whom")
    return folder


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "digits")


def frame_of(path: Path) -> np.ndarray:
    """Return the frame the app reads a picture of one digit with."""
    (mark,) = image.marks(image.open_image(path.read_bytes(), settings.Settings.max_pixels))
    return np.round(frames.frame(mark.ink) * 255).astype(np.uint8)


def test_each_picture_of_a_folder_becomes_the_frame_that_the_app_reads(folder):
    (x_train, y_train), (x_test, y_test) = own_data.load(folder)
    assert np.bincount(y_train).tolist() == [6] * 10
    assert np.bincount(y_test).tolist() == [1] * 10
    for label in range(10):
        found = {frame.tobytes() for frame in np.concatenate([x_train[y_train == label], x_test[y_test == label]])}
        assert found == {frame_of(path).tobytes() for path in (folder / str(label)).glob("[0-9]*")}


def test_which_pictures_are_the_test_part_does_not_depend_on_their_names(copy):
    _, _, test = dataset.mnist(str(copy))
    for path in list(copy.glob("[0-9]/[0-9]*")):
        path.rename(path.with_name(f"{9 - int(path.stem)}x{path.suffix}"))
    train_part, validation, again = dataset.mnist(str(copy))
    assert np.array_equal(test.frames, again.frames)
    assert (len(train_part), len(validation), len(again)) == (54, 6, 10)


def test_a_test_part_of_ones_own_is_kept(copy):
    (copy / "train").mkdir()
    for label in own_data.DIGITS:
        shutil.move(copy / label, copy / "train" / label)
        (copy / "test" / label).mkdir(parents=True)
        shutil.move(copy / "train" / label / "3.png", copy / "test" / label)
    (x_train, _), (x_test, _) = own_data.load(copy)
    assert len(x_train) == 60
    assert {frame.tobytes() for frame in x_test} == {frame_of(path).tobytes() for path in (copy / "test").glob("*/3.png")}


def test_of_several_digits_on_a_picture_the_largest_is_taken(tmp_path):
    canvas = np.full((300, 400), 255, np.uint8)
    cv2.putText(canvas, "7", (20, 130), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 8)
    cv2.putText(canvas, "2", (150, 230), cv2.FONT_HERSHEY_SIMPLEX, 5, 0, 8)
    marks = image.marks(Image.fromarray(canvas))
    assert len(marks) == 2
    frame = own_data.frame_or_reason(canvas)
    assert np.array_equal(frame, np.round(frames.frame(marks[1].ink) * 255))
    assert marks[1].box[3] > marks[0].box[3]


def test_a_hundred_and_more_pictures_are_framed_by_several_processes(folder):
    paths = 2 * list(folder.glob("[0-9]/*.png")) + 2 * list(folder.glob("[0-9]/*.jpg"))
    assert len(paths) == 140
    assert all(map(np.array_equal, own_data.framed(paths, paths), map(frame_of, paths)))


FOLDER_FAULTS = {
    "does not exist": shutil.rmtree,
    "test does not exist": lambda f: shutil.copytree(f, f / "train"),
    "has no folder 4": lambda f: shutil.rmtree(f / "4"),
    "4 is empty": lambda f: [path.unlink() for path in (f / "4").iterdir()],
    "has a folder 'x'.*0 to 9": lambda f: (f / "x").mkdir(),
    "has a folder '10'.*0 to 9": lambda f: (f / "10").mkdir(),
    "1 of 60 pictures.*5/1.png: .*damaged": lambda f: (f / "5" / "1.png").write_bytes((f / "5" / "1.png").read_bytes()[:300]),
    r"5/notes.txt: .*no picture": lambda f: (f / "5" / "notes.txt").write_text("mine"),
    r"5/blank.png: No digit": lambda f: cv2.imwrite(str(f / "5" / "blank.png"), np.full((90, 90), 255, np.uint8)),
    "2/1.png and .*7/copy.png are the same|7/copy.png and .*2/1.png are the same": lambda f: shutil.copy(
        f / "2" / "1.png", f / "7" / "copy.png"
    ),
    "train part of .* has no 6": lambda f: [path.unlink() for path in (f / "6").glob("[1-9].*")],
}


@pytest.mark.parametrize("fault", FOLDER_FAULTS)
def test_a_folder_with_a_fault_ends_the_command_with_one_line_that_tells_it(copy, tmp_path, fault):
    FOLDER_FAULTS[fault](copy)
    with pytest.raises(SystemExit, match=fault) as ended:
        train.main(["--out", str(tmp_path / "run"), "--data", str(copy)])
    assert "\n" not in ended.value.code


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """Twenty frames to train and ten to test, as keras.datasets.mnist has them."""
    rng, labels = np.random.default_rng(0), np.arange(30) % 10
    drawn = [frames.frame(strokes.ink(hands.draw(str(label), rng, wildness=0.2, variant=0))) for label in labels]
    x = np.round(np.stack(drawn) * 255).astype(np.uint8)
    return {"x_train": x[:20], "y_train": labels[:20].astype(np.uint8), "x_test": x[20:], "y_test": labels[20:].astype(np.uint8)}


def test_frames_in_mnists_layout_are_taken_as_they_are(arrays, tmp_path):
    np.savez(tmp_path / "own.npz", **arrays)
    (x_train, y_train), (x_test, _) = own_data.load(tmp_path / "own.npz")
    assert np.array_equal(x_train, arrays["x_train"])
    assert np.array_equal(x_test, arrays["x_test"])
    assert y_train.dtype == np.int64


CHANGES = {
    "dark on light": lambda x: 255 - x,
    "large": lambda x: np.stack([cv2.resize(frame, (100, 100)) for frame in x]),
    "with paper around": lambda x: np.pad(x, ((0, 0), (3, 40), (20, 1))),
    "0 to 1, one channel": lambda x: (x / 255.0)[..., None],
    "in colours, dark on light": lambda x: np.stack([255 - x // 2, 255 - x, 255 - x // 3], -1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_arrays_of_any_size_and_polarity_give_the_digits_frames(arrays, tmp_path, change):
    changed = {name: CHANGES[change](array) if name.startswith("x") else array for name, array in arrays.items()}
    np.savez(tmp_path / "own.npz", **changed)
    (x_train, _), _ = own_data.load(tmp_path / "own.npz")
    assert x_train.shape == (20, 28, 28)
    for found, frame in zip(x_train, arrays["x_train"], strict=True):
        blurred = [cv2.GaussianBlur(f.astype(np.float32), (0, 0), 1.5).ravel() for f in (found, frame)]
        assert np.corrcoef(blurred)[0, 1] > 0.85  # light on dark, upright, in the middle


ARRAY_FAULTS = {
    "has no y_test": lambda a: a.pop("y_test"),
    "train part.*labels must be whole numbers": lambda a: a.update(y_train=np.eye(10)[a["y_train"]]),
    r"test part: pictures \(N, H, W\)": lambda a: a.update(x_test=a["x_test"][:3]),
    "train part of .* has the label 10.*0 to 9": lambda a: a.update(y_train=a["y_train"] + 1),
    "test part of .* has no 0": lambda a: a.update(y_test=np.ones(10, int)),
    "train part, picture 0: A picture's array must be": lambda a: a.update(x_train=a["x_train"] * 1000.0),
    "cannot be read": lambda a: a.update(x_train=np.array([None] * 20)),
}


@pytest.mark.parametrize("fault", ARRAY_FAULTS)
def test_an_npz_with_a_fault_ends_the_command_with_one_line_that_tells_it(arrays, tmp_path, fault):
    faulty = dict(arrays)
    ARRAY_FAULTS[fault](faulty)
    np.savez(tmp_path / "own.npz", **faulty)
    with pytest.raises(SystemExit, match=fault) as ended:
        evaluate.main([str(BUNDLED.parent), "--data", str(tmp_path / "own.npz")])
    assert "\n" not in ended.value.code


@pytest.mark.parametrize(("content", "told"), [(b"", "no .npz"), (b"PK", "no .npz"), (None, "does not exist")])
def test_what_is_no_npz_is_told(tmp_path, content, told):
    if content is not None:
        (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(own_data.DataError, match=told):
        own_data.load(tmp_path / "own.npz")


def test_the_bundled_model_is_trained_on_with_own_pictures_and_the_run_can_be_watched(folder, tmp_path):
    out, logs = tmp_path / "run", tmp_path / "logs"
    options = ["--data", str(folder), "--init", str(BUNDLED), "--learning-rate", "2e-4", "--epochs", "1", "--tensorboard", str(logs)]
    settings = train.run(train.parse(["--out", str(out), *options]))
    assert settings["history"]["val_accuracy"][0] > 0.8  # from random weights it is a tenth

    model = keras.saving.load_model(out / "model.keras")
    assert model.layers[-1].name == "probabilities"  # temperature and softmax stand there once, as in the bundled one
    _, _, test = dataset.mnist(str(folder))
    assert (model.predict(dataset.as_input(test.frames), verbose=0).argmax(1) == test.labels).mean() >= 0.9
    assert model_file.convert(BUNDLED, in_8_bits=False)  # of the bfloat16 of training nothing is left: LiteRT and Keras agree

    written = EventAccumulator(str(logs), {"tensors": 0}).Reload()
    assert set(written.Tags()["tensors"]) == {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "confusion", "mistakes"}
    for name in ("confusion", "mistakes"):
        (event,) = written.Tensors(name)
        width, height, png = event.tensor_proto.string_val
        assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).shape == (int(height), int(width), 3)
    (rate,) = written.Tensors("learning_rate")
    assert 0 <= make_ndarray(rate.tensor_proto) < 2e-4  # it has come down by then


def test_a_model_that_does_not_fit_is_told(tmp_path):
    other = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(11, activation="softmax")])
    other.save(tmp_path / "other.keras")
    (tmp_path / "broken.keras").write_bytes(b"no model")
    for name, told in (("other", "other layers"), ("broken", "no whole .keras file"), ("missing", "No such file")):
        with pytest.raises(own_data.DataError, match=told):
            train.go_on_from(tmp_path / f"{name}.keras", network.build())
