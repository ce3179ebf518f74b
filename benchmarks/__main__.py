"""Measures the app beside the plain one and prints a table of ratios: python -m benchmarks

What is compared is measured in turn, in one run, so that a busy machine slows both. The answers are checked to be right and equal.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import apps, conditions, growth, pen, process, quick, size
from benchmarks.measuring import row

# In this order: what is measured in this process comes before TensorFlow is in it.
ROWS = {
    "pictures": process.pictures,
    "growth": growth.growth,
    "frames": process.frames,
    "starts": apps.starts,
    "doors": apps.doors,
    "clients": apps.many_clients,
    "pen": pen.pen,
    "size": size.size,
    "training": quick.quick,
}


def shown(rows: Iterable[dict]) -> Iterator[dict]:
    """Print rows as they come, and yield them."""
    for each in rows:
        mark = "" if each["margin"] is None else "reached" if each["margin"] >= 1 else "MISSED"
        print(f"{each['what']:90} {each['figure']:>60}   asked: {each['asked']:48} {mark}", flush=True)
        yield each


def main() -> None:
    args = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split(":")[0])
    args.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="which rows to measure (default: all)")
    args.add_argument("--out", type=Path, help="a folder for the table, as speed.json and as speed.png")
    args.add_argument("--starts", type=int, default=3, help="starts of each app, of which the median counts (default %(default)s)")
    args = args.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # only what went wrong
    os.environ["HF_HUB_OFFLINE"] = "1"  # the bundled model is measured, whatever the Hub has
    table: dict = {"conditions": conditions(), "rows": []}
    print(table["conditions"], flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for name in filter(args.rows.__contains__, ROWS):
            measure = partial(apps.starts, times=args.starts) if name == "starts" else ROWS[name]
            try:
                table["rows"] += shown(measure(Path(folder)))
            except Exception as error:  # the other rows are worth having
                table["rows"] += shown([row(name, f"failed: {type(error).__name__}", str(error).partition("\n")[0][:100], None)])
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    if args.out:
        from benchmarks import picture

        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "speed.json").write_text(json.dumps(table, indent=1) + "\n")
        picture.draw(table, args.out / "speed.png")


if __name__ == "__main__":
    main()
