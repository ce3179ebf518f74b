"""Measures the app beside the plain one and prints a table of ratios: python -m benchmarks

What is compared is measured in turn, in one run, so that a busy machine slows both.
"""

import argparse
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

import cv2
import numpy as np
import requests
from gradio_client import Client, handle_file
from PIL import Image

from benchmarks import conditions

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "3_blue-ballpoint.png"
STARTED = 300  # seconds a start may take


def main() -> None:
    args = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split(":")[0])
    args.add_argument("--out", type=Path, help="a JSON file for the table")
    args.add_argument("--starts", type=int, default=3, help="starts of each app, of which the median counts (default %(default)s)")
    args = args.parse_args()
    print(conditions(), flush=True)
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        for measure in (in_process, in_batches, pictures):
            rows += shown(measure())
        rows += shown(whole_apps(Path(folder), args.starts))
    if args.out:
        args.out.write_text(json.dumps({"conditions": conditions(), "rows": rows}, indent=1) + "\n")


def shown(rows: Iterator[dict]) -> list[dict]:
    """Print rows as they come, and return them."""
    kept = []
    for row in rows:
        print(f"{row['what']:66} {row['figure']:>34}   asked: {row['asked']}", flush=True)
        kept.append(row)
    return kept


def ratio(what: str, asked: str, ours: list[float], other: list[float], name: str) -> dict:
    """Return a row that says how many times less ours takes: seconds of both, measured in turn."""
    each = sorted(b / a for a, b in zip(ours, other, strict=True))
    low, _, high = quantiles(each, n=4) if len(each) > 1 else (each[0],) * 3
    return {
        "what": what,
        "figure": f"{median(other) / median(ours):.2f} ({low:.2f} to {high:.2f})",
        "asked": asked,
        "ours_s": median(ours),
        f"{name}_s": median(other),
        "ratio": median(other) / median(ours),
    }


