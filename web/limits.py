"""What any request may take of this app, Gradio's own included: bytes, time and memory. app.py hands the middleware to launch()."""

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from digit_model.settings import Settings

POINT_BYTES = 60  # of JSON, as much as a point of three full-length numbers takes
FORM_BYTES = 512  # of boundary and headers around each file of a form
PATIENCE = 20  # seconds a body may take
SLOWEST = 20_000  # bytes a second that let it take longer, though never PATIENCE from now: who was quick may not be silent for long
RETRY_AFTER = 5  # seconds, told to those who came when all was busy

SECURITY = {
    # The Space's page stands in a frame of huggingface.co; nobody else may put it under something to be clicked.
    "Content-Security-Policy": "object-src 'none'; frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware for launch(app_kwargs=...)."""
    return [Middleware(SecurityHeaders), Middleware(BodyLimit, settings=settings)]


class SecurityHeaders:
    """Adds SECURITY to every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send) -> None:
        async def with_headers(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class BodyLimit:
    """Refuses a body that is larger than its kind may be (413), comes too slowly (408) or finds the memory taken by others (503)."""

    def __init__(self, app, settings: Settings):
        self.app = app
        self.json_limit = settings.max_points * POINT_BYTES
        self.form_limit = settings.max_call_bytes + settings.max_files * FORM_BYTES
        self.file_limit = settings.max_file_bytes
        self.most_held = settings.max_held_bytes
        self.held = 0  # bytes of all bodies received by requests that are not answered yet

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        limit = self.limit(scope["path"], headers.get("content-type", "").lower())
        received, complete, deadline = 0, False, time.monotonic() + PATIENCE
        stopped: Stopped | None = None
        started = False  # whether the app answers already

        def stop(status: int, sentence: str) -> Stopped:
            nonlocal stopped
            stopped = Stopped(status, sentence)
            return stopped

        async def limited():
            nonlocal received, complete, deadline
            if complete:  # what comes now is the client's leaving, for which there is no hurry
                return await receive()
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.1)):  # without a task of its own, as wait_for of 3.11 makes
                    message = await receive()
            except TimeoutError:
                raise stop(408, "The request came too slowly. Send it again over a better connection.") from None
            complete = not message.get("more_body")
            size = len(message.get("body", b""))
            deadline = min(deadline + size / SLOWEST, time.monotonic() + PATIENCE)
            received += size
            self.held += size
            if received > limit:
                raise stop(413, too_large(limit))
            if self.held > self.most_held:
                raise stop(503, "Too much is being sent here at once. Try again in a few seconds.")
            return message

        async def unless_stopped(message):
            nonlocal started
            if not stopped or started:  # else FastAPI, of whatever was raised in `limited`, would make a 400 of its own
                started = True
                await send(message)

        try:
            declared = headers.get("content-length", "0")
            if declared.isdigit() and int(declared) > limit:
                raise stop(413, too_large(limit))
            await self.app(scope, limited, unless_stopped)
        except ClientDisconnect:
            return  # nobody is there to answer
        except Exception:
            if not stopped:
                raise
        finally:
            self.held -= received
        if stopped and not started:
            if stopped.status != 408 and not complete:
                await read_out(receive, 4 * limit)
            headers = {"Retry-After": str(RETRY_AFTER)} if stopped.status == 503 else {"Connection": "close"}
            await JSONResponse({"error": str(stopped)}, stopped.status, headers)(scope, receive, send)

    def limit(self, path: str, kind: str) -> int:
        """Return how many bytes a body of that content type may have at that door. What expects JSON would hold all else several times."""
        if path.endswith("/gradio_api/upload") and kind.startswith("multipart/"):
            return self.form_limit
        if path.endswith("/predict") and "/gradio_api/" not in path:
            if kind.startswith("multipart/"):
                return self.form_limit
            if kind.startswith(("image/", "application/octet-stream")):
                return self.file_limit
        return self.json_limit


class Stopped(Exception):
    """A body is not received further: the HTTP status, and a sentence saying what was wrong and what to do."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


def too_large(limit: int) -> str:
    return f"The request is larger than {limit / 1e6:.0f} MB. Send less at once."


async def read_out(receive: Callable, most: int) -> None:
    """Throw the rest of a body away, up to `most` bytes and for PATIENCE: many clients listen only when they have sent all."""
    end = time.monotonic() + PATIENCE
    while most > 0 and time.monotonic() < end:
        try:
            async with asyncio.timeout(PATIENCE):
                message = await receive()
        except TimeoutError:
            break
        most -= len(message.get("body", b""))
        if not message.get("more_body"):
            break
