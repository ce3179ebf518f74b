"""Reading in processes beside this one, with real processes and the bundled model."""

import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from digit_model import local
from digit_model.image import UnreadableImage
from digit_model.reader import Model
from digit_model.settings import Settings
from tests.attack.pictures import drawn, encoded
from tests.conftest import ROOT
from web.beside import Beside
from web.page import for_page
from web.reading import Refused, as_it_is, one, opened_drawing, opened_picture

SETTINGS = Settings()
PICTURE = (ROOT / "examples" / "3_blue-ballpoint.png").read_bytes()


def process(model: Model) -> int:
    return os.getpid()


def end(model: Model) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def printing(model: Model) -> int:
    os.write(1, b"a line\n")
    return os.getpid()


def fail(model: Model) -> None:
    raise OverflowError("of a kind that nobody thought of")


@contextmanager
def busy(beside: Beside) -> Iterator[None]:
    """Let something be read here until the block ends."""
    begun, over = threading.Event(), threading.Event()

    def wait(model: Model) -> None:
        begun.set()
        over.wait()

    reading = threading.Thread(target=beside.read, args=(wait, None))
    reading.start()
    begun.wait()
    try:
        yield
    finally:
        over.set()
        reading.join()


def until_elsewhere(beside: Beside, model: Model) -> int:
    """Ask until a process beside this one answers, and return its number."""
    for _ in range(600):
        if (number := beside.read(process, model)) != os.getpid():
            return number
        time.sleep(0.1)
    raise TimeoutError("no process was started")


@pytest.fixture(scope="module")
def model() -> Model:
    return local.model()


@pytest.fixture(scope="module")
def beside() -> Beside:
    return Beside(1)


@pytest.fixture
def elsewhere(beside, model) -> Iterator[Callable]:
    """Return what reads in a process beside this one, which is busy."""
    with busy(beside):
        until_elsewhere(beside, model)
        yield partial(beside.read, model=model)


def test_what_comes_alone_is_read_here(model):
    beside = Beside(1)
    assert [beside.read(process, model) for _ in range(3)] == [os.getpid()] * 3
    assert beside._unstarted._value == 1  # no process was started for it


def test_while_something_is_read_here_a_process_beside_reads(beside, model):
    with busy(beside):
        first = until_elsewhere(beside, model)
        assert [beside.read(process, model) for _ in range(3)] == [first] * 3
    assert beside.read(process, model) == os.getpid()


@pytest.mark.parametrize(
    "work",
    [
        partial(one, partial(opened_picture, PICTURE, SETTINGS), as_it_is),
        partial(one, partial(opened_picture, PICTURE, SETTINGS), partial(for_page, {"page", "preview"})),
        partial(one, partial(opened_drawing, b'{"strokes": [[[60, 60], [180, 60], [120, 220]]]}', SETTINGS), as_it_is),
    ],
    ids=["picture", "picture for the page", "drawing"],
)
def test_a_process_beside_answers_as_this_one_does(elsewhere, model, work):
    assert elsewhere(work) == work(model)


def test_what_is_refused_comes_back_with_its_sentence(elsewhere):
    with pytest.raises(UnreadableImage, match="no picture that can be read"):
        elsewhere(partial(one, partial(opened_picture, b"nothing", SETTINGS), as_it_is))
    with pytest.raises(Refused, match="larger than 25 MB") as refused:
        elsewhere(partial(one, partial(opened_picture, bytes(25_000_001), SETTINGS), as_it_is))
    assert refused.value.status == 413


def test_what_nobody_thought_of_comes_back_with_where_it_was(elsewhere):
    with pytest.raises(RuntimeError, match=r"(?s)test_beside.py.*OverflowError: of a kind"):
        elsewhere(fail)
    assert elsewhere(process) != os.getpid()


def test_pictures_that_are_opened_apart_are_opened_by_this_process_alone(elsewhere, model):
    work = partial(one, partial(opened_picture, encoded(drawn((2500, 2500), scale=8)), SETTINGS), as_it_is)
    assert elsewhere(work)["text"] == "7"
    assert elsewhere(memory_of_children) == 0


def memory_of_children(model: Model) -> int:
    """Return the most memory that a process had which this one started: 0 where it started none."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def test_what_libraries_print_does_not_come_between_the_answers(elsewhere):
    assert elsewhere(printing) != os.getpid()
    assert elsewhere(process) != os.getpid()


def test_a_model_whose_file_is_gone_reads_here(model, tmp_path):
    path = tmp_path / "model.tflite"
    shutil.copy(model.path, path)
    other, beside = Model.load(path, model.info), Beside(1)
    path.unlink()
    with busy(beside):
        until_elsewhere(beside, model)
        assert beside.read(process, other) == os.getpid()
        assert beside.read(process, model) != os.getpid()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_sent_to_all_processes_of_the_app_ends_no_reading(elsewhere, number):
    first = elsewhere(process)
    os.kill(first, number)
    assert elsewhere(process) == first


def test_what_cannot_be_sent_fails_alone(model):
    beside = Beside(1)
    with busy(beside):
        until_elsewhere(beside, model)
        with pytest.raises(RuntimeError, match=r"PicklingError|AttributeError"):
            beside.read(lambda model: None, model)
        until_elsewhere(beside, model)


def test_without_room_for_a_thread_all_is_read_here(model, monkeypatch):
    beside = Beside(1)
    with busy(beside):
        monkeypatch.setattr(threading.Thread, "start", no_thread)
        assert beside.read(process, model) == os.getpid()
        monkeypatch.undo()
        until_elsewhere(beside, model)


def no_thread(thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_process_that_ends_over_its_work_fails_that_work_alone(model):
    beside = Beside(1)
    with busy(beside):
        first = until_elsewhere(beside, model)
        with pytest.raises(RuntimeError, match="ended with -9"):
            beside.read(end, model)
        assert until_elsewhere(beside, model) != first


def test_a_process_that_ends_while_it_is_free_fails_nothing(model):
    beside = Beside(1)
    with busy(beside):
        first = until_elsewhere(beside, model)
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
        assert beside.read(process, model) == os.getpid()
        assert until_elsewhere(beside, model) != first


def test_there_are_no_more_processes_than_were_asked_for(model):
    beside = Beside(0)
    with busy(beside):
        for _ in range(20):
            assert beside.read(process, model) == os.getpid()
            time.sleep(0.1)
