"""Writes TensorBoard logs of a run, what the network confuses and its worst mistakes among them. train.py calls it."""

import keras
import numpy as np
import tensorflow as tf
from sklearn.metrics import confusion_matrix

from training import pictures
from training.dataset import Split, as_input


class Watch(keras.callbacks.Callback):
    """After each epoch: Keras' figures, the learning rate, and of the validation part the confusion matrix and the worst mistakes."""

    def __init__(self, folder: str, validation: Split):
        super().__init__()
        self.writer, self.validation = tf.summary.create_file_writer(folder), validation

    def on_epoch_end(self, epoch, logs=None):
        logits = self.model.predict(as_input(self.validation.frames), verbose=0)  # (N, 11)
        ten = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[:, :10]
        table = confusion_matrix(self.validation.labels, ten.argmax(1), labels=range(10)).tolist()
        with self.writer.as_default(step=epoch + 1):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, value)
            tf.summary.scalar("learning_rate", float(self.model.optimizer.learning_rate))
            tf.summary.image("confusion", np.asarray(pictures.confusion(table))[None])
            tf.summary.image("mistakes", np.asarray(pictures.mistakes(self.validation, ten))[None])
        self.writer.flush()  # TensorBoard shows it while the run goes on
