"""Very many pictures: python -m digit_model.bulk, in processes of its own, here and on a real Ray with two workers."""

import csv
import json
import os
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.bulk import family
from digit_model import bulk, hands, strokes
from tests.service.conftest import start_python

COLUMNS = ["path", "text", "verdict", "confidence", "probabilities", "error", "model_revision"]


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """A folder of three chunks of pictures, with a blank one and a bad one among them."""
    folder = tmp_path_factory.mktemp("scans")
    drawings, labels = hands.self_test_digits()
    pictures = [cv2.imencode(".png", (255 - 255 * np.pad(strokes.ink(drawing), 40)).astype(np.uint8))[1].tobytes() for drawing in drawings]
    for i in range(3 * bulk.CHUNK - 30):
        (folder / f"{i:04}-{labels[i % len(labels)]}.png").write_bytes(pictures[i % len(pictures)])
    (folder / "0000-blank.png").write_bytes(cv2.imencode(".png", np.full((60, 60), 255, np.uint8))[1].tobytes())
    (folder / "0001-bad.png").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def in_one_go(app, scans, tmp_path_factory) -> bytes:
    """The table of all scans, as JSON lines, without Ray and without a stop."""
    out = tmp_path_factory.mktemp("table") / "table.jsonl"
    with start_python(app, *command(scans, out)) as process:
        _, said = process.communicate(timeout=800)
    assert process.returncode == 0, said
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    return out.read_bytes()


def command(source, out, *options) -> list[str]:
    return ["-m", "digit_model.bulk", str(source), "--out", str(out), *options]


def until(condition, process) -> object:
    """Wait for what a running process brings about, and return it."""
    while not (found := condition()):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    return found


def finished_parts(out: Path) -> list[Path]:
    return list(out.with_name(f"{out.name}.parts").glob("*/*.jsonl"))


@pytest.mark.timeout(900)
def test_every_picture_is_a_row_in_order_and_a_bad_one_stops_nothing(in_one_go, scans):
    rows = [json.loads(line) for line in in_one_go.splitlines()]
    assert [row["path"] for row in rows] == sorted(str(path) for path in scans.iterdir())
    assert all(list(row) == COLUMNS for row in rows)
    blank, bad = (next(row for row in rows if row["path"].endswith(name)) for name in ("blank.png", "bad.png"))
    assert (blank["text"], blank["verdict"], blank["probabilities"], blank["error"]) == ("", "blank", [], None)
    assert (bad["text"], bad["verdict"], bad["confidence"], bad["probabilities"]) == (None, None, None, [])
    assert "no picture that can be read" in bad["error"]
    digits = [row for row in rows if row not in (blank, bad)]
    right = [row["text"] == row["path"][-5] for row in digits]
    assert sum(right) > 0.9 * len(right)
    assert all(len(row["probabilities"][0]) == 10 and row["confidence"] > 0 and row["error"] is None for row in digits)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_other_kinds_of_tables_hold_the_same_rows(python, scans, in_one_go, tmp_path, ending):
    out = tmp_path / f"table.{ending}"
    done = python(*command(f"{scans}/000*.png", out))
    assert done.returncode == 0, done.stderr
    if ending == "csv":
        rows = [
            {name: value or None for name, value in row.items()}
            | {"text": row["text"], "probabilities": json.loads(row["probabilities"]), "confidence": float(row["confidence"] or "nan")}
            for row in csv.DictReader(out.open())
        ]
    else:
        rows = pq.read_table(out).to_pylist()
    expected = [json.loads(line) for line in in_one_go.splitlines()][: len(rows)]
    assert len(rows) == 12
    assert repr(rows).replace("nan", "None").replace("'text': ''", "'text': None") == repr(expected).replace("'text': ''", "'text': None")


@pytest.mark.timeout(900)
def test_ended_and_started_again_it_goes_on_where_it_stopped(app, python, scans, in_one_go, tmp_path):
    out = tmp_path / "table.jsonl"
    with start_python(app, *command(scans, out)) as process:
        until(lambda: finished_parts(out), process)
        process.kill()
    assert not out.exists()
    first = scans / "0000-blank.png"
    content = first.read_bytes()
    first.write_bytes(b"changed: who reads it again, finds an error")
    try:
        done = python(*command(scans, out))
    finally:
        first.write_bytes(content)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == in_one_go


@pytest.mark.timeout(900)
def test_on_ray_with_two_workers_the_rows_are_the_same_and_a_killed_worker_loses_nothing(app, scans, in_one_go, tmp_path):
    out = tmp_path / "table.jsonl"
    with start_python(app, *command(scans, out, "--ray", "local", "--workers", "2")) as process:
        for worker in until(lambda: [pid for pid in family(process.pid) if "MapWorker" in command_line(pid)], process):
            os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=800)
    assert process.returncode == 0, said
    assert out.read_bytes() == in_one_go


def test_without_pyarrow_and_ray_a_line_says_what_to_install(monkeypatch, tmp_path):
    for module in ("pyarrow.parquet", "ray"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match=r"Parquet and cloud paths need pyarrow: pip install -r requirements-bulk.txt"):
        bulk.main(["examples", "--out", str(tmp_path / "table.parquet")])
    with pytest.raises(bulk.BulkError, match=r"--ray needs Ray: pip install -r requirements-bulk.txt"):
        list(bulk.engine(None, None, {0: []}, "local", None))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--out", "table.parquet"), "No picture was found at nowhere"),
        (("examples", "--out", "table.xlsx"), "give it one of the endings .parquet, .csv, .jsonl"),
        (("examples", "--out", "README.jsonl"), "is there already"),
    ],
)
def test_what_cannot_be_done_ends_with_one_line(tmp_path, monkeypatch, arguments, said):
    (tmp_path / "README.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=said) as ended:
        bulk.main(arguments)
    assert "\n" not in str(ended.value)


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
