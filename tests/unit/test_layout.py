"""Boxes of ink to lines of writing and to what may be one digit."""

import numpy as np

from digit_model import layout


def boxes(*rows):
    return np.array(rows, float).reshape(-1, 4)


def upright(x, y=0):
    return (x, y, x + 5, y + 100)


def spans(*rows):
    return {(run.start, run.stop) for run in layout.runs(boxes(*rows))}


def test_nothing_has_no_lines():
    assert layout.lines(boxes()) == []
    assert layout.runs(boxes()) == []


def test_parts_of_a_line_go_from_left_to_right_whenever_they_were_drawn():
    assert layout.lines(boxes(upright(80), upright(0), upright(40))) == [[1, 2, 0]]


def test_lines_go_from_top_to_bottom():
    assert layout.lines(boxes(upright(0, 200), upright(80, 10), upright(0))) == [[2, 1], [0]]


def test_a_line_may_slope():
    assert layout.lines(boxes(*(upright(60 * i, 40 * i) for i in range(5)))) == [[0, 1, 2, 3, 4]]


def test_a_small_part_belongs_to_the_line_it_is_nearest_to():
    assert layout.lines(boxes(upright(0), upright(0, 250), (0, -10, 40, -10))) == [[0, 2], [1]]


def test_two_rings_above_each_other_are_one_line_and_may_be_one_digit():
    assert spans((0, 0, 50, 50), (5, 52, 60, 100)) == {(0, 1), (1, 2), (0, 2)}


def test_parts_far_apart_are_never_one_digit():
    assert spans(upright(0), upright(80), upright(160)) == {(0, 1), (1, 2), (2, 3)}


def test_a_digit_alone_may_have_any_number_of_parts_and_one_among_others_four():
    dashes = [(0, 20 * i, 5, 20 * i + 17) for i in range(6)]
    assert (0, 6) in spans(*dashes)
    assert not any(stop - start > 4 for start, stop in spans(*dashes, upright(100)))


def test_a_gap_inside_a_digit_costs_more_the_wider_it_is():
    costs = {gap: next(r.cost for r in layout.runs(boxes(upright(0), upright(5 + gap))) if r.stop - r.start == 2) for gap in (0, 10, 20)}
    assert costs[0] == 0 < costs[10] < costs[20]


def test_an_overlap_between_two_digits_costs():
    runs = layout.runs(boxes((0, 0, 60, 100), (20, 0, 80, 100)))
    assert {(r.start, r.stop): r.cost > 0 for r in runs} == {(0, 1): False, (1, 2): True, (0, 2): False}


def test_strokes_that_together_are_wider_than_a_digit_cost_and_a_wide_stroke_alone_does_not():
    narrow, wide = ([run.cost for run in layout.runs(boxes((0, 0, 50, 100), (right - 50, 0, right, 100)))] for right in (80, 120))
    assert narrow[1] == 0
    assert wide[1] > 1
    (alone,) = layout.runs(boxes((0, 0, 200, 100)))
    assert alone.cost == 0


def test_a_part_much_lower_than_its_neighbours_is_rather_a_hat_than_a_digit():
    costs = {(r.start, r.stop): r.cost for r in layout.runs(boxes(upright(0), (8, 0, 40, 10)))}
    assert costs[1, 2] > 5 > costs[0, 1] == costs[0, 2] == 0


def test_digits_may_differ_in_height_and_dashes_have_none():
    assert all(run.cost == 0 for run in layout.runs(boxes(upright(0), (60, 20, 100, 100))))
    assert [run.cost for run in layout.runs(boxes((0, 50, 40, 50), (80, 50, 120, 50)))] == [0, 0]
