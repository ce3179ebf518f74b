"""What the rows of the table share: taking turns, ratios, servers in processes of their own, and their memory."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

import requests
from gradio_client import Client, handle_file

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "3_blue-ballpoint.png"
STARTED = 300  # seconds a start may take


def in_turn(times: int, *functions: Callable) -> list[list[float]]:
    """Return the seconds of each call of several functions, called in turn after a first call that does not count."""
    taken: list[list[float]] = [[] for _ in functions]
    for call in range(times + 1):
        for function, kept in zip(functions, taken, strict=True):
            began = time.perf_counter()
            function()
            if call:
                kept.append(time.perf_counter() - began)
    return taken


def row(what: str, figure: str, asked: str, margin: float | None, **numbers: object) -> dict:
    """Return a row of the table; numbers are told in its JSON alone.

    margin: how many times better it is than asked, below 1 where it misses that; None where it was not measured.
    """
    return {"what": what, "figure": figure, "asked": asked, "margin": margin, **numbers}


def faster(what: str, bar: float, ours: list[float], other: list[float], name: str, unit: str = "s") -> dict:
    """Return a row that says how many times less ours takes than another, which is to be at least `bar`; both were measured in turn."""
    times, low, high = compared(other, ours)
    numbers = {f"ours_{unit}": median(ours), f"{name}_{unit}": median(other), "ratio": times}
    less = "less" if unit == "bytes" else "faster"
    return row(what, f"{times:.2f} times {less} ({low:.2f} to {high:.2f})", f"{bar:g} times", times / bar, **numbers)


def as_long(what: str, bar: float, ours: list[float], other: list[float], name: str) -> dict:
    """Return a row that says how many times as long ours takes as another, which is to be at most `bar`; both were measured in turn."""
    times, low, high = compared(ours, other)
    numbers = {"ours_s": median(ours), f"{name}_s": median(other), "ratio": times}
    return row(what, f"{times:.2f} times as long ({low:.2f} to {high:.2f})", f"at most {bar:g}", bar / times, **numbers)


def compared(some: list[float], others: list[float]) -> tuple[float, float, float]:
    """Return the ratio of two medians, and the quartiles of the ratios of each pair."""
    each = [a / b for a, b in zip(some, others, strict=True)]
    low, _, high = quantiles(each, n=4) if len(each) > 1 else (each[0],) * 3
    return median(some) / median(others), low, high


def milliseconds(what: str, bar: float, taken: list[float]) -> dict:
    """Return a row that says how long something takes, which is to be at most `bar` milliseconds."""
    low, middle, high = (1e3 * value for value in quantiles(taken, n=4))
    return row(what, f"{middle:.1f} ms ({low:.1f} to {high:.1f})", f"at most {bar:g} ms", bar / middle, ours_s=middle / 1e3)


# Servers ------------------------------------------------------------------------------------------------------------------------------


def running_ours(cache: Path):
    """Start our app with a folder for HF_HOME, see `running`."""
    port = free_port()
    return running(["app.py"], port, {"GRADIO_PORT": str(port), "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"})


def running_module(name: str, *arguments: str):
    """Start python -m benchmarks.NAME PORT ARGUMENTS, see `running`."""
    port = free_port()
    return running(["-m", f"benchmarks.{name}", str(port), *arguments], port, {})


@contextmanager
def running(command: list[str], port: int, environment: dict) -> Iterator[tuple[str, subprocess.Popen, float]]:
    """Start a server, yield its address, its process and when it was started, and end it."""
    began = time.perf_counter()
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", **environment}
    command = [sys.executable, *command]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 our own commands
    try:
        yield f"http://127.0.0.1:{port}", process, began
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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


def post(url: str) -> None:
    """Ask a plain HTTP door with the example picture. Raises ValueError where it is read as something else."""
    reply = requests.post(f"{url}/predict", files={"image": EXAMPLE.read_bytes()}, timeout=60)
    reply.raise_for_status()
    if reply.json()["text"] != "3":
        raise ValueError(f"read {reply.json()['text']!r} instead of '3'")


def client(url: str) -> Callable:
    """Return a call of the app's /predict by gradio_client, connected when it is first called."""
    connected = []

    def call() -> None:
        if not connected:
            connected.append(Client(url, verbose=False))
        connected[0].predict(handle_file(EXAMPLE), api_name="/predict")

    return call


# Memory -------------------------------------------------------------------------------------------------------------------------------


def family(pid: int) -> set[int]:
    """Return a process and all that it, or one of them, started (Linux)."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in new} - found
    return found


def memory(pid: int) -> float:
    """Return the bytes of memory of a process, what it shares with others counted in parts; 0 when it has ended (Linux)."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return 1024.0 * int(line.split()[1])
    return 0.0


def forget_peak(pid: int) -> float:
    """Let `peak` of a process begin anew, and return the bytes it has now (Linux)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak(pid)


def peak(pid: int) -> float:
    """Return the most memory in bytes that a process had since `forget_peak` (Linux)."""
    return 1024.0 * int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
