"""The bundled model holds what the README says of it, on data by other people where that is at hand, less a small allowance."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digit_model import model_file, reader
from training import dataset, evaluate
from training import people as people_sets

ROOT = Path(__file__).parents[1]
LIMIT = 800  # of each large set: enough to see a fall of two percent, and it takes a minute


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> reader.Model:
    converted = tmp_path_factory.mktemp("model") / "model.tflite"
    converted.write_bytes(model_file.convert(ROOT / "digit_model" / "model.keras"))
    return reader.Model.load(converted, info={})


@pytest.fixture(scope="module")
def people(model, people_data) -> dict:
    return people_sets.measure(model, people_data, LIMIT)


def test_the_file_is_small():
    assert (ROOT / "digit_model" / "model.keras").stat().st_size <= 4_000_000


def test_the_converted_copy_that_is_shipped_is_what_the_bundled_model_is_converted_to(model):
    (shipped,) = model_file.SHIPPED.iterdir()
    again = "python -m training.bundle converts it anew"
    assert model_file.find_converted([], hashlib.sha256((ROOT / "digit_model" / "model.keras").read_bytes()).hexdigest()) == shipped, again
    frames, _ = model_file._self_test_frames(28, 28)
    read, expected = (model_file.run(path.read_bytes(), frames) for path in (shipped, model.path))
    assert np.allclose(read, expected, rtol=0, atol=model_file.SAME), again


@pytest.fixture(scope="module")
def in_floats(tmp_path_factory) -> Path:
    return converted_to(tmp_path_factory.mktemp("floats") / "model.tflite", in_8_bits=False)


def test_8_bits_hardly_change_a_probability_and_no_answer_that_was_clear(model, in_floats, people_data):
    floats = reader.Model.load(in_floats, info={})
    _, validation, _ = dataset.mnist(str(people_data / "mnist.npz"))
    quick, exact = (evaluate.classify(each, validation.frames[:1000].astype(np.float32) / 255) for each in (model, floats))
    assert 0 < np.abs(quick - exact).max() < 0.05
    assert ((quick.argmax(1) == exact.argmax(1)) | (exact.max(1) < 0.5)).all()


def test_where_8_bits_would_change_a_probability_too_much_floats_are_served(in_floats, monkeypatch, tmp_path):
    monkeypatch.setattr(model_file, "SAME_IN_8_BITS", 0)
    served = converted_to(tmp_path / "served.tflite", in_8_bits=True)
    frames, _ = model_file._self_test_frames(28, 28)
    assert np.array_equal(model_file.run(served.read_bytes(), frames), model_file.run(in_floats.read_bytes(), frames))


def converted_to(path: Path, in_8_bits: bool) -> Path:
    path.write_bytes(model_file.convert(ROOT / "digit_model" / "model.keras", in_8_bits))
    return path


def test_mnist_test_part(model, people_data):
    _, _, test = dataset.mnist(str(people_data / "mnist.npz"))
    figures = evaluate.on_mnist(model, test)
    assert figures["images"] == 10_000
    assert figures["accuracy"] >= 0.9945
    assert figures["ece"] <= 0.004


@pytest.mark.parametrize(
    ("figure", "least"),
    [
        ("tablet_strokes", 0.98),
        ("tablet_pictures", 0.975),
        ("pictures_mean_over_sources", 0.98),
        ("usps", 0.97),
        ("semeion", 0.91),
        ("tablet_letters_refused", 0.90),
        ("touch_symbols_refused", 0.91),
        ("numbers_strokes", 0.94),
        ("numbers_pictures", 0.90),
        ("numbers_touching_strokes", 0.90),
        ("numbers_touching_pictures", 0.68),
        ("auroc", 0.90),
    ],
)
def test_what_people_drew_and_photographed(people, figure, least):
    assert people[figure] >= least


def test_a_confidence_is_the_probability_of_being_right(people):
    assert people["ece"] <= 0.025
    assert people["ece_with_numbers"] <= 0.03


def test_digits_are_seldom_refused_or_read_as_several(people):
    assert people["digits_wrongly_refused"] <= 0.008
    assert people["single_digits_read_as_several"] <= 0.006 * people["single_digits"]


def test_changed_mnist(model, people_data):
    _, _, test = dataset.mnist(str(people_data / "mnist.npz"))
    for change, right in evaluate.on_changed_mnist(model, test[:300]).items():
        assert right >= 0.98, change


@pytest.mark.parametrize(("number", "label"), [(31409, "3"), (13713, "3"), (26515, "8"), (1077, "3"), (7225, "3")])
def test_dark_paper_between_thin_light_lines_is_not_taken_for_the_ink(model, people_data, number, label):
    with np.load(people_data / "mnist.npz") as arrays:
        canvas = np.pad(arrays["x_train"][number], 14)
    thinned = evaluate.CHANGES["thinned"](canvas, None)
    assert reader.read(model, reader.pieces_of_image(Image.fromarray(thinned)))["text"] == label


def test_photographs_in_all_lights_on_all_papers(model):
    figures = evaluate.on_composed_photos(model, 10)
    assert figures["mean"] >= 0.95
    assert min(figures["kinds"].values()) >= 0.6, figures["kinds"]


def test_our_own_hands_that_are_no_digits_are_refused(model):
    assert evaluate.on_drawn_non_digits(model, 5_000) >= 0.92


@pytest.mark.parametrize("label", "0123456789")
def test_a_digit_reads_the_same_on_light_and_dark_paper_thick_and_thin(model, label):
    from digit_model import hands

    (drawing,) = [hands.draw(label, np.random.default_rng(5), wildness=0.3, variant=0)]
    for seed in range(6):
        picture = people_sets.picture(drawing, np.random.default_rng(seed))
        assert reader.read(model, reader.pieces_of_image(picture))["text"] == label
