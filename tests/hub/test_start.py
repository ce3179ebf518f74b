"""Which model a start serves: the Hub's, the last good copy, the bundled one, or MODEL_PATH's; and what it says about it."""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from digit_model.model_file import code_version
from digit_model.model_source import ModelSource, ModelUnavailable
from digit_model.settings import Settings
from tests.hub.conftest import ROOT, eventually
from tests.hub.standin import REPO


@pytest.fixture(autouse=True)
def log(caplog):
    caplog.set_level(logging.INFO, "digit_model")
    return caplog


def served_lines(log) -> list[str]:
    return [record.getMessage() for record in log.records if record.getMessage().startswith("Serving")]


def test_the_hubs_model_is_the_first_one_served(space, hub, zoo, log):
    commit = hub.commit(zoo.bytes("better"), metrics={"accuracy": 0.997})
    source = space()
    model = source.model(60)
    assert zoo.reads_as(model, "better")
    assert model.info["source"] == "hub"
    assert model.info["repo_id"] == REPO
    assert model.info["revision"] == commit
    assert len(model.info["sha256"]) == 64
    assert model.info["since"].endswith("Z")
    assert source.metrics == {"accuracy": 0.997}
    assert served_lines(log) == [f"Serving the Hub's model {REPO}@{commit[:12]}, sha256 {model.info['sha256'][:12]}"]
    refreshed = eventually(lambda: source.health()["last_refresh"])
    assert source.health() == {"status": "ok", "model": model.info, "last_refresh": refreshed, "last_error": None}


def test_without_a_hub_and_without_a_copy_the_bundled_model_is_served(space, hub, zoo, log):
    hub.close()
    source = space()
    model = source.model(60)
    assert zoo.reads_as(model, "good")
    assert model.info["source"] == "bundled"
    assert model.info["repo_id"] is None
    assert served_lines(log)[0].startswith("Serving the bundled model")
    assert "the Hub cannot be reached" in served_lines(log)[0]
    assert "the Hub cannot be reached" in source.health()["last_error"]


def test_when_the_hub_is_down_the_last_good_copy_is_served(space, hub, zoo, log):
    commit = hub.commit(zoo.bytes("better"), metrics={"accuracy": 0.997})
    first = space()
    sha256 = first.model(60).info["sha256"]
    eventually(lambda: first.health()["last_refresh"])
    hub.close()
    log.clear()
    source = space()
    model = source.model(60)
    assert zoo.reads_as(model, "better")
    assert (model.info["source"], model.info["repo_id"], model.info["revision"], model.info["sha256"]) == ("cache", REPO, commit, sha256)
    assert source.metrics == {"accuracy": 0.997}
    assert served_lines(log)[0].startswith(f"Serving the last good copy {REPO}@{commit[:12]}")


