"""What is drawn or sent is not kept: not on the server's disk, not in the browser, and nobody else is told."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import LAPTOP, draw, visit
from tests.conftest import ROOT

PICTURES = [path.name for path in sorted((ROOT / "examples").glob("*.png"))]


def kept_by(app) -> set[Path]:
    """Return all files of the app, whose temporary folder and cache are its own."""
    return {*app.folder.rglob("*"), *ROOT.glob(".gradio/**/*")}


def test_fifty_predictions_leave_nothing_on_the_disk_and_nothing_in_the_browser(browser, app, seven):
    before, logged = kept_by(app), app.log.read_text()
    for page in visit(browser, app.url, **LAPTOP):  # which also sees that no other host was asked
        answers = []
        page.on("response", lambda reply: answers.append(reply.status) if "/predict?" in reply.url else None)  # noqa: B023
        draw(page, seven)
        expect(page.locator("#answer .words")).to_have_text("7")
        for turn in range(36):
            page.locator("#gallery button").nth(turn % len(PICTURES)).click()
            page.locator("#upload img").wait_for()
            expect(page.locator("#answer .words")).to_have_text(PICTURES[turn % len(PICTURES)][0])
        while len(answers) < 50:
            page.locator("#predict").click()
            page.wait_for_timeout(30)
        assert set(answers) == {200}
        kept = page.evaluate("""async () => [
            Object.keys(localStorage), Object.keys(sessionStorage), document.cookie,
            (await indexedDB.databases()).map((base) => base.name), await caches.keys(),
        ]""")
        assert kept == [[], [], "", [], []]
    assert kept_by(app) <= before
    assert app.log.read_text() == logged


def test_the_page_says_so_in_one_sentence(page):
    expect(page.locator("#foot")).to_contain_text("What you draw or send is not kept.")
