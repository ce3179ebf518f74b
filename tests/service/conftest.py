"""What the tests of the doors share."""

import pytest
import requests


@pytest.fixture
def predict(app):
    return lambda **body: requests.post(f"{app.url}/predict", timeout=30, **body)
