"""What was made of a digit before it was read, in words; and where its answer came from."""

import numpy as np
import pytest

from digit_model import saliency
from digit_model.corrections import Sheet, drawn_on, made, photographed
from digit_model.image import open_image
from digit_model.reader import Model, pieces_of_image, pieces_of_strokes
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"


def of_picture(name):
    picture = open_image((EXAMPLES / f"{name}.png").read_bytes(), 50_000_000)
    pieces = pieces_of_image(picture)
    return made(pieces, photographed(picture, pieces))


def of_drawing(strokes, line, size=280):
    pieces = pieces_of_strokes([np.array(stroke, float) for stroke in strokes])
    return made(pieces, drawn_on({"width": size, "height": size, "line": line}, pieces))


def test_a_digit_that_stands_as_mnist_has_it_needs_nothing(seven):
    large = [[[(x - 120) * 1.25 + 140, (y - 139) * 1.25 + 140] for x, y in stroke] for stroke in seven]
    assert of_drawing(large, line=23) == []


def test_a_small_digit_in_a_corner_drawn_finely_is_centred_enlarged_and_thickened(seven):
    small = [[[x * 0.3, y * 0.3] for x, y in stroke] for stroke in seven]
    assert of_drawing(small, line=2) == ["centred", "enlarged", "thickened"]


def test_a_digit_over_the_whole_pad_drawn_broadly_is_made_smaller_and_thinned(seven):
    whole = [[[(x - 120) * 1.7 + 140, (y - 139) * 1.7 + 140] for x, y in stroke] for stroke in seven]
    assert of_drawing(whole, line=60) == ["reduced", "thinned"]


def test_a_number_is_taken_apart(seven):
    _, *_, last = pieces_of_strokes([np.array([[x + far, y] for x, y in seven[0]]) for far in (0, 200)])
    first, *_ = pieces_of_strokes([np.array(seven[0])])
    assert made([first, last], Sheet(480, 280, 1)) == ["split"]


@pytest.mark.parametrize("name", ["7_light-on-dark", "4_chalk-on-a-blackboard", "7_white-pen-on-kraft-paper"])
def test_light_ink_on_dark_is_inverted(name):
    assert "inverted" in of_picture(name)


@pytest.mark.parametrize("name", ["3_blue-ballpoint", "5_pencil-on-shaded-paper", "2_green-pen-on-yellow-paper"])
def test_dark_ink_is_not_inverted(name):
    assert "inverted" not in of_picture(name)


def test_a_thin_line_of_a_picture_is_thickened_and_a_brush_is_not():
    assert "thickened" in of_picture("1_thin-line")
    assert "thickened" not in of_picture("9_brush")


def test_a_small_digit_in_a_picture_is_enlarged_and_centred():
    assert {"enlarged", "centred"} <= set(of_picture("2_small-in-a-corner"))


@pytest.mark.parametrize("told", [None, 7, {}, {"width": "a", "height": 1, "line": 1}, {"width": 0, "height": 1, "line": 1}, [1, 2, 3],
                                  {"width": float("nan"), "height": 1, "line": 1}])  # fmt: skip
def test_what_is_no_sheet_is_none(told, seven):
    assert drawn_on(told, pieces_of_strokes([np.array(seven[0])])) is None


def test_the_heat_is_where_the_answer_came_from():
    """A model that looks at one place only: it says 3 as far as there is ink on four pixels."""

    def classify(batch):
        seen = batch[:, 8:10, 18:20].mean((1, 2, 3))
        return np.stack([1 - seen if sign == 0 else seen if sign == 3 else 0 * seen for sign in range(11)], 1).astype(np.float32)

    frame = np.ones((28, 28), np.float32)
    heat = saliency.occlusion(Model(classify, (28, 28), {}), frame, 3)
    assert heat.shape == (28, 28)
    assert heat.max() == 1
    assert heat[8:10, 18:20].min() > 0.6
    assert heat[14:].max() == heat[:, :14].max() == 0
    assert saliency.occlusion(Model(classify, (28, 28), {}), frame, 0).max() == 0  # covering ink only helps the 0
