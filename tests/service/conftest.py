"""What the tests of the doors share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import ROOT, from_npm


@pytest.fixture
def predict(app):
    return lambda **body: requests.post(f"{app.url}/predict", timeout=30, **body)


@pytest.fixture
def python(app):
    """Runs Python, with the model that the app has converted already, to its end."""

    def run(*arguments) -> subprocess.CompletedProcess:
        with start_python(app, *arguments) as process:
            out, errors = process.communicate(timeout=800)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    return run


def start_python(app, *arguments) -> subprocess.Popen:
    """Start Python with the model that the app has converted already."""
    model = os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras")
    environment = {**os.environ, "MODEL_PATH": model, "HF_HOME": str(app.folder / "hf")}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="session")
def javascript_client(tmp_path_factory) -> Path:
    """The folder node_modules with @gradio/client in it."""
    return from_npm(tmp_path_factory.mktemp("client"), "@gradio/client@2.7.0")
