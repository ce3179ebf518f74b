"""Prints what picture files show: python -m digit_model photo.jpg [...]"""

import argparse
import json
import sys
from pathlib import Path

from digit_model import local
from digit_model.model_source import ModelUnavailable
from digit_model.reader import read_each
from digit_model.settings import SettingsError


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each picture; return 1 when there was one that cannot be read."""
    args = argparse.ArgumentParser(prog="python -m digit_model", description=__doc__.split(":")[0])
    args.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="a picture file")
    args.add_argument("--json", action="store_true", help="print a Reading as JSON for each picture, in order")
    args = args.parse_args(arguments)
    try:
        model = local.model()
    except (ModelUnavailable, SettingsError) as error:
        sys.exit(str(error))
    failed = False
    opened = (local.pieces_of_file(path.read_bytes) for path in args.pictures)
    for path, (reading, _) in zip(args.pictures, read_each(model, opened), strict=True):
        failed |= "error" in reading
        print(json.dumps(reading) if args.json else f"{path}: {in_words(reading)}", flush=True)
    return int(failed)


def in_words(reading: dict) -> str:
    """Return one line that says what was read."""
    if "error" in reading:
        return reading["error"]
    if reading["verdict"] == "blank":
        return "nothing drawn"
    told = reading["text"].replace("\n", " / ") or "not a digit"
    return f"{told}, {min(reading['confidence'], 0.999):.1%} sure"


if __name__ == "__main__":
    sys.exit(main())
