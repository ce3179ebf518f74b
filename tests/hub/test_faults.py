"""What can go wrong on the way to the Hub: right answers go on, /health names the cause, and afterwards the space follows again."""

import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digit_model import model_source
from digit_model.model_source import ModelSource
from tests.hub.conftest import eventually
from tests.hub.standin import REPO, Handler

GARBAGE = b"garbage" * 1000
PAGE = b"<html><body>Please log in to this network</body></html>"


def on(kind: str, answer):
    """Return a fault of one kind of request: "head", "get" or "cdn"."""
    return lambda request: answer(request) if request.kind == kind else None


def with_body(request: Handler, change) -> bool:
    """Answer with another body."""
    return request.send(200, {}, change(request.server.blobs[request.path.removeprefix("/cdn/")]))


def cut_off(request: Handler) -> bool:
    """Say the right length, and end in the middle."""
    data = request.server.blobs[request.path.removeprefix("/cdn/")]
    request.send(200, {}, data[:10_000], length=len(data))
    return request.hang_up()


def without_end(request: Handler) -> bool:
    """Say no length, and go on for as long as somebody listens."""
    request.send_response(200)
    request.end_headers()
    while not request.server.released.is_set():
        request.wfile.write(bytes(1 << 20))
    return request.hang_up()


def wrong_etag(request: Handler) -> bool:
    commit = request.server.refs["main"]
    data = request.server.commits[commit]["model.keras"]
    sha256 = next(name for name, blob in request.server.blobs.items() if blob == data)
    return request.redirect(commit, "0" * 64, len(data), f"http://localhost:{request.server.server_port}/cdn/{sha256}")


FAULTS = {  # name: the fault, and what /health must say
    "reset": (on("head", Handler.reset), "cannot be reached"),
    "closed": (on("head", Handler.hang_up), "cannot be reached"),
    "hanging": (Handler.hang, "did not answer in time|within 1.5 seconds"),
    "401": (lambda r: r.fail(401, message="Invalid credentials in Authorization header"), "401.*token is not accepted"),
    "403": (lambda r: r.fail(403), "403"),
    "gated": (lambda r: r.fail(403, "GatedRepo", "Access to model is restricted"), "gated.*HF_TOKEN"),
    "repository missing": (lambda r: r.fail(401, "RepoNotFound", "Repository not found"), f"no repository {REPO}.*MODEL_REPO_ID"),
    "revision missing": (lambda r: r.fail(404, "RevisionNotFound", "Invalid rev id"), "no revision main.*MODEL_REVISION"),
    "file missing": (lambda r: r.fail(404, "EntryNotFound", "Entry not found"), "has no model.keras"),
    "429": (lambda r: r.fail(429, Retry_After="3600"), "429.*too many requests"),
    "429 of the CDN": (on("cdn", lambda r: r.fail(429, Retry_After="3600")), "429|within 1.5 seconds"),
    "500": (lambda r: r.fail(500), "500"),
    "CDN 503": (on("cdn", lambda r: r.fail(503)), "503"),
    "cut off": (on("cdn", cut_off), "within 1.5 seconds|download failed"),
    "CDN hanging": (on("cdn", Handler.hang), "within 1.5 seconds"),
    "without end": (on("cdn", without_end), "larger than allowed"),
    "slow drip": (on("cdn", lambda r: r.drip(b"x" * 100_000, 0.05)), "within 1.5 seconds"),
    "wrong bytes": (on("cdn", lambda r: with_body(r, lambda data: bytes(len(data)))), "not those whose checksum the Hub names"),
    "wrong etag": (on("head", wrong_etag), "not those whose checksum the Hub names"),
    "captive portal": (lambda r: r.send(200, {"Content-Type": "text/html"}, PAGE), "not the Hub"),
    "captive portal that redirects": (lambda r: r.send(302, {"Location": "http://localhost:9/login"}), "not the Hub"),
}


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch):
    monkeypatch.setattr(model_source, "FETCH_SECONDS", 20)  # 60 in earnest


