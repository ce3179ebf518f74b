"""Row of the table: the installed size of a Space's environment, ours and the plain app's, each really installed into an empty folder."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import ROOT, row

BAR = 0.8


def size(folder: Path) -> Iterator[dict]:
    """Yield the installed size against the plain app's, whose requirements are tensorflow and what it draws in."""
    pins = dict(re.findall(r"^([\w-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    space = [f"gradio[oauth,mcp]=={pins['gradio']}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces"]  # what a Space's build adds
    ours = installed(folder / "ours", ["-r", str(ROOT / "requirements.txt"), *space])
    plain = installed(folder / "plain", [f"tensorflow=={pins['tensorflow']}", *space])
    yield row(
        "installed size of a Space's environment, against the plain app's with tensorflow",
        f"{ours / plain:.2f} of its {plain / 1e6:,.0f} MB",
        f"at most {BAR}",
        BAR * plain / ours,
        ours_bytes=ours,
        plain_bytes=plain,
    )


def installed(folder: Path, requirements: list[str]) -> int:
    """Install requirements into a folder and return the bytes its files have."""
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--link-mode", "hardlink", "--target", str(folder), *requirements]
    subprocess.run(command, check=True)  # noqa: S603 our own command
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
