"""What counts as worse than the published model: more than chance explains, and no less."""

import numpy as np
import pytest

from training import gate
from training.gate import Marks

IMAGES = 10_000


def marks(wrong=(), confidence: float = 0.995) -> Marks:
    """A model that is wrong on some of the images, and always as sure."""
    right = np.ones(IMAGES, bool)
    right[list(wrong)] = False
    return Marks(right, np.full(IMAGES, confidence), np.ones(IMAGES, bool))


@pytest.mark.parametrize(
    ("lost", "won", "worse"),
    [(0, 0, False), (4, 0, False), (5, 0, True), (20, 12, False), (21, 9, True), (9, 21, False), (40, 40, False)],
)
def test_losing_counts_when_an_equally_good_model_would_seldom_lose_so_much(lost, won, worse):
    old, new = marks(range(100, 100 + won)), marks(range(lost))
    reasons = gate.worse_than(new, old)
    assert bool(reasons) == worse
    assert all(f"loses {lost} " in reason and f"wins {won}:" in reason for reason in reasons)


def test_the_chance_of_losing_is_mcnemars():
    assert gate.chance_of_losing(5, 0) == 1 / 32
    assert gate.chance_of_losing(1, 1) == 0.75
    assert gate.chance_of_losing(0, 7) == 1


@pytest.mark.parametrize(("confidence", "worse"), [(0.995, False), (0.994, False), (0.95, True), (0.9999, True)])
def test_a_worse_calibration_counts_when_it_is_more_than_noise(confidence, worse):
    errors = range(50)  # 99.5 % are right
    reasons = gate.worse_than(marks(errors, confidence), marks(errors, 0.995))
    assert bool(reasons) == worse
    assert all("calibration error" in reason for reason in reasons)


def test_a_model_that_answers_nothing_is_no_error_of_ours():
    silent = Marks(np.zeros(IMAGES, bool), np.ones(IMAGES), np.zeros(IMAGES, bool))
    assert "loses 10000" in gate.worse_than(silent, marks())[0]


@pytest.mark.parametrize(("now", "reasons"), [(0.9950, 0), (0.9920, 0), (0.9890, 1), (0.9990, 0)])
def test_a_figure_that_falls_counts_when_it_is_more_than_noise(now, reasons):
    before = {"mnist_test_changed": {"thinned": 0.995, "noisy": 0.99}, "drawn_non_digits_refused": 0.93}
    found = gate.fallen(before | {"mnist_test_changed": {"thinned": now, "noisy": 0.99}}, before)
    assert len(found) == reasons
    assert all("mnist_test_changed of thinned is 0.9890, the published model's 0.9950" in reason for reason in found)


def test_a_figure_that_the_published_model_lacks_is_no_fall():
    assert gate.fallen({"simulated_pad": {"thin": 0.5}}, {}) == []
