"""The parts of the page that are our own, as gr.HTML, its words and its theme. app.py lays them out."""

import json
from html import escape
from pathlib import Path

import gradio as gr

from digit_model.settings import Settings

HERE = Path(__file__).parent
CSS = HERE / "page.css"
WORDS = json.loads((HERE / "words.json").read_text(encoding="utf-8"))  # language -> key -> sentence


def intro() -> gr.HTML:
    """Return the title and what the page does, in one sentence."""
    return part("intro", '<h1 data-say="title"></h1><p data-say="intro"></p>')


def pad() -> gr.HTML:
    """Return the drawing pad; pad.js draws on it."""
    return part(
        "pad",
        """<canvas role="img" data-name="pad"></canvas>
        <svg aria-hidden="true" preserveAspectRatio="xMinYMin meet"></svg>
        <span class="invite" data-say="draw_here"></span>""",
        "boxes.js",
        "pad.js",
    )


def upload() -> gr.HTML:
    """Return the place for a picture; upload.js fills it. Phones have a button for the camera besides."""
    return part(
        "upload",
        """<label>
            <input type="file" multiple accept="image/*,.heic,.heif" data-name="choose">
            <span class="invite"><span data-say="choose"></span><small data-say="or_drop"></small></span>
            <img alt=""><svg aria-hidden="true"></svg>
        </label>
        <button type="button" class="camera" data-say="photo"></button>
        <div class="several" hidden>
            <table>
                <thead><tr><th data-say="picture"></th><th data-say="answer"></th><th data-say="certainty"></th></tr></thead>
                <tbody></tbody>
            </table>
            <button type="button" class="csv" data-say="csv"></button>
        </div>""",
        "boxes.js",
        "several.js",
        "upload.js",
    )


def pen() -> gr.HTML:
    """Return the choice of the pen's width, in parts of the pad's shorter side; pad.js asks for it."""
    return part("pen", '<input type="range" min="0.01" max="0.07" step="0.005" value="0.035" data-name="pen_width">')


def answer() -> gr.HTML:
    """Return the answer in words, with what the model sees; answer.js asks for it. Its value is the reading."""
    return part(
        "answer",
        """<div role="status"><p class="words"></p><p class="detail"></p></div>
        <figure>
            <canvas width="28" height="28" role="img" data-name="seen"></canvas>
            <figcaption data-say="seen"></figcaption>
            <button type="button" aria-pressed="false" data-say="heat"></button>
        </figure>
        <p class="made"></p>""",
        "answer.js",
    )


def gallery(examples: Path) -> gr.HTML:
    """Return the example pictures as buttons, which gallery.js names and opens; their names, `7_light-on-dark.png`, tell what they show."""
    buttons = ""
    for path in sorted(examples.glob("*.png")):
        digit, _, shows = escape(path.stem).partition("_")
        buttons += f'<button data-shows="{shows}"><img src="examples/{escape(path.name)}" alt="{digit}"></button>'
    return part("gallery", f'<span data-say="gallery"></span>{buttons}', "gallery.js")


def foot() -> gr.HTML:
    """Return what stands below: which model reads, how to call it from code, how good it is. foot.js fills it, and shows the page."""
    snippets = "".join(f"<h3>{name}</h3><pre tabindex=0></pre>" for name in ("Python", "curl", "JavaScript"))
    return part(
        "foot",
        f"""<p><span id="served" data-say="loading"></span> <span data-say="private"></span></p>
        <a id="duplicate" target="_blank" hidden data-say="duplicate"></a>
        <details>
            <summary data-say="more"></summary>
            <div class="more">
                <div>{snippets}</div>
                <div>
                    <h3 data-say="about"></h3><dl></dl>
                    <a id="card" target="_blank" data-say="card"></a>
                    <a id="code" target="_blank" data-say="code"></a>
                    <button id="api" type="button" data-say="api"></button>
                </div>
            </div>
        </details>""",
        "foot.js",
    )


def head() -> str:
    """Return what launch() puts into the page's head: the words. Gradio's own translation speaks only languages that it brings along."""
    values = f"const sentences = {json.dumps(WORDS, ensure_ascii=False)};\nconst largest = {Settings.max_file_bytes};"
    return f"<script>{values}\n{(HERE / 'words.js').read_text(encoding='utf-8')}</script>"


def part(name: str, template: str, *scripts: str) -> gr.HTML:
    """Return a gr.HTML with that id, worded, then running the scripts as one, then `data-ready`."""
    script = "".join((HERE / file).read_text(encoding="utf-8") for file in scripts)
    script = f'word(element);\n{script}\nelement.toggleAttribute("data-ready", true);'
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
