"""Files from outside: which are served, and which are refused before they can do harm."""

import hashlib
import json
import re
import subprocess
import sys

import pytest

from digit_model import model_source
from tests.hub.conftest import ROOT, eventually

BAD = {  # what the reason must say, by file of the zoo
    "truncated": "no whole .keras file",
    "text": "no whole .keras file",
    "lambda": "keras.layers.Lambda",
    "lookup": "StringLookup",
    "custom_class": "evil>Layer",
    "config_bomb": "config.json unpacks to 400,000,002 bytes",
    "asset_bomb": "assets/vocabulary.txt",
    "path_traversal": "tmp/outside",
    "weights_bomb": "model.weights.h5 unpacks to more",
    "weights_elsewhere": "reads another file",
}
BAD_TO_KERAS = {  # the same for those that only Keras finds out
    "wrong_shapes": r"\(None, 28, 28, 1\) -> \(None, 5\)",
    "shape_bomb": "values for one frame",
    "large_frames": "9999 x 9999 pixels",
    "huge_dense": "parameters, more than the 20,000,000 allowed",
    "nan_weights": "weights that are not finite",
    "untrained": "of the digits of the self-test",
}


@pytest.mark.parametrize("name", ["good", "better", "no_channel", "rgb_32_logits"])
def test_other_peoples_models_are_served_as_keras_would(space, hub, zoo, name):
    hub.commit(zoo.bytes(name))
    model = space().model(100)
    assert model.info["source"] == "hub"
    for count in (1, 3, 40, 2):
        assert zoo.reads_as(model, name, count)


@pytest.mark.timeout(900)
def test_bad_models_are_refused_with_the_reason_and_the_old_one_goes_on(space, hub, zoo, older_home):
    """All in one space, one commit after the other, as a Hub gone mad would have them. Of those for Keras, here only two."""
    hub.commit(zoo.bytes("better"))
    source = space(hf_home=older_home, model_refresh_seconds=0.3)
    good = source.model(100)
    for name, reason in (BAD | {name: BAD_TO_KERAS[name] for name in ("nan_weights", "untrained")}).items():
        data = zoo.bytes(name)
        bad = hub.commit(data)
        fetched = f"GET /cdn/{hashlib.sha256(data).hexdigest()}"
        eventually(lambda: fetched in hub.requests and re.search(reason, source.health()["last_error"] or ""), 200)  # noqa: B023
        assert source.model() is good
    assert zoo.reads_as(source.model(), "better")
    nothing_is_downloaded_again(hub, source)

    source.stop()
    again = space(hf_home=older_home, model_refresh_seconds=0.3)
    assert zoo.reads_as(again.model(), "better")
    nothing_is_downloaded_again(hub, again)
    assert re.search(reason, again.health()["last_error"])

    newest = hub.commit(zoo.bytes("good"))
    eventually(lambda: again.model().info["revision"] == newest)
    assert zoo.reads_as(again.model(), "good")
    assert again.health()["last_error"] is None
    hub.refs["main"] = bad
    eventually(lambda: re.search(reason, again.health()["last_error"] or ""))
    assert again.model().info["revision"] == newest


def nothing_is_downloaded_again(hub, source) -> None:
    asked = len(hub.requests)
    eventually(lambda: len(hub.requests) > asked + 1)
    assert all(request.startswith("HEAD") for request in hub.requests[asked:])


@pytest.mark.timeout(900)
def test_bad_models_that_only_keras_finds_out_are_refused_with_the_reason(zoo, tmp_path):
    """All in one child, since the import of TensorFlow takes longest."""
    candidates = [{"source": "cache", "repo_id": None, "revision": name, "path": str(zoo.path(name))} for name in BAD_TO_KERAS]
    job = {"folders": [str(tmp_path)], "candidates": candidates, "hub": None, "known": [], "seconds": 0}
    command = [sys.executable, "-m", "digit_model.model_file"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        print(json.dumps(job), file=child.stdin, flush=True)
        failed = [event for event in map(json.loads, child.stdout) if event["event"] != "opening"]
    assert [event["event"] for event in failed] == ["failed"] * len(BAD_TO_KERAS)
    for event in failed:
        assert re.search(BAD_TO_KERAS[event["revision"]], event["reason"])
        assert event["final"]


@pytest.mark.timeout(900)
def test_a_model_that_never_opens_is_tried_twice_and_no_more(space, hub, zoo, older_home, monkeypatch):
    monkeypatch.setattr(model_source, "CHILD_SECONDS", 3)  # 300 in earnest
    hub.commit(zoo.bytes("better"))
    hub.commit(zoo.bytes("endless"))
    source = space(hf_home=older_home, model_refresh_seconds=0.3)
    good = source.model()
    assert zoo.reads_as(good, "better")
    eventually(lambda: source._refused, 300)
    monkeypatch.setattr(model_source, "CHILD_SECONDS", 300)
    nothing_is_downloaded_again(hub, source)
    assert "took longer than 3 seconds" in source.health()["last_error"]
    assert source.model() is good
    assert source._deaths.total() == 2

    source.stop()
    again = space(hf_home=older_home, model_refresh_seconds=0.3)
    assert zoo.reads_as(again.model(), "better")
    nothing_is_downloaded_again(hub, again)
    assert "took longer than 3 seconds" in again.health()["last_error"]
