"""The plain HTTP doors of the real app."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from PIL import Image

from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.png"))


def png(size=(64, 64), colour="white") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def image(data: bytes, name="digit.png"):
    return ("image", (name, data, "image/png"))


def test_health_tells_that_the_app_serves_and_which_model(app):
    health = requests.get(f"{app.url}/health", timeout=5).json()
    assert health["status"] == "ok"
    assert set(health) == {"status", "model", "last_refresh", "last_error"}
    assert set(health["model"]) == {"source", "repo_id", "revision", "sha256", "since"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_picture_of_the_gallery_is_read_as_its_name_says(predict, path):
    assert predict(files=[image(path.read_bytes())]).json()["text"] == path.name[0]


def test_strokes_are_answered_with_a_reading(predict, seven):
    reading = predict(json={"strokes": seven}).json()
    assert set(reading) == {"text", "verdict", "confidence", "digits", "model"}
    assert (reading["text"], reading["verdict"]) == ("7", "digit")
    [digit] = reading["digits"]
    assert set(digit) == {"digit", "confidence", "probabilities", "box"}
    assert len(digit["probabilities"]) == 10
    assert digit["box"] == [60, 58, 120, 162]
    assert 0.5 < reading["confidence"] <= 1


def test_strokes_may_carry_times(predict, seven):
    timed = [[[*point, 0.1 * i] for i, point in enumerate(stroke)] for stroke in seven]
    assert predict(json={"strokes": timed}).json()["text"] == "7"


def test_a_picture_is_read_from_a_raw_body_too(predict):
    data = EXAMPLES[0].read_bytes()
    for kind in ("image/png", "application/octet-stream"):
        assert predict(data=data, headers={"Content-Type": kind}).json()["text"] == EXAMPLES[0].name[0]


def test_several_pictures_are_answered_in_order_with_an_error_in_the_place_of_a_bad_one(predict):
    first, second = EXAMPLES[0], EXAMPLES[-1]
    files = [image(first.read_bytes()), image(b"no picture"), image(second.read_bytes())]
    one, bad, two = predict(files=files).json()
    assert (one["text"], two["text"]) == (first.name[0], second.name[0])
    assert list(bad) == ["error"]


@pytest.mark.parametrize("body", [{"files": [("image", ("a.png", png()))]}, {"json": {"strokes": []}}], ids=["picture", "strokes"])
def test_nothing_drawn_is_blank(predict, body):
    reading = predict(**body).json()
    assert (reading["text"], reading["verdict"], reading["confidence"], reading["digits"]) == ("", "blank", None, [])


REFUSED = {
    "no picture in the file": (422, {"files": [image(b"no picture")]}),
    "an empty file": (422, {"files": [image(b"")]}),
    "a bad picture by itself": (422, {"data": b"no picture", "headers": {"Content-Type": "image/png"}}),
    "points that are no numbers": (422, {"json": {"strokes": [[["a", "b"]]]}}),
    "strokes that are no list": (422, {"json": {"strokes": 7}}),
    "another field's name": (400, {"files": [("picture", ("a.png", png()))]}),
    "a form without a file": (400, {"files": {"image": (None, "text")}}),
    "a broken form": (400, {"data": b"--x", "headers": {"Content-Type": "multipart/form-data"}}),
    "broken JSON": (400, {"data": b"{", "headers": {"Content-Type": "application/json"}}),
    "JSON nested without end": (400, {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}),
    "JSON without strokes": (400, {"json": {"points": []}}),
    "text": (415, {"data": b"7", "headers": {"Content-Type": "text/plain"}}),
    "no body": (415, {}),
    "too many pixels": (422, {"files": [image(png((8000, 8000)))]}),
    "too large a file": (413, {"files": [image(bytes(25_000_001))]}),
    "too large a file by itself": (413, {"data": bytes(25_000_001), "headers": {"Content-Type": "image/png"}}),
    "too many files": (413, {"files": [image(b"", f"{n}.png") for n in range(1001)]}),
    "too many points": (422, {"json": {"strokes": [[[0, 0]] * 100_001]}}),
    "too large a JSON": (413, {"data": b" " * 9_000_000, "headers": {"Content-Type": "application/json"}}),
}


@pytest.mark.parametrize(("status", "body"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_refused_with_a_sentence(predict, status, body):
    reply = predict(**body)
    assert reply.status_code == status
    assert list(reply.json()) == ["error"]
    sentence = reply.json()["error"]
    assert len(sentence) > 20
    assert sentence[0].isupper() or sentence.startswith("strokes")
    assert sentence.endswith(".")


@pytest.mark.parametrize("kind", ["image/png", "application/json"])
def test_a_body_of_unknown_length_is_limited_too(predict, kind):
    chunks = (bytes(1_000_000) for _ in range(200))
    reply = predict(data=chunks, headers={"Content-Type": kind})
    assert reply.status_code == 413
    assert "larger than" in reply.json()["error"]


def test_other_paths_and_methods_are_refused_in_the_same_shape(app):
    for method, path, status in (("GET", "/predict", 405), ("DELETE", "/health", 405), ("GET", "/nothing", 404), ("POST", "/nothing", 404)):
        reply = requests.request(method, app.url + path, timeout=5)
        assert reply.status_code == status
        assert list(reply.json()) == ["error"]


def test_only_the_page_gets_what_only_the_page_shows(app, seven):
    reading = requests.post(f"{app.url}/predict?page=1", json={"strokes": seven}, timeout=30).json()
    assert reading["label"]["label"] == "7"
    assert len(reading["frames"]) == 1


def test_the_gallery_serves_its_own_folder_only(app):
    assert requests.get(f"{app.url}/examples/{EXAMPLES[0].name}", timeout=5).content == EXAMPLES[0].read_bytes()
    for path in ("/examples/..%2fapp.py", "/examples/%2e%2e/app.py", "/examples/"):
        assert requests.get(app.url + path, timeout=5).status_code == 404


def test_nothing_sent_stays_on_the_disk(predict, app, seven):
    before = set(app.folder.rglob("*"))
    assert predict(files=[image(png((3000, 3000)) + bytes(5_000_000))]).status_code == 200
    assert predict(json={"strokes": seven}).status_code == 200
    assert set(app.folder.rglob("*")) <= before


def test_the_app_answers_others_while_it_reads_large_pictures(predict, app):
    large = [image(png((3900, 3900)))] * 8
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(predict, files=large)
        waits = []
        while not slow.done():
            waits.append(requests.get(f"{app.url}/health", timeout=30).elapsed.total_seconds())
    assert [reading["verdict"] for reading in slow.result().json()] == ["blank"] * 8
    assert len(waits) > 3  # with a blocked event loop the first would wait for the end
