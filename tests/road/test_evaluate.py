"""What the model card shows and tells: the simulated pad, the pictures, on what the model was made."""

import cv2
import numpy as np
import pytest
from PIL import Image

from training import environment, pictures
from training.dataset import Split
from training.evaluate import redrawn


@pytest.fixture
def ring() -> np.ndarray:
    """A thick 0 as a frame."""
    frame = np.zeros((28, 28), np.uint8)
    cv2.ellipse(frame, (14, 14), (6, 8), 0, 0, 360, 255, 4)
    return frame


def test_a_digit_is_redrawn_thin_or_thick_somewhere_on_the_pad(ring):
    rng = np.random.default_rng(0)
    places = set()
    for _ in range(20):
        ink = [(255 - redrawn(ring, line, rng)) > 127 for line in (0.0, 0.13)]
        thin, thick = (2 * cv2.distanceTransform(i.astype(np.uint8), cv2.DIST_L2, 3).max() for i in ink)
        assert thin <= 6  # pixels
        assert thick >= 2 * thin
        assert ink[0].shape == (280, 280)
        places.add(tuple(np.argwhere(ink[0])[0]))
    assert len(places) == 20


def test_the_pictures_are_drawn_with_mistakes_and_without(ring, tmp_path):
    test = Split(np.stack([ring] * 4), np.array([0, 0, 0, 8]))
    probabilities = np.full((4, 10), 0.01)
    probabilities[np.arange(4), [0, 6, 6, 6]] = [0.9, 0.5, 0.7, 0.6]  # the first is right
    probabilities[1, 0] = 0.3
    table = np.eye(10, dtype=int)
    pictures.write(
        tmp_path / "pictures", {"reliability": [[0.5, 0.4, 3], [0.99, 0.98, 900]], "confusion": table.tolist()}, test, probabilities
    )
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "pictures").iterdir()}
    assert set(sizes) == {"reliability.png", "confusion.png", "mistakes.png"}
    assert min(min(size) for size in sizes.values()) > 100
    assert sizes["mistakes.png"] == pictures.mistakes(test[:1], probabilities[:1]).size  # three mistakes fill a row, none leaves it empty


def test_the_environment_names_versions_commit_and_hardware():
    told = environment.describe()
    assert {"python", "keras", "numpy"} <= told["versions"].keys()
    assert told["commit"] is None or len(told["commit"].removesuffix("-changed")) == 40
    assert told["hardware"]["processors"] >= 1
    assert told["hardware"]["processor"]
