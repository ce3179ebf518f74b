"""Reading in this process, without a server, with the model that the app would serve. __init__.py, __main__.py and bulk.py call it.

path, picture, array or strokes -> pieces -> reader.read -> Reading
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from os import PathLike
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageOps

from digit_model.image import UnreadableImage, open_image
from digit_model.model_source import CHILD_SECONDS, ModelSource
from digit_model.reader import Model, Piece, pieces_of_image, pieces_of_strokes
from digit_model.settings import Settings
from digit_model.strokes import parse

Readable = str | PathLike | Image.Image | np.ndarray | list


_LOCK = Lock()  # two threads' first calls start one source


@cache
def _source() -> ModelSource:
    source = ModelSource(replace(Settings.from_env(), model_refresh_seconds=0))
    source.start()
    source.imports_done()  # the Hub has 3 seconds from here
    return source


def model() -> Model:
    """Return the model of this process, found as the app finds it; the first call takes seconds. Raises ModelUnavailable, SettingsError."""
    with _LOCK:
        source = _source()
    return source.model(CHILD_SECONDS)


def pieces(what: Readable) -> list[Piece]:
    """Return what may be the digits. Raises UnreadableImage, UnreadableStrokes, OSError for a path that cannot be opened."""
    if isinstance(what, str | PathLike):
        return pieces_of_image(open_image(Path(what).read_bytes(), Settings.max_pixels))
    if isinstance(what, Image.Image):
        return pieces_of_image(ImageOps.exif_transpose(what))
    if isinstance(what, np.ndarray):
        return pieces_of_image(picture(what))
    if isinstance(what, list):
        strokes = [stroke.tolist() if isinstance(stroke, np.ndarray) else stroke for stroke in what]
        return pieces_of_strokes(parse(strokes, Settings.max_points, Settings.max_strokes))
    raise TypeError(f"A path, a PIL image, an array or a list of strokes can be read; this is a {type(what).__name__}.")


def pieces_of_file(content: Callable[[], bytes]) -> list[Piece] | UnreadableImage:
    """Return what may be the digits of a picture file, or why it cannot be read: one bad file among many stops nothing."""
    try:
        return pieces_of_image(open_image(content(), Settings.max_pixels))
    except UnreadableImage as error:
        return error
    except OSError as error:
        return UnreadableImage(f"The file cannot be opened: {error.strerror or error}.")
    except Exception as error:  # what nobody thought of stops no other file
        return UnreadableImage(f"The picture cannot be read ({type(error).__name__}).")


def picture(pixels: np.ndarray) -> Image.Image:
    """Return an array as a picture: uint8 0 .. 255, or float or bool 0 .. 1; (H, W), (H, W, 3) or (H, W, 4). Raises UnreadableImage."""
    match pixels.shape, pixels.dtype.kind:
        case ((_, _) | (_, _, 3 | 4), "u") if pixels.size and pixels.dtype == np.uint8:
            return Image.fromarray(np.ascontiguousarray(pixels))
        case ((_, _) | (_, _, 3 | 4), "f" | "b") if pixels.size and 0 <= pixels.min() <= pixels.max() <= 1:  # False for NaN as well
            return Image.fromarray((pixels * 255.0 + 0.5).astype(np.uint8))
    raise UnreadableImage(
        "A picture's array must be (H, W), (H, W, 3) or (H, W, 4), uint8 0 .. 255 or float 0 .. 1; "
        f"this one is {pixels.shape}, {pixels.dtype}."
    )
