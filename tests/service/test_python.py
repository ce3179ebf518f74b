"""Reading in Python and at the shell, each in a process of its own, as a user starts it."""

import json

from tests.conftest import ROOT

SEVEN = ROOT / "examples" / "7_light-on-dark.png"
THREE = ROOT / "examples" / "3_blue-ballpoint.png"


READ = """
import sys
from digit_model import read
assert not {"tensorflow", "gradio", "cv2"} & set(sys.modules), "importing takes no time"
import numpy as np
from PIL import Image
path, strokes = sys.argv[1], [[[60, 60], [180, 60], [120, 220]]]
picture = Image.open(path).convert("L")
array = np.asarray(picture)
for what in (path, picture, array, array / 255, array > 128, np.stack([array] * 3, 2), strokes, [np.array(strokes[0])]):
    print(read(what)["text"])
assert not {"tensorflow", "keras", "gradio"} & set(sys.modules)
"""


def test_paths_pictures_arrays_and_strokes_are_read_without_tensorflow_and_gradio(python):
    done = python("-c", READ, SEVEN)
    assert done.stdout.split() == ["7"] * 8, done.stderr


def test_a_reading_in_python_is_what_plain_http_answers(python, predict):
    told = json.loads(python("-c", "import json, sys, digit_model; print(json.dumps(digit_model.read(sys.argv[1])))", SEVEN).stdout)
    answered = predict(files=[("image", SEVEN.read_bytes())]).json()
    for reading in (told, answered):
        del reading["model"]["since"]
    assert told == answered


def test_the_shell_command_says_what_it_reads(python, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    done = python("-m", "digit_model", SEVEN, bad, "nowhere.png", THREE)
    seven, damaged, missing, three = done.stdout.splitlines()
    assert seven.startswith(f"{SEVEN}: 7, 9")
    assert "no picture that can be read" in damaged
    assert "No such file" in missing
    assert three.startswith(f"{THREE}: 3, ")
    assert done.returncode == 1


def test_the_shell_command_prints_a_reading_a_line(python):
    done = python("-m", "digit_model", "--json", SEVEN, THREE)
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [reading["text"] for reading in readings] == ["7", "3"]
    assert set(readings[0]) == {"text", "verdict", "confidence", "digits", "model"}
    assert done.returncode == 0
