"""Many at once, slow ones, and the end while work is going on."""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.attack.pictures import drawn, encoded
from tests.conftest import ROOT, call, running_app

PNG = {"Content-Type": "image/png"}
EXAMPLES = [path.read_bytes() for path in sorted((ROOT / "examples").glob("*.png"))]
PICTURES = [*EXAMPLES, *(encoded(drawn(place=(x, x))) for x in range(20 - len(EXAMPLES)))]


def ask(url: str, picture: bytes) -> requests.Response:
    return requests.post(f"{url}/predict", data=picture, headers=PNG, timeout=120)


def test_fifty_clients_with_twenty_pictures_get_what_each_gets_alone(app):
    alone = [ask(app.url, picture).json() for picture in PICTURES]

    def client(number: int) -> list[dict]:
        with requests.Session() as session:
            order = [(number + i) % 20 for i in range(20)]
            answers = {i: session.post(f"{app.url}/predict", data=PICTURES[i], headers=PNG, timeout=120).json() for i in order}
        return [answers[i] for i in range(20)]

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(client, range(50))) == [alone] * 50


def test_a_flood_is_answered_or_told_to_come_again_and_then_all_is_as_before(app):
    with ThreadPoolExecutor(300) as pool:
        replies = list(pool.map(lambda i: ask(app.url, PICTURES[i % 20]), range(300)))
    assert {reply.status_code for reply in replies} <= {200, 503}
    assert all("Retry-After" in reply.headers for reply in replies if reply.status_code == 503)
    assert ask(app.url, PICTURES[0]).status_code == 200


def connection(app) -> socket.socket:
    address = urlsplit(app.url)
    return socket.create_connection((address.hostname, address.port), timeout=120)


def test_idle_and_slow_ones_hinder_nobody_and_the_slow_are_told(app):
    idle = [connection(app) for _ in range(200)]
    slow = [connection(app) for _ in range(20)]
    try:
        for number, writer in enumerate(slow):
            path, kind = ("/predict", "image/png") if number % 2 else ("/gradio_api/run/predict_sketch", "application/json")
            writer.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: 5000000\r\n\r\n[".encode())
        assert all(ask(app.url, picture).status_code == 200 for picture in PICTURES)
        answers = [writer.recv(4096).decode() for writer in slow]  # after PATIENCE
    finally:
        for one in idle + slow:
            one.close()
    assert all(answer.startswith("HTTP/1.1 408") for answer in answers)


def held_by(app) -> tuple[int, int]:
    """Return how many threads and descriptors the app has."""
    own = Path(f"/proc/{app.process.pid}")
    return len(os.listdir(own / "task")), len(os.listdir(own / "fd"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="threads are counted by Linux's /proc")
def test_sessions_leave_no_threads_and_descriptors(app):
    def session(number: int) -> None:
        assert '"label": "7"' in call(app, "predict_sketch", [[[60, 60], [180, 60], [120, 220 + number]]])

    for number in range(50):
        session(number)
    before = held_by(app)
    for number in range(50, 250):
        session(number)
    assert held_by(app)[0] <= before[0] + 3
    assert held_by(app)[1] <= before[1] + 10


def test_sigterm_answers_what_is_in_flight_and_ends(app, tmp_path):
    model = os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras")
    files = [("image", (f"{n}.png", encoded(drawn((3000, 3000), scale=10)))) for n in range(4)]
    with running_app(tmp_path, MODEL_PATH=model, HF_HOME=str(app.folder / "hf")) as other, connection(other) as visitor:
        form = requests.Request("POST", f"{other.url}/predict", files=files).prepare()
        head = "".join(f"{name}: {value}\r\n" for name, value in form.headers.items())
        visitor.sendall(f"POST /predict HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode() + form.body)
        for _ in range(2):  # once these are answered, the form has been taken in
            requests.get(f"{other.url}/health", timeout=60)
        other.process.send_signal(signal.SIGTERM)
        answer = b"".join(iter(lambda: visitor.recv(65536), b"")).decode()
        assert answer.startswith("HTTP/1.1 200")
        assert answer.count('"text":"7"') == 4
        assert other.process.wait(60) == 0
        assert "Traceback" not in other.log.read_text()