@pytest.fixture(autouse=True)
def older(hub, zoo) -> str:
    """The Hub's first commit, which the space with an older model has."""
    return hub.commit(zoo.bytes("better"), metrics={"accuracy": 0.99})


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_the_hub_does_right_answers_go_on(both, hub, zoo, older, monkeypatch, name):
    fault, reason = FAULTS[name]
    if "within" in reason:
        monkeypatch.setattr(model_source, "FETCH_SECONDS", 1.5)
    newest = hub.commit(zoo.bytes("no_channel"))
    hub.fault = fault
    began = time.monotonic()
    spaces = both(imports_done=True, model_refresh_seconds=0.3)
    for source, has in spaces:
        model = source.model()
        assert time.monotonic() - began < 20
        assert zoo.reads_as(model, has)
        assert (model.info["source"], model.info["revision"]) == (("bundled", None) if has == "good" else ("cache", older))
    for source, has in spaces:
        eventually(lambda: re.search(reason, source.health()["last_error"] or ""))  # noqa: B023
        assert zoo.reads_as(source.model(), has)

    hub.released.set()  # what hangs may go
    hub.fault = None
    for source, _ in spaces:
        eventually(lambda: source.model().info["revision"] == newest)  # noqa: B023
        assert zoo.reads_as(source.model(), "no_channel")
        assert source.health()["last_error"] is None


def test_what_an_ended_download_left_is_cleared_away(space, hub, zoo, home, monkeypatch):
    monkeypatch.setattr(model_source, "FETCH_SECONDS", 1.5)
    hub.fault, _ = FAULTS["slow drip"]
    source = space(model_refresh_seconds=0.3)
    eventually(lambda: source.health()["last_error"])
    left = list((home / "hub").glob("models--*/blobs/*.incomplete"))
    assert left
    for part in left:
        os.utime(part, (0, 0))
    hub.released.set()
    hub.fault = None
    eventually(lambda: source.model().info["source"] == "hub")
    assert not any(part.exists() for part in left)


def test_when_connections_are_refused_right_answers_go_on(both, hub, zoo):
    hub.close()
    for source, has in both(imports_done=True):
        assert zoo.reads_as(source.model(), has)
        assert "cannot be reached" in eventually(lambda: source.health()["last_error"])  # noqa: B023


