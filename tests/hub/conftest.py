"""A stand-in Hub, small models, and spaces that follow it: the real ModelSource with its real child and the real Hub client."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from digit_model import model_file
from digit_model.model_source import ModelSource
from digit_model.settings import Settings
from tests.hub.standin import REPO, StandIn

ROOT = Path(__file__).parents[2]
OURS = model_file.SAME_IN_8_BITS  # how far LiteRT may be from Keras


@dataclass(frozen=True)
class Zoo:
    """Small .keras files by name, and what Keras reads with them. `converted`: what a former start left of some of them."""

    folder: Path
    converted: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.keras"

    def bytes(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def reads_as(self, model, name: str, count: int = 40) -> bool:
        """Tell whether a served model gives what Keras gives with this file."""
        kept = expected(self.path(name).with_suffix(".npz"))
        probabilities = kept["probabilities"][:count]
        read = model.classify(kept["frames"][:count])
        return read.shape == probabilities.shape and np.allclose(read, probabilities, rtol=0, atol=OURS)


@cache
def expected(path: Path) -> dict[str, np.ndarray]:
    return dict(np.load(path))


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> Zoo:
    folder, converted = tmp_path_factory.mktemp("zoo"), tmp_path_factory.mktemp("converted")
    subprocess.run([sys.executable, "-m", "tests.hub.zoo", str(folder), str(converted)], cwd=ROOT, check=True, capture_output=True)
    return Zoo(folder, converted)


@pytest.fixture
def hub(monkeypatch) -> Iterator[StandIn]:
    hub = StandIn()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    yield hub
    hub.close()


@pytest.fixture
def home(zoo, tmp_path) -> Path:
    """HF_HOME of an empty cache; some models are converted already, so that a start takes a second and not twelve."""
    home = tmp_path / "hf"
    shutil.copytree(zoo.converted, home / "handwritten-digits")
    return home


@pytest.fixture(scope="session")
def former_home(zoo, tmp_path_factory) -> Path:
    """HF_HOME as a space leaves it that followed a Hub whose first commit is "better"."""
    home, hub = tmp_path_factory.mktemp("former"), StandIn()
    shutil.copytree(zoo.converted, home / "handwritten-digits")
    hub.commit(zoo.bytes("better"), metrics={"accuracy": 0.99})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        source = ModelSource(Settings(model_repo_id=REPO, model_refresh_seconds=0, hf_home=home), bundled=zoo.path("good"))
        source.start()
        eventually(lambda: source.health()["last_refresh"])
    assert source.model(0).info["source"] == "hub"
    source.stop()
    hub.close()
    return home


@pytest.fixture
def older_home(former_home, tmp_path) -> Path:
    """HF_HOME with an older good model in place: "better", which is the first commit of the Hub."""
    home = tmp_path / "older"
    shutil.copytree(former_home, home, symlinks=True)
    for pointer in (home / "handwritten-digits").glob("*.json"):
        pointer.write_text(pointer.read_text().replace(str(former_home), str(home)))
    return home


@pytest.fixture
def space(zoo, home) -> Iterator[Callable[..., ModelSource]]:
    """Start one more space whose bundled model is "good". imports_done: the Hub has three seconds; else all the time it takes."""
    started = []

    def start(bundled: str = "good", hf_home: Path = home, imports_done: bool = False, **settings) -> ModelSource:
        settings = {"model_repo_id": REPO, "model_refresh_seconds": 0, "hf_home": hf_home, **settings}
        source = ModelSource(Settings(**settings), bundled=zoo.path(bundled))
        started.append(source)
        source.start()
        if imports_done:
            source.imports_done()
        return source

    yield start
    for source in started:
        source.stop()


@pytest.fixture
def both(space, home, older_home) -> Callable[..., list[tuple[ModelSource, str]]]:
    """Start two spaces at once, from an empty cache and with an older good model in place; with each, the model it has without the Hub."""

    def start(**settings) -> list[tuple[ModelSource, str]]:
        return [(space(hf_home=home, **settings), "good"), (space(hf_home=older_home, **settings), "better")]

    return start


def eventually(happens: Callable[[], object], seconds: float = 60) -> object:
    """Wait until something is true and return it."""
    end = time.monotonic() + seconds
    while not (result := happens()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return result
