"""Ray Data as the engine of bulk.py: one reader in each worker, pictures fetched by the workers, chunks streamed back. Needs ray[data].

The model goes to the workers as it is here, converted, so that all read with the same one and none needs TensorFlow or the Hub.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digit_model.bulk import read_chunk
from digit_model.reader import Model
from digit_model.sources import Source


class Worker:
    """Reads chunks; Ray makes one in each worker process."""

    def __init__(self, converted: bytes, info: dict, source: Source):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.tflite")
            path.write_bytes(converted)
            self.model = Model.load(path, info)
        self.source = source

    def __call__(self, chunk: dict) -> dict:
        return {"number": chunk["number"], "lines": read_chunk(self.model, self.source, chunk["paths"])}


def run(model: Model, source: Source, chunks: dict[int, list[str]], address: str, workers: int | None) -> Iterator[tuple[int, str]]:
    """Yield the number and the rows of each chunk, as JSON lines, in any order; what a lost worker had in hand is read by another.

    address: "local" starts Ray on this machine; any other is a running cluster's. workers: by default one for each processor of it.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    ray.init(address=address, include_dashboard=False if address == "local" else None, logging_level=logging.ERROR, log_to_driver=False)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False  # bulk.py has one
        count = workers or int(ray.cluster_resources()["CPU"])
        content = {"converted": model.path.read_bytes(), "info": model.info, "source": Source([], source.base, source.archive)}
        work = ray.data.from_items([{"number": n, "paths": paths} for n, paths in chunks.items()], override_num_blocks=len(chunks))
        done = work.map(Worker, fn_constructor_kwargs=content, compute=ray.data.ActorPoolStrategy(size=count))
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        for chunk in done.iter_rows():
            yield int(chunk["number"]), chunk["lines"]
    finally:
        ray.shutdown()
