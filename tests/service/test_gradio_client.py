"""The Space API of the real app, called with the real gradio_client."""

from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import jsonschema
import numpy as np
import pytest
import requests
from gradio import processing_utils
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from digit_model import reader
from digit_model.settings import Settings
from tests.conftest import ROOT, call, free_port
from web.endpoints import add_endpoints

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


def test_predict_reads_a_pil_image_that_was_saved(client, tmp_path):
    """handle_file itself takes no PIL image."""
    Image.open(SEVEN).convert("L").save(tmp_path / "seven.webp")
    assert_reads_7(client.predict(handle_file(tmp_path / "seven.webp"), api_name="/predict"))


def test_predict_reads_a_file_by_its_url(monkeypatch, app):
    """Gradio's server fetches it, and only from public addresses: here this machine is made one, for the same endpoints in this process."""
    monkeypatch.setattr(processing_utils, "PUBLIC_HOSTNAME_WHITELIST", ["127.0.0.1"])
    served = reader.Model(lambda batch: np.tile(np.eye(10, dtype=np.float32)[7], (len(batch), 1)), (28, 28), {})
    with gr.Blocks() as page:
        add_endpoints(SimpleNamespace(model=lambda: served), Settings())
    _, url, _ = page.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        image = handle_file(f"{app.url}/examples/{SEVEN.name}")
        assert Client(url, verbose=False).predict(image, api_name="/predict")["label"] == "7"
    finally:
        page.close()


def test_the_server_fetches_nothing_from_its_own_network(client, app):
    with pytest.raises(AppError, match="cannot be fetched"):
        client.predict(handle_file(f"{app.url}/examples/{SEVEN.name}"), api_name="/predict")


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


def test_a_folder_of_uploads_is_no_picture_and_spoils_no_call(app):
    [seven] = requests.post(f"{app.url}/gradio_api/upload", files={"files": ("7.png", SEVEN.read_bytes())}, timeout=30).json()
    told = call(app, "predict_batch", [{"path": seven}, {"path": str(Path(seven).parent)}])
    assert '"text": "7"' in told
    assert "This is no uploaded file" in told


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


def test_the_generated_descriptions_say_all_that_a_caller_needs(app):
    """They are the API page, and what a Space's agents.md is made of."""
    endpoints = requests.get(f"{app.url}/gradio_api/info", timeout=10).json()["named_endpoints"]
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 100
        for parameter in endpoint["parameters"]:
            assert f"`{parameter['parameter_name']}`" in endpoint["description"]
    answers = {name: endpoint["returns"][0]["python_type"]["type"] for name, endpoint in endpoints.items()}
    assert answers["/predict"] == answers["/predict_sketch"]
    for name, fields in {
        "/predict": ("label: None | str", "confidences: list[dict(label: str, confidence: float)]"),
        "/predict_batch": ("text: str", "verdict: Literal[", "probabilities: list[float]", "dict(error: str)"),
        "/model": ("sha256: str", "metrics: "),
    }.items():
        assert all(field in answers[name] for field in fields)
    paths = requests.get(f"{app.url}/gradio_api/openapi.json", timeout=10).json()["paths"]
    for name, endpoint in endpoints.items():
        assert endpoint["description"] in paths[f"/gradio_api/call/v2{name}"]["post"]["description"]


def test_an_answer_has_the_shape_that_its_description_names(client, app, seven):
    endpoints = requests.get(f"{app.url}/gradio_api/info", timeout=10).json()["named_endpoints"]
    answers = {
        "/predict_sketch": [client.predict(strokes, api_name="/predict_sketch") for strokes in (seven, [])],
        "/predict_batch": [client.predict([handle_file(SEVEN), handle_file(ROOT / "README.md")], api_name="/predict_batch")],
        "/model": [client.predict(api_name="/model")],
    }
    for name, told in answers.items():
        for answer in told:
            jsonschema.validate(answer, endpoints[name]["returns"][0]["type"])


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "gradio.FileData"}}], ids=["raw", "as Gradio's"])
@pytest.mark.parametrize("path", [str(SEVEN), "/etc/passwd", "../../examples/7_light-on-dark.png", "", None, "\0", 7])
def test_a_path_that_was_not_uploaded_is_not_opened(app, path, meta):
    for endpoint, data in (("predict", {"path": path, **meta}), ("predict_batch", [{"path": path, **meta}])):
        answer = call(app, endpoint, data)
        assert '"text"' not in answer
        assert '"label"' not in answer
