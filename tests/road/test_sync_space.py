"""What the Space gets, and what happens when it does not run or does not read: the Space as it was."""

import shutil
from pathlib import Path

import pytest

from tests.road.standin import SPACE
from training import sync_space


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(sync_space, "POLL", 0.02)


@pytest.fixture
def before(hub) -> dict[str, bytes]:
    """A Space that runs, and its files."""
    hub.hosts[SPACE] = f"{hub.url}/the-former"
    stored = hub.create("spaces", SPACE)
    stored.commit("before", {**stored.files, "README.md": b"---\nsdk: gradio\n---\n", "app.py": b"before", "tests/old.py": b""})
    hub.runs[SPACE] = {"stage": "RUNNING", "sha": stored.head, "builds": stored.head}
    return stored.files


def sync(*options: str) -> str:
    """Run `python -m training.sync_space` in this process; return the line it ends with, "" when all went well."""
    try:
        sync_space.main(["--space-id", SPACE, *options])
    except SystemExit as end:
        return end.code
    return ""


def test_a_space_that_reads_keeps_what_it_needs_and_nothing_else(hub, before, app):
    hub.build = lambda files: ("RUNNING", app.url)
    assert sync() == ""
    files = hub.space.files
    assert files["app.py"] == (sync_space.ROOT / "app.py").read_bytes()
    assert {"requirements.txt", "digit_model/model.keras", "web/pad.js", ".gitattributes"} <= files.keys()
    assert not [path for path in files if path.startswith(("tests/", "training/", ".github/", "benchmarks/"))]
    assert sync() == ""
    assert len(hub.space.commits) == 3  # the Hub's own, the one before, and one of ours


def test_a_space_that_sleeps_is_woken(hub, before, app):
    hub.build = lambda files: ("RUNNING", app.url)
    assert sync() == ""
    hub.runs[SPACE]["stage"] = "SLEEPING"
    hub.hosts[SPACE] = f"{hub.url}/asleep/{SPACE}"
    assert sync("--minutes", "0.1") == ""


def test_a_space_that_does_not_answer_is_taken_back(hub, before):
    hub.build = lambda files: ("RUNNING", f"{hub.url}/nothing-runs-here")
    assert "was taken back" in sync()
    assert hub.space.files == before
    assert hub.space.titles[-1].startswith("Revert to")


def test_a_space_that_reads_wrong_is_taken_back(hub, before, app, monkeypatch, tmp_path):
    hub.build = lambda files: ("RUNNING", app.url)
    monkeypatch.setattr(
        sync_space, "EXAMPLE", Path(shutil.copy(sync_space.EXAMPLE.with_name("1_thin-line.png"), tmp_path / "7_mislabelled.png"))
    )
    assert "it reads 7_mislabelled.png as '1'" in sync()
    assert hub.space.files == before


@pytest.mark.parametrize("stage", ["BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR"])
def test_a_space_that_does_not_start_is_taken_back(hub, before, stage):
    hub.build = lambda files: (stage, None)
    assert f"it is in the state {stage}" in sync()
    assert hub.space.files == before


def test_a_space_that_never_gets_ready_is_taken_back(hub, before):
    hub.build = lambda files: ("APP_STARTING", None)
    assert "within 0.01 minutes; last seen: APP_STARTING" in sync("--minutes", "0.01")
    assert hub.space.files == before


def test_the_model_that_was_published_must_be_the_one_served(hub, before, app, monkeypatch):
    """The app of the tests serves a file of its own, never the Hub's newest."""
    monkeypatch.setattr(sync_space, "SERVED_WITHIN", 0.1)
    newest = hub.create("models", "someone/digits").head
    hub.build = lambda files: ("RUNNING", app.url)
    said = sync("--serves", "someone/digits")
    assert f"not someone/digits@{newest}" in said
    assert hub.space.files == before


def test_an_error_of_the_former_commit_is_not_taken_for_the_new_ones(hub, before, app):
    hub.runs[SPACE] = {"stage": "RUNTIME_ERROR", "sha": hub.space.head, "builds": hub.space.head}
    hub.build = lambda files: ("RUNNING", app.url)
    assert sync() == ""


def test_without_the_space_there_is_one_line_that_says_where_to_make_it(hub):
    assert "https://huggingface.co/new-space" in sync()
