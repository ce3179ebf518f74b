"""The Space API of the real app, called with the real JavaScript client."""

import json
import subprocess

import pytest

from tests.conftest import ROOT

SEVEN = ROOT / "examples" / "7_light-on-dark.png"
SCRIPT = """
import { readFileSync } from "node:fs";
import { Client, handle_file } from "@gradio/client";

const [url, picture] = process.argv.slice(2);
const client = await Client.connect(url);
const image = () => new Blob([readFileSync(picture)]);
const answers = {
  blob: await client.predict("/predict", { image: image() }),
  file: await client.predict("/predict", { image: handle_file(picture) }),
  sketch: await client.predict("/predict_sketch", { strokes: [[[60, 60], [180, 60], [120, 220]]] }),
  batch: await client.predict("/predict_batch", { images: [image(), new Blob(["no picture"])] }),
  model: await client.predict("/model"),
};
console.log(JSON.stringify(Object.fromEntries(Object.entries(answers).map(([name, { data }]) => [name, data[0]]))));
process.exit(0);
"""


@pytest.fixture(scope="module")
def answers(app, javascript_client) -> dict:
    """What the client answers to each call of the script."""
    folder = javascript_client.parent
    (folder / "ask.mjs").write_text(SCRIPT)
    asked = subprocess.run(["node", folder / "ask.mjs", app.url, SEVEN], cwd=folder, capture_output=True, text=True, timeout=120)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout.splitlines()[-1])


@pytest.mark.parametrize("way", ["blob", "file", "sketch"])
def test_a_picture_and_a_drawing_are_read(answers, way):
    assert answers[way]["label"] == "7"
    assert len(answers[way]["confidences"]) == 10


def test_many_are_answered_in_order_with_an_error_in_the_place_of_a_bad_one(answers):
    seven, bad = answers["batch"]
    assert seven["text"] == "7"
    assert list(bad) == ["error"]


def test_the_model_is_told(answers):
    assert len(answers["model"]["sha256"]) == 64
