"""Every snippet of the README and the docs, run as it is written, against the real app.

A fence in python, bash or js is run, and one in json parsed, unless a comment before it, `<!-- not run: why -->`, says why not.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ADDRESS = "http://127.0.0.1:7860"  # the app's own, in the snippets
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\w+)\n(.*?)^```$", re.M | re.S)
RUN = {"python": ["python", "-c"], "bash": ["bash", "-euo", "pipefail", "-c"], "js": ["node", "--input-type=module", "-e"]}
SNIPPETS = [
    pytest.param(language, text, id=f"{page.stem} {number} {language}")
    for page in PAGES
    for number, (left_out, language, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")), 1)
    if not left_out and language in {*RUN, "json"}
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A copy of what the snippets need, to be run in."""
    folder = tmp_path_factory.mktemp("snippets")
    for name in ("digit_model", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize(("language", "text"), SNIPPETS)
def test_a_snippet_runs_as_it_is_written(app, folder, request, language, text):
    text = text.replace(ADDRESS, app.url)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MODEL_PATH": os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras"),
        "HF_HOME": str(app.folder / "hf"),
        "PIP_DRY_RUN": "1",  # everything is installed; pip says so
    }
    if language == "json":
        json.loads(text)
        return
    if language == "js":
        (folder / "node_modules").symlink_to(request.getfixturevalue("javascript_client"))
    done = subprocess.run([*RUN[language], text], cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert '"error"' not in done.stdout.replace("last_error", "").partition('"openapi"')[0]


def test_snippets_are_found():
    assert len(SNIPPETS) >= 10
