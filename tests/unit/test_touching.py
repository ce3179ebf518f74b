"""Where the ink of touching digits may part."""

import cv2
import numpy as np
import pytest

from digit_model import frames, touching


def rings(count: int, step: float, height: int = 80) -> np.ndarray:
    """Return ink of `count` rings in a row, `step` of their height apart, cropped: float32 (H, W)."""
    ink = np.zeros((height + 10, int(height * (count + 1) * 1.1)), np.uint8)
    for i in range(count):
        middle = (10 + height // 2 + round(i * step * height), 5 + height // 2)
        cv2.ellipse(ink, middle, (round(height * 0.3), height // 2 - 5), 0, 0, 360, 255, 8, cv2.LINE_AA)
    return frames.crop(ink.astype(np.float32) / 255)


def test_narrow_ink_is_one_part():
    ink = rings(1, 0)
    (part,), costs = touching.slices(ink[:, ::2])
    assert part.shape == ink[:, ::2].shape
    assert costs == [0]


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("step", [0.66, 0.68, 0.7])  # from overlapping by half a line to just touching
def test_rings_in_a_row_can_be_parted_between_them(count, step):
    ink = rings(count, step)
    parts, costs = touching.slices(ink)
    assert len(costs) == len(parts)
    assert np.allclose(sum(parts), ink)  # nothing is lost, nothing is there twice
    ends = np.cumsum([part.sum() for part in parts]) / ink.sum()
    for i in range(1, count):
        assert min(abs(ends - i / count)) < 0.05 / count  # a part ends where a ring does


def test_a_seam_follows_a_slanted_gap():
    height, width = 80, 100
    y, x = np.mgrid[:height, :width]
    ink = (np.abs(x - 50 - (40 - y) * 0.4) > 4).astype(np.float32)  # ink everywhere but along a slanted line
    parts, _ = touching.slices(ink)
    left_of_gap = ink * (x < 50 + (40 - y) * 0.4)
    assert any(np.allclose(sum(parts[:k]), left_of_gap) for k in range(1, len(parts)))


def bar(width: int) -> np.ndarray:
    """Return ink of a lying line between two standing ones, 80 high: it can be parted anywhere between them."""
    ink = np.zeros((80, width), np.float32)
    ink[36:44] = ink[:, :8] = ink[:, -8:] = 1
    return ink


def test_narrow_ink_is_parted_less_readily_than_wide_ink():
    assert min(touching.slices(bar(70))[1][1:]) > 0
    assert min(touching.slices(bar(160))[1][1:]) == 0


def test_a_seam_beside_one_as_good_costs_more():
    _, costs = touching.slices(bar(160))
    assert set(costs) == {0.0, touching.FINER_COST}


def test_solid_ink_is_not_parted():
    assert len(touching.slices(np.ones((80, 560), np.float32))[0]) == 1
