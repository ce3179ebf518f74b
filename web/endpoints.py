"""The Space API: the endpoints that gradio_client finds. app.py adds them to the page's Blocks."""

from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from digit_model.image import UnreadableImage, open_image
from digit_model.model_source import ModelSource, ModelUnavailable
from digit_model.reader import Piece, pieces_of_image, pieces_of_strokes, read, read_each
from digit_model.settings import Settings
from digit_model.strokes import UnreadableStrokes, parse
from web.label import label

PROBLEMS = (UnreadableImage, UnreadableStrokes, ModelUnavailable)


def add_endpoints(source: ModelSource, settings: Settings) -> None:
    """Add /predict, /predict_sketch, /predict_batch and /model to the Blocks that is being built."""

    def predict(image: gr.FileData) -> dict:
        """Read the digit or number in a picture.

        Args:
            image: a picture file: drawn, photographed or scanned, dark on light or light on dark.

        Returns:
            {"label": "7", "confidences": [{"label": "7", "confidence": 0.99}, ...]}, best first; of a number the best whole readings.
            Nothing in the picture: label null. No digit: label "not a digit".
        """
        try:
            return label(read(source.model(), opened(image)))
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from None

    def predict_sketch(strokes: list[list[list[float]]]) -> dict:
        """Read the digit or number drawn by pen strokes.

        Args:
            strokes: a list of strokes, each a list of points [x, y] or [x, y, seconds], y down, at any scale.

        Returns:
            The same as /predict.
        """
        try:
            return label(read(source.model(), pieces_of_strokes(parse(strokes, settings.max_points))))
        except PROBLEMS as problem:
            raise gr.Error(str(problem), print_exception=False) from None

    def predict_batch(images: list[gr.FileData]) -> list[dict]:
        """Read many pictures in one call.

        Args:
            images: picture files.

        Returns:
            A Reading for each, in order; {"error": ...} in the place of one that cannot be read.
        """
        if not isinstance(images, list) or len(images) > settings.max_files:
            raise gr.Error(f"images must be a list of at most {settings.max_files:,} files.", print_exception=False)
        try:
            served = source.model()
        except ModelUnavailable as problem:
            raise gr.Error(str(problem), print_exception=False) from None
        return [reading for reading, _ in read_each(served, map(opened_or_error, images))]

    def model() -> dict:
        """Tell which model is served, and how good it is.

        Returns:
            {"source": ..., "repo_id": ..., "revision": ..., "sha256": ..., "since": ..., "metrics": {...}}
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


def uploaded(image: dict, max_bytes: int) -> bytes:
    """Return the content of a file that was uploaded to this app. Raises UnreadableImage.

    Gradio hands a path over as it was sent: one that leads anywhere else is refused here.
    """
    try:
        path = Path(image["path"]).resolve()
        size = path.stat().st_size if path.is_relative_to(Path(get_upload_folder()).resolve()) else None
    except (TypeError, KeyError, ValueError, OSError):
        size = None
    if size is None:
        raise UnreadableImage("This is no uploaded file. In Python, send handle_file(path); over HTTP, upload the file first.")
    if size > max_bytes:
        raise UnreadableImage(f"The file is larger than {max_bytes / 1e6:g} MB. Send a smaller one.")
    return path.read_bytes()
