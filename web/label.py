"""A Reading to what gr.Label shows: the answer, and what else it could be. endpoints.py and routes.py call it."""

import heapq

BEST = 10  # whole readings told of a number


def label(reading: dict) -> dict:
    """Return {"label": ..., "confidences": [{"label": ..., "confidence": ...}, ...]}, best first.

    A digit: the ten digits. Not a digit: that as the label, the ten digits of its first piece behind it. A number: the best whole
    readings. Blank: label None, no confidences.
    """
    verdict = reading["verdict"]
    if verdict == "blank":
        return {"label": None, "confidences": []}
    found = whole_readings(reading) if verdict == "number" else ten_digits(reading["digits"][0])
    confidences = [{"label": text, "confidence": confidence} for text, confidence in found]
    return {"label": reading["text"] or verdict, "confidences": confidences}


def ten_digits(piece: dict) -> list[tuple[str, float]]:
    """Return the ten digits with their probabilities, most probable first."""
    return sorted(((str(digit), p) for digit, p in enumerate(piece["probabilities"])), key=lambda found: -found[1])


def whole_readings(reading: dict) -> list[tuple[str, float]]:
    """Return the most probable readings of a number: its text with its confidence first, then texts that differ in some digits."""
    pieces = iter(reading["digits"])
    found = [("", reading["confidence"])]
    for sign in reading["text"]:
        piece = next(pieces) if sign != "\n" else None
        # A line break and a "?" stay as they are; a digit may be another one, by how much less probable that is.
        choices = [(d, p / piece["probabilities"][int(sign)]) for d, p in ten_digits(piece)] if sign.isdigit() else [(sign, 1.0)]
        found = heapq.nlargest(BEST, ((text + d, whole * ratio) for text, whole in found for d, ratio in choices), key=lambda f: f[1])
    return found
