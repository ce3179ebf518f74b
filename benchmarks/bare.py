"""The same reading behind a minimal server, FastAPI and ONNX Runtime: python -m benchmarks.bare PORT MODEL"""

import json
import sys

import onnxruntime
import uvicorn
from fastapi import FastAPI, Request, UploadFile

from digit_model.image import open_image
from digit_model.reader import Model, pieces_of_image, pieces_of_strokes, read
from digit_model.settings import Settings
from digit_model.strokes import parse


def main() -> None:
    port, path = int(sys.argv[1]), sys.argv[2]
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    model = Model(lambda frames: session.run(None, {name: frames})[0], (28, 28), {})
    app = FastAPI()

    @app.post("/predict")
    def predict(image: UploadFile) -> dict:
        return read(model, pieces_of_image(open_image(image.file.read(), Settings.max_pixels)))

    @app.post("/strokes")
    async def strokes(request: Request) -> dict:
        drawing = json.loads(await request.body())["strokes"]
        return read(model, pieces_of_strokes(parse(drawing, Settings.max_points, Settings.max_strokes)))

    uvicorn.run(app, port=port, log_level="warning")


if __name__ == "__main__":
    main()
