"""What can go wrong on the way to the Hub: right answers go on, /health names the cause, and afterwards the space follows again."""

import os
import re
import resource
import signal
import time

import pytest

from digit_model import model_source
from tests.hub.conftest import eventually
from tests.hub.standin import REPO, Handler

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


def wrong_etag(request: Handler) -> bool:
    commit = request.server.refs["main"]
    data = request.server.commits[commit]["model.keras"]
    sha256 = next(name for name, blob in request.server.blobs.items() if blob == data)
    return request.redirect(commit, "0" * 64, len(data), f"http://localhost:{request.server.server_port}/cdn/{sha256}")


FAULTS = {  # name: the fault, and what /health must say
    "reset": (on("head", Handler.reset), "cannot be reached"),
    "closed": (on("head", Handler.hang_up), "cannot be reached"),
    "hanging": (Handler.hang, "did not answer in time|within 5 seconds"),
    "401": (lambda r: r.fail(401, message="Invalid credentials in Authorization header"), "401.*token is not accepted"),
    "403": (lambda r: r.fail(403), "403"),
    "gated": (lambda r: r.fail(403, "GatedRepo", "Access to model is restricted"), "gated.*HF_TOKEN"),
    "repository missing": (lambda r: r.fail(401, "RepoNotFound", "Repository not found"), f"no repository {REPO}.*MODEL_REPO_ID"),
    "revision missing": (lambda r: r.fail(404, "RevisionNotFound", "Invalid rev id"), "no revision main.*MODEL_REVISION"),
    "file missing": (lambda r: r.fail(404, "EntryNotFound", "Entry not found"), "has no model.keras"),
    "429": (lambda r: r.fail(429, Retry_After="3600"), "429.*too many requests"),
    "429 of the CDN": (on("cdn", lambda r: r.fail(429, Retry_After="3600")), "429|within 5 seconds"),
    "500": (lambda r: r.fail(500), "500"),
    "CDN 503": (on("cdn", lambda r: r.fail(503)), "503"),
    "cut off": (on("cdn", cut_off), "within 5 seconds|download failed"),
    "slow drip": (on("cdn", lambda r: r.drip(b"x" * 100_000, 0.05)), "within 5 seconds"),
    "wrong bytes": (on("cdn", lambda r: with_body(r, lambda data: bytes(len(data)))), "not those whose checksum the Hub names"),
    "wrong etag": (on("head", wrong_etag), "not those whose checksum the Hub names"),
    "captive portal": (lambda r: r.send(200, {"Content-Type": "text/html"}, PAGE), "not the Hub"),
    "captive portal that redirects": (lambda r: r.send(302, {"Location": "http://localhost:9/login"}), "not the Hub"),
}


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch):
    monkeypatch.setattr(model_source, "FETCH_SECONDS", 5)  # 60 in earnest


@pytest.fixture(params=["empty cache", "older model"])
def older(request, space, hub, zoo) -> str:
    """Return the name of the model that a space has when the Hub fails: the bundled one, or the one of an earlier start."""
    if request.param == "empty cache":
        return "good"
    hub.commit(zoo.bytes("better"))
    first = space()
    assert first.model().info["source"] == "hub"
    eventually(lambda: first.health()["last_refresh"])
    first.stop()
    return "better"


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_the_hub_does_right_answers_go_on(space, hub, zoo, older, name):
    fault, reason = FAULTS[name]
    newest = hub.commit(zoo.bytes("better" if older == "good" else "good"))
    hub.fault = fault
    began = time.monotonic()
    source = space(bundled="good", imports_done=True, model_refresh_seconds=1)
    model = source.model()
    assert time.monotonic() - began < 20
    assert zoo.reads_as(model, older)
    assert model.info["source"] == ("bundled" if older == "good" else "cache")
    eventually(lambda: re.search(reason, source.health()["last_error"] or ""))
    assert zoo.reads_as(source.model(), older)

    hub.released.set()  # what hangs may go
    hub.fault = None
    eventually(lambda: source.model().info["revision"] == newest)
    assert source.health()["last_error"] is None


def test_when_connections_are_refused_right_answers_go_on(space, hub, zoo, older):
    hub.close()
    source = space(imports_done=True)
    assert zoo.reads_as(source.model(), older)
    assert "cannot be reached" in eventually(lambda: source.health()["last_error"])


