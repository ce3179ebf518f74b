"""The shapes of the Space API's answers, for its generated descriptions. endpoints.py names them."""

from typing import Literal, TypedDict


class Confidence(TypedDict):
    label: str
    confidence: float


class Label(TypedDict):
    label: str | None
    confidences: list[Confidence]


class Digit(TypedDict):
    digit: str
    confidence: float
    probabilities: list[float]
    box: list[float]


class ModelInfo(TypedDict):
    source: Literal["path", "hub", "cache", "bundled"]
    repo_id: str | None
    revision: str | None
    sha256: str
    since: str


class Reading(TypedDict):
    text: str
    verdict: Literal["digit", "number", "blank", "not a digit"]
    confidence: float | None
    digits: list[Digit]
    model: ModelInfo


class Failure(TypedDict):
    error: str


class ServedModel(ModelInfo):
    metrics: dict
