"""Reads in processes beside this one while it is busy: of the threads of one process, Python lets one work at a time. routes.py calls it.

    read(work, model) -> here, where nothing is being read
                      -> a process beside, if one is free: work and model go in, an answer or an error comes out

This file is those processes' program as well. The first is started when it is first needed; until it is ready, and where all are busy,
two things are read here at once, more slowly.
"""

import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from digit_model import guard
from digit_model.image import UnreadableImage
from digit_model.reader import Model
from digit_model.strokes import UnreadableStrokes
from web.reading import Refused

LOG = logging.getLogger(__name__)
MOST = 3  # processes, of 75 MB each: what comes over HTTP to this one gives no more of them work
READY = b"ready\n"
PROBLEMS = Refused, UnreadableImage, UnreadableStrokes, guard.LeftToOthers

Work = Callable[[Model], dict]


class Beside:
    """Reads here and in at most `most` processes beside this one, for as many threads as call it."""

    def __init__(self, most: int):
        self._here = threading.Lock()
        self._free: queue.SimpleQueue[subprocess.Popen] = queue.SimpleQueue()
        self._unstarted = threading.Semaphore(min(most, MOST))

    def read(self, work: Work, model: Model) -> dict:
        """Return what the work answers. Raises what it raises, RuntimeError where it was something unexpected or ended the process."""
        if self._here.acquire(blocking=False):
            try:
                return work(model)
            finally:
                self._here.release()
        other = self._one_that_is_free()
        if not other:
            if self._unstarted.acquire(blocking=False):
                self._start()
            return work(model)
        try:
            answer, problem = asked(other, work, model)
        except Exception as error:  # it ended, or there is no memory for what it was to be told: it may be in the middle of anything
            other.kill()
            self._unstarted.release()
            raise RuntimeError(f"a process that reads ended with {other.wait()}: {type(error).__name__}") from error
        self._free.put(other)
        if isinstance(problem, guard.LeftToOthers):
            return work(model)
        if problem:
            try:
                raise problem
            finally:
                del problem  # else it holds this frame, and so what was sent, until the collector comes
        return answer

    def _one_that_is_free(self) -> subprocess.Popen | None:
        with suppress(queue.Empty):
            while (other := self._free.get_nowait()).poll() is not None:  # it ended meanwhile, for want of memory perhaps
                self._unstarted.release()
            return other
        return None

    def _start(self) -> None:
        try:
            threading.Thread(target=self._start_and_wait, daemon=True).start()
        except RuntimeError:  # so many threads there are already
            self._unstarted.release()

    def _start_and_wait(self) -> None:
        """Start a process; it is free when it says so. One that cannot be started is never tried again."""
        try:
            other = subprocess.Popen(
                [sys.executable, "-m", "web.beside"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # a terminal speaks to this process alone; that one ends with it, as its input does
            )
        except OSError as error:
            LOG.warning("No process can be started to read beside this one: %s", error)
            return
        if other.stdout.readline() == READY:
            self._free.put(other)
        else:
            LOG.warning("A process that was to read beside this one ended with %s", other.wait())


def asked(other: subprocess.Popen, work: Work, model: Model) -> tuple[dict | None, Exception | None]:
    """Return what another process answers, or the problem it had."""
    other.stdin.write(pickle.dumps((work, model.path, model.info)))
    other.stdin.flush()
    return pickle.load(other.stdout)  # noqa: S301 what our own process wrote


def main() -> None:
    """Do the other half of `Beside.read` until there is no more to read."""
    for number in (signal.SIGTERM, signal.SIGINT):  # sent to all processes of the app, they are for the first, which lets us finish
        signal.signal(number, signal.SIG_IGN)
    guard.leave_to_others()
    come_in, go_out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that libraries print may come between the answers
    go_out.write(READY)
    go_out.flush()
    with suppress(EOFError):
        while True:
            go_out.write(answer_to(pickle.load(come_in)))  # noqa: S301 what the process wrote that started this one
            go_out.flush()


def answer_to(job: tuple[Work, Path, dict]) -> bytes:
    """Return the pickled answer to a job, or the problem it had, as `asked` gives them. job: work, path and info of the model."""
    work, path, info = job
    try:
        return pickle.dumps((work(replace(loaded(path), info=info)), None))
    except PROBLEMS as known:
        return pickle.dumps((None, known))
    except Exception:
        return pickle.dumps((None, RuntimeError(traceback.format_exc())))  # for the log; whatever it was may not be made to be sent


@lru_cache(maxsize=2)
def loaded(path: Path) -> Model:
    """Open a model. Raises LeftToOthers where its file is gone: the app has it open."""
    try:
        return Model.load(path, info={})
    except (OSError, ValueError):
        raise guard.LeftToOthers from None


if __name__ == "__main__":
    main()
