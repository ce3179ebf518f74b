"""The plain HTTP doors, on Gradio's own port: POST /predict, GET /health, and what describes them. app.py hands them to launch()."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import orjson
from gradio.route_utils import get_root_url
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles

from digit_model.image import UnreadableImage
from digit_model.model_source import ModelSource, ModelUnavailable
from digit_model.reader import Model
from digit_model.settings import Settings
from digit_model.strokes import UnreadableStrokes
from web.agents import guide
from web.beside import Beside
from web.limits import RETRY_AFTER
from web.openapi import description
from web.page import for_page
from web.reading import Refused, as_it_is, each, one, opened_drawing, opened_picture

LOG = logging.getLogger(__name__)
EXAMPLES = Path(__file__).parent.parent / "examples"
MODEL_WAIT = 20  # seconds a request waits for the first model


def routes(source: ModelSource, settings: Settings) -> list[BaseRoute]:
    """Return the routes for launch(app_kwargs=...). Readings run in a few threads of their own, so that the event loop stays free."""
    pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="reading")
    beside = Beside(settings.threads - 1)
    waiting = 0

    async def predict(request: Request) -> Response:
        """Answer one image or a drawing with its Reading, several images with a list, in order. `?page=1` adds what only the page shows."""
        told = partial(for_page, set(request.query_params)) if "page" in request.query_params else as_it_is
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
            openers = [partial(opened_picture, data, settings) for data in images]
        elif kind == "application/json":
            openers = [partial(opened_drawing, await request.body(), settings)]
        elif kind.startswith("image/") or kind == "application/octet-stream":
            openers = [partial(opened_picture, await request.body(), settings)]
        else:
            raise Refused(415, 'Send a form with a file named "image", a picture by itself as image/..., or JSON {"strokes": ...}.')
        model = await first_model(source)
        # Many pictures are read here: they would have to be in memory twice.
        work = partial(beside.read, partial(one, *openers, told)) if len(openers) == 1 else partial(each, openers)
        nonlocal waiting
        if waiting >= settings.max_waiting:
            raise Refused(503, "Too many are asking at once. Try again in a few seconds.", {"Retry-After": str(RETRY_AFTER)})
        waiting += 1
        try:
            answer = await asyncio.wrap_future(pool.submit(work, model))
        finally:
            waiting -= 1
        return Response(orjson.dumps(answer), media_type="application/json")  # JSONResponse takes ten times as long

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
