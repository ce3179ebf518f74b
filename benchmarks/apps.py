"""Rows of the table: whole apps, each in a process of its own: starts, memory, requests, many clients."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import numpy as np
import requests

from benchmarks import process
from benchmarks.measuring import (
    EXAMPLE,
    as_long,
    client,
    family,
    faster,
    in_turn,
    memory,
    post,
    row,
    running_module,
    running_ours,
    until,
)

CLIENTS = 32
ROUNDS, ROUND = 4, 4  # of all clients at one server and then at the other, seconds each


def starts(folder: Path, times: int = 3) -> Iterator[dict]:
    """Yield starts and memory, against the plain app."""
    file = plain_file(folder)
    first_ever, first_page, again, again_page, others, other_page = [], [], [], [], [], []
    sizes, other_sizes = [], []
    for i in range(times):
        cache = folder / f"cache{i}"
        for answers, pages in ((first_ever, first_page), (again, again_page)):
            with running_ours(cache) as (url, ours, began):
                pages.append(until(lambda url=url: requests.get(url, timeout=5).raise_for_status()) - began)
                answers.append(until(lambda url=url: post(url)) - began)
                size = sum(map(memory, family(ours.pid)))
        sizes.append(size)
        with running_module("plain", str(file)) as (url, other, began):
            other_page.append(until(lambda url=url: requests.get(url, timeout=5).raise_for_status()) - began)
            others.append(until(lambda url=url: client(url)()) - began)
            other_sizes.append(sum(map(memory, family(other.pid))))
    yield faster("first start ever to the first answer, against the plain app", 1.25, first_ever, others, "plain")
    yield faster("later starts to the first answer", 2, again, others, "plain")
    yield faster("later starts to the page", 2, again_page, other_page, "plain")
    yield faster("memory after an answer", 2, sizes, other_sizes, "plain", unit="bytes")


def plain_file(folder: Path) -> Path:
    """Write the plain network, once, and return the path."""
    from benchmarks import plain

    file = folder / "plain.keras"
    if not file.exists():
        plain.network().save(file)
    return file


def doors(folder: Path) -> Iterator[dict]:
    """Yield what a request costs, against the plain app and an endpoint that does nothing."""
    with (
        running_ours(folder / "cache0") as (url, _, _),
        running_module("plain", str(plain_file(folder))) as (plain_url, _, _),
        running_module("nothing") as (nothing_url, _, _),
    ):
        by_client, by_plain, by_nothing = client(url), client(plain_url), client(nothing_url)
        for ready in (lambda: post(url), by_client, by_plain, by_nothing):
            until(ready)
        ours, others = in_turn(40, asking(url, request("/predict", picture()), "3"), by_plain)
        yield faster("POST /predict, against the plain app by gradio_client", 20, ours, others, "plain")
        ours, others = in_turn(40, by_client, by_nothing)
        yield as_long("gradio_client /predict, against an endpoint that does nothing", 1.1, ours, others, "nothing")
        ours, others = in_turn(60, *(asking(url, request("/predict", drawing(count)), "2" * count) for count in (6, 1)))
        yield as_long("six drawn digits by POST /predict, against one", 3, ours, others, "one_digit")


def twos(count: int) -> list:
    """Return a 2 written so many times beside itself, as strokes."""
    two = np.array([[5, 20], [15, 5], [35, 0], [50, 15], [45, 40], [20, 75], [0, 100], [60, 100]], float)
    return [(two + [90 * i, 0]).tolist() for i in range(count)]


def many_clients(folder: Path) -> Iterator[dict]:
    """Yield how many requests a second many clients at once are answered, against a minimal server of the same reading."""
    onnx = process.to_onnx(folder / "model.onnx")
    with running_ours(folder / "cache0") as (url, _, _), running_module("bare", str(onnx)) as (bare_url, _, _):
        until(lambda: post(url))
        until(lambda: post(bare_url))
        same_answers(url, bare_url)
        for what, expected, ours, other in (
            ("pictures", "3", request("/predict", picture()), request("/predict", picture())),
            ("drawings", "2", request("/predict", drawing()), request("/strokes", drawing())),
        ):
            rates, other_rates, waits = [], [], []
            for door, asked in ((url, ours), (bare_url, other)):
                answered(door, asked, expected, CLIENTS, 2)  # ours starts a process beside it when there is much to read
            for _ in range(ROUNDS):
                rate, taken = answered(url, ours, expected, CLIENTS, ROUND)
                rates.append(rate)
                waits += taken
                other_rates.append(answered(bare_url, other, expected, CLIENTS, ROUND)[0])
            ratio, wait = median(rates) / median(other_rates), 1e3 * quantiles(waits, n=100)[98]
            yield row(
                f"{what} of {CLIENTS} clients by POST /predict, against FastAPI and ONNX Runtime",
                f"{ratio:.2f} of its {median(other_rates):.0f} a second, p99 {wait:.0f} ms",
                "0.7, p99 under 100 ms",
                min(ratio / 0.7, 100 / wait),
                ours_per_s=median(rates),
                bare_per_s=median(other_rates),
                p99_s=wait / 1e3,
            )


def same_answers(url: str, bare_url: str) -> None:
    """Raise ValueError unless both servers read the gallery alike."""
    for path in sorted(EXAMPLE.parent.glob("*.png")):
        ours, other = (requests.post(f"{door}/predict", files={"image": path.read_bytes()}, timeout=60).json() for door in (url, bare_url))
        if ours["text"] != other["text"] or not np.allclose(ours["confidence"] or 0, other["confidence"] or 0, atol=process.SAME):
            raise ValueError(f"{path.name}: {ours['text']!r} here and {other['text']!r} there")


def picture() -> dict:
    return {"files": {"image": ("3.png", EXAMPLE.read_bytes(), "image/png")}}


def drawing(digits: int = 1) -> dict:
    return {"json": {"strokes": twos(digits)}}


def request(path: str, body: dict) -> tuple[str, bytes, dict]:
    """Return path, body and headers of a POST, made once: only the servers' time counts."""
    prepared = requests.Request("POST", f"http://localhost{path}", **body).prepare()
    return path, prepared.body, {"Content-Type": prepared.headers["Content-Type"]}


def asking(url: str, asked: tuple, expected: str) -> Callable[[], None]:
    """Return a call that asks one question over a connection that is kept, and raises RuntimeError where another text is read."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def ask() -> None:
        connection.request("POST", *asked)
        reply = connection.getresponse()
        answer = reply.read()
        if reply.status != 200 or json.loads(answer)["text"] != expected:
            raise RuntimeError(f"{url} answered {reply.status}: {answer[:200]!r}")

    return ask


def answered(url: str, asked: tuple, expected: str, clients: int, seconds: float) -> tuple[float, list[float]]:
    """Let so many clients, each with a connection of its own, ask one question again and again.

    Return how many answers came a second, and the seconds each took. Raises RuntimeError where another text is read.
    """
    began = time.perf_counter()

    def ask(_) -> list[float]:
        ask_once, taken = asking(url, asked, expected), []
        while time.perf_counter() < began + seconds:
            start = time.perf_counter()
            ask_once()
            taken.append(time.perf_counter() - start)
        return taken

    with ThreadPoolExecutor(clients) as pool:
        waits = [wait for taken in pool.map(ask, range(clients)) for wait in taken]
    return len(waits) / (time.perf_counter() - began), waits
