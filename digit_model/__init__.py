"""Handwritten digits: from ink to a reading. Importing this package loads neither TensorFlow nor Gradio."""
