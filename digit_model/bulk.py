"""Reads very many pictures into a table: python -m digit_model.bulk SOURCE --out results.parquet

    SOURCE -> paths -> chunks -> rows, here or on Ray -> parts, kept beside OUT -> OUT, in the order of the paths

Started again after it was ended, it goes on with the chunks that have no part yet, and OUT is the same as in one go.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from digit_model import local
from digit_model.model_file import replace_file
from digit_model.model_source import ModelUnavailable
from digit_model.reader import Model, read_each
from digit_model.settings import SettingsError
from digit_model.sources import Source, SourceError, find, pyarrow

CHUNK = 100  # pictures: what is lost at most when it is ended, and what a worker of Ray gets at a time
COLUMNS = ("path", "text", "verdict", "confidence", "probabilities", "error", "model_revision")
ENDINGS = (".parquet", ".csv", ".jsonl")


class BulkError(Exception):
    """The run cannot be done as it was asked for; the message is one line."""


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says. Ends the program with one line when that is not possible."""
    args = argparse.ArgumentParser(prog="python -m digit_model.bulk", description=__doc__.split(":")[0])
    args.add_argument("source", help="a folder, a glob, a .zip, a .csv or .parquet with a column path, or a folder in the cloud (s3://...)")
    args.add_argument("--out", required=True, type=Path, help="the table to be written: .parquet, .csv or .jsonl")
    args.add_argument("--ray", metavar="ADDRESS", help="read on Ray: local starts it here, any other address is a running cluster's")
    args.add_argument("--workers", type=int, help="workers on Ray (default: one for each processor)")
    args = args.parse_args(arguments)
    try:
        bulk(args.source, args.out, args.ray, args.workers)
    except (BulkError, SourceError, ModelUnavailable, SettingsError, OSError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Ended. The same command goes on from here.")


def bulk(source: str, out: Path, ray: str | None = None, workers: int | None = None) -> None:
    """Read all pictures of a source into a table. Raises BulkError, SourceError, ModelUnavailable, OSError."""
    if out.suffix not in ENDINGS:
        raise BulkError(f"--out {out}: give it one of the endings {', '.join(ENDINGS)}.")
    if out.exists():
        raise BulkError(f"{out} is there already. Delete it, or give another --out.")
    if out.suffix == ".parquet":
        pyarrow("parquet")  # found missing now, not at the end
    pictures = find(source)
    model = local.model()
    chunks = {n: pictures.paths[start : start + CHUNK] for n, start in enumerate(range(0, len(pictures.paths), CHUNK))}
    parts = out.with_name(f"{out.name}.parts") / fingerprint(pictures, model)  # of other pictures or another model, none is taken over
    parts.mkdir(parents=True, exist_ok=True)
    missing = {n: paths for n, paths in chunks.items() if not part(parts, n).exists()}
    with tqdm(total=len(pictures.paths), initial=len(pictures.paths) - sum(map(len, missing.values())), unit=" pictures") as bar:
        for number, lines in engine(model, pictures, missing, ray, workers):
            replace_file(part(parts, number), lines.encode())
            bar.update(len(chunks[number]))
    write(out, (part(parts, number) for number in chunks))
    shutil.rmtree(parts.parent)


def engine(model: Model, pictures: Source, chunks: dict[int, list[str]], ray: str | None, workers: int | None) -> Iterator[tuple[int, str]]:
    """Yield the number of each chunk and its rows as JSON lines, in any order."""
    if not chunks:
        return
    if not ray:
        for number, paths in chunks.items():
            yield number, read_chunk(model, pictures, paths)
        return
    if not find_spec("ray"):
        raise BulkError("--ray needs Ray: pip install -r requirements-bulk.txt.")
    from digit_model import on_ray

    yield from on_ray.run(model, pictures, chunks, ray, workers)


def read_chunk(model: Model, source: Source, paths: list[str]) -> str:
    """Return the rows of some pictures as JSON lines; a bad file is a row with its error."""
    opened = (local.pieces_of_file(partial(source.fetch, path)) for path in paths)
    rows = [row(model, path, reading) for path, (reading, _) in zip(paths, read_each(model, opened), strict=True)]
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def row(model: Model, path: str, reading: dict) -> dict:
    """Return a row of the table. model_revision: the model's commit on the Hub, or the sha256 of one that is from no Hub."""
    told = {name: reading.get(name) for name in ("text", "verdict", "confidence", "error")}
    probabilities = [digit["probabilities"] for digit in reading.get("digits", [])]
    whole = told | {"probabilities": probabilities, "model_revision": model.info["revision"] or model.info["sha256"]}
    whole["path"] = path.encode(errors="backslashreplace").decode()  # a name that is no UTF-8 can be written too
    return {name: whole[name] for name in COLUMNS}


def fingerprint(pictures: Source, model: Model) -> str:
    """Return what tells the parts of one run from those of another: which pictures, in what chunks, by which model."""
    what = [pictures.paths, pictures.base, pictures.archive, CHUNK, model.info["sha256"]]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def part(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.jsonl"


def write(out: Path, parts: Iterable[Path]) -> None:
    """Join parts to the table, of which nothing is seen before it is whole; one part is in memory at a time."""
    unfinished = out.with_name(f"{out.name}.unfinished")
    {".parquet": write_parquet, ".csv": write_csv, ".jsonl": write_lines}[out.suffix](unfinished, parts)
    os.replace(unfinished, out)


def write_lines(out: Path, parts: Iterable[Path]) -> None:
    with out.open("wb") as file:
        for path in parts:
            file.write(path.read_bytes())


def write_csv(out: Path, parts: Iterable[Path]) -> None:
    """Write CSV; probabilities are JSON in their cell."""
    with out.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for row in rows(parts):
            table.writerow(row | {"probabilities": json.dumps(row["probabilities"])})


def write_parquet(out: Path, parts: Iterable[Path]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = dict.fromkeys(COLUMNS, pa.string()) | {"confidence": pa.float64(), "probabilities": pa.list_(pa.list_(pa.float64()))}
    schema = pa.schema(list(types.items()))
    with pq.ParquetWriter(out, schema) as file:
        for path in parts:
            file.write_table(pa.Table.from_pylist(list(rows([path])), schema))


def rows(parts: Iterable[Path]) -> Iterator[dict]:
    for path in parts:
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


if __name__ == "__main__":
    main()
