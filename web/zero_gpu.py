"""Where the Hub runs free Spaces (ZeroGPU), an app without a bound @spaces.GPU function is stopped at its start. app.py binds this one."""

import gradio as gr

try:
    import spaces  # Spaces install it
except ImportError:
    spaces = None


def bind() -> None:
    """Bind such a function to the Blocks that is being built. Nothing calls it: LiteRT reads without a GPU, and no quota is spent."""
    if spaces:
        gr.api(spaces.GPU(nothing), api_visibility="private")


def nothing() -> None:
    """Do nothing."""
