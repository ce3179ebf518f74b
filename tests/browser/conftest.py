"""Chromium, driven by Playwright, on a laptop's and a phone's screen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

expect.set_options(timeout=30_000)  # milliseconds: a busy machine is no failure

LAPTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def launch() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with launch() as browser:
        yield browser


def visit(browser: Browser, url: str, **screen) -> Iterator[Page]:
    """Open the page as a new visitor: in a context of its own."""
    context = browser.new_context(**screen)
    yield from open_page(context, url)
    context.close()


def open_page(context: BrowserContext, url: str) -> Iterator[Page]:
    """Open the page, yield it when it can be drawn on, and check that it had no error and asked no other host."""
    page = context.new_page()
    errors, hosts = [], set()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" and not refusal(message) else None)
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if request.url.startswith("http") else None)
    page.goto(url)
    wait_until_ready(page)
    yield page
    context.set_offline(False)
    page.close()
    assert errors == []
    assert hosts == {url.split("/")[2]}


def wait_until_ready(page: Page) -> None:
    """Wait until the page shows itself: Gradio starts the parts one by one, some time after the page is there."""
    page.locator(":root[data-standing]").wait_for()
    # Chromium drops a pointer's events until the page has been painted once.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def refusal(message) -> bool:
    """Whether it is the browser's own note of a reading that was refused."""
    return message.text.startswith("Failed to load resource") and "/predict" in message.location["url"]


@pytest.fixture(scope="session")
def contexts(browser) -> dict[str, BrowserContext]:
    """A visitor with a laptop and one with a phone who come again and again: Gradio's own files, most of a visit, are here already."""
    return {"laptop": browser.new_context(**LAPTOP), "phone": browser.new_context(**PHONE)}


@pytest.fixture
def laptop(contexts, app) -> Iterator[Page]:
    yield from open_page(contexts["laptop"], app.url)


@pytest.fixture
def phone(contexts, app) -> Iterator[Page]:
    yield from open_page(contexts["phone"], app.url)


@pytest.fixture(params=["laptop", "phone"])
def page(request) -> Page:
    """The page on both screens."""
    return request.getfixturevalue(request.param)


def on_pad(page: Page, strokes, size=1.0, at=(0.5, 0.5)) -> list[list[tuple[float, float]]]:
    """Return strokes of a 280 x 280 drawing as places on the screen.

    The drawing is `size` of the pad's shorter side high, its middle at `at` in parts of the pad.
    """
    pad = page.locator("#pad canvas").bounding_box()
    k = min(pad["width"], pad["height"]) * size / 280
    left, top = pad["x"] + pad["width"] * at[0] - 140 * k, pad["y"] + pad["height"] * at[1] - 140 * k
    return [[(left + x * k, top + y * k) for x, y in stroke] for stroke in strokes]


def draw(page: Page, strokes, **place) -> None:
    """Draw with the mouse."""
    for first, *rest in on_pad(page, strokes, **place):
        page.mouse.move(*first)
        page.mouse.down()
        for point in rest:
            page.mouse.move(*point, steps=4)
        page.mouse.up()


def draw_by_finger(page: Page, strokes, **place) -> None:
    """Draw with real touch events, which scroll the page where nothing prevents it."""
    finger = page.context.new_cdp_session(page)
    for stroke in on_pad(page, strokes, **place):
        for kind, point in zip(["touchStart"] + ["touchMove"] * (len(stroke) - 1), stroke, strict=True):
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": point[0], "y": point[1]}]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def answer(page: Page) -> str:
    """The first line of the answer."""
    return page.locator("#answer").inner_text().partition("\n")[0]


def has_ink(page: Page) -> bool:
    """Whether anything stands on the pad."""
    return page.evaluate(
        """() => {
            const canvas = document.querySelector("#pad canvas");
            return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0);
        }"""
    )