def in_turn(first: Callable, second: Callable, times: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each call of two functions, called in turn after a first call that does not count."""
    taken: tuple[list[float], list[float]] = [], []
    for call in range(times + 1):
        for function, kept in zip((first, second), taken, strict=True):
            began = time.perf_counter()
            function()
            if call:
                kept.append(time.perf_counter() - began)
    return taken


def in_process() -> Iterator[dict]:
    """Yield what one frame costs, against model.predict of the plain network."""
    from benchmarks import plain
    from digit_model import local

    model, network = local.model(), plain.network()
    frame = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    ours, other = in_turn(lambda: model.classify(frame), lambda: network.predict(frame, verbose=0), 100)
    yield ratio("one frame to probabilities, against model.predict", "100 times faster", ours, other, "plain")


def in_batches() -> Iterator[dict]:
    """Yield how many frames a second are classified, against what this machine's matrix products allow."""
    from digit_model import local, model_file

    multiplies = sum(
        np.prod(layer.output.shape[1:]) * np.prod(layer.kernel.shape[:-1])
        for layer in model_file.open_keras(ROOT / "digit_model" / "model.keras").layers
        if hasattr(layer, "kernel")
    )
    model = local.model()
    frames = np.random.default_rng(0).random((256, 28, 28, 1), np.float32)
    square = np.random.default_rng(0).random((1500, 1500), np.float32)
    ours, other = in_turn(lambda: model.classify(frames), lambda: square @ square, 15)
    rate, limit = len(frames) / median(ours), square.size * len(square) / median(other) / multiplies
    yield {
        "what": f"frames a second in batches of 256 ({multiplies / 1e6:.1f} million multiplies each)",
        "figure": f"{rate:,.0f}, {rate / limit:.0%} of {limit:,.0f}",
        "asked": "20,000, or 80% of the machine's limit",
        "ours_per_s": rate,
        "limit_per_s": limit,
    }


def pictures() -> Iterator[dict]:
    """Yield what a picture costs from its bytes to its Reading."""
    from digit_model import local
    from digit_model.image import open_image
    from digit_model.reader import pieces_of_image, read

    model = local.model()
    picture = Image.open(EXAMPLE).convert("RGB")
    for what, size, kind, asked in (
        ("400x400 PNG to its Reading", (400, 400), "PNG", "4 ms"),
        ("12-megapixel JPEG to its Reading", (4000, 3000), "JPEG", "40 ms"),
    ):
        data = encoded(picture, size, kind)

        def whole(data=data):
            read(model, pieces_of_image(open_image(data, 50_000_000)))

        taken, _ = in_turn(whole, lambda: None, 30)
        low, middle, high = quantiles(taken, n=4)
        yield {"what": what, "figure": f"{middle * 1e3:.1f} ms ({low * 1e3:.1f} to {high * 1e3:.1f})", "asked": asked, "ours_s": middle}


def encoded(picture: Image.Image, size: tuple[int, int], kind: str) -> bytes:
    pixels = cv2.resize(np.asarray(picture), size, interpolation=cv2.INTER_CUBIC)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def whole_apps(folder: Path, starts: int) -> Iterator[dict]:
    """Yield starts, memory and requests, against the plain app and one that does nothing."""
    from benchmarks import plain

    file = folder / "plain.keras"
    plain.network().save(file)
    caches = [folder / f"cache{i}" for i in range(starts)]
    first_ever, first_page, again, again_page, others, other_page = [], [], [], [], [], []
    memory, other_memory = [], []
    for i in range(starts):
        for cache, answers, pages in ((caches[i], first_ever, first_page), (caches[i], again, again_page)):
            with running_ours(cache) as (url, process, began):
                pages.append(until(lambda url=url: requests.get(url, timeout=5).raise_for_status()) - began)
                answers.append(until(lambda url=url: post(url)) - began)
        with running_ours(caches[i]) as (url, process, _):
            until(lambda url=url: post(url))
            memory.append(resident(process.pid))
        with running_plain(file) as (url, process, began):
            other_page.append(until(lambda url=url: requests.get(url, timeout=5).raise_for_status()) - began)
            others.append(until(lambda url=url: client(url)()) - began)
            other_memory.append(resident(process.pid))
    yield ratio("first start ever to the first answer, against the plain app", "1.25 times faster", first_ever, others, "plain")
    yield ratio("later starts to the first answer", "2 times faster", again, others, "plain")
    yield ratio("later starts to the page", "2 times faster", again_page, other_page, "plain")
    row = ratio("memory after an answer", "2 times less", memory, other_memory, "plain")
    yield {key.replace("_s", "_bytes"): value for key, value in row.items()}

    with running_ours(caches[0]) as (url, _, _), running_plain(file) as (plain_url, _, _), running_nothing() as (nothing_url, _, _):
        for ready in (lambda: post(url), client(url), client(plain_url), client(nothing_url)):
            until(ready)
        yield ratio(
            "POST /predict, against the plain app by gradio_client",
            "20 times faster",
            *in_turn(lambda: post(url), client(plain_url), 40),
            "plain",
        )
        ours, other = in_turn(client(url), client(nothing_url), 40)
        yield ratio("gradio_client /predict, against an endpoint that does nothing", "0.91 or more", ours, other, "nothing")
        ours, other = in_turn(lambda: post(url, one_digit(6)), lambda: post(url, one_digit(1)), 60)
        yield ratio("six drawn digits by POST /predict, against one", "0.33 or more", ours, other, "one_digit")


def post(url: str, strokes: list | None = None) -> None:
    """Ask the app's plain HTTP door, with the example picture or with strokes."""
    body = {"json": {"strokes": strokes}} if strokes else {"files": {"image": EXAMPLE.read_bytes()}}
    reply = requests.post(f"{url}/predict", timeout=60, **body)
    reply.raise_for_status()
    expected = "2" * len(strokes) if strokes else "3"
    if reply.json()["text"] != expected:
        raise ValueError(f"read {reply.json()['text']!r} instead of {expected!r}")


def one_digit(count: int) -> list:
    """Return a 2 written so many times beside itself."""
    two = np.array([[5, 20], [15, 5], [35, 0], [50, 15], [45, 40], [20, 75], [0, 100], [60, 100]], float)
    return [(two + [90 * i, 0]).tolist() for i in range(count)]


def client(url: str) -> Callable:
    """Return a call of the app's /predict by gradio_client, connected when it is first called."""
    connected = []

    def call() -> None:
        if not connected:
            connected.append(Client(url, verbose=False))
        connected[0].predict(handle_file(EXAMPLE), api_name="/predict")

    return call


def until(ask: Callable) -> float:
    """Ask again and again until nothing is raised, and return when that was."""
    end = time.perf_counter() + STARTED
    while True:
        try:
            ask()
            return time.perf_counter()
        except Exception:
            if time.perf_counter() > end:
                raise
            time.sleep(0.05)


def running_ours(cache: Path):
    port = free_port()
    environment = {"GRADIO_PORT": str(port), "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    return running([sys.executable, "app.py"], port, environment)


def running_plain(file: Path):
    port = free_port()
    return running([sys.executable, "-m", "benchmarks.plain", str(port), str(file)], port, {})


def running_nothing():
    port = free_port()
    return running([sys.executable, "-m", "benchmarks.nothing", str(port)], port, {})


@contextmanager
def running(command: list[str], port: int, environment: dict) -> Iterator[tuple[str, subprocess.Popen, float]]:
    """Start a server, yield its address, its process and when it was started, and end it."""
    began = time.perf_counter()
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 our own commands
    try:
        yield f"http://127.0.0.1:{port}", process, began
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def resident(pid: int) -> float:
    """Return the bytes of memory of a process and its children, shared pages counted by their part (Linux)."""
    pids = [pid]
    for parent in pids:
        with suppress(OSError):
            pids += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    sizes = []
    for each in pids:
        with suppress(OSError):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            sizes.append(next(int(line.split()[1]) for line in lines if line.startswith("Pss:")))
    return 1024.0 * sum(sizes)


if __name__ == "__main__":
    main()
