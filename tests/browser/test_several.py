"""Several pictures at once: a table that fills while they are read, and a file of it."""

import csv
import io

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import answer
from tests.conftest import ROOT

PICTURES = sorted((ROOT / "examples").glob("*.png"))
WRONG = {"name": 'no "picture", at all.png', "mimeType": "image/png", "buffer": b"no picture"}


@pytest.fixture
def many(page):
    """The page with all pictures of the gallery and a file that is none."""
    page.get_by_role("tab", name="Upload").click()
    files = [{"name": path.name, "mimeType": "image/png", "buffer": path.read_bytes()} for path in PICTURES]
    page.locator("#upload input").set_input_files([*files, WRONG])
    expect(page.locator("#upload tbody tr")).to_have_count(len(PICTURES) + 1)
    expect(page.locator("#upload tbody tr").last.locator("td").nth(1)).to_contain_text("picture")
    return page


def test_each_picture_has_a_row_with_its_answer(many):
    answers = many.evaluate("[...document.querySelectorAll('#upload tbody tr')].map((row) => row.cells[1].textContent)")
    assert answers[:-1] == [path.name[0] for path in PICTURES]
    assert answers[-1].endswith(".")  # the sentence that says what was wrong
    many.wait_for_function(
        "[...document.querySelectorAll('#upload tbody img')].slice(0, -1).every((picture) => picture.naturalWidth === 240)"
    )
    assert many.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(many.locator("#answer .words")).to_have_text("0")  # that of the first


def test_a_row_that_is_clicked_tells_more_beside_the_table(many):
    many.get_by_role("button", name="7_light-on-dark.png").click()
    expect(many.locator("#answer .made")).to_contain_text("inverted")
    assert answer(many) == "7"
    expect(many.locator("tr[aria-current=true]")).to_contain_text("7_light-on-dark.png")


def test_the_table_is_saved_as_csv(many):
    with many.expect_download() as download:
        many.get_by_role("button", name="Save as CSV").click()
    assert download.value.suggested_filename == "digits.csv"
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert [(row["file"], row["text"]) for row in rows[:-1]] == [(path.name, path.name[0]) for path in PICTURES]
    assert all(0 < float(row["confidence"]) <= 1 for row in rows[:-1])
    assert rows[-1]["file"] == WRONG["name"]
    assert rows[-1]["error"] != ""


def test_clear_takes_the_table_away_and_a_single_picture_has_none(many):
    many.locator("#clear").click()
    expect(many.locator("#upload .several")).not_to_be_visible()
    expect(many.locator("#answer")).to_have_text("", use_inner_text=True)
    many.locator("#upload input").set_input_files(PICTURES[0])
    expect(many.locator("#answer .words")).to_have_text("0")
    expect(many.locator("#upload .several")).not_to_be_visible()
    expect(many.locator("#upload img").first).to_be_visible()
