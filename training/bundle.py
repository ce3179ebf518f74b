"""Puts a model in the place of the app's own, with its copy converted for LiteRT: python -m training.bundle [DIR]"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

from digit_model import model_file
from digit_model.model_source import BUNDLED


def main(arguments: list[str] | None = None) -> None:
    args = argparse.ArgumentParser(prog="python -m training.bundle", description=__doc__.split(":")[0])
    args.add_argument(
        "dir",
        nargs="?",
        type=Path,
        default=BUNDLED.parent,
        help="folder with model.keras and metrics.json; without it the bundled model is converted anew",
    )
    args = args.parse_args(arguments)
    try:
        print(bundle(args.dir, BUNDLED.parent))
    except (model_file.Refused, OSError) as error:
        sys.exit(f"{args.dir} is not bundled: {error}")


def bundle(run: Path, into: Path) -> Path:
    """Copy a run's model.keras and metrics.json into a folder, convert the model there, and return the path of what came of it.

    Raises model_file.Refused when the model may not be served, before anything is changed, and OSError.
    """
    model, metrics = run / "model.keras", run / "metrics.json"
    converted, sha256 = model_file.convert(model), hashlib.sha256(model.read_bytes()).hexdigest()
    into.mkdir(parents=True, exist_ok=True)
    if run.resolve() != into.resolve():
        shutil.copy(metrics, into)
        shutil.copy(model, into)
    shutil.rmtree(into / model_file.SHIPPED.name, ignore_errors=True)  # another model's
    path = model_file.keep_converted([into / model_file.SHIPPED.name], sha256, converted)
    path.chmod(0o644)  # for whoever runs the app from an image that another user built
    return path


if __name__ == "__main__":
    main()
