"""What a picture file may cost to open beyond its pixels: small ones can ask for minutes, or for all memory. image.py calls it.

Each limit is far above what cameras and programs write; tests/attack/pictures.py has a file that goes over it.
"""

import io
import re
from itertools import islice

from PIL import Image

MOST_READS = 20_000  # by which Pillow takes a file apart, in Python: a PNG of 25 MB in the usual pieces of 8 kB takes 12,000
MOST_SCANS = 30  # of a JPEG, each of them a pass over all pixels; a progressive one has about ten
MOST_COEFFICIENTS = 100_000_000  # of two bytes, that a JPEG of several scans holds at once; 66 megapixels as cameras store colour
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


def takes_too_many_passes(image: Image.Image, data: bytes) -> bool:
    """Return whether a JPEG just opened goes over the file too often, or holds too much meanwhile; other formats do not."""
    if image.format not in ("JPEG", "MPO"):
        return False
    kinds = list(islice(_markers(data), MOST_READS + 1))
    scans = kinds.count(_SCAN)
    if scans > MOST_SCANS or len(kinds) > MOST_READS:
        return True
    parts = [across * down for _, across, down, _ in image.layer]
    width, height = image.size
    return scans > 1 and width * height * sum(parts) / max(parts) > MOST_COEFFICIENTS


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
