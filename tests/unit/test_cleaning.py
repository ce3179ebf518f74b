"""What was sent is deleted, whatever came of it."""

import os
import time

import pytest
from gradio import processing_utils
from gradio.route_utils import GradioMultiPartParser
from starlette.datastructures import Headers

from tests.conftest import finished
from web import cleaning

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def age(*paths) -> None:
    """Make files or folders 301 seconds old."""
    for path in paths:
        os.utime(path, (time.time() - 301,) * 2)


def test_a_data_uri_that_gradio_stored_is_deleted_after_five_minutes(tmp_path):
    old = processing_utils.save_base64_to_cache(PICTURE, str(tmp_path))
    new = processing_utils.save_base64_to_cache(f"{PICTURE}=", str(tmp_path))
    age(old)
    cleaning.delete_forgotten(tmp_path)
    assert [str(file) for file in tmp_path.rglob("*") if file.is_file()] == [new]


def test_an_upload_that_breaks_off_is_deleted_after_five_minutes(tmp_path):
    async def body():
        yield b'--a\r\nContent-Disposition: form-data; name="files"; filename="7.png"\r\n\r\n' + bytes(1000)
        raise ConnectionError

    parser = GradioMultiPartParser(
        Headers({"content-type": "multipart/form-data; boundary=a"}), body(), max_file_size=10_000, upload_dir=str(tmp_path)
    )
    with pytest.raises(ConnectionError):
        finished(parser.parse())
    [left] = tmp_path.iterdir()
    cleaning.delete_forgotten(tmp_path)
    assert left.exists()
    age(left)
    cleaning.delete_forgotten(tmp_path)
    assert not left.exists()


def test_a_folder_that_has_stood_empty_is_deleted_and_the_whole_one_is_not(tmp_path):
    empty, used = tmp_path / "deep_links" / "0123", tmp_path / "4567"
    empty.mkdir(parents=True)
    used.mkdir()
    (used / "7.png").touch()
    age(empty, used, tmp_path)
    cleaning.delete_forgotten(tmp_path)
    assert not empty.exists()
    assert (used / "7.png").exists()
    age(tmp_path / "deep_links", tmp_path)
    cleaning.delete_forgotten(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["4567"]
