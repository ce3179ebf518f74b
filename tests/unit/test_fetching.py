"""A picture that is named by an address: what is fetched of it, and what is not. The server is real, and stands for a public one."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gradio as gr
import pytest
import safehttpx
from gradio import processing_utils

from tests.conftest import finished
from web import fetching

LIMIT = 1_000_000


class Server(BaseHTTPRequestHandler):
    sent = 0

    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/picture")
            return self.end_headers()
        if self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            return self.end_headers()
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(gzip.compress(bytes(50 * LIMIT)) if self.path == "/packed" else b"a picture")
        try:
            while self.path == "/endless":
                Server.sent += self.wfile.write(bytes(10_000))
            while self.path == "/slow":
                self.wfile.write(b"a")
                threading.Event().wait(0.05)
        except ConnectionError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def address(monkeypatch):
    """A server that counts as a public one, and Gradio's own download as the app has it."""

    async def validated(host: str) -> str:
        if host != "public.example":
            raise ValueError(f"Hostname {host} failed validation")
        return "127.0.0.1"

    monkeypatch.setattr(safehttpx, "async_validate_url", validated)
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", processing_utils.async_ssrf_protected_get)
    fetching.limit_fetching(LIMIT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://public.example:{server.server_port}"
    server.shutdown()
    server.server_close()


def download(url: str, folder) -> bytes:
    path = finished(processing_utils.async_ssrf_protected_download(url, str(folder)))
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("path", ["/picture", "/moved"])
def test_a_picture_is_fetched(address, tmp_path, path):
    assert download(address + path, tmp_path) == b"a picture"


def test_of_an_endless_one_no_more_is_taken_than_a_file_may_have(address, tmp_path):
    with pytest.raises(gr.Error, match="larger than 1 MB"):
        download(f"{address}/endless", tmp_path)
    assert Server.sent < 10 * LIMIT  # what was on its way when the connection was closed


def test_what_is_packed_is_not_unpacked(address, tmp_path):
    assert len(download(f"{address}/packed", tmp_path)) < LIMIT / 10


def test_a_slow_one_is_not_waited_for(address, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    with pytest.raises(gr.Error, match="did not arrive within"):
        download(f"{address}/slow", tmp_path)


@pytest.mark.parametrize("path", ["/missing", "/round"])
def test_one_that_is_not_there_is_told(address, tmp_path, path):
    with pytest.raises(gr.Error, match="cannot be fetched"):
        download(address + path, tmp_path)


def test_a_redirect_into_the_own_network_is_not_followed(address, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "urljoin", lambda *_: "http://127.0.0.1/picture")
    with pytest.raises(gr.Error, match="cannot be fetched"):
        download(f"{address}/moved", tmp_path)
