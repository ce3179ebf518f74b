"""What a model must be to be published: above the floors, not worse than the published one, and one that the Space would serve.

publish.py calls it. Every rule stands in the tables below; a model that breaks one is refused with the rule and its figure.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from math import comb
from pathlib import Path

import numpy as np

from digit_model import model_file, reader
from training import dataset
from training.evaluate import calibration, classify

AT_LEAST, AT_MOST = "at least", "at most"
FLOORS = [  # a figure of metrics.json, and its floor or ceiling
    ("mnist_test.accuracy", AT_LEAST, 0.99),
    ("mnist_test.per_digit", AT_LEAST, 0.975),  # each of the ten
    ("mnist_test.ece", AT_MOST, 0.02),
    ("mnist_test_changed", AT_LEAST, 0.92),  # each of the changes
    ("composed_photos.mean", AT_LEAST, 0.93),
    ("simulated_pad", AT_LEAST, 0.93),  # the thin line and the thick one
    ("drawn_non_digits_refused", AT_LEAST, 0.88),
    ("file_bytes", AT_MOST, 4_000_000),
    ("parameters", AT_MOST, 1_000_000),
    ("one_image_ms", AT_MOST, 20),
]
NOT_FALLEN = ("mnist_test_changed", "simulated_pad", "drawn_non_digits_refused")  # figures that may not be below the published model's
FALL = 3  # standard deviations of the difference of two such figures that are no fall
COUNTED = 5_000  # images behind each, at least, where training.evaluate is given no --limit
CHANCE = 0.05  # a difference to the published model that is less probable than this by chance alone counts
ECE_SLACK = 0.002  # by so much the calibration error may be worse: the size of its own noise on 10,000 images
RESAMPLES = 500  # of the test images, for the noise of the calibration error


@dataclass(frozen=True)
class Marks:
    """What one model makes of the test images: is it right, how sure is it, does it answer at all. Each (N,)."""

    right: np.ndarray
    confidence: np.ndarray
    answered: np.ndarray


def reasons_to_refuse(path: Path, metrics: dict, published: Path | None, published_metrics: dict, test: dataset.Split) -> list[str]:
    """Return every reason, a line each, why a model may not be published; none when it may.

    path: its model.keras; metrics: its metrics.json; published, published_metrics: those of now, None and {} for a first one.
    """
    try:
        new = read(path, test)
    except model_file.Refused as error:
        return [f"the Space would not serve it: {error}"]
    reasons = below_floors(metrics) + fallen(metrics, published_metrics)
    if metrics.get("sha256") != hashlib.sha256(path.read_bytes()).hexdigest():
        reasons.append("metrics.json tells of another model.keras: run training.evaluate again")
    if published:
        try:
            reasons += worse_than(new, read(published, test))
        except model_file.Refused as error:
            print(f"The published model would not be served ({error}): the new one is held against the floors only.")
    return reasons


def read(path: Path, test: dataset.Split) -> Marks:
    """Return what a model makes of the test images, opened, self-tested and converted as the Space does it. Raises model_file.Refused."""
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "model.tflite"
        converted.write_bytes(model_file.convert(path))
        probabilities = classify(reader.Model.load(converted, info={}), test.frames.astype(np.float32) / 255)  # (N, 10 or 11)
    ten = probabilities[:, :10]
    answered = probabilities[:, reader.NOT_A_DIGIT :].sum(1) < reader.REFUSAL
    return Marks((ten.argmax(1) == test.labels) & answered, ten.max(1), answered)


def below_floors(metrics: dict) -> list[str]:
    """Return a line for each figure of metrics.json that is missing or breaks FLOORS."""
    reasons = []
    for name, rule, bound in FLOORS:
        found = figures(metrics, name)
        if not found:
            reasons.append(f"metrics.json has no {name}: run training.evaluate again")
        reasons += [
            f"{which} is {value:.6g}, {rule} {bound:g} is needed"
            for which, value in found.items()
            if not (value >= bound if rule == AT_LEAST else value <= bound)  # so that NaN is refused too
        ]
    return reasons


def fallen(metrics: dict, before: dict) -> list[str]:
    """Return a line for each figure of NOT_FALLEN that is lower than the published model's by more than its noise."""
    reasons = []
    for name in NOT_FALLEN:
        old = figures(before, name)
        for which, value in figures(metrics, name).items():
            middle = (value + old.get(which, value)) / 2
            if value < old.get(which, value) - FALL * (2 * middle * (1 - middle) / COUNTED) ** 0.5:
                reasons.append(
                    f"{which} is {value:.4f}, the published model's {old[which]:.4f}: lower by more than {FALL} deviations of chance"
                )
    return reasons


def figures(metrics: dict, name: str) -> dict[str, float]:
    """Return the numbers of metrics.json under a name with dots: {name: number}, one each for a list or an object of numbers."""
    found = metrics
    for part in name.split("."):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    if isinstance(found, list):
        found = dict(enumerate(found))
    several = {f"{name} of {key}": value for key, value in found.items()} if isinstance(found, dict) else {name: found}
    return {which: value for which, value in several.items() if isinstance(value, int | float)}


def worse_than(new: Marks, old: Marks) -> list[str]:
    """Return a line for each way in which the new model is worse than the published one on the same images by more than chance explains."""
    reasons = []
    lost, won = int((old.right & ~new.right).sum()), int((new.right & ~old.right).sum())
    if chance_of_losing(lost, won) < CHANCE:
        reasons.append(f"it loses {lost} of the published model's right answers and wins {won}: that is more than chance explains")
    differences = []
    rng = np.random.default_rng(0)
    for _ in range(RESAMPLES):
        some = rng.integers(len(new.right), size=len(new.right))
        differences.append(error_of(new, some) - error_of(old, some))
    if np.quantile(differences, CHANCE) > ECE_SLACK:
        everything = np.arange(len(new.right))
        reasons.append(
            f"its calibration error is {error_of(new, everything):.4f}, the published model's {error_of(old, everything):.4f}: "
            f"worse by more than {ECE_SLACK} and chance"
        )
    return reasons


def chance_of_losing(lost: int, won: int) -> float:
    """Return how probable it is that an equally good model loses so many or more of the images on which only one of the two is right.

    McNemar's exact test, one-sided.
    """
    return sum(comb(lost + won, k) for k in range(lost, lost + won + 1)) / 2 ** (lost + won)


def error_of(marks: Marks, some: np.ndarray) -> float:
    """Return the calibration error of the answered ones among some images."""
    some = some[marks.answered[some]]
    return calibration(marks.confidence[some], marks.right[some])[0]


def table(metrics: dict) -> str:
    """Return the gate's figures as a table in Markdown: figure, value, what is needed."""
    rows = [
        f"| {which} | {value:.6g} | {rule} {bound:g} |" for name, rule, bound in FLOORS for which, value in figures(metrics, name).items()
    ]
    return "\n".join(["| figure | value | needed |", "| --- | ---: | --- |", *rows])
