"""The parts of the page that are our own: pad, picture, gallery and answer as gr.HTML, and the theme. app.py lays them out."""

from html import escape
from pathlib import Path

import gradio as gr

HERE = Path(__file__).parent
CSS = HERE / "page.css"


def pad() -> gr.HTML:
    """Return the drawing pad; pad.js draws on it."""
    return part(
        "pad",
        """<canvas role="img" aria-label="Drawing pad: draw a digit with mouse, pen or finger"></canvas>
        <svg aria-hidden="true" preserveAspectRatio="xMinYMin meet"></svg>
        <span class="invite">Draw here</span>""",
        "boxes.js",
        "pad.js",
    )


def upload() -> gr.HTML:
    """Return the place for a picture; upload.js fills it."""
    return part(
        "upload",
        """<label>
            <input type="file" accept="image/*" aria-label="Choose a picture">
            <span class="invite">Choose a picture<small>or drop or paste one here</small></span>
            <img alt=""><svg aria-hidden="true"></svg>
        </label>""",
        "boxes.js",
        "upload.js",
    )


def answer() -> gr.HTML:
    """Return the answer in words, with what the model sees; answer.js asks for it. Its value is the reading."""
    return part(
        "answer",
        """<div role="status"><p class="words" data-rest="The answer appears here."></p><p class="detail"></p></div>
        <figure>
            <canvas width="28" height="28" role="img" aria-label="What the model sees"></canvas>
            <figcaption>What the model sees</figcaption>
        </figure>""",
        "answer.js",
    )


def gallery(examples: Path) -> gr.HTML:
    """Return the example pictures as buttons, which gallery.js opens; their names, `7_pencil-on-shaded-paper.png`, tell what they show."""
    buttons = ""
    for path in sorted(examples.glob("*.png")):
        told = escape(path.stem.replace("_", ", ", 1).replace("-", " "))
        buttons += f'<button title="{told}"><img src="examples/{escape(path.name)}" alt="{told}"></button>'
    return part("gallery", f"<span>Try one</span>{buttons}", "gallery.js")


def part(name: str, template: str, *scripts: str) -> gr.HTML:
    """Return a gr.HTML with that id, running the scripts as one."""
    script = "".join((HERE / file).read_text(encoding="utf-8") for file in scripts)
    return gr.HTML(html_template=template, js_on_load=script, elem_id=name, apply_default_css=False)


def theme() -> gr.themes.Base:
    """Return the page's colours and fonts, light and dark, for Gradio's own parts; page.css takes them from there. No font is fetched."""
    return gr.themes.Base(
        font=["ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        radius_size=gr.themes.sizes.radius_lg,
    ).set(
        body_background_fill="#f5f4ef",
        body_background_fill_dark="#15181d",
        body_text_color="#1d2430",
        body_text_color_dark="#e9e7e1",
        body_text_color_subdued="#5a6270",
        body_text_color_subdued_dark="#a3abb7",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1e2229",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_padding="0px",
        border_color_primary="#dcd9cf",
        border_color_primary_dark="#363c46",
        link_text_color="#1d6b72",
        link_text_color_dark="#6fc3c8",
        stat_background_fill="#1d6b72",
        stat_background_fill_dark="#6fc3c8",
        color_accent="#1d6b72",
        button_large_padding="9px 14px",
        button_large_text_size="15px",
        button_primary_background_fill="#1d6b72",
        button_primary_background_fill_dark="#6fc3c8",
        button_primary_background_fill_hover="#17565c",
        button_primary_background_fill_hover_dark="#8fd3d7",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#10262a",
        button_secondary_text_color="#1d2430",
        button_secondary_text_color_dark="#e9e7e1",
        button_secondary_background_fill="#e8e6dd",
        button_secondary_background_fill_dark="#2a3039",
        button_secondary_background_fill_hover="#dedbd0",
        button_secondary_background_fill_hover_dark="#353c47",
    )
