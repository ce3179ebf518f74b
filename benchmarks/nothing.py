"""A Gradio app whose only endpoint does nothing with the picture it is sent: what Gradio itself costs. python -m benchmarks.nothing PORT"""

import sys

import gradio as gr


def predict(image: gr.FileData) -> dict:
    """Return nothing."""
    return {}


def main() -> None:
    with gr.Blocks() as app:
        gr.api(predict)
    app.launch(server_port=int(sys.argv[1]))


if __name__ == "__main__":
    main()
