"""The plain HTTP doors, on Gradio's own port: POST /predict, GET /health, and what describes them. app.py hands them to launch()."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import orjson
from gradio.route_utils import get_root_url
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from digit_model.image import UnreadableImage, open_image
from digit_model.model_source import ModelSource, ModelUnavailable
from digit_model.reader import Model, Piece, pieces_of_image, pieces_of_strokes, read_and_choose, read_each
from digit_model.settings import Settings
from digit_model.strokes import UnreadableStrokes, parse
from web.agents import guide
from web.limits import RETRY_AFTER
from web.openapi import description
from web.page import for_page

LOG = logging.getLogger(__name__)
EXAMPLES = Path(__file__).parent.parent / "examples"
MODEL_WAIT = 20  # seconds a request waits for the first model

# Opens a picture or a drawing: returns its pieces, and what they stand on, for web/page.py.
Opener = Callable[[], tuple[list[Piece], object]]


class Refused(Exception):
    """A request that gets no reading: its HTTP status, and a sentence saying what was wrong and what to do."""

    def __init__(self, status: int, sentence: str, headers: dict | None = None):
        super().__init__(sentence)
        self.status, self.headers = status, headers


def routes(source: ModelSource, settings: Settings) -> list[BaseRoute]:
    """Return the routes for launch(app_kwargs=...). Readings run in a few threads of their own, so that the event loop stays free."""
    pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="reading")
    waiting = 0

    async def predict(request: Request) -> Response:
        """Answer one image or a drawing with its Reading, several images with a list, in order. `?page=1` adds what only the page shows."""
        told = partial(for_page, request.query_params) if "page" in request.query_params else as_it_is
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            try:
                async with request.form(max_files=settings.max_files) as form:
                    images = [await file.read() for file in form.getlist("image") if isinstance(file, UploadFile)]
            except HTTPException as error:  # of Starlette's parser
                if "Too many files" not in str(error.detail):
                    raise
                raise Refused(413, f"More than {settings.max_files:,} files in one call. Send them in several calls.") from None
            if not images:
                raise Refused(400, 'The form has no file named "image". Send the picture under that name.')
            openers = [picture(data) for data in images]
        elif kind == "application/json":
            openers = [drawing(await request.body())]
        elif kind.startswith("image/") or kind == "application/octet-stream":
            openers = [picture(await request.body())]
        else:
            raise Refused(415, 'Send a form with a file named "image", a picture by itself as image/..., or JSON {"strokes": ...}.')
        model = await first_model(source)
        work = partial(one, *openers, told=told) if len(openers) == 1 else partial(each, openers)
        nonlocal waiting
        if waiting >= settings.max_waiting:
            raise Refused(503, "Too many are asking at once. Try again in a few seconds.", {"Retry-After": str(RETRY_AFTER)})
        waiting += 1
        try:
            return JSONResponse(await asyncio.wrap_future(pool.submit(work, model)))
        finally:
            waiting -= 1

    def picture(data: bytes) -> Opener:
        """Return what opens a picture file."""

        def opened() -> tuple[list[Piece], Image.Image]:
            if len(data) > settings.max_file_bytes:
                raise Refused(413, f"The file is larger than {settings.max_file_bytes / 1e6:g} MB. Send a smaller one.")
            upright = open_image(data, settings.max_pixels)
            return pieces_of_image(upright), upright

        return opened

    def drawing(body: bytes) -> Opener:
        """Return what opens a JSON body's strokes."""

        def opened() -> tuple[list[Piece], object]:
            try:
                value = orjson.loads(body)
            except ValueError:
                raise Refused(400, 'The body is no valid JSON. Send {"strokes": [[[x, y], ...], ...]}.') from None
            if not isinstance(value, dict) or "strokes" not in value:
                raise Refused(400, 'The JSON has no "strokes". Send {"strokes": [[[x, y], ...], ...]}.')
            return pieces_of_strokes(parse(value["strokes"], settings.max_points, settings.max_strokes)), value.get("sheet")

        return opened

    async def health(request: Request) -> Response:
        return JSONResponse(source.health())

    async def model(request: Request) -> Response:
        return JSONResponse((await first_model(source)).info | {"metrics": source.metrics})

    async def openapi(request: Request) -> Response:
        return JSONResponse(description(settings))

    gallery = StaticFiles(directory=EXAMPLES)

    async def example(request: Request) -> Response:
        # A Mount would look for the whole path behind a proxy that strips a sub-path which the app knows (GRADIO_ROOT_PATH).
        return await gallery.get_response(request.path_params["name"], request.scope)

    async def agents(request: Request) -> Response:
        address = get_root_url(request, request.url.path, request.app.root_path)  # behind a Space's proxy too
        return PlainTextResponse(guide(request.app.get_blocks(), settings, address), media_type="text/markdown")

    return [
        Route("/predict", predict, methods=["POST"]),
        Route("/health", health),
        Route("/model", model),
        Route("/openapi.json", openapi),
        Route("/agents.md", agents),
        Route("/examples/{name}", example),
    ]


