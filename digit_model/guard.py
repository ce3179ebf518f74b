"""What a picture file may cost to open: small ones can ask for minutes, or for all memory. image.py calls it.

Each limit is far above what cameras and programs write; tests/attack/pictures.py has a file that goes over it. What takes much memory, and
AVIF and HEIC, whose files may hold more than they claim, is opened apart: this file is then the program of a process of its own, which is
ended when it takes too much.
"""

import io
import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from enum import Enum
from itertools import islice

from PIL import Image, ImageOps

MOST_READS = 20_000  # by which Pillow takes a file apart, in Python: a PNG of 25 MB in the usual pieces of 8 kB takes 12,000
MOST_SCANS = 30  # of a JPEG, each of them a pass over all pixels; a progressive one has about ten
MOST_COEFFICIENTS = 100_000_000  # of two bytes, that a JPEG of several scans holds at once; 66 megapixels as cameras store colour
MOST_HERE = 4_000_000  # pixels, or 16 million coefficients, that are opened in this process; of four bytes, with a copy or three
MOST_MEMORY = 290_000_000  # bytes of a process that opens a picture; 16 megapixels of WebP take 280
MOST_SECONDS = 3  # of a processor, that it takes; 12 megapixels of a phone take half of one
MOST_WAITING = 60  # seconds until it is ended whatever it does: on a machine that is busy with others three seconds of a processor may last
MOST_EXIF = 65_536  # bytes, the most that JPEG has room for at one place

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in a JPEG; neither filling, nor an escaped byte, nor a restart
_SCAN, _END = 0xDA, 0xD9


class FewReads(io.BytesIO):
    """A file that ends where it was read from too often: millions of pieces of a byte each are an attack."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS:
            raise OSError("too many pieces")
        return super().read(size)


class Where(Enum):
    """Where a picture may be loaded."""

    HERE, APART, NOWHERE = range(3)


def where(image: Image.Image, data: bytes) -> Where:
    """Return where a picture just opened may be loaded: nowhere a JPEG that goes over the file too often, or holds too much meanwhile."""
    width, height = image.size
    if image.format not in ("JPEG", "MPO"):
        return Where.APART if image.format in ("AVIF", "HEIF") or width * height > MOST_HERE else Where.HERE
    kinds = list(islice(_markers(data), MOST_READS + 1))
    scans = kinds.count(_SCAN)
    parts = [across * down for _, across, down, _ in image.layer]
    held = width * height * sum(parts) / max(parts) if scans > 1 else 0  # coefficients; one pass holds none
    if scans > MOST_SCANS or len(kinds) > MOST_READS or held > MOST_COEFFICIENTS:
        return Where.NOWHERE
    return Where.APART if held > 4 * MOST_HERE else Where.HERE


def _markers(data: bytes):
    """Yield the kind of each segment of a JPEG up to its end; what phones append, films among it, is not looked at."""
    at = 2
    while found := _MARKER.search(data, at):
        kind = data[found.start() + 1]
        if kind == _END:
            return
        yield kind
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])


class SmallExif(Image.Exif):
    """Notes of a camera, not read where they are large: 65,535 entries may all point at the same megabytes, and each gets a copy."""

    def load(self, data: bytes) -> None:
        super().load(data if len(data) <= MOST_EXIF else b"")


Image.Exif = SmallExif  # Pillow and its plugins make theirs by this name, some of them already while they open a file

_PLACES = threading.Semaphore(2 if (os.cpu_count() or 2) > 2 else 1)  # so many at once: their memory adds up, however many processors
_here = True  # whether this process opens such pictures


class LeftToOthers(Exception):
    """This process leaves something to the one that started it: it opens no picture apart, since that one counts those."""


def leave_to_others() -> None:
    """Let `opened_apart` raise LeftToOthers from now on."""
    global _here
    _here = False


def opened_apart(data: bytes, kind: str, side: int) -> Image.Image:
    """Return a picture of that format upright, RGB or RGBA, its longest side at most `side`, its full size in `info["full_size"]`.

    Raises OSError where it cannot be opened within the limits, LeftToOthers after `leave_to_others`.
    """
    if not _here:
        raise LeftToOthers
    with _PLACES:
        try:
            # In a session of its own: Ctrl+C at a terminal lets what is in flight be answered.
            command = [sys.executable, "-P", __file__, kind, str(side)]
            done = subprocess.run(command, input=data, capture_output=True, timeout=MOST_WAITING, start_new_session=True)  # noqa: S603 our own command
        except subprocess.TimeoutExpired:
            raise OSError("takes too long") from None
    told, _, pixels = done.stdout.partition(b"\n")
    if done.returncode or not pixels:
        raise OSError("cannot be opened")
    mode, *numbers = told.decode().split()
    width, height, *full = map(int, numbers)
    picture = Image.frombytes(mode, (width, height), pixels)
    picture.info["full_size"] = tuple(full)
    return picture


def _open_for_another(kind: str, side: int) -> None:
    """Do the other half of `opened_apart`: the file comes in, and out go a line of what it is and its pixels."""
    _limit_this_process()
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    image = Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=["JPEG" if kind == "MPO" else kind])
    full = image.size
    image.draft(None, tuple(int(length * side / max(full)) for length in full))
    image.load()
    image = image._new(image.im)  # the same pixels, without the file: of a WebP that holds three copies more
    if image.mode.startswith("I"):  # 16 bits, the second byte of which is the higher; Pillow would clip
        grey = Image.frombytes("L", image.size, image.tobytes()[1::2])
        grey.info = image.info
        image = grey
    colours = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != colours:  # or it would be copied
        image = image.convert(colours)
    image.thumbnail((side, side), Image.Resampling.BOX)
    lying = image.getexif().get(0x0112) in (5, 6, 7, 8)
    ImageOps.exif_transpose(image, in_place=True)
    sys.stdout.buffer.write(" ".join(map(str, (image.mode, *image.size, *(full[::-1] if lying else full)))).encode() + b"\n")
    sys.stdout.buffer.write(image.tobytes())


def _limit_this_process() -> None:
    with suppress(ImportError):  # on Windows, whose processes know no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _open_for_another(sys.argv[1], int(sys.argv[2]))
