"""A local fake of the Hugging Face hub: files at pinned revisions, range requests, and failures on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """The files of the server, the requests it received, and the failures it simulates."""

    def __init__(self):
        self.files = {}  # (repository, revision, filename) -> bytes
        self.requests = []  # (method, path, Range header)
        self.cut_after = None  # close the connection after this many bytes of a body, once
        self.tamper = False  # flip a bit in every body
        self.broken = set()  # names of files that are answered with an error
        self.elsewhere = None  # the address of a host that requests are redirected to
        self.tokens = []  # (method, Authorization header)
        self.asked = threading.Event()  # set when a body is requested
        self.open = threading.Event()  # no body is sent until it is set
        self.open.set()

    def add(self, repository, filename, revision, content):
        """Publish a file."""
        self.files[repository, revision, filename] = content

    def body_requests(self):
        """The requests for content, in order: (path, Range header)."""
        return [(path, wanted) for method, path, wanted in self.requests if method == "GET"]


@contextmanager
def running(hub):
    """Serve ``hub`` on a free local port; yields its address."""
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
        self.hub.tokens.append((self.command, self.headers.get("Authorization")))
        if self.path.startswith("/api/models/"):
            self._send_listing(*self.path.removeprefix("/api/models/").split("?")[0].split("/revision/"))
            return
        repository, _, rest = self.path.strip("/").partition("/resolve/")
        revision, _, filename = rest.partition("/")
        content = self.hub.files.get((repository, revision, filename))
        if filename in self.hub.broken:
            self._send_error(500)
        elif content is None:
            known = any(revision == other for _, other, _ in self.hub.files)
            self._send_error(404, "EntryNotFound" if known else "RevisionNotFound")
        else:
            self._send(content, revision, with_body=with_body)

    def _send_listing(self, repository, revision):
        """What a repository has, at a commit or at the only one that it has."""
        files = {
            name: (commit, content)
            for (owner, commit, name), content in self.hub.files.items()
            if owner == repository and revision in (commit, "main")
        }
        if not files:
            self._send_error(404, "RepoNotFound")
            return
        siblings = []
        for name, (_, content) in files.items():
            siblings.append({"rfilename": name, "size": len(content)})
            if name.endswith(".safetensors"):
                sha256 = hashlib.sha256(content).hexdigest()
                siblings[-1]["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 100}
        commit = next(iter(files.values()))[0]
        answer = {"id": repository, "sha": commit, "siblings": siblings, "cardData": {"license": "mit"}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_error(self, status, code=None, **headers):
        self.send_response(status)
        for name, value in {"X-Error-Code": code, "Content-Length": "0", **headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def _send(self, content, revision, *, with_body):
        etag = hashlib.sha256(content).hexdigest()
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start and start >= len(content):
            self._send_error(416, **{"Content-Range": f"bytes */{len(content)}"})
            return
        self.send_response(302 if self.hub.elsewhere else 206 if start else 200)
        if self.hub.elsewhere:
            with_body = False
            self.send_header("Location", self.hub.elsewhere + self.path)
        elif start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        for name, value in {
            "Content-Length": 0 if self.hub.elsewhere else len(content) - start,
            "ETag": f'"{etag}"',
            "X-Linked-ETag": f'"{etag}"',
            "X-Linked-Size": len(content),
            "X-Repo-Commit": revision,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        if with_body:
            self.hub.asked.set()
            self.hub.open.wait(60)
            self.wfile.write(self._body(content[start:]))

    def _body(self, content):
        body = bytearray(content)
        if self.hub.tamper:
            body[len(body) // 2] ^= 1
        if self.hub.cut_after is not None:
            body, self.hub.cut_after = body[: self.hub.cut_after], None
            self.close_connection = True
        return body
