"""Which model is served: MODEL_PATH, or the Hub's, or its last good copy, or the bundled one; and how a running app follows the Hub.

Fetching, checking, opening and converting happen in a child process (model_file.py); its results are taken over here, as one reference.

    start    the first of  last good copy | copy in the Hub client's cache | bundled  that may be served is made ready;
             the Hub is asked at the same time, and its model is the first one served if it answers in time
    refresh  the Hub is asked again: a new commit is swapped in, a failure changes nothing but what /health says

Beside the converted models two small files are kept for each revision followed: which model was the last good one, and which commits
are refused and why, so that no start and no refresh fetches and tries them again.
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
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from digit_model.model_file import code_version, find_converted, read_metrics, replace_file
from digit_model.reader import Model
from digit_model.settings import Settings

BUNDLED = Path(__file__).with_name("model.keras")
ANSWER_SECONDS = 3  # after the imports, for the Hub to say what it has; then the ready model is served first
MODEL_SECONDS = 12  # after the imports, for the model of a Hub that answered to be downloaded and converted
FETCH_SECONDS = 60  # for all that is asked of the Hub in one go
CHILD_SECONDS = 300  # then the child is ended; TensorFlow and a conversion take 6 s of a core, which was 150 s beside a training run
TRIES = 2  # of a model that the child does not survive; the first time it may have been the machine's fault
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
        self._opening: str | None = None  # the commit whose model the child opens now
        self._deaths: Counter[str] = Counter()  # commit -> how often the child did not survive its model
        self._last_refresh: str | None = None
        self._last_error: str | None = None
        self._not_kept: str | None = None  # why the Hub's model that is served will not be here at the next start
        self._spare = _spare_folder()
        self._folders = [settings.hf_home / "handwritten-digits", Path(self._spare.name)]  # the second when the first cannot be written to
        followed = f"{settings.model_repo_id}@{settings.model_revision}".replace("/", "--")
        self._last_good = self._folders[0] / f"{followed}.json"  # {"revision", "path", "sha256"}
        self._refusals = self._folders[0] / f"{followed}.refused.json"  # {"code", "refused"}: other code may judge otherwise
        self._refused = self._read_refusals()  # commit -> why its model is not served

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
        with self._changed:  # else a child might be started after this
            self._stopped.set()
            if self._child:
                self._child.kill()
        self._spare.cleanup()

    # The roads to a model, each in a thread of its own

    def _serve_path(self) -> None:
        self._run_child([_candidate("path", self._settings.model_path)])

    def _follow(self) -> None:
        """Find the first model, then ask the Hub for as long as there may be news."""
        with suppress(Exception):  # whatever is wrong with it, the child finds another
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
            settled = {*self._refused, self._served.model.info["revision"]} if self._served else {}
            if not pause or (pinned and self._settings.model_revision in settled):
                return
            self._stopped.wait(pause)

    def _refresh(self) -> None:
        """Ask the Hub once; before any model is served, make another one ready beside it."""
        settings, candidates = self._settings, []
        current = self._current()
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
        began, self._opening = time.monotonic(), None
        try:
            with tempfile.TemporaryFile(dir=self._spare.name) as errors, self._child_process(errors) as child:
                print(json.dumps(job), file=child.stdin, flush=True)
                for line in child.stdout:
                    self._take(json.loads(line))
                if child.wait():
                    raise RuntimeError(_cause_of_death(child.returncode, time.monotonic() - began, errors))
        except Exception as error:  # whatever it was, the app goes on with what it serves
            if not self._stopped.is_set():
                self._take_death(str(error))

    @contextmanager
    def _child_process(self, errors) -> Iterator[subprocess.Popen]:
        """Start the child, and end it at its limit. errors: a file for its standard error."""
        with self._changed:
            if self._stopped.is_set():
                raise RuntimeError("the app ends")
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
                    self._last_error = self._refused.get(revision) or self._not_kept
                self._hub_answered.set()
                current = self._current()
                if current and current.model.info["revision"] == revision:
                    self._confirm(current)
            case {"event": "missed", "reason": reason}:
                self._fail(reason)
            case {"event": "opening", "revision": revision}:
                self._opening = revision
            case {"event": "model"}:
                self._opening = None
                self._take_model(event)
            case {"event": "failed"}:
                self._opening = None
                self._take_failure(event)

    def _take_model(self, event: dict) -> None:
        served = self._open(event)
        if event["source"] in ("hub", "path"):
            self._last_error = self._not_kept = self._remember(event) if event["source"] == "hub" else None
            self._serve(served, "it is new on the Hub" if self._served else "")
        else:
            with self._changed:
                self._ready = served
                self._serve_ready()

    def _take_failure(self, event: dict) -> None:
        reason = event["reason"]
        match event["source"]:
            case "path":
                self._fail(f"MODEL_PATH={self._settings.model_path} is not served: {reason}.")
            case "hub":
                if event["final"]:
                    self._refuse(event["revision"], reason)
                self._fail(reason)
            case source:
                log.warning("The %s model is not served: %s", source, reason)

    def _take_death(self, cause: str) -> None:
        """Go on after the child's end; a model that it did not survive TRIES times is refused."""
        reason = f"the process that opens models failed: {cause}"
        log.warning("%s", reason)
        if commit := self._opening:
            self._deaths[commit] += 1
            if self._deaths[commit] == TRIES:
                self._refuse(commit, reason)
        self._fail(reason)

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

    def _current(self) -> Served | None:
        with self._changed:  # else it may be missed on its way from ready to served
            return self._served or self._ready

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

    # What is kept for the next start

    def _remember(self, event: dict) -> str | None:
        """Point to a model of the Hub for the next start; return why there will be none, in words."""
        if not Path(event["path"]).is_relative_to(self._spare.name) and self._keep(
            self._last_good, {name: event[name] for name in ("revision", "path", "sha256")}
        ):
            return None
        return f"the model is served, but not kept for the next start: the disk is full, or {self._settings.hf_home} cannot be written to"

    def _refuse(self, commit: str, reason: str) -> None:
        self._refused[commit] = reason
        self._keep(self._refusals, {"code": code_version(), "refused": self._refused})

    def _keep(self, path: Path, value: dict) -> bool:
        """Write one of the two files that are kept; return whether that was possible."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(value).encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", path, error.strerror)
            return False
        return True

    def _read_last_good(self) -> dict | None:
        """Return revision, path and sha256 of the last good model."""
        match _read_json(self._last_good):
            case {"revision": str(revision), "path": str(path), "sha256": str(sha256)}:
                return {"revision": revision, "path": path, "sha256": sha256}
        return None

    def _read_refusals(self) -> dict[str, str]:
        match _read_json(self._refusals):
            case {"code": code, "refused": dict(refused)} if code == code_version():
                return {str(commit): str(reason) for commit, reason in refused.items()}
        return {}

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


def _spare_folder() -> tempfile.TemporaryDirectory:
    """Return a folder for as long as the process lives: in memory where the system has that, so that a full disk does not matter."""
    named = {"prefix": "handwritten-digits-", "ignore_cleanup_errors": True}
    try:
        return tempfile.TemporaryDirectory(dir="/dev/shm", **named)
    except OSError:
        return tempfile.TemporaryDirectory(**named)


def _read_json(path: Path) -> object:
    """Return what a JSON file holds, None when it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _cause_of_death(code: int, seconds: float, errors) -> str:
    """Return in words why the child ended. errors: the file of its standard error."""
    if seconds >= CHILD_SECONDS:
        return f"it took longer than {CHILD_SECONDS} seconds"
    if code < 0:
        return f"it was ended by signal {-code} (out of memory?)"
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else f"exit code {code}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