def one(opened: Opener, model: Model, told: Callable) -> dict:
    """Return what is told of the one drawing or picture. Raises Refused, UnreadableImage or UnreadableStrokes."""
    pieces, sheet = opened()
    return told(model, *read_and_choose(model, pieces), sheet)


def each(openers: list[Opener], model: Model) -> list[dict]:
    """Return the readings of several pictures; where one cannot be read, {"error": ...} stands in its place."""

    def opened_or_error(opened: Opener) -> list[Piece] | Exception:
        try:
            return opened()[0]
        except (Refused, UnreadableImage) as error:
            return error

    return [reading for reading, _ in read_each(model, map(opened_or_error, openers))]


def as_it_is(model: Model, reading: dict, chosen: list[Piece], sheet: object) -> dict:
    return reading


async def first_model(source: ModelSource) -> Model:
    """Return the model served; before there is one, wait for it. Raises ModelUnavailable after MODEL_WAIT seconds."""
    for _ in range(MODEL_WAIT * 10):
        try:
            return source.model(timeout=0)
        except ModelUnavailable:
            await asyncio.sleep(0.1)
    return source.model(timeout=0)


def exception_handlers() -> dict:
    """Return the handlers for launch(app_kwargs=...) that put every refusal into one shape: {"error": sentence}."""

    def answer(status: int, sentence: str, headers=None) -> Response:
        return JSONResponse({"error": sentence}, status, headers)

    async def refused(request: Request, error: Refused) -> Response:
        return answer(error.status, str(error), error.headers)

    async def unreadable(request: Request, error: ValueError) -> Response:
        return answer(422, str(error))

    async def unavailable(request: Request, error: ModelUnavailable) -> Response:
        return answer(503, str(error), {"Retry-After": str(RETRY_AFTER)})

    async def unexpected(request: Request, error: Exception) -> Response:
        LOG.error("%s %s", request.method, request.url.path, exc_info=error)
        return answer(500, "Something went wrong here, and is in the log. Try again, or send the picture in another form.")

    async def http(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        if "/gradio_api/" in path:  # Gradio's clients know FastAPI's shape
            return JSONResponse({"detail": error.detail}, error.status_code, error.headers)
        sentences = {
            404: f"There is nothing at {path}. Send pictures and drawings to POST /predict; GET /health tells how the app is.",
            405: f"{path} does not take {request.method}. Send pictures and drawings to POST /predict; GET /health tells how the app is.",
        }
        return answer(error.status_code, sentences.get(error.status_code, str(error.detail)), error.headers)

    return {
        Refused: refused,
        UnreadableImage: unreadable,
        UnreadableStrokes: unreadable,
        ModelUnavailable: unavailable,
        HTTPException: http,
        Exception: unexpected,
    }
