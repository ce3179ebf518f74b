"""What the tests of the doors share."""

import os
import subprocess
import sys

import pytest
import requests

from tests.conftest import ROOT


@pytest.fixture
def predict(app):
    return lambda **body: requests.post(f"{app.url}/predict", timeout=30, **body)


@pytest.fixture
def python(app):
    """Runs Python, with the model that the app has converted already, to its end."""

    def run(*arguments) -> subprocess.CompletedProcess:
        with start_python(app, *arguments) as process:
            out, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)

    return run


def start_python(app, *arguments) -> subprocess.Popen:
    """Start Python with the model that the app has converted already."""
    model = os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras")
    environment = {**os.environ, "MODEL_PATH": model, "HF_HOME": str(app.folder / "hf")}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
