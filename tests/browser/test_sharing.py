"""How to call this very page from code, which model reads and how good it is: in a quiet place below the first sight."""

import json
import shutil
import subprocess
import sys
from datetime import datetime

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import LAPTOP, PHONE, visit
from tests.conftest import ROOT

SEVEN = ROOT / "examples" / "7_light-on-dark.png"


@pytest.fixture
def snippets(laptop) -> list[str]:
    """The three as a visitor copies them."""
    laptop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    laptop.locator("#foot summary").click()
    copied = []
    for button in laptop.locator("#foot h3 + button").all():
        button.click()
        expect(button).to_have_text("Copied")
        copied.append(laptop.evaluate("navigator.clipboard.readText()"))
    return copied


def test_the_copied_snippets_work_as_they_are(app, laptop, snippets, tmp_path):
    shutil.copy(SEVEN, tmp_path / "digit.png")
    python, curl, javascript = snippets
    told = subprocess.run([sys.executable, "-c", python], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.stdout.endswith("7\n"), told.stderr
    told = subprocess.run(curl, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)  # noqa: S602
    assert json.loads(told.stdout)["text"] == "7", told.stderr
    file = "const file = await (await fetch('examples/7_light-on-dark.png')).blob();"
    assert laptop.evaluate(f"async () => {{ {file}\n{javascript}\nreturn text; }}") == "7"


def test_it_says_which_model_reads_since_when_and_how_good_it_is(app, laptop):
    laptop.locator("#foot summary").click()
    facts = laptop.locator("#foot dl")
    expect(facts).to_contain_text("a model file of this machine")
    model = requests.get(f"{app.url}/model", timeout=5).json()
    expect(facts).to_contain_text(f"{model['metrics']['mnist_test']['accuracy'] * 100:.1f}%")
    expect(facts).to_contain_text(str(datetime.fromisoformat(model["since"]).astimezone().year))


@pytest.mark.parametrize(("locale", "screen"), [("fr", PHONE), ("vi", PHONE), ("en", LAPTOP)])
def test_the_snippets_scroll_and_the_page_does_not(browser, app, locale, screen):
    for page in visit(browser, app.url, locale=locale, **screen):
        page.locator("#foot summary").click()
        expect(page.locator("#foot dd").first).not_to_be_empty()
        page.locator("#foot pre").first.evaluate("(pre) => (pre.textContent += 'x'.repeat(300))")  # as long as a Space's address may be
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        pre, whole = (page.locator(place).first.bounding_box()["width"] for place in ("#foot pre", "#foot .more > div"))
        assert pre == whole  # no button stands beside it
        for copy in page.locator("#foot h3 + button").all():
            box = copy.bounding_box()
            assert box["x"] + box["width"] <= screen["viewport"]["width"]
            assert box["height"] >= 24


def test_the_facts_and_links_are_those_of_the_model_that_is_served(laptop):
    model = {
        "source": "hub",
        "repo_id": "somebody/digits",
        "revision": "0123456789" * 4,
        "sha256": "f" * 64,
        "since": "2031-05-04T07:00:00Z",
    }
    laptop.route("**/model", lambda route: route.fulfill(json=model | {"metrics": {}}))
    laptop.evaluate("(model) => document.dispatchEvent(new CustomEvent('served', { detail: model }))", model)
    expect(laptop.locator("#served")).to_have_text("Read by somebody/digits at 0123456.")
    laptop.locator("#foot summary").click()
    expect(laptop.locator("#card")).to_have_attribute("href", "https://huggingface.co/somebody/digits")
    expect(laptop.locator("#foot dd")).to_have_text(["somebody/digits at 0123456", "May 4, 2031, 7:00 AM"])


def test_on_a_space_snippets_code_and_duplicate_are_that_spaces_own(browser, app):
    def as_space(route):
        reply = route.fetch()
        assert reply.text().count('"space_id":null') == 1
        route.fulfill(response=reply, body=reply.text().replace('"space_id":null', '"space_id":"somebody/space"'))

    context = browser.new_context(**LAPTOP)
    page = context.new_page()
    page.route(f"{app.url}/", as_space)
    page.goto(app.url)
    duplicate = page.get_by_role("link", name="Duplicate this Space")
    expect(duplicate).to_be_visible()
    assert duplicate.get_attribute("href") == "https://huggingface.co/spaces/somebody/space?duplicate=true"
    bottom = page.locator("#foot").bounding_box()
    assert bottom["y"] + bottom["height"] <= 800
    page.locator("#foot summary").click()
    expect(page.locator("#code")).to_have_attribute("href", "https://huggingface.co/spaces/somebody/space/tree/main")
    expect(page.locator("#foot pre").first).to_contain_text('Client("somebody/space")')
    expect(page.locator("#foot")).not_to_contain_text("GPU")
    context.close()


def test_elsewhere_there_is_nothing_to_duplicate(laptop):
    expect(laptop.get_by_role("link", name="Duplicate this Space")).not_to_be_visible()


def test_all_endpoints_are_described(browser, app):
    context = browser.new_context(**LAPTOP)  # Gradio's own view has errors of its own
    page = context.new_page()
    page.goto(app.url)
    page.locator("#foot summary").click()
    page.get_by_role("button", name="All endpoints").click()
    expect(page.get_by_role("dialog")).to_contain_text("predict_sketch")
    context.close()
