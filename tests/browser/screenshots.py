"""Makes the README's pictures of the real page: `python -m tests.browser.screenshots`. They are kept small, in docs/."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from digit_model import hands
from digit_model.strokes import extent
from tests.browser.conftest import LAPTOP, PHONE, draw, launch, wait_until_ready
from tests.conftest import ROOT, running_app

DOCS = ROOT / "docs"
HAND = 7  # the random hand that writes


def main() -> None:
    model = os.environ.get("MODEL_PATH") or str(ROOT / "digit_model" / "model.keras")
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), MODEL_PATH=model, HF_HOME=folder) as app, launch() as browser:
        with visitor(browser, app.url, **LAPTOP) as page:
            number(page)
            keep(page, "page")
        with visitor(browser, app.url, color_scheme="dark", **LAPTOP) as page:
            page.locator("#gallery button[title='4, chalk on a blackboard']").click()
            expect(page.locator("#answer .words")).to_have_text("4")
            page.get_by_role("button", name="What mattered").click()
            expect(page.get_by_role("button", name="What mattered")).to_have_attribute("aria-pressed", "true")
            keep(page, "page-dark")
        with visitor(browser, app.url, locale="ar", **PHONE) as page:
            number(page)
            keep(page, "page-phone-arabic")


def number(page: Page) -> None:
    """Draw 2026."""
    rng = np.random.default_rng(HAND)
    for place, digit in enumerate("2026"):
        strokes = hands.draw(digit, rng, wildness=0.4, variant=0)  # about 100 high
        low, high = extent(strokes)
        draw(
            page,
            [(stroke - (low + high) / 2) * 1.8 + 140 for stroke in strokes],
            size=0.42 if page.viewport_size["width"] > 700 else 0.34,
            at=(0.17 + 0.22 * place, 0.45),
        )
    expect(page.locator("#answer .words")).to_have_text("2026")


@contextmanager
def visitor(browser: Browser, url: str, **screen) -> Iterator[Page]:
    """Yield the page as a visitor with that screen has it."""
    context = browser.new_context(**screen)
    page = context.new_page()
    page.goto(url)
    wait_until_ready(page)
    yield page
    context.close()


def keep(page: Page, name: str) -> None:
    """Write the screen to docs/, with a palette."""
    path = DOCS / f"{name}.png"
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled")
    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
