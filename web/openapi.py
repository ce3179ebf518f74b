"""The OpenAPI description of the plain HTTP doors, for GET /openapi.json. routes.py serves it; the tests fuzz the doors against it."""

from digit_model.settings import Settings

PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1.000001}  # float32 sums may end a little above 1


def description(settings: Settings) -> dict:
    """Return the description with this app's limits, ready for JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Handwritten digits",
            "version": "1",
            "summary": "Reads handwritten digits and numbers: drawn, photographed or scanned.",
            "description": "Nothing sent is kept. Errors are JSON with one sentence that says what was wrong and what to do.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "."}],
        "paths": {
            "/predict": {"post": predict(settings)},
            "/health": {"get": health()},
            "/model": {"get": model()},
        },
        "components": {"schemas": schemas(settings)},
    }


def predict(settings: Settings) -> dict:
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    raw = {"schema": {"type": "string", "format": "binary"}}
    return {
        "operationId": "predict",
        "summary": "Read a picture, several pictures, or a drawing.",
        "description": (
            "A picture goes as a form's file or as the body itself: PNG, JPEG, WebP, GIF, BMP, AVIF or HEIC, dark or light ink. "
            f"At most {settings.max_file_bytes / 1e6:g} MB and {settings.max_pixels / 1e6:g} megapixels a picture, "
            f"{settings.max_files:,} pictures and {settings.max_call_bytes / 1e6:g} MB a call, "
            f"{settings.max_strokes:,} strokes and {settings.max_points:,} points a drawing."
        ),
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["image"],
                        "properties": {
                            "image": {"type": "array", "items": file, "minItems": 1, "description": "One file, or several under this name."}
                        },
                    }
                },
                "application/json": {
                    "schema": ref("Drawing"),
                    "examples": {"a 7": {"value": {"strokes": [[[60, 60], [180, 60], [120, 220]]]}}},
                },
                "image/*": raw,
                "application/octet-stream": raw,
            },
        },
        "responses": {
            "200": answer(
                "The reading; for several pictures a list, in order, with an error in the place of one that cannot be read.",
                {"anyOf": [ref("Reading"), {"type": "array", "items": {"anyOf": [ref("Reading"), ref("Error")]}}]},
            ),
            "400": refusal("No form, or JSON, of the right shape."),
            "408": refusal("The body came too slowly."),
            "413": refusal("Too much at once."),
            "415": refusal("A kind of content that is not taken here."),
            "422": refusal("No picture or drawing that can be read."),
            "503": later(),
        },
    }


def health() -> dict:
    return {
        "operationId": "health",
        "summary": "Tell how the app is.",
        "responses": {"200": answer("The state. `starting` is told until there is a model to read with.", ref("Health"))},
    }


def model() -> dict:
    return {
        "operationId": "model",
        "summary": "Tell which model is served, and how good it is.",
        "responses": {
            "200": answer(
                "The model, with all that is known of how it was measured.",
                {"allOf": [ref("Model"), {"type": "object", "required": ["metrics"], "properties": {"metrics": {"type": "object"}}}]},
            ),
            "503": later(),
        },
    }


def schemas(settings: Settings) -> dict:
    nothing = {"type": "null"}
    point = {
        "type": "array",
        "items": {"type": "number", "exclusiveMinimum": -1e9, "exclusiveMaximum": 1e9},
        "minItems": 2,
        "maxItems": 3,
        "description": "x, y, and if you like the time in seconds; y grows downward.",
    }
    return {
        "Drawing": {
            "type": "object",
            "required": ["strokes"],
            "properties": {
                "strokes": {
                    "type": "array",
                    "items": {"type": "array", "items": point},
                    "description": f"At any scale, at most {settings.max_strokes:,} strokes and {settings.max_points:,} points.",
                }
            },
        },
        "Reading": {
            "type": "object",
            "required": ["text", "verdict", "confidence", "digits", "model"],
            "properties": {
                "text": {
                    "type": "string",
                    "description": 'What is read: digits, "?" for a sign that is none; a line break between lines.',
                },
                "verdict": {"enum": ["digit", "number", "blank", "not a digit"]},
                "confidence": {
                    "anyOf": [PROBABILITY, nothing],
                    "description": "The probability that the answer is right; null when nothing is drawn.",
                },
                "digits": {"type": "array", "items": ref("Digit")},
                "model": ref("Model"),
            },
        },
        "Digit": {
            "type": "object",
            "required": ["digit", "confidence", "probabilities", "box"],
            "properties": {
                "digit": {"enum": [*"0123456789", "?"]},
                "confidence": PROBABILITY,
                "probabilities": {"type": "array", "items": PROBABILITY, "minItems": 10, "maxItems": 10, "description": "Of 0 to 9."},
                "box": {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": 4,
                    "maxItems": 4,
                    "description": "x, y, width and height in pixels of the upright picture, or in the strokes' own units.",
                },
            },
        },
        "Model": {
            "type": "object",
            "required": ["source", "repo_id", "revision", "sha256", "since"],
            "properties": {
                "source": {
                    "enum": ["path", "hub", "cache", "bundled"],
                    "description": "Whence it comes; `cache` is the last good copy.",
                },
                "repo_id": {"type": ["string", "null"]},
                "revision": {"type": ["string", "null"], "pattern": "^[0-9a-f]{40}$", "description": "The commit on the Hub."},
                "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "since": {"type": "string", "format": "date-time", "description": "When this app began to read with it."},
            },
        },
        "Health": {
            "type": "object",
            "required": ["status", "model", "last_refresh", "last_error"],
            "properties": {
                "status": {"enum": ["ok", "starting"]},
                "model": {"anyOf": [ref("Model"), nothing]},
                "last_refresh": {"anyOf": [{"type": "string", "format": "date-time"}, nothing]},
                "last_error": {"type": ["string", "null"], "description": "Why there is no newer model, if the Hub may have one."},
            },
        },
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"type": "string", "description": "What was wrong and what to do."}},
            "additionalProperties": False,
        },
    }


def ref(name: str) -> dict:
    return {"$ref": f"#/components/schemas/{name}"}


def answer(words: str, schema: dict) -> dict:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def refusal(words: str) -> dict:
    return answer(words, ref("Error"))


def later() -> dict:
    header = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return refusal("There is no model yet, or all is busy.") | {"headers": header}
