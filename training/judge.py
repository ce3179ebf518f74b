"""Keeps what was read and what was right, and how sure the reader was of it. evaluate.py and people.py call it."""

import numpy as np
from sklearn.metrics import roc_auc_score

from digit_model import reader

BINS = 15  # of equal width, for the calibration error


class Judge:
    """Reads pieces with one model and keeps (confidence, right) of every reading."""

    def __init__(self, model: reader.Model):
        self.model, self.answered, self.judged = model, [], []
        self.digits = self.wrongly_refused = self.several = 0  # of readings of single digits

    def read(self, pieces: list[reader.Piece], label: str | None) -> bool:
        """Tell whether the reading is right; label: the digit or number, or None for what should be refused."""
        reading = reader.read(self.model, pieces)
        verdict = reading["verdict"]
        right = verdict == "not a digit" if label is None else reading["text"] == label
        if label is not None and len(label) == 1:
            self.digits += 1
            self.wrongly_refused += verdict in ("not a digit", "blank")
            self.several += len(reading["text"]) > 1
        if reading["confidence"] is not None:
            self.judged.append((reading["confidence"], right))
            if verdict in ("digit", "number"):
                self.answered.append((reading["confidence"], right))
        return right

    def calibration(self) -> tuple[float, list]:
        """Return the calibration of all answers, as the function below."""
        confidence, right = np.array(self.answered).T
        return calibration(confidence, right)

    def auroc(self) -> float:
        """Return how often a right reading is surer than a wrong one; refusing what is no digit is right."""
        confidence, right = np.array(self.judged).T
        return float(roc_auc_score(right, confidence))


def calibration(confidence: np.ndarray, right: np.ndarray) -> tuple[float, list]:
    """Return the expected calibration error (Naeini, Cooper and Hauskrecht 2015) and a row [mean confidence, accuracy, count] a bin."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    table = [[float(confidence[bins == b].mean()), float(right[bins == b].mean()), int((bins == b).sum())] for b in np.unique(bins)]
    return sum(abs(sure - good) * count for sure, good, count in table) / max(1, len(confidence)), table
