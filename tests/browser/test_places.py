"""The page in other places: behind a sub-path, inside another page's frame, on a slow network."""

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from playwright.sync_api import expect

from tests.browser.conftest import LAPTOP, draw, on_pad, visit, wait_until_ready


@pytest.fixture(scope="module")
def proxy(app):
    """A server that shows the app under /digits/, and at /frame a page with the app in a frame."""

    class Proxy(BaseHTTPRequestHandler):
        def answer(self):
            if self.path == "/frame":
                return self.send(200, {"Content-Type": "text/html"}, b'<iframe src="digits/" width="1200" height="760"></iframe>')
            if not self.path.startswith("/digits/"):
                return self.send(404, {}, b"")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {"Content-Type": self.headers.get("Content-Type", ""), "Host": self.headers["Host"]}
            reply = requests.request(self.command, app.url + self.path.removeprefix("/digits"), data=body, headers=headers, timeout=30)
            return self.send(reply.status_code, {"Content-Type": reply.headers.get("Content-Type", "")}, reply.content)

        def send(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

        do_GET = do_POST = answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_it_works_behind_a_sub_path(browser, proxy, seven):
    context = browser.new_context(**LAPTOP)
    page = context.new_page()
    page.goto(f"{proxy}/digits/")
    wait_until_ready(page)
    draw(page, seven)
    expect(page.locator("#answer .words")).to_have_text("7")
    page.locator("#gallery button").first.click()
    expect(page.locator("#answer .words")).to_have_text("0")
    context.close()


def test_it_works_inside_a_frame(browser, proxy, seven):
    context = browser.new_context(**LAPTOP)
    page = context.new_page()
    page.goto(f"{proxy}/frame")
    frame = page.frame_locator("iframe")
    frame.locator(":root[data-standing]").wait_for()
    pad = frame.locator("#pad canvas").bounding_box()
    [stroke] = seven
    page.mouse.move(pad["x"] + stroke[0][0], pad["y"] + stroke[0][1])
    page.mouse.down()
    for x, y in stroke[1:]:
        page.mouse.move(pad["x"] + x, pad["y"] + y, steps=4)
    page.mouse.up()
    expect(frame.locator("#answer .words")).to_have_text("7")
    context.close()


def test_with_a_delay_of_150_ms_the_answer_follows_the_pen_in_order(browser, app, seven):
    for page in visit(browser, app.url, **LAPTOP):
        page.evaluate("""() => {
            window.log = [];  // how many points were sent, and 0 for each answer
            const real = window.fetch;
            window.fetch = async (...asked) => {
                if (!String(asked[0]).startsWith("predict?")) return real(...asked);
                window.log.push(JSON.parse(asked[1].body).strokes.flat().length);
                const reply = await real(...asked);
                window.log.push(0);
                return reply;
            };
        }""")
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.send(
            "Network.emulateNetworkConditions", {"offline": False, "latency": 150, "downloadThroughput": -1, "uploadThroughput": -1}
        )
        [stroke] = on_pad(page, seven)
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for point in stroke[1:]:
            with page.expect_response("**/predict?*"):  # the pen is still down
                page.mouse.move(*point, steps=4)
        page.mouse.up()
        expect(page.locator("#answer .words")).to_have_text("7")
        page.wait_for_function("!document.querySelector('#pad [data-down]')")
        log = page.evaluate("window.log")
        sent = [points for points in log if points]
        assert len(sent) >= 5
        assert sent == sorted(sent)
        assert all(0 in pair for pair in itertools.pairwise(log))  # one at a time, so none can overtake another


def test_with_a_delay_of_150_ms_the_last_answer_is_that_of_the_whole_drawing(browser, app, seven):
    for page in visit(browser, app.url, **LAPTOP):
        sent = []
        page.on("request", lambda request: sent.append(request.post_data_json["strokes"]) if "/predict?" in request.url else None)  # noqa: B023
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        slow = {"offline": False, "latency": 150, "downloadThroughput": -1, "uploadThroughput": -1}
        network.send("Network.emulateNetworkConditions", slow)
        draw(page, [[[60, 140], [220, 140]]])
        page.locator("#clear").click()
        draw(page, seven)
        expect(page.locator("#answer .words")).to_have_text("7")
        page.wait_for_timeout(600)
        expect(page.locator("#answer .words")).to_have_text("7")
        pad = page.locator("#pad canvas").bounding_box()
        [stroke] = on_pad(page, seven)
        assert sent[-1][0][-1] == pytest.approx([stroke[-1][0] - pad["x"], stroke[-1][1] - pad["y"]], abs=2)  # the border and the rounding
