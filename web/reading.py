"""From what a request brings to its answer. routes.py calls it, by way of beside.py, whose processes import it too: without Gradio."""

from collections.abc import Callable

import orjson
from PIL import Image

from digit_model.image import UnreadableImage, open_image
from digit_model.reader import Model, Piece, pieces_of_image, pieces_of_strokes, read_and_choose, read_each
from digit_model.settings import Settings
from digit_model.strokes import parse

# Opens a picture or a drawing: returns its pieces, and what they stand on, for web/page.py.
Opener = Callable[[], tuple[list[Piece], object]]


class Refused(Exception):
    """A request that gets no reading: its HTTP status, and a sentence saying what was wrong and what to do."""

    def __init__(self, status: int, sentence: str, headers: dict | None = None):
        super().__init__(status, sentence, headers)  # with these it is made again in another process
        self.status, self.sentence, self.headers = status, sentence, headers

    def __str__(self) -> str:
        return self.sentence


def opened_picture(data: bytes, settings: Settings) -> tuple[list[Piece], Image.Image]:
    """Open a picture file. Raises Refused, UnreadableImage."""
    if len(data) > settings.max_file_bytes:
        raise Refused(413, f"The file is larger than {settings.max_file_bytes / 1e6:g} MB. Send a smaller one.")
    upright = open_image(data, settings.max_pixels)
    return pieces_of_image(upright), upright


def opened_drawing(body: bytes, settings: Settings) -> tuple[list[Piece], object]:
    """Open the strokes of a JSON body. Raises Refused, UnreadableStrokes."""
    try:
        value = orjson.loads(body)
    except ValueError:
        raise Refused(400, 'The body is no valid JSON. Send {"strokes": [[[x, y], ...], ...]}.') from None
    if not isinstance(value, dict) or "strokes" not in value:
        raise Refused(400, 'The JSON has no "strokes". Send {"strokes": [[[x, y], ...], ...]}.')
    return pieces_of_strokes(parse(value["strokes"], settings.max_points, settings.max_strokes)), value.get("sheet")


def one(opened: Opener, told: Callable, model: Model) -> dict:
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
