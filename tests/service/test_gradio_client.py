"""The Space API of the real app, called with the real gradio_client."""

import pytest
import requests
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.conftest import ROOT

SEVEN = ROOT / "examples" / "7_light-on-dark.png"


@pytest.fixture(scope="module")
def client(app):
    return Client(app.url, verbose=False)


def assert_reads_7(answer: dict):
    assert set(answer) == {"label", "confidences"}
    assert answer["label"] == "7"
    assert sorted(c["label"] for c in answer["confidences"]) == list("0123456789")
    confidences = [c["confidence"] for c in answer["confidences"]]
    assert confidences == sorted(confidences, reverse=True)
    assert answer["confidences"][0] == {"label": "7", "confidence": pytest.approx(max(confidences))}


def test_predict_reads_a_file(client):
    assert_reads_7(client.predict(image=handle_file(str(SEVEN)), api_name="/predict"))


def test_predict_reads_a_file_given_by_place(client):
    assert_reads_7(client.predict(handle_file(str(SEVEN)), api_name="/predict"))


def test_predict_sketch_reads_strokes(client, seven):
    assert_reads_7(client.predict(strokes=seven, api_name="/predict_sketch"))


def test_nothing_drawn_has_no_label(client):
    assert client.predict(strokes=[], api_name="/predict_sketch") == {"label": None, "confidences": []}


def test_predict_batch_answers_in_order_with_an_error_in_the_place_of_a_bad_file(client, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    three = ROOT / "examples" / "3_blue-ballpoint.png"
    readings = client.predict(images=[handle_file(str(path)) for path in (SEVEN, bad, three)], api_name="/predict_batch")
    assert [reading.get("text") for reading in readings] == ["7", None, "3"]
    assert list(readings[1]) == ["error"]
    assert set(readings[0]) == {"text", "verdict", "confidence", "digits", "model"}


def test_model_tells_which_model_is_served_and_what_is_known_of_it(client, app):
    model = client.predict(api_name="/model")
    assert model.pop("metrics") is not None
    assert model == requests.get(f"{app.url}/health", timeout=5).json()["model"]


def test_what_cannot_be_read_is_told_in_a_sentence(client, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(AppError, match="picture"):
        client.predict(image=handle_file(str(bad)), api_name="/predict")
    with pytest.raises(AppError, match="strokes must be a list"):
        client.predict(strokes="7", api_name="/predict_sketch")


def test_only_the_four_endpoints_are_public(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/predict", "/predict_sketch", "/predict_batch", "/model"}
    assert client.view_api(return_format="dict")["unnamed_endpoints"] == {}


def call(app, endpoint: str, *data) -> str:
    """The stream a plain HTTP caller of a Gradio endpoint gets."""
    event = requests.post(f"{app.url}/gradio_api/call/{endpoint}", json={"data": data}, timeout=10).json()["event_id"]
    return requests.get(f"{app.url}/gradio_api/call/{endpoint}/{event}", timeout=30).text


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}], ids=["raw", "as Gradio's"])
@pytest.mark.parametrize("path", [str(SEVEN), "/etc/passwd", "../../examples/7_light-on-dark.png", "", None, "\0", 7])
def test_a_path_that_was_not_uploaded_is_not_opened(app, path, meta):
    for endpoint, data in (("predict", {"path": path, **meta}), ("predict_batch", [{"path": path, **meta}])):
        answer = call(app, endpoint, data)
        assert '"text"' not in answer
        assert '"label"' not in answer
