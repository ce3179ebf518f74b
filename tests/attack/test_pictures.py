"""Every picture of the tables, through every door that takes pictures."""

import pytest
import requests
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.attack.conftest import checked, sentence_of
from tests.attack.pictures import NOTHING, READ, REFUSED, encoded, file

SMALL = [name for name, make in READ.items() if len(file(make)) < 100_000]


@pytest.fixture(scope="module")
def client(app):
    return Client(app.url, verbose=False)


@pytest.fixture
def predict(app):
    return lambda make: requests.post(f"{app.url}/predict", data=file(make), headers={"Content-Type": "image/png"}, timeout=60)


@pytest.mark.parametrize("name", READ)
def test_the_7_is_read_whatever_the_file(predict, name):
    assert predict(READ[name]).json()["text"] == "7"


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_no_digit_none_is_read(predict, name):
    assert predict(NOTHING[name]).json()["verdict"] in ("blank", "not a digit")


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_picture_is_refused_with_a_sentence(predict, name):
    sentence_of(predict(REFUSED[name]))


def test_in_one_form_each_gets_its_own_answer(app):
    makes = [*(READ[name] for name in SMALL), *REFUSED.values()]
    files = [("image", (f"{number}.png", file(make))) for number, make in enumerate(makes) if len(file(make)) < 1_000_000]
    readings = requests.post(f"{app.url}/predict", files=files, timeout=60).json()
    assert len(readings) == len(files)
    assert [reading["text"] for reading in readings[: len(SMALL)]] == ["7"] * len(SMALL)
    for reading in readings[len(SMALL) :]:
        checked(reading["error"])


def test_in_one_call_of_a_gradio_client_each_gets_its_own_answer(client, tmp_path):
    makes = [READ["CMYK"], REFUSED["cut WebP"], NOTHING["1 x 5000"], REFUSED["empty"], REFUSED["GIF of 65535 x 65535"], READ["HEIC"]]
    paths = [tmp_path / f"{number}.png" for number in range(len(makes))]
    for path, make in zip(paths, makes, strict=True):
        path.write_bytes(file(make))
    readings = client.predict([handle_file(str(path)) for path in paths], api_name="/predict_batch")
    assert [reading.get("text") for reading in readings] == ["7", None, "", None, None, "7"]
    assert all(checked(reading["error"]) for reading in readings if "text" not in reading)


@pytest.mark.parametrize("name", ["EPS that runs a program", "177 megapixels in a few kB", "a JPEG of 5000 scans", "bad CRC"])
def test_gradio_clients_get_the_sentence(client, tmp_path, name):
    path = tmp_path / "picture.png"
    path.write_bytes(file(REFUSED[name]))
    with pytest.raises(AppError) as refused:
        client.predict(handle_file(str(path)), api_name="/predict")
    checked(str(refused.value))


@given(name=st.sampled_from(SMALL), at=st.floats(0, 0.999), byte=st.integers(1, 255), keep=st.floats(0.05, 1))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_answered_too(app, name, at, byte, keep):
    data = bytearray(file(READ[name]))
    data[int(at * len(data))] ^= byte
    body = bytes(data[: int(keep * len(data)) + 1])
    reply = requests.post(f"{app.url}/predict", data=body, headers={"Content-Type": "image/png"}, timeout=60)
    assert reply.status_code == 200 or sentence_of(reply)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_pixels_are_answered_on_the_page_too(app, width, height, data):
    pixels = data.draw(st.binary(min_size=width * height, max_size=width * height))
    picture = encoded(Image.frombytes("L", (width, height), pixels))
    reply = requests.post(f"{app.url}/predict?page=1&heat=1", files={"image": ("7.png", picture)}, timeout=60)
    assert reply.status_code == 200, reply.text
