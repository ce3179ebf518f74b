"""The page speaks the visitor's language."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import LAPTOP, PHONE, draw, visit
from tests.conftest import ROOT

WORDS = json.loads((ROOT / "web" / "words.json").read_text(encoding="utf-8"))
BROWSERS = {"en-GB": "en", "vi-VN": "vi", "es-MX": "es", "fr": "fr", "zh-CN": "zh", "ar-EG": "ar", "de-DE": "en"}


def test_every_sentence_stands_in_every_language_with_the_same_blanks():
    blanks = {key: sorted(part.split("}")[0] for part in words.split("{")[1:]) for key, words in WORDS["en"].items()}
    for language, words in WORDS.items():
        assert {key: sorted(part.split("}")[0] for part in said.split("{")[1:]) for key, said in words.items()} == blanks, language


@pytest.mark.parametrize(("locale", "language"), BROWSERS.items())
def test_the_page_speaks_the_browsers_language_in_one_screen(browser, app, seven, locale, language):
    words = WORDS[language]
    for page in visit(browser, app.url, locale=locale, **(PHONE if language in ("vi", "ar", "fr") else LAPTOP)):
        expect(page.locator("#intro h1")).to_have_text(words["title"])
        expect(page.get_by_role("tab")).to_have_text([words["sketchpad"], words["upload"]])
        for button in ("undo", "clear", "predict"):
            expect(page.locator(f"#{button}")).to_have_text(words[button])
        examples = [path.stem.split("_") for path in (ROOT / "examples").glob("*.png")]
        titles = page.locator("#gallery button").evaluate_all("buttons => buttons.map((button) => button.title)")
        assert sorted(titles) == sorted(f"{digit}, {words[shows]}" for digit, shows in examples)
        draw(page, seven)
        sure = words["sure"].partition("{percent}")
        expect(page.locator("#answer .detail")).to_contain_text(sure[0] or sure[2])
        shape = page.evaluate("""() => {
            const page = document.documentElement;
            return [page.lang, page.dir, page.scrollWidth <= innerWidth, page.scrollHeight <= innerHeight];
        }""")
        assert shape == [language, "rtl" if language == "ar" else "ltr", True, True]
        heights = page.evaluate("[...document.querySelectorAll('#actions button')].map((button) => button.offsetHeight)")
        assert max(heights) < 45  # one line of words each


def test_arabic_runs_from_right_to_left(browser, app):
    for page in visit(browser, app.url, locale="ar", **LAPTOP):
        pad, answer = page.locator("#pad").bounding_box(), page.locator("#answer").bounding_box()
        assert pad["x"] > answer["x"] + answer["width"]
        assert page.locator("#answer .words").evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_a_number_with_a_question_mark_is_not_turned_round(browser, app, seven):
    for page in visit(browser, app.url, locale="ar", **LAPTOP):
        page.route("**/predict?*", lambda route: route.fulfill(json={**route.fetch().json(), "text": "4?2"}))
        draw(page, seven)
        words = page.locator("#answer .words")
        expect(words).to_have_text("4?2")
        ends = words.evaluate("""(words) => [0, 2].map((i) => {
            const range = document.createRange();
            range.setStart(words.firstChild, i);
            range.setEnd(words.firstChild, i + 1);
            return range.getBoundingClientRect().x;
        })""")
        assert ends[0] < ends[1]
        page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("language", ["fr", "zh"])
def test_what_is_refused_and_what_was_made_are_told_in_the_visitors_language(browser, app, language):
    for page in visit(browser, app.url, locale=language, **LAPTOP):
        words = WORDS[language]
        page.get_by_role("tab", name=words["upload"]).click()
        page.locator("#upload input").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
        expect(page.locator("#answer .detail")).to_have_text(words["not_read"])
        page.locator("#upload input").set_input_files(ROOT / "examples" / "7_light-on-dark.png")
        expect(page.locator("#answer .words")).to_have_text("7")
        expect(page.locator("#answer .made")).to_contain_text(f"{words['inverted']}、" if language == "zh" else words["inverted"])


def test_the_words_stay_when_the_phone_is_turned_and_the_tab_changed(browser, app):
    words = WORDS["vi"]
    for page in visit(browser, app.url, locale="vi", **PHONE):
        page.set_viewport_size({"width": 844, "height": 390})
        page.get_by_role("tab", name=words["upload"]).click()
        expect(page.locator("#upload .invite")).to_contain_text(words["choose"])
        page.set_viewport_size({"width": 320, "height": 700})
        expect(page.get_by_role("tab")).to_have_text([words["sketchpad"], words["upload"]])
        expect(page.locator("#clear")).to_have_text(words["clear"])


def test_a_missing_sentence_is_english(browser, app):
    context = browser.new_context(locale="fr", **LAPTOP)
    page = context.new_page()
    french = json.dumps(json.dumps(WORDS["fr"]["draw_here"]))[1:-1]  # as it stands in the page, where the script is a string of JSON

    def without(route):
        reply = route.fetch()
        whole = reply.text()
        assert whole.count(french) == 1
        route.fulfill(response=reply, body=whole.replace(french, "undefined"))

    page.route(f"{app.url}/", without)
    page.goto(app.url)
    expect(page.locator("#pad .invite")).to_have_text(WORDS["en"]["draw_here"])
    expect(page.locator("#intro h1")).to_have_text(WORDS["fr"]["title"])
    context.close()
