"""Publishes a trained and evaluated model, in one commit behind the gate, or rolls back: python -m training.publish DIR"""

import argparse
import json
import re
import sys
import zipfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from huggingface_hub import HfApi

from digit_model.settings import Settings, SettingsError
from training.bundle import bundle
from training.hub_commit import Repo, RoadBlocked, names, patiently

REFUSED = 3  # exit code of a model that the gate refuses; 1 is any other failure
PICTURES = ("reliability.png", "confusion.png", "mistakes.png")


def main(arguments: list[str] | None = None) -> None:
    try:
        args = parse(arguments)
        repo = Repo(HfApi(), "model", args.repo_id)
        if args.rollback:
            roll_back(repo, args.rollback, args.dry_run)
        else:
            publish(repo, args)
    except (RoadBlocked, SettingsError) as error:
        sys.exit(str(error))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options. Ends the program with a line when they are wrong; raises SettingsError."""
    default = Settings.from_env().model_repo_id
    args = argparse.ArgumentParser(prog="python -m training.publish", description=__doc__.split(":")[0])
    args.add_argument(
        "dir", nargs="?", type=Path, help="folder with model.keras, metrics.json and pictures/, as training.evaluate leaves it"
    )
    args.add_argument("--repo-id", default=default, help=f"the model repository on the Hub; made when it is missing (default {default})")
    args.add_argument("--data", help="what the gate judges on, as for training.evaluate; without it Keras downloads MNIST")
    args.add_argument(
        "--dry-run", action="store_true", help="go through the gate, write the card, tell what would be sent, and send nothing"
    )
    args.add_argument("--rollback", metavar="TAG", help="make the files of this tag current again, in a new commit; needs no DIR")
    args.add_argument("--bundle", type=Path, help="put the published model into this folder (digit_model), as training.bundle does")
    args.add_argument("--summary", type=Path, help="append the figures and what happened to this Markdown file")
    parsed = args.parse_args(arguments)
    if bool(parsed.dir) == bool(parsed.rollback):
        args.error("give either DIR or --rollback TAG")
    return parsed


def publish(repo: Repo, args: argparse.Namespace) -> None:
    """Put the model through the gate and on the Hub. Raises RoadBlocked; exits with REFUSED."""
    model, metrics = args.dir / "model.keras", read_json(args.dir / "metrics.json")
    if not model.is_file():
        raise RoadBlocked(f"{model} is missing: run python -m training.train --out {args.dir}")
    head = repo.head()
    there = repo.files(head) if head else {}
    own = {path.name: path.read_bytes() for path in (model, args.dir / "metrics.json")}
    if all(there.get(name) in names(data) for name, data in own.items()):
        tag = "" if args.dry_run else tag_commit(repo, head)
        print(f"It is published already: {repo.id}@{head[:12]} {tag}".rstrip())
        return finish(args, metrics, repo, head)

    reasons = through_the_gate(repo, args, metrics, head, there)
    if reasons:
        print("\n".join(["Refused:", *(f"- {reason}" for reason in reasons)]))
        summarize(args.summary, "Refused", metrics, "\n".join(f"- {reason}" for reason in reasons))
        sys.exit(REFUSED)

    files = own | release_files(args.dir, metrics, repo.id)
    for path, data in sorted(files.items()):
        print(f"{len(data):>9,} bytes  {path}")
    if args.dry_run:
        print(f"Nothing was sent. It would be one commit on {repo.id}, {f'after {head[:12]}' if head else 'which would be made first'}.")
        return summarize(args.summary, "The gate lets it pass; nothing was published", metrics, "")
    if not head:
        patiently(lambda: repo.api.create_repo(repo.id, repo_type=repo.type, exist_ok=True))
        head = repo.head()
    commit = repo.put(files, head, f"Publish a model with {metrics['mnist_test']['accuracy']:.2%} on MNIST's test part")
    print(f"Published {repo.id}@{commit} as {tag_commit(repo, commit)}")
    return finish(args, metrics, repo, commit)


def through_the_gate(repo: Repo, args: argparse.Namespace, metrics: dict, head: str | None, there: Collection[str]) -> list[str]:
    """Return the reasons against publishing. head, there: the newest commit, and its files; of a first model None, and none."""
    from training import dataset, gate  # TensorFlow, which a rollback does not need

    try:
        _, _, test = dataset.mnist(args.data)
    except (OSError, KeyError, ValueError) as error:
        raise RoadBlocked(f"no test images from {args.data or 'keras.datasets.mnist'}: {error}") from error
    model, told = (
        name in there and Path(patiently(lambda name=name: repo.api.hf_hub_download(repo.id, name, revision=head)))
        for name in ("model.keras", "metrics.json")
    )
    return gate.reasons_to_refuse(args.dir / "model.keras", metrics, model or None, read_json(told) if told else {}, test)


def release_files(folder: Path, metrics: dict, repo_id: str) -> dict[str, bytes]:
    """Return what is published beside model.keras and metrics.json: its unzipped parts, the card (left in the folder too), pictures."""
    from training.card import card

    settings = folder / "settings.json"
    (folder / "README.md").write_text(card(metrics, read_json(settings) if settings.exists() else {}, repo_id), encoding="utf-8")
    # keras.saving.load_model("hf://...") reads the parts that model.keras has zipped.
    with zipfile.ZipFile(folder / "model.keras") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["README.md"] = (folder / "README.md").read_bytes()
    for name in PICTURES:
        path = folder / "pictures" / name
        if not path.exists():
            raise RoadBlocked(f"{path} is missing: run python -m training.evaluate {folder}")
        files[f"pictures/{name}"] = path.read_bytes()
    return files


def tag_commit(repo: Repo, commit: str) -> str:
    """Return the commit's version tag, vYEAR.MONTH.DAY-NUMBER; give it one when it has none. Raises RoadBlocked."""
    for _ in range(3):
        tags = {tag.name: tag.target_commit for tag in patiently(lambda: repo.api.list_repo_refs(repo.id, repo_type=repo.type)).tags}
        for name, target in tags.items():
            if target == commit and re.fullmatch(r"v\d{4}\.\d\d\.\d\d-\d+", name):
                return name
        today = f"v{datetime.now(UTC):%Y.%m.%d}-"
        number = 1 + max((int(name.removeprefix(today)) for name in tags if re.fullmatch(re.escape(today) + r"\d+", name)), default=0)
        # exist_ok: the answer to the first try may have been lost. Whose tag it is, is read back.
        new = f"{today}{number}"
        patiently(lambda new=new: repo.api.create_tag(repo.id, tag=new, revision=commit, repo_type=repo.type, exist_ok=True))
    raise RoadBlocked(f"{repo.id}@{commit[:12]} is published, but others took its tag three times; run this again")


