"""Attacks the real app and weighs it: every hostile file and drawing of tests/attack, then thousands of sessions. Linux only.

python -m benchmarks.endurance [--sessions 10000]
"""

import argparse
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from benchmarks import conditions
from tests.attack import drawings, pictures
from tests.conftest import ROOT, App, running_app

MODEL = ROOT / "digit_model" / "model.keras"
CLIENTS = 4  # that call at once


def main() -> None:
    args = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__.split("\n")[0])
    args.add_argument("--sessions", type=int, default=10_000, help="sessions of one prediction each (default %(default)s)")
    args = args.parse_args()
    print(conditions(), flush=True)
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), MODEL_PATH=str(MODEL), HF_HOME=f"{folder}/hf") as app:
        print(attacks(app), flush=True)
        for line in endurance(app, args.sessions):
            print(line, flush=True)


def attacks(app: App) -> str:
    """Return how long the slowest hostile input took, and by how much the memory of the app and its children grew at most meanwhile."""
    inputs = [
        (name, make(), "image/png") for table in (pictures.READ, pictures.NOTHING, pictures.REFUSED) for name, make in table.items()
    ] + [
        (name, json.dumps({"strokes": strokes}).encode(), "application/json")
        for table in (drawings.READ, drawings.ANSWERED, drawings.REFUSED)
        for name, strokes in table.items()
    ]
    rest = memory(app.process.pid, "VmRSS")
    taken, peaks = [], []
    for name, body, kind in inputs:
        forget_peak(app)
        began = time.perf_counter()
        with sums(app) as together:
            reply = requests.post(f"{app.url}/predict", data=body, headers={"Content-Type": kind}, timeout=300)
        taken.append((time.perf_counter() - began, name))
        peaks.append((max(memory(app.process.pid, "VmHWM"), *together) - rest, name))
        if reply.status_code >= 500:
            raise SystemExit(f"{name}: {reply.status_code} {reply.text}")
    return "{}: all answered, the slowest in {:.2f} s ({}), memory at most {:.0f} MB above rest ({})".format(
        f"{len(inputs)} hostile inputs", *max(taken), *max(peaks)
    )


def endurance(app: App, sessions: int) -> Iterator[str]:
    """Yield what the app holds after a tenth of the sessions and after all: each uploads a picture of its own and has it read."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for part in (range(sessions // 10), range(sessions // 10, sessions)):
            list(pool.map(lambda number: session(app, number), part))
            threads, descriptors = (len(os.listdir(f"/proc/{app.process.pid}/{kind}")) for kind in ("task", "fd"))
            temporary = sum(path.stat().st_size for path in app.folder.glob("gradio/**/*") if path.is_file())
            yield (
                f"after {part.stop:,} sessions ({time.perf_counter() - began:.0f} s): {memory(app.process.pid, 'VmRSS'):.0f} MB, "
                f"{temporary / 1e6:.1f} MB of temporary files, {threads} threads, {descriptors} descriptors"
            )


def session(app: App, number: int) -> None:
    """Call /predict as gradio_client does, by a session of its own, with a picture that nobody sent before."""
    picture = pictures.encoded(pictures.drawn(place=(number % 50 - 25, number // 50 % 50 - 25), paper=245 - number // 2500 % 50))
    with requests.Session() as visitor:
        [path] = visitor.post(f"{app.url}/gradio_api/upload", files={"files": ("7.png", picture)}, timeout=60).json()
        body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
        event = visitor.post(f"{app.url}/gradio_api/call/predict", json=body, timeout=60).json()["event_id"]
        stream = visitor.get(f"{app.url}/gradio_api/call/predict/{event}", timeout=60).text
    if '"label": "7"' not in stream:
        raise SystemExit(f"session {number}: {stream}")


def memory(process: int, kind: str) -> float:
    """Return a process's resident memory in MB: VmRSS now, VmHWM at most since forget_peak. 0 for one that has ended."""
    with suppress(OSError):  # it has just ended
        if found := re.search(rf"{kind}:\s+(\d+)", Path(f"/proc/{process}/status").read_text()):
            return int(found[1]) / 1000
    return 0


@contextmanager
def sums(app: App) -> Iterator[list[float]]:
    """Collect, while it is open and 200 times a second, the memory of the app and its children: it opens large pictures in such."""
    found, stop = [0.0], threading.Event()

    def look() -> None:
        while not stop.wait(0.005):
            children = [child for task in Path(f"/proc/{app.process.pid}/task").glob("*/children") for child in numbers_in(task)]
            found.append(memory(app.process.pid, "VmRSS") + sum(memory(child, "VmHWM") for child in children))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def numbers_in(file: Path) -> list[int]:
    with suppress(OSError):  # the thread has just ended
        return [int(number) for number in file.read_text().split()]
    return []


def forget_peak(app: App) -> None:
    Path(f"/proc/{app.process.pid}/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
