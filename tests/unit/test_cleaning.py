"""What agents send is deleted."""

import os
import time

from gradio import processing_utils

from web import cleaning

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def test_a_data_uri_that_gradio_stored_is_deleted_after_five_minutes(tmp_path):
    old = processing_utils.save_base64_to_cache(PICTURE, str(tmp_path))
    new = processing_utils.save_base64_to_cache(f"{PICTURE}=", str(tmp_path))
    os.utime(old, (time.time() - 301,) * 2)
    cleaning.delete_forgotten(tmp_path)
    assert [str(file) for file in tmp_path.rglob("*") if file.is_file()] == [new]
    assert len(list(tmp_path.iterdir())) == 1


def test_files_by_other_names_are_not_touched(tmp_path):
    other = tmp_path / "0123" / "scan.png"
    other.parent.mkdir()
    other.touch()
    os.utime(other, (0, 0))
    cleaning.delete_forgotten(tmp_path)
    assert other.exists()
