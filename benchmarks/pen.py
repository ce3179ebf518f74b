"""Row of the table: from pen-up to the label in Chromium, on our page and on gr.Sketchpad with a model that does nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measuring import faster, milliseconds, row, running_module, running_ours, until

DRAWINGS = 10
SEVEN = [(-0.25, -0.3), (0, -0.31), (0.25, -0.3), (0.12, -0.05), (0, 0.15), (-0.08, 0.35)]  # in parts of the pad's height, from its middle
QUIET = 1000  # milliseconds without a change: the label is what it will be
LONGEST = 20_000  # milliseconds it is waited for

# From the pen's leaving the page to the last change of the label after it, in milliseconds; null where it never changed.
WATCH = """([quiet, longest]) => {
    let up = null, changed = null;
    window.labelled = new Promise((done) => {
        const settled = setInterval(() => {
            const now = performance.now();
            if (up === null || (changed === null ? now - up < longest : now - changed < quiet)) return;
            clearInterval(settled);
            watcher.disconnect();
            done(changed && changed - up);
        }, 50);
    });
    const watcher = new MutationObserver(() => { if (up !== null) changed = performance.now(); });
    for (const part of document.querySelectorAll("#label, #answer"))
        watcher.observe(part, { subtree: true, childList: true, characterData: true, attributes: true });
    window.addEventListener("pointerup", () => { up = performance.now(); }, { capture: true, once: true });
}"""


def pen(folder: Path) -> Iterator[dict]:
    """Yield the time from pen-up to the label, alone and against gr.Sketchpad."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        yield row("pen-up to label in Chromium", "not measured: Chromium is missing", "at most 40 ms", None)
        return
    with (
        running_ours(folder / "cache0") as (url, _, _),
        running_module("nothing") as (nothing_url, _, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ours, other = opened(browser, url), opened(browser, nothing_url)
        ours.locator(":root[data-standing]").wait_for()
        other.get_by_role("button", name="Brush").first.click()  # it opens with no tool chosen
        drawn(ours), drawn(other)  # the first does not count
        taken, others = [], []
        for _ in range(DRAWINGS):
            taken.append(drawn(ours) / 1e3)
            others.append(drawn(other) / 1e3)
            if (text := ours.locator("#answer .words").inner_text()) != "7":
                raise ValueError(f"the drawn 7 was read as {text!r}")
            ours.locator("#clear").click()
        browser.close()
    yield milliseconds("pen-up to label in Chromium", 40, taken)
    yield faster("pen-up to label, against gr.Sketchpad with a model that does nothing", 15, taken, others, "sketchpad")


def opened(browser: Browser, url: str) -> Page:
    """Open a page, as soon as it is served, on a laptop's screen."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    until(lambda: page.goto(url))
    page.locator("#pad canvas").first.wait_for()
    page.wait_for_timeout(QUIET)
    return page


def drawn(page: Page) -> float:
    """Draw a 7 by mouse and return the milliseconds from pen-up to the label."""
    page.bring_to_front()
    page.evaluate(WATCH, [QUIET, LONGEST])
    pad = page.locator("#pad canvas").first.bounding_box()
    first, *rest = [(pad["x"] + pad["width"] / 2 + pad["height"] * x, pad["y"] + pad["height"] * (0.5 + y)) for x, y in SEVEN]
    page.mouse.move(*first)
    page.mouse.down()
    for point in rest:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    taken = page.evaluate("window.labelled")
    if taken is None:
        raise ValueError(f"{page.url}: no label came")
    return taken
