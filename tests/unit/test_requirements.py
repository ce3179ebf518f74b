"""What a Space's build installs can be resolved, and the versions stated in several places agree."""

import re
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
FRONT_MATTER = (ROOT / "README.md").read_text(encoding="utf-8").split("---")[1]
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")


def front(key):
    return re.search(rf'^{key}: *"?(.+?)"?$', FRONT_MATTER, re.M)[1]


def pinned(package):
    return re.search(rf"^{package}==([\w.]+)", REQUIREMENTS, re.M)[1]


def test_the_space_is_built_with_the_gradio_that_is_pinned():
    assert front("sdk_version") == pinned("gradio")


def test_the_short_description_fits():
    assert len(front("short_description")) <= 60


def test_everything_is_pinned_to_one_version():
    lines = [line.split("#")[0].strip() for line in REQUIREMENTS.splitlines()]
    assert all("==" in line for line in lines if line)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_line_that_a_spaces_build_runs_can_be_resolved(python, tmp_path):
    extra = tmp_path / "space.in"
    extra.write_text(f"gradio[oauth,mcp]=={front('sdk_version')}\nuvicorn>=0.14.0\nwebsockets>=10.4\nspaces\n")
    resolved = subprocess.run(
        [find_uv_bin(), "pip", "compile", "--quiet", "--python-version", python, ROOT / "requirements.txt", extra],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if "error sending request" in resolved.stderr.lower():
        pytest.skip("the package index cannot be reached")
    assert resolved.returncode == 0, resolved.stderr
    assert f"pydantic=={pinned('pydantic')}" in resolved.stdout


def test_the_lock_has_a_hash_for_everything_and_is_up_to_date(tmp_path):
    """The command that makes it stands in its head."""
    lock = ROOT / "requirements-dev.lock"
    old = lock.read_text(encoding="utf-8")
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z])", old)[1:])
    new = tmp_path / lock.name
    new.write_text(old, encoding="utf-8")  # what it pins already stays
    options = re.search(r"uv pip compile (.+) requirements-dev.txt -o", old)[1].split()
    made = subprocess.run(
        [find_uv_bin(), "pip", "compile", "--quiet", *options, "requirements-dev.txt", "--output-file", new],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    if "error sending request" in made.stderr.lower():
        pytest.skip("the package index cannot be reached")
    assert made.returncode == 0, made.stderr
    assert packages(new.read_text(encoding="utf-8")) == packages(old)


def packages(lock: str) -> list[str]:
    return re.findall(r"^[a-z].*==.*(?= \\$)", lock, re.M)
