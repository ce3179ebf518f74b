"""Pictures come to the page in every way a visitor has: chosen, dropped, pasted, from the camera, from a phone."""

import base64
import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import answer
from tests.conftest import ROOT

THREE = ROOT / "examples" / "3_blue-ballpoint.png"


def expect_three(page: Page):
    expect(page.locator("#answer .words")).to_have_text("3", timeout=20_000)
    expect(page.get_by_role("tab", name="Upload")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#upload rect")).to_have_count(1)


def choose(page: Page, data: bytes, name: str, kind: str):
    page.get_by_role("tab", name="Upload").click()
    page.locator("#upload input").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def photo(megapixels: float, turned=False) -> bytes:
    """The 3 as a phone's JPEG of that size; turned: stored on its side, with the EXIF entry that says so."""
    picture = Image.open(THREE).convert("RGB")
    side = round((megapixels * 1e6) ** 0.5)
    picture = picture.resize((side, side))
    exif = Image.Exif()
    if turned:
        picture = picture.rotate(90, expand=True)
        exif[0x0112] = 6  # to be turned to the right
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, exif=exif)
    return out.getvalue()


def found_on_the_ink(page: Page) -> bool:
    """Whether the box drawn over the picture lies where the picture's blue ink is, as the browser shows both."""
    shot = Image.open(io.BytesIO(page.locator("#upload label").screenshot(style="#upload button { display: none; }"))).convert("RGB")
    red, green, blue = np.array(shot).astype(int).transpose(2, 0, 1)
    ys, xs = np.where((blue > red + 60) & (green < 100))
    scale = shot.width / page.locator("#upload label").bounding_box()["width"]
    left, top, right, bottom = page.evaluate("""() => {
        const [box, label] = ["rect", "label"].map((part) => document.querySelector(`#upload ${part}`).getBoundingClientRect());
        return [box.left - label.left, box.top - label.top, box.right - label.left, box.bottom - label.top];
    }""")
    return len(xs) > 50 and np.allclose(np.array([xs.min(), ys.min(), xs.max(), ys.max()]) / scale, [left, top, right, bottom], atol=8)


def test_a_pasted_picture_is_read(page):
    page.evaluate(
        """(data) => {
            const files = new DataTransfer();
            files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], "pasted.png", { type: "image/png" }));
            document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: files, bubbles: true }));
        }""",
        base64.b64encode(THREE.read_bytes()).decode(),
    )
    expect_three(page)


def test_a_picture_dropped_anywhere_is_read_and_the_page_stays(laptop):
    address = laptop.url
    stopped = laptop.evaluate(
        """(data) => {
            const files = new DataTransfer();
            files.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], "dropped.png", { type: "image/png" }));
            const send = (name) => {
                const event = new DragEvent(name, { dataTransfer: files, bubbles: true, cancelable: true });
                document.querySelector("#label").dispatchEvent(event);
                return event.defaultPrevented;
            };
            return [send("dragover"), send("drop")];
        }""",
        base64.b64encode(THREE.read_bytes()).decode(),
    )
    assert stopped == [True, True]  # or the browser would open the file in the page's place
    expect_three(laptop)
    assert laptop.url == address


def test_a_phone_opens_its_camera_and_a_laptop_has_no_button_for_it(phone, laptop):
    for page in (phone, laptop):
        page.get_by_role("tab", name="Upload").click()
        expect(page.locator("#upload input")).to_be_attached()
    expect(laptop.get_by_role("button", name="Take a photo")).not_to_be_visible()
    phone.evaluate("""() => {
        window.asked = [];
        HTMLInputElement.prototype.click = function () { window.asked.push(this.getAttribute("capture")); };
    }""")
    phone.get_by_role("button", name="Take a photo").tap()
    assert phone.evaluate("window.asked") == ["environment"]
    assert phone.locator("#upload input").get_attribute("capture") is None  # a file can still be chosen
    phone.locator("#upload input").set_input_files({"name": "image.jpg", "mimeType": "image/jpeg", "buffer": photo(1)})
    expect_three(phone)


