"""The real app on a free port, started as a visitor's machine starts it: what tests/service and tests/browser ask."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a slow machine is no failure
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent
MARKED = "hf_that-nobody-may-see"  # the app's token
STARTED = 240  # seconds a start may take, TensorFlow's import on a busy machine included; it is 15 on an idle one


@dataclass(frozen=True)
class App:
    """A running app: where it listens, its process, its folder for temporary files, its log, and how long it was up without a model."""

    url: str
    process: subprocess.Popen
    folder: Path
    log: Path
    delay: float = 0  # seconds


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running_app(folder: Path, **environment: str) -> Iterator[App]:
    """Start app.py with these variables, yield it as soon as it serves a model, and end it."""
    port = free_port()
    environment = {
        **os.environ,
        "GRADIO_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "TMPDIR": str(folder),
        **environment,
    }
    with running([sys.executable, "app.py"], ROOT, environment, port, folder) as app:
        yield app


@contextmanager
def running(command: list[str], where: Path, environment: dict[str, str], port: int, folder: Path) -> Iterator[App]:
    """Start the app by a command, its log in the folder, yield it as soon as it serves a model on the port, and end it."""
    log = folder / "app.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=where, env=environment, stdout=out, stderr=subprocess.STDOUT)
    app = App(f"http://127.0.0.1:{port}", process, folder, log)
    try:
        yield replace(app, delay=wait_until_served(app))
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def wait_until_served(app: App) -> float:
    """Wait until the app serves a model; return for how many seconds it was up without one."""
    end, up = time.monotonic() + STARTED, None
    while time.monotonic() < end and app.process.poll() is None:
        with suppress(requests.RequestException):
            status = requests.get(f"{app.url}/health", timeout=5).json()["status"]
            up = up or time.monotonic()
            if status == "ok":
                return time.monotonic() - up
        time.sleep(0.1)
    pytest.fail(f"The app did not start:\n{app.log.read_text()}")


def call(app: App, endpoint: str, *data) -> str:
    """Return the stream that a plain HTTP caller of one of Gradio's endpoints gets, or why he gets none."""
    body = json.dumps({"data": data})  # NaN too, which requests would not send
    reply = requests.post(f"{app.url}/gradio_api/call/{endpoint}", body, headers={"Content-Type": "application/json"}, timeout=60)
    if not reply.ok:
        return reply.text
    return requests.get(f"{app.url}/gradio_api/call/{endpoint}/{reply.json()['event_id']}", timeout=60).text


def from_npm(folder: Path, package: str) -> Path:
    """Install a package into the folder and return its node_modules; the test is skipped where npm or its registry is missing."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is missing: apt-get install npm")
    installed = subprocess.run([npm, "install", "--no-audit", "--no-fund", "--prefix", folder, package], capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"the npm registry cannot be reached: {installed.stderr}")
    return folder / "node_modules"


def finished(coroutine: Coroutine) -> object:
    """Return what a coroutine gives, run in a thread of its own: this one may have Playwright's event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asyncio.wait_for(coroutine, 120)).result()


@pytest.fixture(scope="session")
def app(tmp_path_factory) -> Iterator[App]:
    """The app with the bundled model, or the one MODEL_PATH names."""
    folder = tmp_path_factory.mktemp("app")
    path = os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras")
    with running_app(folder, MODEL_PATH=path, HF_HOME=str(folder / "hf"), HF_TOKEN=MARKED) as app:
        yield app


@pytest.fixture(scope="session")
def seven() -> list[list[list[float]]]:
    """A 7 as strokes."""
    return [[[60, 60], [120, 58], [180, 60], [160, 110], [135, 160], [118, 220]]]


@pytest.fixture(scope="session")
def people_data() -> Path:
    """The folder with MNIST and with drawings and pictures by people, beside the project; it is not a part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the judging data is not beside the project (../shared/data)")
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where everything must run (REQUIRE_EVERYTHING=1, as in .ci/run), a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("REQUIRE_EVERYTHING"):
        report.outcome = "failed"
    return report
