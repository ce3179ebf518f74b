"""From a trained model to the Hub: published in one commit behind the gate, and rolled back."""

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from tests.road.conftest import BUNDLED, FIGURES, ROOT
from tests.road.standin import MODEL
from training import publish


@pytest.fixture
def publish_run(small_mnist, capsys):
    """Run `python -m training.publish FOLDER ...` in this process; return its exit code and what it printed."""

    def run(*arguments) -> tuple[int, str]:
        code = 0
        try:
            publish.main(
                [*map(str, arguments), "--repo-id", MODEL, *(["--data", str(small_mnist)] if "--rollback" not in arguments else [])]
            )
        except SystemExit as end:
            code = end.code
            if isinstance(code, str):  # as Python does with a sentence
                print(code)
                code = 1
        return code, capsys.readouterr().out

    return run


def test_the_first_the_second_and_the_way_back(hub, run, publish_run, tmp_path):
    """The life of a model repository, from its creation on."""
    bundle, summary = tmp_path / "bundle", tmp_path / "summary.md"
    bundle.mkdir()
    first = run("first")
    code, said = publish_run(first, "--bundle", bundle, "--summary", summary)
    assert code == 0, said
    today = re.search(r"as (v\d{4}\.\d\d\.\d\d)-1\n", said)[1]
    assert hub.model.tags == {f"{today}-1": hub.model.head}
    assert len(hub.model.commits) == 2  # the Hub's own and ours
    with zipfile.ZipFile(first / "model.keras") as archive:
        assert {path: data for path, data in hub.model.files.items() if path in archive.namelist()} == {
            name: archive.read(name) for name in ("config.json", "metadata.json", "model.weights.h5")
        }
    for name in ("model.keras", "metrics.json", "README.md", "pictures/confusion.png"):
        assert hub.model.files[name] == (first / name).read_bytes()
    assert (bundle / "model.keras").read_bytes() == (first / "model.keras").read_bytes()
    (converted,) = (bundle / "converted").iterdir()
    assert converted.name.startswith(hashlib.sha256((first / "model.keras").read_bytes()).hexdigest())
    assert f"{hub.url}/{MODEL}/resolve/{hub.model.head}/pictures/confusion.png" in summary.read_text()
    assert "| mnist_test.accuracy | 0.995 | at least 0.99 |" in summary.read_text()

    # Keras loads it from the Hub by its name.
    loaded, bundled = keras.saving.load_model(f"hf://{MODEL}"), keras.saving.load_model(BUNDLED)
    frames = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    assert np.array_equal(loaded(frames), bundled(frames))

    # Again: nothing is published twice.
    assert publish_run(first)[0] == 0
    assert len(hub.model.commits) == 2

    # A tag that was not set any more is set by the next run.
    hub.model.tags.clear()
    assert "-1" in publish_run(first)[1]
    assert len(hub.model.tags) == 1

    second = run("second")
    assert publish_run(second, "--dry-run", "--summary", summary)[0] == 0
    assert "## The gate lets it pass; nothing was published" in summary.read_text()
    assert len(hub.model.commits) == 2
    assert (second / "README.md").read_text().startswith("---\n")
    code, said = publish_run(second)
    assert code == 0, said
    assert hub.model.tags[f"{today}-2"] == hub.model.head
    assert hub.model.files["model.keras"] == (second / "model.keras").read_bytes()

    code, said = publish_run("--rollback", f"{today}-1", "--dry-run")
    assert (code, len(hub.model.commits)) == (0, 3)
    assert "model.keras" in said
    code, said = publish_run("--rollback", f"{today}-1")
    assert code == 0, said
    assert len(hub.model.commits) == 4
    assert hub.model.titles[-1] == f"Roll back to {today}-1"
    assert hub.model.files == hub.model.at(f"{today}-1")[1]
    code, said = publish_run("--rollback", f"{today}-1")
    assert (code, len(hub.model.commits)) == (0, 4)
    assert "already" in said


def test_a_model_that_loses_more_than_chance_explains_is_refused(hub, run, publish_run, worse, tmp_path):
    hub.create("models", MODEL, **{"model.keras": BUNDLED.read_bytes()})
    code, said = publish_run(run("worse", worse), "--summary", tmp_path / "summary.md")
    assert code == 3, said
    assert re.search(r"- it loses \d+ of the published model's right answers and wins \d+", said)
    assert len(hub.model.commits) == 1
    assert "## Refused" in (tmp_path / "summary.md").read_text()


