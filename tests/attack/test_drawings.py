"""Every drawing of the tables, through every door that takes strokes."""

import json

import pytest
import requests
from gradio_client import Client
from gradio_client.exceptions import AppError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attack.conftest import LEAK, checked, sentence_of
from tests.attack.drawings import ANSWERED, READ, REFUSED, seven
from tests.conftest import call

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def client(app):
    return Client(app.url, verbose=False)


@pytest.fixture(params=["predict", "predict?page=1"])
def draw(app, request):
    def draw(strokes) -> requests.Response:
        return requests.post(f"{app.url}/{request.param}", data=json.dumps({"strokes": strokes}), headers=JSON, timeout=60)

    return draw


@pytest.mark.parametrize("name", READ)
def test_a_7_is_read_wherever_and_however_large_it_is_drawn(draw, client, name):
    assert draw(READ[name]).json()["text"] == "7"
    assert client.predict(READ[name], api_name="/predict_sketch")["label"] == "7"


@pytest.mark.parametrize("name", ANSWERED)
def test_any_list_of_strokes_is_answered(draw, name):
    assert draw(ANSWERED[name]).json()["verdict"] in ("blank", "digit", "number", "not a digit")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_drawing_is_refused_with_a_sentence(draw, name):
    assert "strokes" in sentence_of(draw(REFUSED[name])) or "points" in sentence_of(draw(REFUSED[name]))


@pytest.mark.parametrize("name", ["null", "a list of points", "301 strokes", "points of text"])
def test_gradio_clients_get_the_sentence(client, name):
    with pytest.raises(AppError) as refused:
        client.predict(REFUSED[name], api_name="/predict_sketch")
    checked(str(refused.value))


BODIES = {
    "nothing": b"",
    "half": b'{"strokes": [[[1, 2',
    "not UTF-8": b'{"strokes": "\xff\xfe"}',
    "20,000 levels": b'{"strokes": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "20,000 objects": b'{"strokes": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}",
    "3 million levels": b"[" * 3_000_000,
    "millions of lists": b'{"strokes": [' + b"[]," * 1_900_000 + b"[]]}",
    "a number of a million digits": b'{"strokes": [[[' + b"9" * 1_000_000 + b", 1]]]}",
    "a list": b"[[[1, 2]]]",
    "null": b"null",
}


@pytest.mark.parametrize("name", BODIES)
def test_any_json_is_answered_with_a_sentence(app, name):
    sentence_of(requests.post(f"{app.url}/predict", data=BODIES[name], headers=JSON, timeout=60))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=20,
)
point = st.lists(st.floats(-1e12, 1e12) | st.integers(-1000, 1000), min_size=2, max_size=3)
strokes = st.lists(st.lists(point, max_size=20), max_size=12)


@given(anything | strokes, anything)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_drawn_is_answered_or_refused_with_a_sentence(app, strokes, sheet):
    body = json.dumps({"strokes": strokes, "sheet": sheet})
    reply = requests.post(f"{app.url}/predict?page=1&heat=1", data=body, headers=JSON, timeout=60)
    assert reply.status_code == 200 or sentence_of(reply)


@given(st.lists(anything, max_size=3))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_gradios_own_door_leaks_nothing_whatever_it_is_sent(app, data):
    for endpoint in ("predict", "predict_sketch", "predict_batch"):
        told = call(app, endpoint, *data)
        assert not LEAK.search(told), told


def test_the_app_is_as_well_as_before(draw):
    assert draw(seven()).json()["text"] == "7"
