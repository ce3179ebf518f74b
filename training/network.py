"""The network: frames in, calibrated probabilities out. Keras built-in layers only, so that the file loads anywhere safely."""

import keras
import numpy as np
from keras import layers

CLASSES = 11  # the ten digits and "not a digit"
NETWORK = "network"  # the name of what is trained, in the model that is served
TURN = 0.18  # radians that its two views are turned by, one to the left and one to the right


def build(dropout: float = 0.4) -> keras.Model:
    """Return the network that is trained: frames float32 (N, 28, 28, 1), 0 paper .. 1 ink -> logits (N, 11).

    16.5 million multiplies a frame, 439,000 weights.
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
    return keras.Model(frames, layers.Dense(CLASSES, name="logits")(x), name=NETWORK)


def build_quick(dropout: float = 0.25) -> keras.Model:
    """Return a small network of the same shape outside, for a first try: 1.3 million multiplies a frame."""
    frames = keras.Input((28, 28, 1), name="frames")
    x = convolution(frames, 24, 5, strides=2)  # (N, 14, 14, 24)
    x = convolution(x, 48, strides=2)  # (N, 7, 7, 48)
    x = convolution(x, 96, strides=2)  # (N, 4, 4, 96)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    return keras.Model(frames, layers.Dense(CLASSES, name="logits")(x), name=NETWORK)


def convolution(x, channels: int, side: int = 3, strides: int = 1):
    """Return a convolution with batch normalisation and rectifier: (N, H, W, C) -> (N, H / strides, W / strides, channels)."""
    x = layers.Conv2D(channels, side, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98)(x))


def with_views(network: keras.Model) -> keras.Model:
    """Return a model of the network's mean logits (N, 11) over two views of each frame: turned to the left and to the right.

    Test-time augmentation: what is mistaken in one view is often seen rightly in the other. It takes twice the work.
    """
    bare = keras.Model(network.input, network.output, name=NETWORK)  # the same layers without an optimizer, which would be saved along
    frames = keras.Input((28, 28, 1), name="frames")
    return keras.Model(frames, layers.Average(name="logits")([bare(turned(frames, angle)) for angle in (TURN, -TURN)]))


def turned(frames, angle: float):
    """Return the frames turned by an angle in radians: (N, 28, 28, 1) -> the same.

    By three shears (Paeth, "A Fast Algorithm for General Raster Rotation", 1986), in which each row or column is moved by itself: as
    channels of a depthwise convolution, which every runtime has.
    """
    along, across = shear(-np.tan(angle / 2)), shear(np.sin(angle))
    x = along(layers.Permute((3, 2, 1))(frames))  # (N, 1, columns, rows)
    x = across(layers.Permute((1, 3, 2))(x))  # (N, 1, rows, columns)
    x = along(layers.Permute((1, 3, 2))(x))
    return layers.Permute((3, 2, 1))(x)


def shear(slope: float) -> layers.Layer:
    """Return a layer that moves each of 28 channels along by `slope` times its distance from the middle: (N, 1, 28, 28) -> the same."""
    moved = slope * (np.arange(28) - 13.5)
    reach = int(np.ceil(np.abs(moved).max()))
    kernel = np.maximum(0, 1 - np.abs(np.arange(-reach, reach + 1)[:, None] - moved))  # linear interpolation: (2 * reach + 1, 28)
    layer = layers.DepthwiseConv2D((1, len(kernel)), padding="same", use_bias=False, trainable=False)
    layer.build((None, 1, 28, 28))
    layer.set_weights([kernel[None, ..., None]])
    return layer


def calibrated(model: keras.Model, temperature: float) -> keras.Model:
    """Return the model that is served: the logits of `with_views` divided by the temperature, as probabilities (N, 11).

    Temperature scaling: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017.
    """
    logits = layers.Rescaling(1 / temperature, name="temperature")(model.output)
    return keras.Model(model.input, layers.Softmax(name="probabilities")(logits), name="handwritten_digits")
