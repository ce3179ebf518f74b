"""A digit's frame is the same wherever and however large it was drawn."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digit_model import frames, hands, strokes


def seven(width=100, x=0, y=0, scale=1.0):
    points = np.array([[0, 0], [width, 0], [0.4 * width, 140]], float)
    return [points * scale + [x, y]]


def frame_of(drawing):
    return frames.frame(strokes.ink(drawing))


def test_a_frame_is_28_by_28_from_paper_0_to_ink_1():
    frame = frame_of(seven())
    assert frame.shape == (28, 28)
    assert frame.dtype == np.float32
    assert frame.min() == 0
    assert frame.max() == pytest.approx(1)


def test_the_longest_side_of_a_digit_is_20_pixels():
    _, _, width, height = frames.box(frame_of(seven()))
    assert height == 20
    assert width == pytest.approx(20 * 100 / 140, abs=2)  # its shape is kept


def test_the_centre_of_mass_is_the_centre_of_the_frame_or_less_than_a_pixel_right_and_below():
    frame = frame_of(seven())
    rows, columns = np.mgrid[:28, :28] + 0.5
    assert 14 <= (frame * columns).sum() / frame.sum() < 15
    assert 14 <= (frame * rows).sum() / frame.sum() < 15


def test_mnists_own_digits_stay_where_they_are(people_data):
    with np.load(people_data / "mnist.npz") as arrays:
        digits = arrays["x_train"][:500] / np.float32(255)
    stayed = 0
    for digit in digits:
        x, y, width, height = cv2.boundingRect((digit > 0).view(np.uint8))
        stayed += np.array_equal(frames.center_by_mass(digit[y : y + height, x : x + width]), digit)
    assert stayed >= 499


def test_no_ink_gives_an_empty_frame():
    assert not frames.frame(np.zeros((50, 50), np.float32)).any()


@given(x=st.floats(-1000, 1000), y=st.floats(-1000, 1000), scale=st.floats(0.05, 20))
def test_where_the_digit_stands_and_how_large_it_is_does_not_matter(x, y, scale):
    assert np.abs(frame_of(seven()) - frame_of(seven(x=x, y=y, scale=scale))).mean() < 0.02


@given(pad=st.tuples(*[st.integers(0, 60)] * 4))
def test_paper_around_the_ink_does_not_matter(pad):
    ink = strokes.ink(seven())
    top, bottom, left, right = pad
    assert np.array_equal(frames.frame(ink), frames.frame(np.pad(ink, ((top, bottom), (left, right)))))


@pytest.mark.parametrize("name", hands.DIGITS)
def test_every_digit_of_our_own_hands_stays_inside_its_frame(name):
    frame = frame_of(hands.draw(name, np.random.default_rng(1)))
    border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    assert border.max() == 0
    assert frame.max() > 0.9


def test_a_line_one_pixel_high_is_framed():
    assert frames.frame(np.ones((1, 400), np.float32)).sum() > 0
