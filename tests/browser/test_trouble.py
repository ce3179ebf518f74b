"""Trouble on the way: a proxy's own pages, a line that hangs, files that are too large, palms on the pad, a tab changed meanwhile."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import LAPTOP, draw, on_pad, visit
from tests.conftest import ROOT

THREE = ROOT / "examples" / "3_blue-ballpoint.png"
PAGE_OF_A_PROXY = {"content_type": "text/html", "body": "<html>Not here, not so</html>"}


def choose(page: Page, *files: Path) -> None:
    page.get_by_role("tab", name="Upload").click()
    page.locator("#upload input").set_input_files(list(files))


@pytest.fixture
def picture(tmp_path):
    """Makes a picture of a 3, with bytes after its end to be as large as is wanted."""

    def make(name: str, size: int = 0) -> Path:
        path = tmp_path / name
        shutil.copy(THREE, path)
        os.truncate(path, max(size, THREE.stat().st_size))
        return path

    return make


def test_a_proxy_that_takes_no_such_file_is_asked_once_and_understood(laptop, picture):
    asked = []
    laptop.route("**/predict?*", lambda route: (asked.append(route), route.fulfill(status=413, **PAGE_OF_A_PROXY)))
    choose(laptop, picture("3.png"))
    expect(laptop.locator("#answer .detail")).to_have_text("It cannot be read: too large, or no picture.")
    laptop.wait_for_timeout(1500)
    assert len(asked) == 1


@pytest.mark.parametrize("status", [429, 502])
def test_a_proxy_without_an_app_behind_it_is_asked_again(laptop, seven, status):
    busy = {"yes": True}

    def answer(route: Route) -> None:
        if busy["yes"]:
            route.fulfill(status=status, **PAGE_OF_A_PROXY)
        else:
            route.continue_()

    laptop.route("**/predict?*", answer)
    draw(laptop, seven)
    expect(laptop.locator("#answer .detail")).to_contain_text("busy or still starting")
    busy["yes"] = False
    expect(laptop.locator("#answer .words")).to_have_text("7")


def test_a_file_that_is_too_large_is_told_without_being_sent(laptop, picture):
    asked = []
    laptop.on("request", lambda request: asked.append(request.url) if "/predict" in request.url else None)
    choose(laptop, picture("film.png", size=25_000_001))
    expect(laptop.locator("#answer .detail")).to_have_text("It cannot be read: too large, or no picture.")
    assert asked == []


def test_of_several_pictures_a_bad_one_spoils_no_other(laptop, picture):
    asked = []

    def answer(route: Route) -> None:
        names = [part.split(b'"')[0].decode() for part in route.request.post_data_buffer.split(b'filename="')[1:]]
        asked.append(names)
        if "bad.png" in names:
            route.fulfill(status=413, **PAGE_OF_A_PROXY)
        else:
            route.continue_()

    laptop.route("**/predict", answer)
    choose(laptop, picture("a.png"), picture("bad.png"), picture("b.png"), picture("film.png", size=25_000_001), picture("c.png"))
    rows = laptop.locator("#upload tbody tr")
    wrong = "It cannot be read: too large, or no picture."
    for row, told in enumerate(["3", wrong, "3", wrong, "3"]):
        expect(rows.nth(row).locator("td").nth(1)).to_have_text(told)
    assert asked[0] == ["a.png", "bad.png", "b.png", "c.png"]
    assert ["bad.png"] in asked


def test_a_drawing_whose_answer_hangs_is_asked_again(browser, app, seven):
    held = []
    for page in visit(browser, app.url, **LAPTOP):  # whose clock is no other test's
        page.clock.install()
        page.route("**/predict?*", lambda route: held.append(route) if not held else route.continue_())
        draw(page, seven)
        for _ in range(30):  # the wait, then the pause before it is tried again
            page.clock.run_for(1000)
        expect(page.locator("#answer .words")).to_have_text("7")
    assert held


def test_the_other_tabs_answer_does_not_stand_beside_this_one(laptop, seven, picture):
    choose(laptop, picture("3.png"))
    expect(laptop.locator("#answer .words")).to_have_text("3")
    laptop.get_by_role("tab", name="Sketchpad").click()
    draw(laptop, seven)
    expect(laptop.locator("#answer .words")).to_have_text("7")
    laptop.route("**/predict?*", lambda route: route.fulfill(status=503, **PAGE_OF_A_PROXY))
    laptop.get_by_role("tab", name="Upload").click()
    expect(laptop.locator("#answer .detail")).to_contain_text("busy")
    expect(laptop.locator("#answer .words")).to_have_text("")


def test_a_picture_of_the_gallery_is_sent_once(laptop, picture):
    asked = []
    choose(laptop, picture("3.png"))
    expect(laptop.locator("#answer .words")).to_have_text("3")
    laptop.get_by_role("tab", name="Sketchpad").click()
    laptop.on("request", lambda request: asked.append(request.url) if "/predict" in request.url else None)
    laptop.locator("#gallery button[title='7, light on dark']").click()
    expect(laptop.locator("#answer .words")).to_have_text("7")
    laptop.wait_for_timeout(500)
    assert len(asked) == 1


def test_the_gallery_opens_without_a_connection_and_is_read_with_the_next(laptop):
    laptop.wait_for_function("[...document.querySelectorAll('#gallery img')].every((picture) => picture.complete)")
    laptop.context.set_offline(True)
    laptop.locator("#gallery button[title='7, light on dark']").click()
    expect(laptop.locator("#answer .detail")).to_contain_text("No connection")
    expect(laptop.locator("#upload img")).to_be_visible()
    laptop.context.set_offline(False)
    expect(laptop.locator("#answer .words")).to_have_text("7")


def test_a_palm_that_the_system_rejects_leaves_no_ink_and_a_pen_takes_over_from_it(phone, seven):
    finger = phone.context.new_cdp_session(phone)
    [palm] = on_pad(phone, [[[40, 250], [60, 250], [80, 252]]])

    def touch(kind: str, *points) -> None:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    strokes = "() => document.querySelector('#pad [data-drawn]') !== null"
    touch("touchStart", palm[0])
    touch("touchMove", palm[1])
    phone.wait_for_function(strokes)
    touch("touchCancel")
    phone.wait_for_function(f"!({strokes})()")

    touch("touchStart", palm[0])
    touch("touchMove", palm[1])
    phone.wait_for_function(strokes)
    kinds = {"mousePressed": 1, "mouseMoved": 1, "mouseReleased": 0}
    for stroke in on_pad(phone, seven):
        for kind, (x, y) in [("mousePressed", stroke[0]), *(("mouseMoved", place) for place in stroke), ("mouseReleased", stroke[-1])]:
            pen = {"type": kind, "x": x, "y": y, "button": "left", "buttons": kinds[kind], "clickCount": 1, "pointerType": "pen"}
            finger.send("Input.dispatchMouseEvent", pen)
    expect(phone.locator("#answer .words")).to_have_text("7")
    touch("touchEnd")
    expect(phone.locator("#answer .words")).to_have_text("7")