def test_in_offline_mode_the_hub_is_not_asked(both, hub, zoo, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for source, has in both(imports_done=True):
        assert zoo.reads_as(source.model(), has)
        assert "HF_HUB_OFFLINE" in eventually(lambda: source.health()["last_error"])  # noqa: B023
    assert hub.requests == []


@pytest.mark.parametrize("before", ["home", "older_home"])
def test_a_short_trouble_of_the_hub_is_waited_out(space, hub, zoo, request, before):
    hub.commit(zoo.bytes("no_channel"))
    times = iter(range(2))
    hub.fault = lambda request: next(times, None) is not None and request.fail(503)
    model = space(hf_home=request.getfixturevalue(before)).model()
    assert zoo.reads_as(model, "no_channel")
    assert model.info["source"] == "hub"


def test_after_a_failed_download_a_restart_without_network_serves_the_older_model(both, hub, zoo, older):
    hub.fault = on("cdn", lambda request: request.fail(503))
    hub.commit(zoo.bytes("no_channel"))
    for source, _ in both():
        eventually(lambda: "503" in (source.health()["last_error"] or ""))  # noqa: B023
        source.stop()
    hub.close()
    for source, has in both():
        model = source.model()
        assert zoo.reads_as(model, has)
        assert (model.info["source"], model.info["revision"]) == (("bundled", None) if has == "good" else ("cache", older))


def blow(spaces: list[tuple[ModelSource, str]], strike: Callable[[int], None]) -> Callable[[Handler], None]:
    """Return a fault that strikes the child of each space, by its process id, once: when one of them asks the Hub."""
    struck = set()

    def fault(request: Handler) -> None:
        for source, _ in spaces:
            if source not in struck and source._child:
                struck.add(source)
                strike(source._child.pid)

    return fault


def test_a_child_that_is_killed_does_not_matter(both, hub, zoo):
    newest = hub.commit(zoo.bytes("no_channel"))
    spaces = []
    hub.fault = blow(spaces, lambda pid: os.kill(pid, signal.SIGKILL))
    spaces += both(imports_done=True, model_refresh_seconds=10)
    for source, has in spaces:
        assert zoo.reads_as(source.model(), has)
        assert "ended by signal 9" in eventually(lambda: source.health()["last_error"])  # noqa: B023
    for source, _ in spaces:
        eventually(lambda: source.model().info["revision"] == newest)  # noqa: B023


def test_a_child_that_runs_out_of_memory_does_not_matter(space, hub, zoo):
    newest = hub.commit(zoo.bytes("rgb_32_logits"))  # not converted yet: TensorFlow is needed
    spaces = []
    hub.fault = blow(spaces, lambda pid: resource.prlimit(pid, resource.RLIMIT_DATA, (150 << 20, 150 << 20)))
    source = space(imports_done=True, model_refresh_seconds=1)
    spaces.append((source, "good"))
    assert zoo.reads_as(source.model(), "good")
    assert "the process that opens models failed" in eventually(lambda: source.health()["last_error"])
    eventually(lambda: source.model().info["revision"] == newest)
    assert zoo.reads_as(source.model(), "rgb_32_logits")


@pytest.fixture
def small_disk(tmp_path) -> Iterator[bool]:
    """Make the folder of HF_HOME a disk of its own, of 16 MB, where that is allowed; tell whether it was."""
    mounted = shutil.which("mount") and not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", tmp_path]).returncode
    yield bool(mounted)
    if mounted:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(disk: Path, free: int) -> None:
    """Leave so many bytes free."""
    with open(disk / "rest", "wb", buffering=0) as rest:
        with contextlib.suppress(OSError):
            while rest.write(bytes(10_000)):
                pass
        rest.truncate(rest.tell() - free)


@pytest.mark.parametrize("free", [0, 20_000])  # bytes: not even the pointer to the last good model can be written, or just that
def test_a_full_disk_does_not_matter(small_disk, both, hub, zoo, older, tmp_path, monkeypatch, free):
    """The newest model is held in memory then. Where no disk may be mounted, the children may write no file of more than 20 kB."""
    newest = hub.commit(zoo.bytes("no_channel"))
    spaces = []
    if small_disk:
        fill(tmp_path, free)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setenv("TMPDIR", str(tmp_path))
    else:
        hub.fault = blow(spaces, lambda pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (20_000, 20_000)))
    spaces += both()
    for source, has in spaces:
        model = source.model()
        assert zoo.reads_as(model, "no_channel" if small_disk else has)
        assert model.info["revision"] in ((newest,) if small_disk else (older, None))
        assert re.search("disk is full|larger than allowed", eventually(lambda: source.health()["last_error"]))  # noqa: B023
        source.stop()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for source, has in both():
        assert zoo.reads_as(source.model(), has)


def test_garbage_in_the_hub_clients_cache_is_downloaded_again(space, hub, zoo, older_home):
    [blob] = [path for path in (older_home / "hub").glob("models--*/blobs/*") if path.stat().st_size == len(zoo.bytes("better"))]
    blob.write_bytes(bytes(blob.stat().st_size))
    for path in (older_home / "handwritten-digits").glob("*.json"):
        path.unlink()
    model = space(hf_home=older_home).model()
    assert zoo.reads_as(model, "better")
    assert model.info["source"] == "hub"
    assert any(request.startswith("GET /cdn") for request in hub.requests)


@pytest.mark.parametrize(
    ("pattern", "garbage", "name", "source"),
    [
        ("*.tflite", GARBAGE, "better", "cache"),
        ("*.json", GARBAGE, "good", "bundled"),
        ("*.json", b"[" * 100_000, "good", "bundled"),
        ("*.json", b'{"sha256": "/", "revision": "", "path": ""}', "good", "bundled"),
    ],
)
def test_garbage_in_our_own_cache_is_not_served(space, zoo, older_home, monkeypatch, pattern, garbage, name, source):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for path in (older_home / "handwritten-digits").glob(pattern):
        path.write_bytes(garbage)
    model = space(hf_home=older_home).model(100)
    assert zoo.reads_as(model, name)
    assert model.info["source"] == source
