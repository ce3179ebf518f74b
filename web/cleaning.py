"""Deletes what Gradio forgets: a picture that an agent sends as a data URI stays in its folder for temporary files. app.py starts it."""

import threading
import time
from contextlib import suppress
from pathlib import Path

from gradio.utils import get_upload_folder

AGE = 300  # seconds a file is kept, as with Blocks(delete_cache=...), which deletes all other files
PATTERN = "*/file*"  # as gradio.processing_utils.save_base64_to_cache names them


def keep_clean(stop: threading.Event) -> None:
    """Delete forgotten files once a minute until `stop` is set."""
    while not stop.wait(60):
        delete_forgotten(Path(get_upload_folder()))


def delete_forgotten(folder: Path) -> None:
    """Delete the files that are older than AGE."""
    for file in folder.glob(PATTERN):
        with suppress(OSError):
            if file.stat().st_mtime < time.time() - AGE:
                file.unlink()
                file.parent.rmdir()