def test_an_iphones_heic_is_read_and_shown_though_the_browser_cannot_show_it(page):
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.open(THREE).convert("RGB")).save(out)
    choose(page, out.getvalue(), "IMG_0001.HEIC", "image/heic")
    expect_three(page)
    page.wait_for_function("document.querySelector('#upload img').naturalWidth > 0")
    assert found_on_the_ink(page)


@pytest.mark.parametrize("megapixels", [12, 49.9])
def test_a_phones_large_photo_is_read(phone, megapixels):
    choose(phone, photo(megapixels), "photo.jpg", "image/jpeg")
    expect_three(phone)
    phone.wait_for_function("document.querySelector('#upload img').naturalWidth > 0")
    assert found_on_the_ink(phone)


def test_a_photo_that_is_stored_on_its_side_stands_upright_with_its_box(laptop):
    choose(laptop, photo(1, turned=True), "photo.jpg", "image/jpeg")
    expect_three(laptop)
    laptop.wait_for_function("document.querySelector('#upload img').naturalWidth > 0")
    assert found_on_the_ink(laptop)


def test_reading_is_said_while_it_takes_longer(laptop):
    laptop.evaluate("""() => {
        window.said = [];
        const detail = document.querySelector("#answer .detail");
        new MutationObserver(() => window.said.push(detail.textContent)).observe(detail, { childList: true });
        const ask = window.fetch;
        window.fetch = async (...asked) => {
            await new Promise((done) => setTimeout(done, 700));
            return ask(...asked);
        };
    }""")
    choose(laptop, THREE.read_bytes(), "3.png", "image/png")
    expect_three(laptop)
    assert laptop.evaluate("window.said[0]") == "Reading …"
    assert "sure" in laptop.evaluate("window.said.at(-1)")


def test_what_was_corrected_is_said_in_words(laptop):
    laptop.locator("#gallery button[title='7, light on dark']").click()
    expect(laptop.locator("#answer .made")).to_have_text("Before reading: inverted, thickened")
    laptop.locator("#clear").click()
    expect(laptop.locator("#answer .made")).to_have_text("")


def test_what_mattered_is_shown_on_demand(laptop):
    laptop.locator("#gallery button[title='7, light on dark']").click()
    expect(laptop.locator("#answer .words")).to_have_text("7")
    coloured = """() => {
        const canvas = document.querySelector("#answer canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += data[i] - data[i + 2] > 40;
        return count;
    }"""
    assert laptop.evaluate(coloured) == 0
    laptop.get_by_role("button", name="What mattered").click()
    laptop.wait_for_function(f"({coloured})() > 10")
    assert answer(laptop) == "7"
    laptop.get_by_role("button", name="What mattered").click()
    laptop.wait_for_function(f"({coloured})() === 0")


def test_the_answer_to_one_picture_does_not_stand_beside_the_next(page):
    choose(page, THREE.read_bytes(), "3.png", "image/png")
    expect_three(page)
    held = []
    page.route("**/predict?*", lambda route: held.append(route))  # as on a slow line
    choose(page, (ROOT / "examples" / "7_light-on-dark.png").read_bytes(), "7.png", "image/png")
    expect(page.locator("#answer .detail")).to_have_text("Reading …")
    expect(page.locator("#answer .words")).to_have_text("")
    for route in held:
        route.continue_()
    page.unroute("**/predict?*")
    expect(page.locator("#answer .words")).to_have_text("7")


def test_a_file_that_has_changed_since_it_was_chosen_is_told_and_not_tried_for_ever(page, tmp_path):
    picture = tmp_path / "3.png"
    picture.write_bytes(THREE.read_bytes())
    page.get_by_role("tab", name="Upload").click()
    page.context.set_offline(True)
    page.locator("#upload input").set_input_files(picture)
    expect(page.locator("#answer .detail")).to_contain_text("No connection")
    picture.unlink()
    page.context.set_offline(False)
    expect(page.locator("#answer .detail")).to_have_text("This file cannot be read any more. Choose it again.")
