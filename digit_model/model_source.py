"""Which model is served: MODEL_PATH, or the Hub's, or its last good copy, or the bundled one; and how a running app follows the Hub.

Fetching, checking, opening and converting happen in a child process (model_file.py); its results are taken over here, as one reference.

    start    the first of  last good copy | copy in the Hub client's cache | bundled  that may be served is made ready;
             the Hub is asked at the same time, and its model is the first one served if it answers in time
    refresh  the Hub is asked again: a new commit is swapped in, a failure changes nothing but what /health says
"""

import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from digit_model.model_file import find_converted, read_metrics, replace_file
from digit_model.reader import Model
from digit_model.settings import Settings

BUNDLED = Path(__file__).with_name("model.keras")
ANSWER_SECONDS = 3  # after the imports, for the Hub to say what it has; then the ready model is served first
MODEL_SECONDS = 12  # after the imports, for the model of a Hub that answered to be downloaded and converted
FETCH_SECONDS = 60  # for all that is asked of the Hub in one go
CHILD_SECONDS = 300  # then the child is ended; TensorFlow and a conversion take 6 s of a core, which was 150 s beside a training run
CHILD_ENVIRONMENT = {
    "HF_HUB_DISABLE_XET": "1",  # one small file: plain HTTP is one request
    "HF_HUB_DISABLE_TELEMETRY": "1",  # else the client first asks the Hub something of its own
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

log = logging.getLogger(__name__)


class ModelUnavailable(RuntimeError):
    """There is no model to read with; the message says why and what to do."""


@dataclass(frozen=True)
class Served:
    """A model and what its metrics.json says; replaced as one, never changed."""

    model: Model
    metrics: dict


class ModelSource:
    """Holds the one model that is served now. Every method may be called from any thread."""

    def __init__(self, settings: Settings, bundled: Path = BUNDLED):
        self._settings, self._bundled = settings, bundled
        self._changed = threading.Condition()
        self._served: Served | None = None
        self._ready: Served | None = None  # to be served first when the Hub does not answer in time
        self._hub_is_late = False
        self._hub_answered = threading.Event()
        self._imports_done = False
        self._stopped = threading.Event()
        self._child: subprocess.Popen | None = None
        self._refused: dict[str, str] = {}  # commit -> why its model is not served; it is not fetched again
        self._last_refresh: str | None = None
        self._last_error: str | None = None
        self._spare = tempfile.TemporaryDirectory(prefix="handwritten-digits-", ignore_cleanup_errors=True)
        self._folders = [settings.hf_home / "handwritten-digits", Path(self._spare.name)]  # the second when the first cannot be written to
        followed = f"{settings.model_repo_id}@{settings.model_revision}".replace("/", "--")
        self._last_good = self._folders[0] / f"{followed}.json"  # {"revision", "path", "sha256"}

    def start(self) -> None:
        """Begin to look for a model, beside whatever the process does next. Raises ModelUnavailable when MODEL_PATH is no file."""
        path = self._settings.model_path
        if path and not path.is_file():
            raise ModelUnavailable(f"MODEL_PATH={path}: there is no such file. Set it to a .keras file, or unset it to follow the Hub.")
        threading.Thread(target=self._serve_path if path else self._follow, name="model-source", daemon=True).start()

    def imports_done(self) -> None:
        """Say that the app is ready to serve: from now on the Hub has 3 seconds to answer.

        With MODEL_PATH, wait for that model instead. Raises ModelUnavailable when it may not be served.
        """
        with self._changed:
            if self._settings.model_path:
                self._changed.wait_for(lambda: self._served or self._last_error)
                if not self._served:
                    raise ModelUnavailable(self._last_error)
            elif not self._imports_done:
                threading.Thread(target=self._wait_for_hub, name="model-wait", daemon=True).start()
            self._imports_done = True

    def model(self, timeout: float = 20) -> Model:
        """Return the model served, waiting for the first one. Raises ModelUnavailable after timeout seconds."""
        if not self._served:
            with self._changed:
                self._changed.wait_for(lambda: self._served, timeout)
        if not self._served:
            raise ModelUnavailable(self._last_error or "The model is still loading. Try again in a few seconds.")
        return self._served.model

    @property
    def metrics(self) -> dict:
        """How good the served model is, from the metrics.json beside it; {} when that is not known."""
        return self._served.metrics if self._served else {}

    def health(self) -> dict:
        """Return the state, for /health."""
        served = self._served
        return {
            "status": "ok" if served else "starting",
            "model": served.model.info if served else None,
            "last_refresh": self._last_refresh,
            "last_error": self._last_error,
        }

    def stop(self) -> None:
        """End following and the child. The model served stays usable."""
        self._stopped.set()
        if self._child:
            self._child.kill()
        self._spare.cleanup()

    # The roads to a model, each in a thread of its own

    def _serve_path(self) -> None:
        self._run_child([_candidate("path", self._settings.model_path)])

    def _follow(self) -> None:
        """Find the first model, then ask the Hub for as long as there may be news."""
        self._ready = self._open_last_good()
        pinned = bool(re.fullmatch("[0-9a-f]{40}", self._settings.model_revision))  # a commit never changes
        if pinned and self._ready:
            self._serve(self._ready, "MODEL_REVISION is a commit, and it is here already")
            return
        failures = 0
        while not self._stopped.is_set():
            self._refresh()
            with self._changed:
                self._hub_is_late = True
                self._serve_ready()
            if self._served:
                pause = self._settings.model_refresh_seconds * random.uniform(0.9, 1.1)  # noqa: S311 (so that not all apps ask at once)
            else:
                pause, failures = min(2**failures, 60), failures + 1
            arrived = pinned and self._served and self._served.model.info["revision"] == self._settings.model_revision
            if arrived or not pause:
                return
            self._stopped.wait(pause)

    def _refresh(self) -> None:
        """Ask the Hub once; before any model is served, make another one ready beside it."""
        settings, candidates = self._settings, []
        current = self._served or self._ready
        if not current:
            candidates = [_candidate("cache", None, settings.model_repo_id), _candidate("bundled", self._bundled)]
            if last_good := self._read_last_good():
                candidates.insert(0, _candidate("cache", last_good["path"], settings.model_repo_id) | last_good)
        known = [*self._refused, *([current.model.info["revision"]] if current else [])]
        self._run_child(candidates, {"repo_id": settings.model_repo_id, "revision": settings.model_revision}, known)
        self._last_refresh = _now()

    def _wait_for_hub(self) -> None:
        """Serve what is ready when the Hub takes too long."""
        if self._hub_answered.wait(ANSWER_SECONDS):
            with self._changed:
                self._changed.wait_for(lambda: self._served, MODEL_SECONDS - ANSWER_SECONDS)
        with self._changed:
            self._hub_is_late = True
            self._serve_ready()

    # The child and what it tells

    def _run_child(self, candidates: list[dict], hub: dict | None = None, known: Sequence[str] = ()) -> None:
        """Run one job (model_file.py says what it is) to its end and take over what it tells."""
        folders = [str(folder) for folder in self._folders]
        job = {"folders": folders, "candidates": candidates, "hub": hub, "known": known, "seconds": FETCH_SECONDS}
        try:
            with tempfile.TemporaryFile() as errors, self._child_process(errors) as child:
                print(json.dumps(job), file=child.stdin, flush=True)
                for line in child.stdout:
                    self._take(json.loads(line))
                if child.wait():
                    raise RuntimeError(_cause_of_death(child.returncode, errors))
        except Exception as error:  # whatever it was, the app goes on with what it serves
            if not self._stopped.is_set():
                log.warning("The process that opens models failed: %s", error)
                self._fail(f"the process that opens models failed: {error}")

    @contextmanager
    def _child_process(self, errors) -> Iterator[subprocess.Popen]:
        """Start the child, and end it at its limit. errors: a file for its standard error."""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "digit_model.model_file"],
            cwd=Path(__file__).parents[1],
            env=os.environ | CHILD_ENVIRONMENT | {"HF_HOME": str(self._settings.hf_home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl+C is for the parent alone; the child ends with it, since its standard input does
        )
        limit = threading.Timer(CHILD_SECONDS, self._child.kill)
        limit.start()
        try:
            with self._child:
                yield self._child
        finally:
            limit.cancel()

    def _take(self, event: dict) -> None:
        """Take over what the child tells; model_file.py says what that may be."""
        match event:
            case {"event": "answered", "revision": revision, "known": known}:
                if known:
                    self._last_error = self._refused.get(revision)
                self._hub_answered.set()
                current = self._served or self._ready
                if current and current.model.info["revision"] == revision:
                    self._confirm(current)
            case {"event": "model"}:
                served = self._open(event)
                if event["source"] in ("hub", "path"):
                    self._last_error = None
                    self._serve(served, "it is new on the Hub" if self._served else "")
                    self._remember(event)
                else:
                    with self._changed:
                        self._ready = served
                        self._serve_ready()
            case {"event": "failed", "source": "cache" | "bundled"}:
                log.warning("The %s model is not served: %s", event["source"], event["reason"])
            case {"event": "failed", "source": "path"}:
                self._fail(f"MODEL_PATH={self._settings.model_path} is not served: {event['reason']}.")
            case {"event": "failed"}:
                if event["final"]:
                    self._refused[event["revision"]] = event["reason"]
                self._fail(event["reason"])

    def _fail(self, reason: str) -> None:
        with self._changed:
            if self._served and reason != self._last_error:
                log.warning("No new model: %s", reason)
            self._last_error = reason
            self._hub_is_late = True
            self._serve_ready()
            self._changed.notify_all()

    # What is served

    def _open(self, origin: dict) -> Served:
        """Open a converted model. origin: the keys of an event "model"."""
        info = {name: origin[name] for name in ("source", "repo_id", "revision", "sha256")}
        return Served(Model.load(Path(origin["converted"]), info), origin["metrics"])

    def _serve_ready(self) -> None:
        """Serve what is ready if nothing is served and the Hub is late. Called with the lock held."""
        if self._ready and self._hub_is_late and not self._served:
            self._serve(self._ready, self._last_error or "the Hub has not answered yet")

    def _confirm(self, current: Served) -> None:
        """Serve what is there already as the Hub's: the Hub has the same commit."""
        if current.model.info["source"] != "hub":
            info = current.model.info | {"source": "hub"}
            self._serve(replace(current, model=replace(current.model, info=info)), "the Hub has the same")

    def _serve(self, served: Served, why: str) -> None:
        info = served.model.info | {"since": served.model.info.get("since", _now())}
        names = {"path": "the model of MODEL_PATH", "bundled": "the bundled model", "hub": "the Hub's model", "cache": "the last good copy"}
        of = f" {info['repo_id']}@{info['revision'][:12]}" if info["revision"] else ""
        log.info("Serving %s%s, sha256 %s%s", names[info["source"]], of, info["sha256"][:12], f": {why}" if why else "")
        with self._changed:
            self._served = replace(served, model=replace(served.model, info=info))
            self._ready = None
            self._changed.notify_all()

    def _remember(self, event: dict) -> None:
        """Point to a model of the Hub that is served now, for the next start."""
        if event["source"] == "hub":
            kept = {name: event[name] for name in ("revision", "path", "sha256")}
            try:
                self._last_good.parent.mkdir(parents=True, exist_ok=True)
                replace_file(self._last_good, json.dumps(kept).encode())
            except OSError as error:
                log.warning(
                    "The next start will not find this model without the Hub: %s cannot be written (%s)", self._last_good, error.strerror
                )

    def _read_last_good(self) -> dict | None:
        """Return revision, path and sha256 of the last good model."""
        try:
            kept = json.loads(self._last_good.read_bytes())
            return {name: str(kept[name]) for name in ("revision", "path", "sha256")}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _open_last_good(self) -> Served | None:
        """Return the last good model if it was converted by the code of now: then no child is needed to serve it."""
        kept = self._read_last_good()
        converted = kept and find_converted(self._folders, kept["sha256"])
        if not converted:
            return None
        metrics = read_metrics(Path(kept["path"]).with_name("metrics.json"))
        return self._open({"source": "cache", "repo_id": self._settings.model_repo_id, "converted": converted, "metrics": metrics} | kept)


def _candidate(source: str, path: Path | str | None, repo_id: str | None = None) -> dict:
    return {"source": source, "repo_id": repo_id, "revision": None, "path": path and str(path)}


def _cause_of_death(code: int, errors) -> str:
    """Return in words why the child ended. errors: the file of its standard error."""
    if code < 0:
        return f"it was ended by signal {-code} (out of memory, or over its time)"
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else f"exit code {code}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
