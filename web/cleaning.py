"""Deletes what Gradio forgets: data URIs of agents, uploads that broke off, and the folders of the files it deletes. app.py starts it."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder

AGE = 300  # seconds a file is kept, as with Blocks(delete_cache=...), which deletes the files that Gradio knows of


def keep_clean(stop: threading.Event) -> None:
    """Delete forgotten files once a minute until `stop` is set."""
    while not stop.wait(60):
        delete_forgotten(Path(get_upload_folder()))


def delete_forgotten(folder: Path) -> None:
    """Delete the files in the folder that are older than AGE, and the folders in it that have stood empty for so long."""
    before = time.time() - AGE
    for where, _, names in os.walk(folder, topdown=False):  # passes over what another process deletes meanwhile
        inside = Path(where)
        for path in (inside / name for name in names):
            with suppress(OSError):
                if path.lstat().st_mtime < before:
                    path.unlink()
        with suppress(OSError):  # not empty
            if inside != folder and inside.stat().st_mtime < before:
                inside.rmdir()
