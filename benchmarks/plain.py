"""The plain app, as tutorials write it, that ours is measured against: python -m benchmarks.plain PORT MODEL"""

import sys
from pathlib import Path

import gradio as gr
import keras
import numpy as np
from keras import layers


def network() -> keras.Model:
    """Return the network of the Keras documentation's MNIST example, untrained: what it answers does not change what it costs."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    model = keras.saving.load_model(path)

    def predict(image):
        pixels = np.asarray(image.convert("L").resize((28, 28)), np.float32) / 255
        return {str(digit): float(p) for digit, p in enumerate(model.predict(pixels[None, ..., None], verbose=0)[0])}

    app = gr.Interface(predict, gr.Image(type="pil"), gr.Label(num_top_classes=3), api_name="predict")
    app.launch(server_port=port)


if __name__ == "__main__":
    main()