def test_a_model_whose_other_figures_fell_is_refused(hub, run, publish_run):
    hub.create("models", MODEL, **{"model.keras": BUNDLED.read_bytes(), "metrics.json": json.dumps(FIGURES).encode()})
    code, said = publish_run(run(drawn_non_digits_refused=0.9))
    assert code == 3, said
    assert "- drawn_non_digits_refused is 0.9000, the published model's 0.9300" in said
    assert len(hub.model.commits) == 1


def test_every_floor_that_is_broken_is_named_on_a_line_of_its_own(hub, run, publish_run):
    low = {"mnist_test": FIGURES["mnist_test"] | {"accuracy": 0.98, "ece": float("nan")}, "simulated_pad": {"thin": 0.5, "thick": 0.98}}
    code, said = publish_run(run(**low, sha256="of another file", parameters=None, drawn_non_digits_refused={}))
    assert code == 3
    lines = said.split("Refused:\n")[1].splitlines()
    assert lines == [
        "- mnist_test.accuracy is 0.98, at least 0.99 is needed",
        "- mnist_test.ece is nan, at most 0.02 is needed",
        "- simulated_pad of thin is 0.5, at least 0.93 is needed",
        "- metrics.json has no drawn_non_digits_refused: run training.evaluate again",
        "- metrics.json has no parameters: run training.evaluate again",
        "- metrics.json tells of another model.keras: run training.evaluate again",
    ]
    assert not hub.repos


def test_a_file_that_the_space_would_not_serve_is_refused(hub, run, publish_run):
    folder = run()
    (folder / "model.keras").write_bytes(b"no model")
    code, said = publish_run(folder)
    assert code == 3
    assert "- the Space would not serve it: it is no whole .keras file" in said
    assert not hub.repos


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("metrics.json", "run python -m training.evaluate"),
        ("model.keras", "run python -m training.train"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(hub, run, publish_run, missing, told):
    folder = run()
    (folder / missing).unlink()
    code, said = publish_run(folder)
    assert code == 1
    assert told in said
    assert len(said.splitlines()) == 1


def test_a_rollback_to_nothing_is_one_line(hub, publish_run):
    assert publish_run("--rollback", "v1")[1].startswith(f"the Hub has no repository {MODEL}")
    hub.create("models", MODEL)
    code, said = publish_run("--rollback", "v1")
    assert (code, said) == (1, "the repository has no such tag or commit\n")


def test_a_ci_job_needs_no_stored_token_and_may_write_only_what_trusts_it(hub, run, tmp_path):
    """A rollback in a process of its own, as a GitHub Actions job: its identity is exchanged for a token of the one repository."""
    stored = hub.create("models", MODEL, **{"model.keras": b"new"})
    stored.tags["v1"] = stored.commit("old", {"model.keras": b"old", "README.md": b"old"})
    stored.commit("new", {"model.keras": b"new"})
    environment = {name: value for name, value in os.environ.items() if name != "HF_TOKEN"} | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path),
        "HF_OIDC_RESOURCE": MODEL,
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{hub.url}/id-token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job",
    }
    command = [sys.executable, "-m", "training.publish", "--rollback", "v1", "--repo-id", MODEL]
    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert hub.model.files == {"model.keras": b"new"}

    hub.trusted.add(MODEL)
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert hub.model.files == {"model.keras": b"old", "README.md": b"old"}
    assert hub.tokens["hf_jwt_1"] == MODEL


def test_the_card_is_one_that_the_hub_understands(run):
    from huggingface_hub import ModelCard

    from training.card import card

    settings = json.loads((run() / "metrics.json").read_text())
    text = card(settings, {}, MODEL)
    data = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag, data.license, data.datasets) == ("keras", "image-classification", "mit", ["ylecun/mnist"])
    accuracy = data.eval_results[0]
    assert (accuracy.dataset_type, accuracy.metric_type, accuracy.metric_value) == ("ylecun/mnist", "accuracy", 0.995)
    assert "$" not in text
