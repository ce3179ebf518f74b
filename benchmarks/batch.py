"""What an image costs alone and in a call of 1,000, at every door of a running app, and where the time goes: python -m benchmarks.batch"""

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import requests
from gradio_client import Client, handle_file

from benchmarks import conditions
from digit_model import local
from digit_model.image import marks, open_image
from digit_model.reader import pieces_of_image, read_each
from digit_model.settings import Settings

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.png"))
ALONE = 50  # calls of one image, of which the median counts


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split(":")[0])
    args.add_argument("--url", default="http://127.0.0.1:7860", help="a running app (default %(default)s)")
    args.add_argument("--images", type=int, default=1000, help="images of the large call (default 1000)")
    args = args.parse_args()
    paths = list(itertools.islice(itertools.cycle(EXAMPLES), args.images))
    print(conditions(), f"{len(paths):,} pictures of 240x240 pixels, the gallery's, again and again", sep="\n")
    stages(paths)
    client = Client(args.url, verbose=False)
    predict = f"{args.url}/predict"

    def by_client(paths: list[Path]) -> None:
        if len(paths) == 1:
            client.predict(handle_file(str(paths[0])), api_name="/predict")
        else:
            client.predict([handle_file(str(path)) for path in paths], api_name="/predict_batch")

    def by_http(paths: list[Path]) -> None:
        reply = requests.post(predict, files=[("image", (path.name, path.read_bytes(), "image/png")) for path in paths], timeout=600)
        reply.raise_for_status()

    def by_client_uploaded_together(paths: list[Path]) -> None:
        sent = requests.post(
            f"{args.url}/gradio_api/upload", files=[("files", (path.name, path.read_bytes())) for path in paths], timeout=600
        )
        client.predict([{"path": path} for path in sent.json()], api_name="/predict_batch")

    doors = {
        "gradio_client": (by_client, by_client),
        "gradio_client, the many uploaded together": (by_client, by_client_uploaded_together),
        "plain HTTP": (by_http, by_http),
    }
    for door, (call, call_many) in doors.items():
        alone = median(seconds(call, [path]) for path in itertools.islice(itertools.cycle(EXAMPLES), ALONE))
        together = seconds(call_many, paths) / len(paths)
        print(
            f"{door}: one image alone {alone * 1e3:.1f} ms, in one call of {len(paths):,} {together * 1e3:.1f} ms: 1/{alone / together:.1f}"
        )


def stages(paths: list[Path]) -> None:
    """Print the processor time that each step of reading takes for an image, in this process."""
    data = [path.read_bytes() for path in paths]
    model = local.model()
    opening, pictures = timed(lambda: [open_image(one, Settings.max_pixels) for one in data])
    inking, _ = timed(lambda: [marks(picture) for picture in pictures])
    whole, pieces = timed(lambda: [pieces_of_image(picture) for picture in pictures])
    reading, _ = timed(lambda: list(read_each(model, pieces)))
    times = {"decode": opening, "ink": inking, "touching digits and frames": whole - inking, "model and answer": reading}
    print("processor time of an image: " + ", ".join(f"{step} {taken / len(paths) * 1e3:.2f} ms" for step, taken in times.items()))


def timed(work: Callable) -> tuple[float, object]:
    """Return the seconds of all processors that a piece of work took, and what it returned."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def seconds(call: Callable, *args) -> float:
    began = time.perf_counter()
    call(*args)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
