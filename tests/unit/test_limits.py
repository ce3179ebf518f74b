"""All requests together hold so many bytes, and so many readings wait."""

import asyncio
import threading

from starlette.applications import Starlette
from starlette.testclient import TestClient

from digit_model.reader import Model
from digit_model.settings import Settings
from tests.conftest import finished
from web.limits import BodyLimit
from web.routes import exception_handlers, routes


async def takes_all(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def status_of(app, *parts: asyncio.Future) -> int:
    """Return the status that a body of 60 bytes a part gets; each part is sent when its future is done."""
    left, started = list(parts), []

    async def receive():
        await left.pop(0)
        return {"type": "http.request", "body": bytes(60), "more_body": bool(left)}

    async def send(message):
        started.append(message.get("status"))

    await app({"type": "http", "method": "POST", "path": "/predict", "headers": []}, receive, send)
    return started[0]


def test_who_comes_while_others_hold_the_memory_is_told_to_come_again():
    async def story():
        app, (done, later) = BodyLimit(takes_all, Settings(max_held_bytes=100)), (asyncio.Future() for _ in range(2))
        done.set_result(None)
        first = asyncio.create_task(status_of(app, done, later))
        await asyncio.sleep(0)  # the first one's first part arrives
        meanwhile = await status_of(app, done)
        later.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return meanwhile, await status_of(app, done)

    assert finished(story()) == (503, 200)


class Slow:
    """A source whose model waits until it is let go."""

    def __init__(self):
        self.go, self.asked = threading.Event(), threading.Event()

    def model(self, timeout=0) -> Model:
        def classify(batch):
            self.asked.set()
            self.go.wait()
            raise ValueError("let go")

        return Model(classify, (28, 28), {})


def test_more_readings_than_may_wait_are_told_to_come_again():
    source = Slow()
    app = Starlette(routes=routes(source, Settings(max_waiting=1)), exception_handlers=exception_handlers())
    with TestClient(app, raise_server_exceptions=False) as client:

        def draw():
            return client.post("/predict", json={"strokes": [[[0, 0], [0, 9]]]})

        replies = []
        first = threading.Thread(target=lambda: replies.append(draw()))
        first.start()
        source.asked.wait()
        second = draw()
        source.go.set()
        first.join()
    assert second.status_code == 503
    assert int(second.headers["Retry-After"]) > 0
    assert replies[0].status_code == 500  # an error inside has a sentence too
    assert replies[0].json()["error"].endswith(".")
    assert "let go" not in replies[0].text
