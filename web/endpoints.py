"""The Space API: the endpoints that gradio_client finds, and the tools of agents. app.py adds them to the page's Blocks.

Of a docstring, Gradio's descriptions tell agents all, and other callers what stands before "Args": that part says everything.
"""

import base64
import binascii
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from digit_model.image import UnreadableImage, open_image
from digit_model.model_source import ModelSource, ModelUnavailable
from digit_model.reader import Piece, pieces_of_image, pieces_of_strokes, read, read_each
from digit_model.settings import Settings
from digit_model.strokes import UnreadableStrokes, parse
from web.answers import Failure, Label, Reading, ServedModel
from web.fetching import limit_fetching
from web.label import label

PROBLEMS = (UnreadableImage, UnreadableStrokes, ModelUnavailable)


def add_endpoints(source: ModelSource, settings: Settings) -> None:
    """Add /predict, /predict_sketch, /predict_batch and /model to the Blocks that is being built."""
    limit_fetching(settings.max_file_bytes)

    def predict(image: gr.FileData) -> Label:
        """Read the handwritten digit or number in a picture that was drawn, photographed or scanned, dark on light or light on dark.

        `image` is one picture file (PNG, JPEG, WebP, GIF, BMP, AVIF or HEIC). The answer is {"label": "7", "confidences": [{"label": "7",
        "confidence": 0.99}, ...]}: what is read, and how probable each of the ten digits is, best first. Of several digits, `label` is the
        number, "2026", and `confidences` are the most probable whole readings. `label` is null where nothing is drawn, and "not a digit"
        where none of 0 to 9 is.

        Args:
            image: a picture file, or its content as a data URI (data:image/png;base64,...).
        """
        try:
            return label(read(source.model(), opened(image)))
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from None

    def predict_sketch(strokes: list[list[list[float]]]) -> Label:
        """Read the handwritten digit or number that pen strokes draw.

        `strokes` is a list of strokes, each a list of points [x, y] or [x, y, seconds], y growing downward, at any scale: a 7 is
        [[[60, 60], [180, 60], [120, 220]]]. The answer is the same as that of /predict: {"label": "7", "confidences": [{"label": "7",
        "confidence": 0.99}, ...]}, best first; `label` is null where nothing is drawn, and "not a digit" where none of 0 to 9 is.

        Args:
            strokes: a list of strokes, each a list of points [x, y] or [x, y, seconds], y growing downward, at any scale.
        """
        try:
            return label(read(source.model(), pieces_of_strokes(parse(strokes, settings.max_points, settings.max_strokes))))
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from None

    def predict_batch(images: list[gr.FileData]) -> list[Reading | Failure]:
        """Read many pictures in one call.

        `images` are picture files, as for /predict. The answer is a list in the same order, for each picture {"text": "42", "verdict":
        "digit", "number", "blank" or "not a digit", "confidence": how probable it is that `text` is right, "digits": [{"digit": "4",
        "confidence", "probabilities": of 0 to 9, "box": [x, y, width, height] in pixels}, ...], "model": which model read}. In the place
        of a file that cannot be read stands {"error": what was wrong and what to do}.

        Args:
            images: picture files, or their content as data URIs (data:image/png;base64,...).
        """
        if not isinstance(images, list) or len(images) > settings.max_files:
            raise gr.Error(f"images must be a list of at most {settings.max_files:,} files.", print_exception=False)
        try:
            served = source.model()
        except ModelUnavailable as problem:
            raise gr.Error(str(problem), print_exception=False) from None
        return [reading for reading, _ in read_each(served, map(opened_or_error, images))]

    def model() -> ServedModel:
        """Tell which model reads, and how good it was measured to be.

        The answer names its source ("hub", "cache": the last good copy of the Hub's, "bundled" or "path"), its repository and commit on
        the Hub, the sha256 of its file, since when this app reads with it, and all metrics that were published with it.
        """
        try:
            return source.model().info | {"metrics": source.metrics}
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from None

    def opened(image: dict) -> list[Piece]:
        return pieces_of_image(open_image(uploaded(image, settings.max_file_bytes), settings.max_pixels))

    def opened_or_error(image: dict) -> list[Piece] | UnreadableImage:
        try:
            return opened(image)
        except UnreadableImage as problem:
            return problem

    for endpoint in (predict, predict_sketch, predict_batch, model):
        gr.api(endpoint, concurrency_limit=2, concurrency_id="reading")


def uploaded(image: dict | str, max_bytes: int) -> bytes:
    """Return the content of a file that was uploaded to this app, or of a data URI. Raises UnreadableImage.

    Gradio hands a path over as it was sent: one that leads anywhere else is refused here.
    """
    if isinstance(image, str) and image.startswith("data:"):  # as agents send them; Gradio itself turns only a file by itself into a path
        return decoded(image)
    try:
        path = Path(image["path"]).resolve()
        if not path.is_relative_to(Path(get_upload_folder()).resolve()):
            raise FileNotFoundError
        data = path.read_bytes() if path.stat().st_size <= max_bytes else None
    except (TypeError, KeyError, ValueError, OSError):
        raise UnreadableImage(
            "This is no uploaded file. In Python, send handle_file(path); over HTTP, upload the file first; an agent may send a data URI."
        ) from None
    if data is None:
        raise UnreadableImage(f"The file is larger than {max_bytes / 1e6:g} MB. Send a smaller one.")
    return data


def decoded(uri: str) -> bytes:
    """Return the content of a data URI. Raises UnreadableImage. No request is long enough for one above the limit of a file."""
    try:
        return base64.b64decode(uri.partition("base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise UnreadableImage("This data URI is broken. Send data:image/png;base64, and then the file's bytes in base64.") from None
