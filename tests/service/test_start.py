"""How the real app starts, stops, and stands behind a proxy."""

import os
import subprocess
import sys
from pathlib import Path

import requests

from tests.conftest import ROOT, running_app

SEVEN = ROOT / "examples" / "7_light-on-dark.png"


def start_and_end(**environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "app.py"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)


def test_a_wrong_setting_ends_the_start_with_one_clear_line():
    for name, value in (("GRADIO_PORT", "seven"), ("MODEL_PATH", "/nowhere/model.keras")):
        ended = start_and_end(**{name: value})
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert name in ended.stderr
        assert value in ended.stderr


def test_a_port_that_is_taken_ends_the_start_with_one_clear_line(app):
    port = app.url.rpartition(":")[2]
    ended = start_and_end(GRADIO_PORT=port)
    assert ended.returncode == 1
    assert ended.stderr == (
        f"GRADIO_PORT={port} at GRADIO_SERVER_NAME=127.0.0.1: Address already in use; "
        "set a port that nothing else uses, and an address of this machine.\n"
    )


def test_the_first_start_ever_needs_no_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no TensorFlow for this test')")
    environment = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path)}
    with running_app(tmp_path, **environment) as fresh:
        with SEVEN.open("rb") as image:
            read = requests.post(f"{fresh.url}/predict", files={"image": image}, timeout=30).json()
        assert (read["text"], read["model"]["source"]) == ("7", "bundled")
        assert "no TensorFlow for this test" not in fresh.log.read_text()


def test_the_serving_process_never_loads_tensorflow(app):
    """Its libraries would be mapped into the process."""
    mapped = Path(f"/proc/{app.process.pid}/maps").read_text()
    assert "litert" in mapped
    assert "tensorflow" not in mapped.replace("tensorflow-lite", "")
    assert "keras" not in mapped


def test_the_log_says_in_one_line_which_model_is_served_and_why(app):
    lines = [line for line in app.log.read_text().splitlines() if "Serving" in line]
    assert len(lines) == 1
    assert "MODEL_PATH" in lines[0]


def test_the_app_asks_nobody_but_its_visitors(app):
    """No analytics, no monitoring, no record of runs in the visitor's browser."""
    config = requests.get(f"{app.url}/config", timeout=10).json()
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    assert requests.get(f"{app.url}/monitoring", timeout=10).status_code in (403, 404)
