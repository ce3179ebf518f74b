"""What counts as strokes, and how they are redrawn."""

import numpy as np
import pytest

from digit_model import strokes

LIMIT = 1000


def test_points_may_carry_their_time():
    (stroke,) = strokes.parse([[[1, 2, 0.5], [3, 4, 0.6]]], LIMIT, LIMIT)
    assert stroke.tolist() == [[1, 2], [3, 4]]


def test_strokes_without_a_point_are_dropped():
    assert strokes.parse([[], []], LIMIT, LIMIT) == []


@pytest.mark.parametrize(
    "value",
    [None, 7, "7", {}, [7], [[7]], [[[7]]], [[[1, 2, 3, 4]]], [[["1", "2"]]], [[[1, None]]], [[[True, False]]]]
    + [[[[1, bad]]] for bad in (float("nan"), float("inf"), 1e300, 10**400)],
    ids=repr,
)
def test_what_is_no_list_of_strokes_is_refused_with_a_sentence(value):
    with pytest.raises(strokes.UnreadableStrokes, match="list of points"):
        strokes.parse(value, LIMIT, LIMIT)


def test_too_many_points_are_refused_with_the_limit():
    with pytest.raises(strokes.UnreadableStrokes, match="1,000"):
        strokes.parse([[[0, 0]] * (LIMIT + 1)], LIMIT, LIMIT)


def test_too_many_strokes_are_refused_with_the_limit():
    with pytest.raises(strokes.UnreadableStrokes, match="1,000 strokes"):
        strokes.parse([[]] * (LIMIT + 1), LIMIT, LIMIT)


def test_the_line_is_as_thick_whatever_the_scale_of_the_drawing():
    line = np.array([[0, 0], [0, 10.0]])
    small, large = strokes.ink([line]), strokes.ink([line * 300])
    assert np.array_equal(small, large)
    assert (small > 0.5).sum(1).max() == pytest.approx(strokes.LINE * strokes.DRAWN_BOX, abs=2)


def test_how_slowly_the_pen_went_does_not_change_the_ink():
    line = np.array([[0, 0], [30, 100], [70, 40.0]])
    assert np.array_equal(strokes.ink([line]), strokes.ink([np.repeat(line, 50, axis=0)]))


SEVEN = np.array([[60, 60], [180, 60], [120, 220.0]])
BAR = np.array([[100, 140], [170, 140.0]])


def test_a_line_in_several_strokes_is_one():
    (line,) = strokes.tidied([SEVEN[:2], SEVEN[1:] + 1])
    assert np.array_equal(line, [[60, 60], [180, 60], [181, 61], [121, 221]])
    assert len(strokes.tidied([SEVEN, BAR])) == 2
    assert len(strokes.tidied([SEVEN, SEVEN + SEVEN[2] - SEVEN[0]])) == 1  # up and down it may go as far as it likes
    assert len(strokes.tidied([SEVEN[:2] + [0, 1], np.array([[180, 61], [300, 200.0]])])) == 2  # the next digit


def test_a_line_that_skips_a_little_and_goes_straight_on_is_one():
    before, after = np.array([SEVEN[1], [156, 124]]), np.array([[151, 137], SEVEN[2]])
    assert len(strokes.tidied([SEVEN[:2], before, after])) == 1
    assert len(strokes.tidied([SEVEN[:2], before, after + [18, 0]])) == 2  # beside where it was heading
    assert len(strokes.tidied([SEVEN[:2], before, after * [-1, 1] + [300, 0]])) == 2  # it turns
    assert len(strokes.tidied([SEVEN[:2], before, after + [-9, 24]])) == 2  # too far
    assert len(strokes.tidied([SEVEN[:2], np.array([[180, 70], [180, 220.0]])])) == 2  # a corner
    ones = [np.array([[100, top], [100, top + 50], [100, top + 100.0]]) for top in (0, 126, 252)]
    assert len(strokes.tidied(ones)) == 3


@pytest.mark.parametrize("tap", [[[275.0, 275.0]], [[10, 10], [14, 12.0]]])
def test_a_tap_far_from_all_else_is_no_stroke_and_one_nearby_is(tap):
    assert strokes.tidied([SEVEN, np.array(tap), BAR]) == [SEVEN, BAR]
    assert len(strokes.tidied([SEVEN, np.array([[120.0, 240.0]])])) == 2  # as the dot of a question mark
    assert len(strokes.tidied([np.array(tap), np.array(tap) + 1000])) == 2  # nothing else is there
    assert len(strokes.tidied([SEVEN, np.array(tap), np.array(tap) + 8])) == 3  # a dotted line


def test_many_lines_of_writing_do_not_join_neighbours():
    lines = [stroke + [0, 220 * row] for row in range(8) for stroke in (SEVEN, SEVEN - [88, -160])]
    assert len(strokes.tidied(lines)) == 16


def test_a_single_point_is_a_dot():
    ink = strokes.ink([np.array([[5.0, 5.0]])])
    assert ink.max() == 1
    assert (ink > 0.5).any()


def test_a_box_is_in_the_units_of_the_strokes():
    assert strokes.box([np.array([[10.0, 20.0], [40.0, 100.0]])]) == (10, 20, 30, 80)
