"""Pictures a second and memory of python -m digit_model.bulk, alone and on Ray with one and two workers: python -m benchmarks.bulk"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import conditions
from benchmarks.measuring import family, memory

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.png"))
ENGINES = {"one process": [], "Ray, 1 worker": ["--ray", "local", "--workers", "1"], "Ray, 2 workers": ["--ray", "local", "--workers", "2"]}


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split(":")[0])
    args.add_argument("--pictures", type=int, nargs="+", default=[1000, 20000], help="how many, in turn (default 1000 20000)")
    args = args.parse_args()
    print(conditions(), "pictures of 240x240 pixels, the gallery's, again and again; memory: of all processes together", sep="\n")
    with tempfile.TemporaryDirectory() as folder:
        for count in args.pictures:
            source = Path(folder, str(count))
            source.mkdir()
            for i in range(count):
                (source / f"{i:06}.png").symlink_to(EXAMPLES[i % len(EXAMPLES)])
            for name, options in ENGINES.items():
                seconds, megabytes = measured([str(source), "--out", f"{folder}/table.jsonl", *options])
                print(
                    f"{count:,} pictures, {name}: {seconds:.0f} s, {count / seconds:.0f} a second, at most {megabytes:,.0f} MB", flush=True
                )
                Path(folder, "table.jsonl").unlink()


def measured(arguments: list[str]) -> tuple[float, float]:
    """Run the command; return the seconds it took, its start included, and the most memory its processes had, in MB."""
    began, most = time.monotonic(), 0.0
    with subprocess.Popen([sys.executable, "-m", "digit_model.bulk", *arguments], stderr=subprocess.DEVNULL) as process:  # noqa: S603 our own command
        while process.poll() is None:
            most = max(most, sum(map(memory, family(process.pid))) / 1e6)
            time.sleep(0.5)
    if process.returncode:
        raise RuntimeError(f"digit_model.bulk {' '.join(arguments)} failed")
    return time.monotonic() - began, most


if __name__ == "__main__":
    main()