def test_a_short_trouble_of_the_hub_is_waited_out(space, hub, zoo, older):
    hub.commit(zoo.bytes("better" if older == "good" else "good"))
    times = iter(range(2))
    hub.fault = lambda request: next(times, None) is not None and request.fail(503)
    model = space().model()
    assert zoo.reads_as(model, "better" if older == "good" else "good")
    assert model.info["source"] == "hub"


def test_after_a_failed_download_a_restart_without_network_serves_the_older_model(space, hub, zoo):
    older = hub.commit(zoo.bytes("better"))
    source = space(model_refresh_seconds=1)
    assert source.model().info["revision"] == older
    hub.fault = on("cdn", lambda request: request.fail(503))
    hub.commit(zoo.bytes("good"))
    eventually(lambda: "503" in (source.health()["last_error"] or ""))
    source.stop()
    hub.close()
    model = space().model()
    assert zoo.reads_as(model, "better")
    assert (model.info["source"], model.info["revision"]) == ("cache", older)


def with_child(space, then):
    """Return a fault and a starter of a space: `then` gets the process id of the space's child when that first asks the Hub."""
    started = []

    def fault(request: Handler) -> None:
        if started and not request.server.released.is_set():
            request.server.released.set()  # once
            then(started[0]._child.pid)

    def start(**settings):
        started.append(space(**settings))
        return started[0]

    return fault, start


def test_a_child_that_is_killed_does_not_matter(space, hub, zoo, older):
    newest = hub.commit(zoo.bytes("better" if older == "good" else "good"))
    hub.fault, start = with_child(space, lambda pid: os.kill(pid, signal.SIGKILL))
    source = start(imports_done=True, model_refresh_seconds=1)
    assert zoo.reads_as(source.model(), older)
    eventually(lambda: source.model().info["revision"] == newest)


def test_a_child_that_runs_out_of_memory_does_not_matter(space, hub, zoo, older):
    newest = hub.commit(zoo.bytes("no_channel"))  # not converted yet: TensorFlow is needed
    hub.fault, start = with_child(space, lambda pid: resource.prlimit(pid, resource.RLIMIT_DATA, (150 << 20, 150 << 20)))
    source = start(imports_done=True, model_refresh_seconds=3)
    assert zoo.reads_as(source.model(), older)
    assert eventually(lambda: source.health()["last_error"])
    eventually(lambda: source.model().info["revision"] == newest)
    assert zoo.reads_as(source.model(), "no_channel")


def test_a_full_disk_does_not_matter(space, hub, zoo, older):
    hub.commit(zoo.bytes("better" if older == "good" else "good"))
    hub.fault, start = with_child(space, lambda pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (50_000, 50_000)))
    source = start(imports_done=True)
    assert zoo.reads_as(source.model(), older)
    assert "the disk is full" in eventually(lambda: source.health()["last_error"])


def test_garbage_in_the_hub_clients_cache_is_downloaded_again(space, hub, zoo, home):
    hub.commit(zoo.bytes("better"))
    first = space()
    eventually(lambda: first.health()["last_refresh"])
    [blob] = [path for path in (home / "hub").glob("models--*/blobs/*") if path.stat().st_size == len(zoo.bytes("better"))]
    blob.write_bytes(bytes(blob.stat().st_size))
    for path in (home / "handwritten-digits").glob("*.json"):
        path.unlink()
    hub.requests.clear()
    model = space().model()
    assert zoo.reads_as(model, "better")
    assert model.info["source"] == "hub"
    assert any(request.startswith("GET /cdn") for request in hub.requests)


@pytest.mark.parametrize(("pattern", "name", "source"), [("*.tflite", "better", "cache"), ("*.json", "good", "bundled")])
def test_garbage_in_our_own_cache_is_not_served(space, hub, zoo, home, pattern, name, source):
    hub.commit(zoo.bytes("better"))
    first = space()
    eventually(lambda: first.health()["last_refresh"])
    hub.close()
    for path in (home / "handwritten-digits").glob(pattern):
        path.write_bytes(b"garbage" * 1000)
    model = space().model(100)
    assert zoo.reads_as(model, name)
    assert model.info["source"] == source
