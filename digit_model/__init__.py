"""Handwritten digits: from ink to a reading. Importing this package loads neither TensorFlow nor Gradio."""


def read(what) -> dict:
    """Return the Reading of a drawing or picture, a dict ready for JSON: text, verdict, confidence, digits and model.

    what: the path of a picture file; a PIL image; an array, uint8 0 .. 255 or float 0 .. 1, (H, W), (H, W, 3) or (H, W, 4), dark on light
    or light on dark; or strokes, a list of lists of [x, y], y down, at any scale.

    The model is found as the app finds it (MODEL_PATH, the Hub's newest, or the bundled one), by the first call, which takes seconds; ever
    after a reading takes some milliseconds. Any thread may call. Raises UnreadableImage or UnreadableStrokes (both ValueError), OSError for
    a path that cannot be opened, ModelUnavailable.
    """
    from digit_model import local, reader  # not above: the child that opens models imports this package too, and needs none of it

    opened = local.pieces(what)
    return reader.read(local.model(), opened)
