"""Where the pictures of bulk.py come from: a folder, a glob, a CSV or Parquet list, a zip, or cloud storage. Any process may fetch them.

SOURCE -> find -> Source: the paths, in order -> fetch, one by one
"""

import csv
import glob
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from PIL import Image

from digit_model.image import FORMATS


class SourceError(ValueError):
    """There is nothing to read; the message says what was looked for and what to give instead."""


@dataclass(frozen=True)
class Source:
    """Pictures to be read.

    paths: of each picture, as the rows tell them; base: the absolute folder that local ones are relative to; archive: the zip they are in.
    """

    paths: list[str]
    base: str
    archive: str | None = None

    def fetch(self, path: str) -> bytes:
        """Return the content of one picture. Raises OSError."""
        try:
            if self.archive:
                return _archive(self.archive).read(path)
            if is_remote(path):
                system, inside = _remote(path)
                with system.open_input_stream(inside) as file:
                    return file.read()
            return Path(self.base, path).read_bytes()
        except OSError:
            raise
        except Exception as error:  # a member of a zip, or a store in the cloud, can fail in all kinds of ways
            raise OSError(str(error)) from error


def find(source: str) -> Source:
    """Return the pictures that a source names. Raises SourceError, OSError."""
    here = str(Path.cwd())
    path = Path(source)
    if is_remote(source):
        found = Source(_remote_pictures(source), here)
    elif path.is_dir():
        found = Source([str(file) for file in sorted(path.rglob("*")) if file.is_file() and is_picture(file.name)], here)
    elif path.suffix.lower() == ".zip":
        names = [member.filename for member in _archive(source).infolist() if not member.is_dir() and is_picture(member.filename)]
        found = Source(names, here, str(path.absolute()))
    elif path.suffix.lower() in (".csv", ".parquet"):
        found = Source(_listed(path), str(path.absolute().parent))
    else:
        found = Source(sorted(file for file in glob.glob(source, recursive=True) if Path(file).is_file()), here)
    if not found.paths:
        raise SourceError(f"No picture was found at {source}. Give a folder, a glob, a .zip, or a .csv or .parquet with a column path.")
    return found


def is_remote(path: str) -> bool:
    return "://" in path


def is_picture(name: str) -> bool:
    """Return whether a file's name ends as a picture's; files that the system leaves behind are none."""
    endings = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    return Path(name).suffix.lower() in endings and not Path(name).name.startswith(".")


def _listed(path: Path) -> list[str]:
    """Return the column "path" of a list."""
    if path.suffix.lower() == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if "path" not in (rows.fieldnames or []):
                raise SourceError(f"{path} has no column path; its columns are {', '.join(rows.fieldnames or ['none'])}.")
            return [row["path"] for row in rows if row["path"]]
    parquet = pyarrow("parquet")
    names = parquet.read_schema(path).names
    if "path" not in names:
        raise SourceError(f"{path} has no column path; its columns are {', '.join(names)}.")
    return [str(value) for value in parquet.read_table(path, columns=["path"])["path"].to_pylist() if value]


def _remote_pictures(uri: str) -> list[str]:
    """Return the pictures of a folder in cloud storage (s3://, gs://, hdfs://, file://), or the one picture that the address names."""
    fs = pyarrow("fs")
    system, inside = fs.FileSystem.from_uri(uri)
    if system.get_file_info(inside).is_file:
        return [uri]
    files = system.get_file_info(fs.FileSelector(inside, recursive=True))
    within = sorted(file.path[len(inside) :] for file in files if file.is_file and is_picture(file.base_name))
    return [uri.rstrip("/") + "/" + path.lstrip("/") for path in within]


def _remote(uri: str) -> tuple:
    """Return the file system of an address, made once for each store, and the path in it."""
    scheme, _, rest = uri.partition("://")
    store, _, path = rest.partition("/")
    system, root = _file_system(f"{scheme}://{store}/")
    return system, root + path


@cache
def _file_system(uri: str) -> tuple:
    system, root = pyarrow("fs").FileSystem.from_uri(uri)
    return system, root.rstrip("/") + "/"


@cache
def _archive(path: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise SourceError(f"{path} is no whole zip file.") from None


def pyarrow(part: str) -> ModuleType:
    """Return a part of pyarrow, which is optional. Raises SourceError."""
    try:
        return import_module(f"pyarrow.{part}")
    except ImportError:
        raise SourceError("Parquet and cloud paths need pyarrow: pip install -r requirements-bulk.txt.") from None
