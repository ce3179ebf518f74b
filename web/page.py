"""What POST /predict?page=1 tells besides a Reading: what only the page shows. routes.py calls it."""

import base64
import io
from collections.abc import Container

import numpy as np
from PIL import Image

from digit_model import corrections, saliency
from digit_model.reader import NOT_A_DIGIT, Model, Piece
from web.label import label

PREVIEW_SIDE = 900  # pixels, of a picture shown in place of a file that the browser cannot show
HEATED = 12  # digits at most: each takes 145 frames


def for_page(asked: Container[str], model: Model, reading: dict, chosen: list[Piece], sheet: Image.Image | object) -> dict:
    """Return the reading with what only the page shows.

    chosen: the piece of each digit; sheet: the picture, or what the page's JSON tells of the pad. Added are `label`, for gr.Label;
    `frames`, 28x28 bytes in base64, 0 paper .. 255 ink; `made`, what was made of the digits before; of a picture its `size`.
    Where "heat" is asked for, `heat`, as the frames, bright where it mattered; where "preview" is, the picture as a data URL.
    """
    page = {"label": label(reading), "frames": [encoded(piece.frame) for piece in chosen]}
    if isinstance(sheet, Image.Image):
        page["size"] = sheet.info.get("full_size", sheet.size)
        if "preview" in asked:
            page["preview"] = preview(sheet)
    if chosen:
        written_on = corrections.photographed if isinstance(sheet, Image.Image) else corrections.drawn_on
        paper = written_on(sheet, chosen)  # None for strokes without a pad
        page["made"] = corrections.made(chosen, paper) if paper else []
    if "heat" in asked:
        signs = [NOT_A_DIGIT if digit["digit"] == "?" else int(digit["digit"]) for digit in reading["digits"]]
        page["heat"] = [encoded(saliency.occlusion(model, piece.frame, sign)) for piece, sign in zip(chosen[:HEATED], signs, strict=False)]
    return reading | page


def encoded(frame: np.ndarray) -> str:
    """Return a frame of 0 .. 1 as bytes in base64."""
    return base64.b64encode((frame * 255).astype(np.uint8)).decode()


def preview(picture: Image.Image) -> str:
    """Return the picture as a small JPEG in a data URL."""
    small = picture.convert("RGB")
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
