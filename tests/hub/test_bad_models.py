"""Files from outside: which are served, and which are refused before they can do harm."""

import hashlib
import re

import pytest

from tests.hub.conftest import eventually

BAD = {  # what the reason must say, by file of the zoo
    "truncated": "no whole .keras file",
    "nan_weights": "weights that are not finite",
    "wrong_shapes": r"\(None, 28, 28, 1\) -> \(None, 5\)",
    "lambda": "keras.layers.Lambda",
    "lookup": "StringLookup",
    "custom_class": "evil>Layer",
    "config_bomb": "config.json unpacks to 400,000,002 bytes",
    "asset_bomb": "assets/vocabulary.txt",
    "text": "no whole .keras file",
    "shape_bomb": "values for one frame",
    "large_frames": "9999 x 9999 pixels",
    "huge_dense": "parameters, more than the 20,000,000 allowed",
    "weights_bomb": "model.weights.h5 unpacks to more",
    "weights_elsewhere": "reads another file",
    "path_traversal": "tmp/outside",
    "untrained": "of the digits of the self-test",
}


@pytest.mark.parametrize("name", ["good", "better", "no_channel", "rgb_32_logits"])
def test_other_peoples_models_are_served_as_keras_would(space, hub, zoo, name):
    hub.commit(zoo.bytes(name))
    model = space().model(100)
    assert model.info["source"] == "hub"
    for count in (1, 3, 40, 2):
        assert zoo.reads_as(model, name, count)


@pytest.mark.timeout(900)  # six of them need TensorFlow to be found out
def test_bad_models_are_refused_with_the_reason_and_the_old_one_goes_on(space, hub, zoo):
    """All in one space, one commit after the other, as a Hub gone mad would have them."""
    hub.commit(zoo.bytes("better"))
    source = space(model_refresh_seconds=1)
    good = source.model(100)
    for name, reason in BAD.items():
        data = zoo.bytes(name)
        hub.commit(data)
        fetched = f"GET /cdn/{hashlib.sha256(data).hexdigest()}"
        eventually(lambda: fetched in hub.requests and re.search(reason, source.health()["last_error"] or ""), 100)  # noqa: B023
        assert source.model() is good
    assert zoo.reads_as(source.model(), "better")

    asked = len(hub.requests)
    eventually(lambda: len(hub.requests) > asked + 2)
    assert not any("GET" in request for request in hub.requests[asked:])  # what was refused is not downloaded again
    assert "self-test" in source.health()["last_error"]

    newest = hub.commit(zoo.bytes("good"))
    eventually(lambda: source.model().info["revision"] == newest)
    assert zoo.reads_as(source.model(), "good")
    assert source.health()["last_error"] is None