def roll_back(repo: Repo, tag: str, dry_run: bool) -> None:
    """Make a tag's files current again. Raises RoadBlocked."""
    head = repo.head()
    if not head:
        raise RoadBlocked(f"the Hub has no repository {repo.id}, or the token may not see it: check --repo-id and HF_TOKEN")
    there, wanted = repo.files(head), repo.files(tag)
    if dry_run:
        changes = sorted(path for path in there.keys() | wanted.keys() if there.get(path) != wanted.get(path))
        print(f"Nothing was sent. It would be one commit on {repo.id}, after {head[:12]}, that changes {', '.join(changes) or 'nothing'}.")
        return
    commit = repo.restore(tag, head, f"Roll back to {tag}")
    print(f"{repo.id} is at {tag} already" if commit == head else f"Rolled {repo.id} back to {tag}, in commit {commit}")


def finish(args: argparse.Namespace, metrics: dict, repo: Repo, commit: str) -> None:
    """Put the published model where the app has its own, and write the summary."""
    if args.bundle and not args.dry_run:
        try:
            bundle(args.dir, args.bundle)
        except OSError as error:
            raise RoadBlocked(f"{repo.id}@{commit[:12]} is published, but {args.bundle} cannot be written to ({error})") from error
    pictures = "\n".join(f"![{name}]({repo.api.endpoint}/{repo.id}/resolve/{commit}/pictures/{name})" for name in PICTURES)
    summarize(args.summary, f"Published {repo.id}@{commit[:12]}", metrics, pictures)


def summarize(path: Path | None, title: str, metrics: dict, rest: str) -> None:
    """Append the title, the gate's figures and the rest to a Markdown file, if there is one to write to."""
    if path:
        from training import gate

        with path.open("a", encoding="utf-8") as file:
            file.write(f"## {title}\n\n{gate.table(metrics)}\n\n{rest}\n")


def read_json(path: Path) -> dict:
    """Return what a JSON file says. Raises RoadBlocked with what to run when it says nothing."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RoadBlocked(f"{path} cannot be read ({error}): run python -m training.evaluate {path.parent}") from error


if __name__ == "__main__":
    main()
