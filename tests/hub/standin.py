"""A stand-in for the Hub: serves repositories of this process to the real huggingface_hub client, and can go wrong in every known way.

As the Hub does: `model.keras` is an LFS file (the HEAD is redirected to another host, its etag is the sha256), other files are served
directly with git's sha1 as etag. 127.0.0.1 is the Hub, localhost on the same port its CDN.
"""

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPO = "someone/digits"


class StandIn(ThreadingHTTPServer):
    """`fault`: called with each request's handler, which has .kind "head", "get" or "cdn"; answers it and returns True, or returns None."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0, handler: type | None = None):
        super().__init__(("127.0.0.1", port), handler or Handler)
        self.commits: dict[str, dict[str, bytes]] = {}  # of REPO
        self.refs: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}  # what the CDN has, by sha256
        self.requests: list[str] = []
        self.headers: list[dict] = []
        self.fault: Callable[[Handler], bool | None] | None = None
        self.released = threading.Event()  # lets hanging requests go at the end
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, model: bytes | None, metrics: dict | None = None, branch: str = "main") -> str:
        """Publish a model on a branch and return the commit's hash."""
        files = {"README.md": b"# digits"}
        if model is not None:
            files["model.keras"] = model
            self.blobs[hashlib.sha256(model).hexdigest()] = model
        if metrics is not None:
            files["metrics.json"] = json.dumps(metrics).encode()
        commit = hashlib.sha1(repr((len(self.commits), branch)).encode(), usedforsecurity=False).hexdigest()
        self.commits[commit] = files
        self.refs[branch] = commit
        return commit

    def close(self) -> None:
        """Refuse connections from now on."""
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """Say nothing: clients that are ended in the middle belong to the tests."""


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.kind = "head"
        self.answer()

    def do_GET(self) -> None:
        self.kind = "cdn" if self.path.startswith("/cdn/") else "get"
        self.answer()

    def answer(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.headers.append(dict(self.headers))
        if self.server.fault and self.server.fault(self):
            return
        if self.kind == "cdn":
            self.send(200, {}, self.server.blobs[self.path.removeprefix("/cdn/")])
        elif match := re.fullmatch("/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path):
            self.resolve(*match.groups())
        else:
            self.fail(404, "EntryNotFound")

    def resolve(self, repo: str, revision: str, name: str) -> None:
        commit = self.server.refs.get(revision, revision)
        if repo != REPO:
            self.fail(401, "RepoNotFound", "Repository not found")
        elif commit not in self.server.commits:
            self.fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif name not in self.server.commits[commit]:
            self.fail(404, "EntryNotFound", "Entry not found", commit)
        else:
            data = self.server.commits[commit][name]
            if name == "model.keras":
                sha256 = hashlib.sha256(data).hexdigest()
                self.redirect(commit, sha256, len(data), f"http://localhost:{self.server.server_port}/cdn/{sha256}")
            else:
                sha1 = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
                self.send(200, {"X-Repo-Commit": commit, "ETag": f'"{sha1}"'}, data)

    def redirect(self, commit: str, etag: str, size: int, location: str) -> None:
        """Answer for an LFS file: where it is, and what it is."""
        linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(size), "Location": location}
        self.send(302, {"X-Repo-Commit": commit, **linked})

    def fail(self, status: int, code: str | None = None, message: str = "", commit: str | None = None, **headers: str) -> bool:
        told = {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": commit, **headers}
        return self.send(status, {name.replace("_", "-"): value for name, value in told.items() if value})

    def send(self, status: int, headers: dict, body: bytes = b"", length: int | None = None) -> bool:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def reset(self) -> bool:
        """Break the connection with a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return self.hang_up()

    def hang_up(self) -> bool:
        """Close the connection without an answer."""
        self.close_connection = True
        self.connection.close()
        return True

    def hang(self) -> bool:
        """Never answer."""
        self.server.released.wait(120)
        return self.hang_up()

    def drip(self, data: bytes, seconds: float) -> bool:
        """Send one byte a moment."""
        self.send(200, {}, length=len(data))
        for i in range(len(data)):
            self.wfile.write(data[i : i + 1])
            if self.server.released.is_set():
                return self.hang_up()
            time.sleep(seconds)
        return True
