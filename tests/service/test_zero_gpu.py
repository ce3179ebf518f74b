"""The Space starts where the Hub runs free ones: the real `spaces` package makes its start-up check, a stand-in hears what it reports."""

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tests.conftest import ROOT, running_app


@pytest.fixture
def platform():
    """A stand-in of the platform: its address, and the paths it was asked for."""
    asked = []

    class Platform(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_the_start_up_check_of_zerogpu_finds_a_bound_function_and_the_app_serves(app, platform, tmp_path, seven):
    address, asked = platform
    model = os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras")
    zero = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": address, "ZEROGPU_OFFLOAD_DIR": str(tmp_path / "offload")}
    with running_app(tmp_path, MODEL_PATH=model, HF_HOME=str(app.folder / "hf"), **zero) as other:
        assert asked == ["/startup-report"]  # sent only where a function was found
        assert requests.post(f"{other.url}/predict", json={"strokes": seven}, timeout=30).json()["text"] == "7"
        told = requests.get(f"{other.url}/gradio_api/info", timeout=30).json()
        assert set(told["named_endpoints"]) == {"/predict", "/predict_sketch", "/predict_batch", "/model"}
    assert asked == ["/startup-report"]  # and no GPU was asked for
