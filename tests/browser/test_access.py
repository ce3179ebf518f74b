"""Everybody can use the page: by keyboard, by screen reader, without motion, in the dark."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LAPTOP, PHONE, draw, visit
from tests.conftest import ROOT, from_npm

AXE = "axe-core@4.14.1"  # the one from npm, run inside the page
OWN = ["#intro", "#instrument", "#gallery", "#foot"]


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> Path:
    return from_npm(tmp_path_factory.mktemp("axe"), AXE) / "axe-core" / "axe.min.js"


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical, in our own elements."""
    found = page.evaluate(f"axe.run({{ include: {json.dumps(OWN)} }}, {{ resultTypes: ['violations'] }})")
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(("screen", "colours"), [(LAPTOP, "light"), (PHONE, "dark")], ids=["laptop, light", "phone, dark"])
def test_axe_finds_nothing_serious(browser, app, axe, seven, screen, colours):
    for page in visit(browser, app.url, color_scheme=colours, reduced_motion="reduce", **screen):
        page.add_script_tag(path=axe)
        assert serious(page) == []
        draw(page, seven)
        expect(page.locator("#answer .words")).to_have_text("7")
        page.locator("#foot summary").click()
        expect(page.locator("#foot dd").first).to_be_visible()
        assert serious(page) == []
        page.get_by_role("tab", name="Upload").click()
        page.locator("#upload input").set_input_files(ROOT / "examples" / "3_blue-ballpoint.png")
        expect(page.locator("#answer .words")).to_have_text("3")
        assert serious(page) == []
        page.locator("#upload input").set_input_files(sorted((ROOT / "examples").glob("*.png")))
        expect(page.locator("#upload td[data-text]").last).to_be_visible()
        assert serious(page) == []


def test_axe_would_find_something(laptop, axe):
    laptop.add_script_tag(path=axe)
    laptop.evaluate("document.querySelector('#foot p').style.color = '#ddd'")
    assert serious(laptop) != []


def test_every_control_is_reached_by_keyboard_and_shows_that_it_is(laptop, seven):
    draw(laptop, seven)
    expect(laptop.locator("#answer .words")).to_have_text("7")
    laptop.locator("#intro h1").click()  # the keyboard goes on from here
    reached = []
    while not reached or reached[-1] != "foot":
        laptop.keyboard.press("Tab")
        name, ring = laptop.evaluate("""() => {
            const at = document.activeElement;
            const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
            const ring = (outlineStyle !== "none" && parseFloat(outlineWidth) >= 1) || boxShadow !== "none";
            return [at.closest("[role=tab], #pen, #actions button, #answer, #label, #gallery, #foot")?.id, ring];
        }""")
        reached.append(name)
        assert ring, f"{name} has the focus and does not show it"
    bars = ["label"] * reached.count("label")  # Gradio makes them buttons
    gallery = ["gallery"] * laptop.locator("#gallery button").count()
    assert reached == ["pad-tab-button", "upload-tab-button", "pen", "undo", "clear", "predict", "answer", *bars, *gallery, "foot"]


def test_tabs_gallery_and_file_chooser_work_by_keyboard(laptop):
    laptop.locator("#pad-tab-button").focus()
    laptop.keyboard.press("Tab")
    laptop.keyboard.press("Enter")
    expect(laptop.get_by_role("tab", name="Upload")).to_have_attribute("aria-selected", "true")
    with laptop.expect_file_chooser():
        laptop.locator("#upload input").focus()
        laptop.keyboard.press("Enter")
    laptop.locator("#gallery button").first.focus()
    laptop.keyboard.press("Enter")
    expect(laptop.locator("#answer .words")).to_have_text("0")


def test_screen_readers_are_told_names_and_the_answer(laptop, seven):
    for role, name in (("img", "Drawing pad: draw a digit with mouse, pen or finger"), ("slider", "Pen width"), ("button", "Clear")):
        expect(laptop.get_by_role(role, name=name)).to_be_visible()
    draw(laptop, seven)
    expect(laptop.get_by_role("status").filter(has_text="sure")).to_contain_text("7")
    expect(laptop.get_by_role("button", name="What mattered")).to_have_attribute("aria-pressed", "false")


def test_nothing_moves_where_less_motion_is_wished(browser, app, seven):
    for page in visit(browser, app.url, reduced_motion="reduce", **LAPTOP):
        draw(page, seven)
        expect(page.locator("#answer .words")).to_have_text("7")
        moving = page.evaluate("""() => [...document.querySelectorAll("#intro *, #instrument *, #gallery *, #foot *")].filter((each) => {
            const { transitionProperty, animationName } = getComputedStyle(each);
            return transitionProperty !== "none" || animationName !== "none";
        }).map((each) => each.outerHTML.slice(0, 100))""")
        assert moving == []
        # The page is out of sight until all of it stands, for these visitors too.
        page.evaluate("document.documentElement.removeAttribute('data-standing')")
        expect(page.locator("#intro h1")).not_to_be_visible(timeout=5_000)
