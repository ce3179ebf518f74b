"""Brings the Space to what this checkout has, tries it, and takes it back when it does not read: python -m training.sync_space"""

import argparse
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2
from gradio_client import Client, handle_file
from huggingface_hub import HfApi, SpaceStage

from digit_model.settings import Settings, SettingsError
from training.hub_commit import Repo, RoadBlocked, patiently

ROOT = Path(__file__).parent.parent
NEEDED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "SECURITY.md",
    "requirements.txt",
    "app.py",
    "digit_model",
    "web",
    "examples",
    "docs",
)  # by the app, or its README
EXAMPLE = ROOT / "examples" / "7_light-on-dark.png"  # the label first in its name
BROKEN = (SpaceStage.BUILD_ERROR, SpaceStage.RUNTIME_ERROR, SpaceStage.CONFIG_ERROR, SpaceStage.NO_APP_FILE, SpaceStage.PAUSED)
ASLEEP = "SLEEPING"  # as a free Space does that nobody visited for two days; SpaceStage has no name for it
POLL = 5  # seconds between two questions whether the Space runs
SERVED_WITHIN = 120  # seconds from the Space's start until it serves the Hub's model; on the free hardware the conversion takes 30


class Broken(Exception):
    """The new Space does not run, or does not read; the message says what was seen."""


def main(arguments: list[str] | None = None) -> None:
    try:
        args = parse(arguments)
        sync(Repo(HfApi(), "space", args.space_id), args.serves, args.minutes)
    except (RoadBlocked, SettingsError) as error:
        sys.exit(str(error))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options. Ends the program with a line when they are wrong; raises SettingsError."""
    default = Settings.from_env().model_repo_id
    args = argparse.ArgumentParser(prog="python -m training.sync_space", description=__doc__.split(":")[0])
    args.add_argument("--space-id", default=default, help=f"the Space on the Hub, owner/name (default {default})")
    args.add_argument("--serves", metavar="REPO_ID", help="the Space must serve the newest model of this model repository")
    args.add_argument("--minutes", type=float, default=30, help="how long the Space may take to build and start (default 30)")
    return args.parse_args(arguments)


def sync(repo: Repo, serves: str | None, minutes: float) -> None:
    """Upload what the Space needs, wait until it runs that, and try it; take it back when it fails. Raises RoadBlocked."""
    before = repo.head()
    if not before:
        raise RoadBlocked(f"the Hub has no Space {repo.id}, or the token may not see it: make it at https://huggingface.co/new-space")
    files = needed_files(ROOT)
    commit = repo.put(files, before, f"Sync {len(files)} files", delete_others=True)
    print(f"{repo.id} has these {len(files)} files already" if commit == before else f"{repo.id} has {len(files)} files, commit {commit}")
    try:
        wait_until_it_runs(repo, commit, minutes)
        smoke_test(repo, serves)
    except Broken as broken:
        if commit == before:
            raise RoadBlocked(f"{repo.id} is broken, and was before: {broken}") from broken
        reverted = repo.restore(before, commit, f"Revert to {before[:12]}")
        raise RoadBlocked(f"{repo.id} was taken back to the files of {before[:12]}, in commit {reverted[:12]}: {broken}") from broken
    print(f"{repo.id} runs {commit[:12]} and reads")


def needed_files(root: Path) -> dict[str, bytes]:
    """Return the files of the checkout that the Space needs: path -> content."""
    paths = [path for name in NEEDED for path in ([root / name] if (root / name).is_file() else (root / name).rglob("*"))]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file() and "__pycache__" not in path.parts}


def wait_until_it_runs(repo: Repo, commit: str, minutes: float) -> None:
    """Return when the Space runs the commit. Raises Broken."""
    end = time.monotonic() + minutes * 60
    building = False
    while time.monotonic() < end:
        space = patiently(lambda: repo.api.space_info(repo.id))
        runtime = space.runtime
        runs = runtime.raw.get("sha")
        if runtime.stage == ASLEEP:
            with suppress(httpx2.HTTPError):  # a visit wakes it, whatever is answered
                httpx2.get(space.host, timeout=30)
        if runtime.stage == SpaceStage.RUNNING and runs == commit:
            return
        # An error from before the push is shown until the Hub starts to build.
        building = building or runtime.stage not in (SpaceStage.RUNNING, *BROKEN)
        if runtime.stage in BROKEN and (building or runs == commit):
            raise Broken(f"it is in the state {runtime.stage} ({runtime.raw.get('errorMessage') or 'its log on the Hub says more'})")
        time.sleep(POLL)
    raise Broken(f"it did not run {commit[:12]} within {minutes:g} minutes; last seen: {runtime.stage} with {runs}")


def smoke_test(repo: Repo, serves: str | None) -> None:
    """Let the Space read an example, and wait until it serves the newest model of a repository, if one is given. Raises Broken."""
    try:
        client = Client(repo.api.space_info(repo.id).host, verbose=False, download_files=False, analytics_enabled=False)
        label = client.predict(handle_file(EXAMPLE), api_name="/predict")["label"]
        if label != EXAMPLE.name[0]:
            raise Broken(f"it reads {EXAMPLE.name} as {label!r}")
        if serves:
            newest = Repo(repo.api, "model", serves).head()
            end = time.monotonic() + SERVED_WITHIN
            while (model := client.predict(api_name="/model"))["revision"] != newest:
                if time.monotonic() > end:
                    raise Broken(f"it serves {model['repo_id']}@{model['revision']} ({model['source']}), not {serves}@{newest}")
                time.sleep(POLL)
    except (Broken, RoadBlocked):
        raise
    except Exception as error:  # whatever the client raises when a Space does not answer as it should
        raise Broken(f"it does not answer ({type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]})") from error


if __name__ == "__main__":
    main()
