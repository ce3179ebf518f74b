"""Our own hands draw what they are told, differently each time and the same for the same seed."""

import numpy as np
import pytest

from digit_model import hands, strokes


@pytest.mark.parametrize("name", [*hands.DIGITS, *hands.NON_DIGITS])
def test_every_way_of_writing_every_shape_can_be_drawn(name):
    for variant in range(len((hands.DIGITS | hands.NON_DIGITS)[name])):
        drawing = hands.draw(name, np.random.default_rng(0), variant=variant)
        low, high = strokes.extent(drawing)
        assert np.isfinite([low, high]).all()
        assert 1 < max(high - low) < 300


def test_the_same_seed_draws_the_same_and_another_seed_another():
    first, again, other = (hands.draw("5", np.random.default_rng(seed), variant=0)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first[:5], other[:5])


def test_without_wildness_a_path_is_drawn_as_it_is_written():
    (line,) = hands.draw("1", np.random.default_rng(0), wildness=0, variant=0)  # "50 59": straight down
    assert np.ptp(line[:, 0]) == pytest.approx(0)
    assert np.ptp(line[:, 1]) == pytest.approx(100)


def test_the_self_test_has_four_of_each_digit_and_never_changes():
    drawings, labels = hands.self_test_digits()
    again, _ = hands.self_test_digits()
    assert sorted(labels) == sorted("0123456789" * 4)
    assert all(np.array_equal(a, b) for one, other in zip(drawings, again, strict=True) for a, b in zip(one, other, strict=True))
