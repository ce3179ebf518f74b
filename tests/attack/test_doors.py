"""Gradio's own doors, and what must not be behind any door."""

import pytest
import requests

from tests.attack.conftest import LEAK
from tests.conftest import MARKED, ROOT, call

SECRET = ROOT / "requirements.txt"  # stands for any file of the machine; its first line is looked for
INSIDE = ("What the app needs", "root:x:", "from gradio", "def main", "PATH=", "[project]", "repositoryformatversion")

PLACES = [str(SECRET), str(ROOT / "app.py"), "/etc/passwd", "/proc/self/environ", "app.py", "web/routes.py", ".env", ".git/config"]
PREFIXES = [
    *("/file=", "/file/", "/gradio_api/file=", "/gradio_api/file/", "/static/", "/assets/", "/examples/", "/svelte/", "/"),
    *("/gradio_api/custom_component/x/client/component/", "/gradio_api/stream/x/y/z/", "/gradio_api/proxy=", "/theme/", "/monitoring/"),
]
SPELLINGS = {
    "as it is": str,
    "up": lambda place: "../../../../../../.." + "/" * (place[0] != "/") + place,
    "escaped": lambda place: ("..%2f" * 8 + place.lstrip("/")).replace("/", "%2f"),
    "escaped twice": lambda place: ("..%252f" * 8 + place.lstrip("/")).replace("/", "%252f"),
    "dots escaped": lambda place: "%2e%2e/" * 8 + place.lstrip("/"),
    "backslashes": lambda place: "..\\" * 8 + place.replace("/", "\\"),
    "as URL": lambda place: "file://" + place,
    "with a null": lambda place: place + "%00.png",
}


def get(app, path: str) -> requests.Response:
    """Ask for exactly that path; requests would tidy it."""
    with requests.Session() as session:
        request = requests.Request("GET", app.url).prepare()
        request.url = app.url + path
        return session.send(request, timeout=20, allow_redirects=False, stream=True)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_no_file_of_the_machine_is_served(app, prefix, spelling):
    for place in PLACES:
        with get(app, prefix + SPELLINGS[spelling](place)) as reply:
            text = next(reply.iter_content(100_000), b"").decode(errors="replace")
        assert not any(word in text for word in INSIDE), place


@pytest.mark.parametrize(
    "path", ["/examples/", "/examples", "/static/", "/assets/", "/gradio_api/file=", "/gradio_api/file=.", "/.git/", "/.env"]
)
def test_no_folder_is_listed(app, path):
    reply = get(app, path)
    assert reply.status_code in (307, 400, 403, 404)
    assert "7_light-on-dark" not in reply.text


URLS = [
    *("http://127.0.0.1:1/7.png", "http://localhost/7.png", "http://[::1]/7.png", "http://0.0.0.0/7.png", "http://2130706433/7.png"),
    *("http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/7.png", "http://10.0.0.1/7.png", "http://192.168.0.1/7.png"),
    *(
        "file:///etc/passwd",
        "ftp://127.0.0.1/7.png",
        "gopher://127.0.0.1/",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:,7",
        "//127.0.0.1/7.png",
    ),
]


@pytest.mark.parametrize("url", URLS)
def test_no_address_of_its_own_network_is_fetched_for_a_stranger(app, url):
    for data in ({"path": url}, {"url": url, "path": url, "meta": {"_type": "gradio.FileData"}}, url):
        told = call(app, "predict", data)
        assert "event: error" in told
        assert '"label"' not in told
        assert not LEAK.search(told.replace(url, "")), told


def test_what_is_no_loopback_is_no_proxy_either(app):
    for url in URLS[:9]:
        assert get(app, f"/gradio_api/proxy={url}").status_code >= 400


CALLS = {
    "an endpoint that is not there": ("call/nothing", {"data": []}),
    "the page's own event": ("call/0", {"data": []}),
    "no data": ("call/predict", {}),
    "data that is no list": ("call/predict", {"data": "7"}),
    "too few": ("run/predict", {"data": []}),
    "too many": ("run/predict", {"data": [None] * 1000}),
    "a function by number": ("run/predict", {"data": [None], "fn_index": 10**9}),
    "a component that is not there": ("component_server", {"data": 1, "component_id": 10**9, "session_hash": "a", "fn_name": "x"}),
    "a component's inside": ("component_server", {"data": [], "component_id": 1, "session_hash": "a", "fn_name": "__init__"}),
    "a component by nothing": ("component_server", {}),
    "the queue without a session": ("queue/join", {"data": [], "fn_index": 0}),
    "the queue at a wrong event": ("queue/join", {"data": [], "fn_index": -1, "session_hash": "a"}),
    "a cancelled nothing": ("cancel", {"session_hash": "a", "fn_index": 0, "event_id": "b"}),
    "a stream that is not there": ("stream/x", {"data": []}),
}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_calls_of_gradio_leak_nothing_and_harm_nothing(app, name, seven):
    path, body = CALLS[name]
    reply = requests.post(f"{app.url}/gradio_api/{path}", json=body, timeout=20)
    assert not LEAK.search(reply.text), reply.text
    assert requests.post(f"{app.url}/predict", json={"strokes": seven}, timeout=20).json()["text"] == "7"


def test_files_over_the_limits_are_not_kept(app):
    before = {path for path in app.folder.rglob("*") if path.is_file()}
    large = requests.post(f"{app.url}/gradio_api/upload", files={"files": ("7.png", bytes(25_000_001))}, timeout=60)
    many = requests.post(f"{app.url}/gradio_api/upload", files=[("files", (f"{n}.png", b"7")) for n in range(1001)], timeout=60)
    assert large.status_code in (400, 413)
    assert many.status_code in (400, 413)
    assert {path for path in app.folder.rglob("*") if path.is_file()} <= before


def test_gradios_own_doors_have_our_limits_too(app):
    for path in ("run/predict_sketch", "call/predict", "queue/join", "call/v2/predict_sketch"):
        for kind in ("application/json", "multipart/form-data; boundary=a", "image/png"):
            for body in (bytes(7_000_000), (bytes(1_000_000) for _ in range(7))):  # of a declared and of an unknown length
                reply = requests.post(f"{app.url}/gradio_api/{path}", data=body, headers={"Content-Type": kind}, timeout=60)
                assert reply.status_code == 413
                assert list(reply.json()) == ["error"]


def test_nothing_goes_past_the_queue(app, seven):
    reply = requests.post(f"{app.url}/gradio_api/run/predict_sketch", json={"data": [seven]}, timeout=20)
    assert reply.status_code == 404
    assert '"label": "7"' in call(app, "predict_sketch", seven)


@pytest.mark.parametrize("path", ["/", "/health", "/examples/7_light-on-dark.png", "/nothing", "/config", "/gradio_api/info"])
def test_every_answer_says_how_browsers_are_to_treat_it(app, path):
    headers = requests.get(app.url + path, timeout=20).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in headers  # it knows no list, and would shut the Space's own frame out


def test_nothing_of_the_environment_is_told(app):
    for path in ("/config", "/gradio_api/info", "/gradio_api/startup-events", "/gradio_api/app_id", "/gradio_api/openapi.json", "/"):
        text = requests.get(app.url + path, timeout=20).text
        assert str(ROOT) not in text
        assert str(app.folder) not in text
        assert "HF_TOKEN" not in text
        assert MARKED not in text
