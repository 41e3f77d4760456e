"""A small Hugging Face hub on this machine: files at pinned revisions, ranges, and failures on demand."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """What the server has, what it was asked, and how it is to misbehave."""

    def __init__(self):
        self.files = {}  # (repository, revision, filename) -> bytes
        self.requests = []  # (method, path, Range header)
        self.cut_after = None  # bytes of a body after which the connection is closed, once
        self.tamper = False  # flip a byte of every body

    def add(self, repository, filename, revision, content):
        """Publish a file."""
        self.files[repository, revision, filename] = content

    def body_requests(self):
        """The requests for content, in order: (path, Range header)."""
        return [(path, wanted) for method, path, wanted in self.requests if method == "GET"]


@contextmanager
def running(hub):
    """Serve ``hub`` on a free port of the loopback interface; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def _answer(self, *, with_body):
        self.hub.requests.append((self.command, self.path, self.headers.get("Range")))
        repository, _, rest = self.path.strip("/").partition("/resolve/")
        revision, _, filename = rest.partition("/")
        content = self.hub.files.get((repository, revision, filename))
        if content is None:
            self._refuse(revision)
        else:
            self._send(content, revision, with_body=with_body)

    def _refuse(self, revision):
        known = any(revision == other for _, other, _ in self.hub.files)
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound" if known else "RevisionNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content, revision, *, with_body):
        etag = hashlib.sha256(content).hexdigest()
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in {
            "Content-Length": len(content) - start,
            "ETag": f'"{etag}"',
            "X-Linked-ETag": f'"{etag}"',
            "X-Linked-Size": len(content),
            "X-Repo-Commit": revision,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if with_body:
            self.wfile.write(self._body(content[start:]))

    def _body(self, content):
        body = bytearray(content)
        if self.hub.tamper:
            body[len(body) // 2] ^= 1
        if self.hub.cut_after is not None:
            body, self.hub.cut_after = body[: self.hub.cut_after], None
            self.close_connection = True
        return body
