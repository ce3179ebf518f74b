"""A Gradio app that does nothing with the picture it is sent or drawn: what Gradio itself costs. python -m benchmarks.nothing PORT"""

import itertools
import sys

import gradio as gr


def predict(image: gr.FileData) -> dict:
    """Return nothing."""
    return {}


def main() -> None:
    numbers = itertools.count()
    with gr.Blocks() as app:
        gr.api(predict)
        pad = gr.Sketchpad(elem_id="pad")
        label = gr.Label(elem_id="label")
        pad.change(lambda drawing: str(next(numbers)), pad, label)  # another answer each time, so that it can be seen to come
    app.launch(server_port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
