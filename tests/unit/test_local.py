"""What may be read in Python."""

import numpy as np
import pytest
from PIL import Image

from digit_model import local
from digit_model.image import UnreadableImage


@pytest.mark.parametrize(
    ("pixels", "first"),
    [
        (np.full((2, 3), 200, np.uint8), 200),
        (np.full((2, 3), 1.0), 255),
        (np.full((2, 3), 0.5, np.float32), 128),
        (np.full((2, 3), True), 255),
        (np.full((2, 3, 3), 7, np.uint8), (7, 7, 7)),
        (np.full((2, 3, 4), 0.0), (0, 0, 0, 0)),
        (np.full((4, 6), 9, np.uint8)[::2, ::2], 9),
    ],
    ids=["bytes", "floats", "half", "true", "colour", "transparent", "every second pixel"],
)
def test_an_array_is_a_picture(pixels, first):
    picture = local.picture(pixels)
    assert picture.size == (3, 2)
    assert picture.getpixel((0, 0)) == first


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((28, 28, 1), np.uint8),
        np.zeros((5, 28, 28, 3)),
        np.zeros(28),
        np.zeros((0, 5), np.uint8),
        np.full((28, 28), 255.0),
        np.full((28, 28), np.nan),
        np.zeros((28, 28), np.int64),
        np.array([["a"]]),
    ],
    ids=["one channel", "many", "a row", "empty", "floats to 255", "not a number", "int64", "text"],
)
def test_an_array_of_another_kind_is_refused_with_the_rule_and_what_came(pixels):
    with pytest.raises(UnreadableImage, match=r"float 0 \.\. 1; this one is \("):
        local.picture(pixels)


def test_a_picture_lying_on_its_side_is_turned_upright():
    lying = Image.new("L", (200, 100), 255)
    lying.paste(0, (30, 45, 170, 55))
    lying.getexif()[0x0112] = 6
    [piece] = local.pieces(lying)
    assert piece.box[3] > 10 * piece.box[2]


def test_what_is_no_picture_is_told():
    with pytest.raises(TypeError, match="this is a int"):
        local.pieces(7)


def test_a_bad_file_is_a_value_with_a_sentence(tmp_path):
    assert "cannot be opened: No such file" in str(local.pieces_of_file((tmp_path / "none").read_bytes))
    assert "cannot be opened: Is a directory" in str(local.pieces_of_file(tmp_path.read_bytes))
    assert "empty" in str(local.pieces_of_file(lambda: b""))
