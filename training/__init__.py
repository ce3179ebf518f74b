"""From MNIST to a published model: dataset, augmentation, network, train, evaluate. It imports digit_model, never the other way."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow tells of what went wrong alone; its notes would bury a run's own lines
