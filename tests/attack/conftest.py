"""Checks of what any door answers."""

import re

import requests

LEAK = re.compile(
    r"Traceback|File \"|/work|/tmp|/home|/usr|site-packages|\.py\b|digit_model|starlette|PIL|gradio\.|numpy|cv2|Error\(|root:", re.I
)


def sentence_of(reply: requests.Response) -> str:
    """Return the sentence of a refusal, having checked its shape."""
    assert 400 <= reply.status_code < 500, reply.text[:300]
    assert list(reply.json()) == ["error"]
    return checked(reply.json()["error"])


def checked(sentence: str) -> str:
    """Return the sentence, having checked that a person understands it and that it tells nothing of the inside."""
    assert 20 < len(sentence) < 250
    assert sentence.endswith(".")
    assert not LEAK.search(sentence), sentence
    return sentence
