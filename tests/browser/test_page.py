"""The page, as a visitor meets it: drawing, clearing, uploading, the gallery, on a laptop and on a phone."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import LAPTOP, PHONE, answer, draw, draw_by_finger, has_ink, visit, wait_until_ready
from tests.conftest import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.png"))


def expect_answer(page, text):
    expect(page.locator("#answer .words")).to_have_text(text)
    assert answer(page) == text


def expect_nothing(page):
    """No answer and no bars."""
    expect(page.locator("#answer")).to_have_text("", use_inner_text=True)
    expect(page.locator("#label meter")).to_have_count(0)


def test_a_seven_drawn_by_mouse_is_read(laptop, seven):
    draw(laptop, seven)
    expect_answer(laptop, "7")
    expect(laptop.locator("#label dt").first).to_have_text("7")


def test_a_seven_drawn_by_finger_is_read_and_nothing_scrolls(phone, seven):
    phone.set_viewport_size({"width": 390, "height": 600})  # so low that the page could scroll
    draw_by_finger(phone, seven)
    expect_answer(phone, "7")
    assert phone.evaluate("scrollY") == 0


def test_a_small_seven_in_a_corner_is_read(page, seven):
    draw(page, seven, size=0.3, at=(0.15, 0.2))
    expect_answer(page, "7")


def test_the_answer_and_the_bars_follow_while_the_line_grows(laptop, seven):
    [stroke] = seven
    laptop.evaluate("""() => {
        window.bars = [];
        const watch = () => window.bars.push(document.querySelector("#label").innerText);
        new MutationObserver(watch).observe(document.querySelector("#label"), { subtree: true, childList: true, characterData: true });
    }""")
    first, *rest = [(x * 1.5 + 200, y * 1.5 + 150) for x, y in stroke]
    laptop.mouse.move(*first)
    laptop.mouse.down()
    for point in rest:
        with laptop.expect_response("**/predict?*"):
            laptop.mouse.move(*point, steps=3)
    expect_answer(laptop, "7")  # the pen is still down
    assert laptop.evaluate("new Set(window.bars).size") >= 3
    laptop.mouse.up()


def test_clear_empties_pad_answer_and_bars_every_time(page, seven):
    for _ in range(2):
        draw(page, seven)
        expect_answer(page, "7")
        page.locator("#clear").click()
        expect_nothing(page)
        assert not has_ink(page)
    page.locator("#clear").click()
    expect_nothing(page)
    page.wait_for_timeout(300)
    expect_nothing(page)


def test_no_answer_arrives_after_a_clear(laptop, seven):
    laptop.route("**/predict?page=1", lambda route: (laptop.wait_for_timeout(200), route.continue_()))
    draw(laptop, seven)
    laptop.locator("#clear").click()
    laptop.wait_for_timeout(800)
    expect_nothing(laptop)


def test_a_drawing_survives_the_other_tab_and_can_be_cleared_after_it(page, seven):
    draw(page, seven)
    page.get_by_role("tab", name="Upload").click()
    expect_nothing(page)
    page.get_by_role("tab", name="Sketchpad").click()
    expect_answer(page, "7")
    assert has_ink(page)
    page.locator("#clear").click()
    expect_nothing(page)
    assert not has_ink(page)


def test_a_drawing_survives_turning_the_phone(phone, seven):
    draw(phone, seven)
    expect_answer(phone, "7")
    phone.set_viewport_size({"width": 844, "height": 390})
    phone.wait_for_timeout(200)
    assert has_ink(phone)
    phone.locator("#predict").click()
    expect_answer(phone, "7")


def test_undo_takes_the_last_stroke_back(laptop, seven):
    draw(laptop, seven)
    expect_answer(laptop, "7")
    draw(laptop, [[[20, 20], [260, 260]], [[260, 20], [20, 260]]])
    laptop.keyboard.press("Control+z")
    laptop.locator("#undo").click()
    expect_answer(laptop, "7")
    laptop.locator("#undo").click()
    expect_nothing(laptop)
    laptop.locator("#undo").click()
    expect_nothing(laptop)


def test_the_pen_has_a_width_and_lines_drawn_before_keep_theirs(page, seven):
    covered = """() => {
        const canvas = document.querySelector("#pad canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((v, i) => i % 4 === 3 && v > 128).length;
    }"""
    lines = {}
    for key in ("Home", "End"):  # the thinnest and the broadest pen, by keyboard
        page.locator("#pen input").focus()
        page.keyboard.press(key)
        draw(page, seven, size=0.5)
        expect_answer(page, "7")
        lines[key] = page.evaluate(covered)
        page.locator("#clear").click()
    assert lines["End"] > 4 * lines["Home"]
    draw(page, seven, size=0.5)
    page.locator("#pen input").focus()
    page.keyboard.press("Home")
    draw(page, [[[30, 30], [31, 31]]], size=0.5)
    assert page.evaluate(covered) >= lines["End"]


def test_predict_on_an_empty_pad_shows_nothing(laptop):
    laptop.locator("#predict").click()
    laptop.wait_for_timeout(300)
    expect_nothing(laptop)


def test_an_uploaded_picture_is_read_and_shown_with_what_was_found(page):
    page.get_by_role("tab", name="Upload").click()
    page.locator("#upload input[type=file]").set_input_files(ROOT / "examples" / "3_blue-ballpoint.png")
    expect_answer(page, "3")
    expect(page.locator("#upload img")).to_be_visible()
    expect(page.locator("#upload rect")).to_have_count(1)
    page.locator("#predict").click()
    expect_answer(page, "3")
    page.locator("#clear").click()
    expect_nothing(page)
    expect(page.locator("#upload img")).not_to_be_visible()


def test_the_pad_shows_where_each_digit_was_seen_when_the_pen_is_up(page, seven):
    for at in (0.25, 0.75):
        draw(page, seven, size=0.4, at=(at, 0.5))
    expect_answer(page, "77")
    expect(page.locator("#pad rect")).to_have_count(2)
    expect(page.locator("#pad svg text")).to_have_text(["7", "7"])
    pad = page.locator("#pad canvas").bounding_box()
    digit = 160 / 280 * 0.4 * min(pad["width"], pad["height"])  # its height, without the line
    page.wait_for_function(
        """([places, width, height]) => [...document.querySelectorAll("#pad rect")].every((rect, i) => {
            const box = rect.getBoundingClientRect();
            const middle = box.x + box.width / 2;
            return Math.abs(middle - places[i]) < 0.1 * width && box.height > height && box.height < 1.5 * height;
        })""",
        arg=[[pad["x"] + at * pad["width"] for at in (0.25, 0.75)], pad["width"], digit],
        timeout=30_000,
    )
    page.mouse.move(pad["x"] + 20, pad["y"] + 20)
    page.mouse.down()
    expect(page.locator("#pad svg")).not_to_be_visible()
    page.mouse.up()
    page.locator("#clear").click()
    expect(page.locator("#pad rect")).to_have_count(0)


def test_a_file_that_is_no_picture_is_answered_in_words_that_can_be_read_to_the_end(page):
    page.get_by_role("tab", name="Upload").click()
    page.locator("#upload input[type=file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.locator("#answer .detail")).to_contain_text("picture")
    expect(page.locator("#upload img")).not_to_be_visible()  # the browser's sign of a broken one
    assert page.evaluate("""() => {
        const [sentence, bars] = ["#answer .detail", "#label"].map((part) => document.querySelector(part).getBoundingClientRect());
        return sentence.bottom <= bars.top;
    }""")


def test_a_blank_picture_is_answered_with_an_invitation(laptop, tmp_path):
    Image.new("L", (200, 200), 255).save(tmp_path / "blank.png")
    laptop.get_by_role("tab", name="Upload").click()
    laptop.locator("#upload input[type=file]").set_input_files(tmp_path / "blank.png")
    expect_answer(laptop, "Nothing here yet")
    expect(laptop.locator("#label meter")).to_have_count(0)


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_gallery_picture_opens_in_the_upload_tab_and_is_read_at_a_click(page, place):
    page.locator("#gallery button").nth(place).click()
    expect(page.get_by_role("tab", name="Upload")).to_have_attribute("aria-selected", "true")
    expect_answer(page, EXAMPLES[place].name[0])
    expect(page.locator("#upload img")).to_be_visible()


def test_the_gallery_shows_every_example(laptop):
    expect(laptop.locator("#gallery img")).to_have_count(len(EXAMPLES))
    assert len(EXAMPLES) >= 12
    laptop.wait_for_function("[...document.querySelectorAll('#gallery img')].every((img) => img.complete && img.naturalWidth > 0)")


def test_what_the_model_sees_is_shown_crisp(laptop, seven):
    draw(laptop, seven)
    expect_answer(laptop, "7")
    seen = laptop.locator("#answer canvas")
    expect(seen).to_be_visible()
    assert seen.evaluate("c => [c.width, c.height, getComputedStyle(c).imageRendering]") == [28, 28, "pixelated"]
    pixels = np.array(seen.evaluate("c => [...c.getContext('2d').getImageData(0, 0, 28, 28).data]")).reshape(28, 28, 4)
    rows = np.flatnonzero(pixels[..., 0].max(1) > 50)
    assert 18 <= rows[-1] - rows[0] <= 21  # as high as MNIST's digits


def test_the_page_says_which_model_answers(laptop):
    expect(laptop.locator("#served")).to_have_text("Read by a model file of this machine.")


def test_an_answer_of_two_lines_hides_nothing_below_it(page, seven):
    draw(page, seven)
    expect_answer(page, "7")
    for line, text in ((".detail", "77% sure, or perhaps 493675 " * 2), (".made", "Before reading: thickened")):
        page.locator(f"#answer {line}").evaluate("(line, text) => (line.textContent = text)", text)
    detail, made, whole = (page.locator(f"#answer {part}").bounding_box() for part in (".detail", ".made", ".html-container > div"))
    assert detail["height"] > 36
    assert detail["y"] + detail["height"] <= made["y"] + 0.5
    assert made["y"] + made["height"] <= whole["y"] + whole["height"] + 0.5


def test_all_is_in_one_screen_before_and_after_the_answer(page, seven):
    for _ in range(2):
        whole = page.evaluate("[document.documentElement.scrollHeight <= innerHeight, document.documentElement.scrollWidth <= innerWidth]")
        assert whole == [True, True]
        bottom = page.locator("#foot").bounding_box()
        assert bottom["y"] + bottom["height"] <= page.viewport_size["height"]
        draw(page, seven)
        expect_answer(page, "7")


def test_the_layout_does_not_shift_when_the_answer_appears(page, seven):
    page.evaluate("""() => {
        window.shift = 0;
        const add = (list) => list.getEntries().forEach((entry) => { window.shift += entry.value; });
        new PerformanceObserver(add).observe({ type: "layout-shift" });
    }""")
    draw(page, seven)
    expect_answer(page, "7")
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.05


def test_the_invitation_goes_with_the_first_touch(page, seven):
    expect(page.locator("#pad .invite")).to_have_css("opacity", "1")
    draw(page, seven)
    expect(page.locator("#pad .invite")).to_have_css("opacity", "0")


@pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_it_reads_in_the_dark_too(browser, app, seven, screen):
    for page in visit(browser, app.url, color_scheme="dark", **screen):
        draw(page, seven)
        expect_answer(page, "7")
        paper, ink = page.locator("#pad canvas").evaluate("c => [getComputedStyle(c).backgroundColor, getComputedStyle(c).color]")
        assert sum(map(int, paper[4:-1].split(", "))) < 200 < sum(map(int, ink[4:-1].split(", ")))


def test_an_answer_of_two_lines_is_seen_whole(page, seven):
    for place in ((0.3, 0.25), (0.6, 0.25), (0.45, 0.75)):
        draw(page, seven, size=0.35, at=place)
    words = page.locator("#answer .words")
    expect(words).to_have_text("77\n7", use_inner_text=True)
    over = words.evaluate("""(words) => {
        const text = document.createRange();
        text.selectNodeContents(words);
        const [inside, around] = [text.getBoundingClientRect(), words.closest(".html-container").getBoundingClientRect()];
        const size = parseFloat(getComputedStyle(words).fontSize);
        return [(around.top - inside.top) / size, (inside.bottom - around.bottom) / size];
    }""")
    assert max(over) < 0.2  # a line is higher than its digits


def test_a_tap_is_nothing_yet(page):
    draw(page, [[[140, 140]]])
    expect(page.locator("#answer .words")).to_have_text("Nothing here yet")


def test_the_connection_lost_is_said_and_made_good(browser, app, seven):
    context = browser.new_context(**LAPTOP)
    page = context.new_page()
    page.goto(app.url)
    wait_until_ready(page)
    context.set_offline(True)
    draw(page, seven)
    detail = page.locator("#answer .detail")
    expect(detail).to_contain_text("No connection")
    page.wait_for_timeout(600)  # until it is tried again; nothing may say meanwhile that it is being read
    assert "No connection" in detail.inner_text()
    context.set_offline(False)
    expect_answer(page, "7")
    context.close()
