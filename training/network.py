"""The network: frames in, calibrated probabilities out. Keras built-in layers only, so that the file loads anywhere safely."""

import keras
from keras import layers

CLASSES = 11  # the ten digits and "not a digit"


def build(dropout: float = 0.4) -> keras.Model:
    """Return the network that is trained: frames float32 (N, 28, 28, 1), 0 paper .. 1 ink -> logits (N, 11).

    16.5 million multiplies a frame, 438,000 weights.
    """
    frames = keras.Input((28, 28, 1), name="frames")
    x = convolution(frames, 24)
    x = layers.MaxPooling2D()(x)  # (N, 14, 14, 24)
    x = convolution(x, 48)
    x = convolution(x, 48)
    x = layers.MaxPooling2D()(x)  # (N, 7, 7, 48)
    x = convolution(x, 96)
    x = convolution(x, 96)
    x = layers.MaxPooling2D(padding="same")(x)  # (N, 4, 4, 96)
    x = convolution(x, 128)
    x = convolution(x, 128)
    x = layers.Dropout(dropout)(layers.Flatten()(x))  # (N, 2048)
    return keras.Model(frames, layers.Dense(CLASSES, name="logits")(x))


def build_quick(dropout: float = 0.25) -> keras.Model:
    """Return a small network of the same shape outside, for a first try: 1.6 million multiplies a frame."""
    frames = keras.Input((28, 28, 1), name="frames")
    x = convolution(frames, 24, 5, strides=2)  # (N, 14, 14, 24)
    x = convolution(x, 48, strides=2)  # (N, 7, 7, 48)
    x = convolution(x, 96, strides=2)  # (N, 4, 4, 96)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    return keras.Model(frames, layers.Dense(CLASSES, name="logits")(x))


def convolution(x, channels: int, side: int = 3, strides: int = 1):
    """Return a convolution with batch normalisation and rectifier: (N, H, W, C) -> (N, H / strides, W / strides, channels)."""
    x = layers.Conv2D(channels, side, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))


def calibrated(network: keras.Model, temperature: float) -> keras.Model:
    """Return the model that is served: the network's logits divided by the temperature, as probabilities (N, 11).

    Temperature scaling: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017.
    """
    logits = layers.Rescaling(1 / temperature, name="temperature")(network.output)
    return keras.Model(network.input, layers.Softmax(name="probabilities")(logits), name="handwritten_digits")
