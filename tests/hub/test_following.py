"""A running space follows the Hub: new models, rollbacks, many swaps under load."""

import os
import resource
import threading
import time

import pytest

from tests.hub.conftest import eventually

PAGE = resource.getpagesize()


def test_a_new_commit_is_swapped_in_and_a_rollback_too(space, hub, zoo):
    first = hub.commit(zoo.bytes("good"), metrics={"accuracy": 0.98})
    source = space(model_refresh_seconds=0.3)
    before = source.model()
    assert before.info["revision"] == first
    second = hub.commit(zoo.bytes("better"), metrics={"accuracy": 0.99})
    eventually(lambda: source.model().info["revision"] == second)
    assert zoo.reads_as(source.model(), "better")
    assert source.metrics == {"accuracy": 0.99}
    assert zoo.reads_as(before, "good")  # a request that began with the old model ends with it
    hub.refs["main"] = first
    eventually(lambda: source.model().info["revision"] == first)
    assert zoo.reads_as(source.model(), "good")
    assert source.metrics == {"accuracy": 0.98}


def test_a_commit_without_a_new_model_changes_the_revision_only(space, hub, zoo):
    hub.commit(zoo.bytes("good"))
    source = space(model_refresh_seconds=0.3)
    sha256 = source.model().info["sha256"]
    second = hub.commit(zoo.bytes("good"))
    eventually(lambda: source.model().info["revision"] == second)
    assert source.model().info["sha256"] == sha256
    assert len([request for request in hub.requests if request.startswith("GET /cdn")]) == 1


def test_with_zero_the_hub_is_asked_at_the_start_only(space, hub, zoo):
    hub.commit(zoo.bytes("good"))
    source = space(model_refresh_seconds=0)
    eventually(lambda: source.health()["last_refresh"])
    eventually(lambda: not any(thread.name == "model-source" for thread in threading.enumerate()))


def test_a_model_served_from_the_cache_becomes_the_hubs_when_the_hub_says_so(space, hub, zoo):
    commit = hub.commit(zoo.bytes("better"))
    first = space()
    eventually(lambda: first.health()["last_refresh"])
    hub.fault = lambda request: request.fail(404)
    source = space(model_refresh_seconds=0.3)
    assert source.model().info["source"] == "cache"
    hub.fault = None
    eventually(lambda: source.model().info["source"] == "hub")
    assert source.model().info["revision"] == commit
    assert source.health()["last_error"] is None


@pytest.mark.timeout(900)
def test_fifty_swaps_under_four_reading_threads_mix_nothing_up(space, hub, zoo):
    names = {hub.commit(zoo.bytes(name)): name for name in ("good", "better")}
    source = space()
    source.model()
    eventually(lambda: source.health()["last_refresh"])
    wrong, read, ended = [], [], threading.Event()

    def reading() -> None:
        while not ended.is_set():
            model = source.model()
            if not zoo.reads_as(model, names[model.info["revision"]], 1 + len(read) % 40):
                wrong.append(model.info)
            read.append(model.info["revision"])
            time.sleep(0.01)

    def swap() -> None:
        hub.refs["main"] = next(commit for commit in names if commit != source.model().info["revision"])
        source._refresh()
        assert source.model().info["revision"] == hub.refs["main"]

    threads = [threading.Thread(target=reading) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            swap()
        before = memory()
        for _ in range(50):
            swap()
        grown = memory() - before
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(read) > 1000
    assert set(read) == set(names)
    assert grown < 30e6


def memory() -> int:
    """Return the resident bytes of this process."""
    with open(f"/proc/{os.getpid()}/statm") as file:
        return int(file.read().split()[1]) * PAGE
