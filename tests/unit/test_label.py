"""What gr.Label and the Space API tell of a reading."""

import pytest

from web.label import label


def piece(digit, *others):
    """A piece read as `digit`; others: (digit, probability) of what else it could be."""
    probabilities = [0.0] * 10
    for other, probability in others:
        probabilities[other] = probability
    best = 1 - sum(probabilities)
    if digit != "?":
        probabilities[int(digit)] = best
    return {"digit": digit, "confidence": best, "probabilities": probabilities, "box": [0, 0, 1, 1]}


def test_a_digit_is_told_with_the_ten_digits_best_first():
    told = label({"verdict": "digit", "text": "4", "confidence": 0.9, "digits": [piece("4", (9, 0.1))]})
    assert told["label"] == "4"
    assert told["confidences"][:2] == [{"label": "4", "confidence": 0.9}, {"label": "9", "confidence": 0.1}]
    assert len(told["confidences"]) == 10


def test_a_blank_has_no_label():
    assert label({"verdict": "blank", "text": "", "confidence": None, "digits": []}) == {"label": None, "confidences": []}


def test_what_is_no_digit_says_so_before_the_ten_digits():
    told = label({"verdict": "not a digit", "text": "", "confidence": 0.7, "digits": [piece("?", (3, 0.2), (8, 0.1))]})
    assert told["label"] == "not a digit"
    assert [c["label"] for c in told["confidences"][:2]] == ["3", "8"]
    assert len(told["confidences"]) == 10


def test_a_number_is_told_with_its_best_whole_readings():
    digits = [piece("4", (9, 0.2)), piece("1", (7, 0.1))]
    told = label({"verdict": "number", "text": "41", "confidence": 0.72, "digits": digits})
    assert told["label"] == "41"
    assert [c["label"] for c in told["confidences"][:4]] == ["41", "91", "47", "97"]
    assert [c["confidence"] for c in told["confidences"][:4]] == pytest.approx([0.72, 0.18, 0.08, 0.02])


def test_lines_and_pieces_that_are_no_digit_stay_where_they_are_in_a_number():
    digits = [piece("1"), piece("?", (5, 0.4)), piece("2", (3, 0.1))]
    told = label({"verdict": "number", "text": "1?\n2", "confidence": 0.5, "digits": digits})
    assert [c["label"] for c in told["confidences"][:2]] == ["1?\n2", "1?\n3"]