def test_a_copy_that_another_program_left_in_the_hub_clients_cache_is_served(space, hub, zoo, home, monkeypatch):
    commit = hub.commit(zoo.bytes("better"))
    fetch = f"from huggingface_hub import hf_hub_download; hf_hub_download({REPO!r}, 'model.keras')"
    subprocess.run([sys.executable, "-c", fetch], env=os.environ | {"HF_HOME": str(home)}, check=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = space().model(60)
    assert zoo.reads_as(model, "better")
    assert (model.info["source"], model.info["revision"]) == ("cache", commit)


def test_when_the_hub_has_the_same_commit_nothing_is_downloaded_again(space, hub, zoo):
    hub.commit(zoo.bytes("better"))
    first = space()
    eventually(lambda: first.health()["last_refresh"])
    hub.requests.clear()
    source = space()
    assert source.model(60).info["source"] == "hub"
    assert zoo.reads_as(source.model(60), "better")
    assert hub.requests == [f"HEAD /{REPO}/resolve/main/model.keras"]


@pytest.mark.parametrize(
    ("commits", "revision", "reason"),
    [
        ([], "main", "has no revision main"),
        ([None], "main", "has no model.keras"),
        (["better"], "v9", "has no revision v9"),
    ],
)
def test_what_is_missing_on_the_hub_is_named_and_the_bundled_model_served(space, hub, zoo, commits, revision, reason):
    for name in commits:
        hub.commit(name and zoo.bytes(name))
    source = space(model_revision=revision)
    assert zoo.reads_as(source.model(60), "good")
    assert reason in source.health()["last_error"]


def test_a_missing_repository_is_named_with_what_to_set(space, hub, zoo):
    source = space(model_repo_id="nobody/nothing")
    assert zoo.reads_as(source.model(60), "good")
    assert "no repository nobody/nothing" in source.health()["last_error"]
    assert "MODEL_REPO_ID" in source.health()["last_error"]


def test_a_hub_that_hangs_delays_the_first_answer_by_three_seconds_only(space, hub, zoo, log):
    hub.commit(zoo.bytes("better"))
    hub.fault = lambda request: request.hang()
    began = time.monotonic()
    source = space(imports_done=True)
    assert zoo.reads_as(source.model(60), "good")
    assert time.monotonic() - began < 8
    assert "the Hub has not answered yet" in served_lines(log)[0]


def test_a_hub_that_answers_within_three_seconds_is_waited_for(space, hub, zoo, log):
    hub.commit(zoo.bytes("better"))
    hub.fault = lambda request: time.sleep(1.5) if "/main/" in request.path else None
    source = space()
    eventually(lambda: hub.requests)
    source.imports_done()
    assert source.model(60).info["source"] == "hub"
    assert zoo.reads_as(source.model(60), "better")
    assert len(served_lines(log)) == 1


def test_a_slow_hub_is_swapped_in_later(space, hub, zoo):
    hub.commit(zoo.bytes("better"))
    hub.fault = lambda request: time.sleep(3.5) if "/main/" in request.path else None
    source = space(imports_done=True)
    assert source.model(60).info["source"] == "bundled"
    eventually(lambda: source.model(60).info["source"] == "hub")
    assert zoo.reads_as(source.model(60), "better")
    assert source.health()["last_error"] is None


def test_a_commit_that_is_followed_by_its_hash_is_asked_for_once_and_never_again(space, hub, zoo):
    commit = hub.commit(zoo.bytes("better"))
    hub.commit(zoo.bytes("good"))
    source = space(model_revision=commit, model_refresh_seconds=0.1)
    assert source.model(60).info["revision"] == commit
    eventually(lambda: source.health()["last_refresh"])
    hub.requests.clear()
    again = space(model_revision=commit, model_refresh_seconds=0.1)
    assert zoo.reads_as(again.model(60), "better")
    assert again.model(60).info["revision"] == commit
    time.sleep(2)
    assert hub.requests == []


def test_a_commit_that_is_followed_by_its_hash_and_refused_is_named_and_not_asked_for_again(space, hub, zoo):
    commit = hub.commit(zoo.bytes("text"))
    source = space(model_revision=commit, model_refresh_seconds=0.1)
    assert zoo.reads_as(source.model(60), "good")
    assert "no whole .keras file" in eventually(lambda: source.health()["last_error"])
    eventually(lambda: source.health()["last_refresh"])
    hub.requests.clear()
    time.sleep(2)
    assert hub.requests == []


def test_what_other_code_refused_is_tried_again(space, hub, zoo, home):
    commit = hub.commit(zoo.bytes("better"))
    refusals = home / "handwritten-digits" / f"{REPO.replace('/', '--')}@main.refused.json"
    for code, source in ((code_version(), "bundled"), ("other", "hub")):
        refusals.write_text(json.dumps({"code": code, "refused": {commit: "it was bad"}}))
        assert space().model(60).info["source"] == source


def test_the_token_goes_to_the_hub_and_not_to_the_cdn_nor_the_command_line(space, hub, zoo, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.commit(zoo.bytes("better"))
    arguments = []
    hub.fault = lambda request: arguments.extend(commands())
    assert zoo.reads_as(space().model(60), "better")
    to_hub = [h for r, h in zip(hub.requests, hub.headers, strict=True) if "/resolve/" in r]
    to_cdn = [h for r, h in zip(hub.requests, hub.headers, strict=True) if "/cdn/" in r]
    assert all(headers["authorization"] == "Bearer hf_secret" for headers in to_hub)
    assert len(to_cdn) == 1
    assert "authorization" not in to_cdn[0]
    assert any("digit_model.model_file" in command for command in arguments)
    assert not any("hf_secret" in command for command in arguments)


def commands() -> list[str]:
    """Return the command lines of this process's children."""
    return [Path(f"/proc/{pid}/cmdline").read_text() for pid in children(os.getpid())]


def children(pid: int) -> list[str]:
    """Return the ids of the children of a process."""
    return [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def test_where_no_disk_can_be_written_to_all_is_held_in_memory(space, hub, zoo, monkeypatch):
    nothing = "/proc/nothing/can/be/made/here"
    monkeypatch.setattr(tempfile, "tempdir", nothing)
    monkeypatch.setenv("TMPDIR", nothing)
    hub.commit(zoo.bytes("better"))
    source = space(hf_home=Path(nothing))
    model = source.model(100)
    assert zoo.reads_as(model, "better")
    assert model.info["source"] == "hub"
    assert "not kept for the next start" in source.health()["last_error"]


def test_tensorflow_is_loaded_for_a_new_file_only_and_never_in_the_serving_process(hub, zoo, home, tmp_path):
    hub.close()
    shutil.rmtree(home)
    program = f"""
import sys
from pathlib import Path
from digit_model.model_source import ModelSource
from digit_model.settings import Settings
source = ModelSource(Settings(hf_home=Path({str(home)!r}), model_repo_id={REPO!r}), bundled=Path({str(zoo.path("good"))!r}))
source.start()
source.imports_done()
source.model(60)
assert not {{"tensorflow", "keras", "huggingface_hub", "gradio"}} & set(sys.modules)
"""
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no TensorFlow for this test')")
    for environment in (os.environ, os.environ | {"PYTHONPATH": str(tmp_path)}):  # the second start has none
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)


def test_the_child_ends_when_the_app_is_killed(hub, zoo, home):
    hub.fault = lambda request: request.hang()
    program = f"""
import time
from pathlib import Path
from digit_model.model_source import ModelSource
from digit_model.settings import Settings
source = ModelSource(Settings(hf_home=Path({str(home)!r}), model_repo_id={REPO!r}), bundled=Path({str(zoo.path("good"))!r}))
source.start()
time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as app:
        [child] = eventually(lambda: hub.requests and children(app.pid))
        app.kill()
    eventually(lambda: not Path(f"/proc/{child}").exists(), 5)


def test_model_path_is_served_and_the_hub_not_asked(space, hub, zoo, log):
    source = space(model_path=zoo.path("no_channel"), imports_done=True)
    model = source.model(0)
    assert zoo.reads_as(model, "no_channel")
    assert model.info["source"] == "path"
    assert hub.requests == []
    assert len(served_lines(log)) == 1


def test_a_model_path_without_a_file_ends_the_start_with_one_line(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"MODEL_PATH=.*/none\.keras: there is no such file\.") as error:
        ModelSource(Settings(model_path=tmp_path / "none.keras")).start()
    assert "\n" not in str(error.value)


def test_a_model_path_that_is_no_model_ends_the_start_with_one_line(space, zoo):
    with pytest.raises(ModelUnavailable, match=r"MODEL_PATH=.* is not served: it is no whole \.keras file") as error:
        space(model_path=zoo.path("text"), imports_done=True)
    assert "\n" not in str(error.value)
