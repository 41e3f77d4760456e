"""Who may ask what: hosts, origins, tokens, sizes and times."""

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from fakes import FakeEncoder
from servers import Running, limits, running

TOKEN = "a-secret-of-tests"  # noqa: S105

ATTACKS = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "..\\..\\..\\windows\\win.ini",
    "%00",
    "1%00.png",
    "even/00.png",
    "Track Photos",
    ".lookalike",
    "0x1",
    "-1",
    "1e9",
    "\uff11",  # a digit, but no hexadecimal one
    "ffffffffffffffff",
    "fffffffffffffffff",
    "http://127.0.0.1:1/",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "a" * 5000,
)


def requests_with(attack: str) -> Iterator[tuple[str, str]]:
    """Requests that have the attack in each of their parameters."""
    place = "/api/galleries/track-photos"
    for path in (
        f"/{attack}",
        f"/assets/{attack}",
        f"/api/galleries/{attack}",
        f"/api/galleries/{attack}/images/1/original",
        f"{place}/images/{attack}/original",
        f"{place}/images/{attack}/thumbnail",
        f"{place}/images/{attack}/details",
        f"{place}/images?under={attack}",
        f"{place}/images?where={attack}",
        f"{place}/facets?under={attack}",
        f"{place}/images?order={attack}",
        f"{place}/images?after={attack}",
        f"{place}/images/1/thumbnail?side={attack}",
        f"{place}/images/1/original?as={attack}",
        f"{place}/duplicates?threshold={attack}",
    ):
        yield "GET", path
    yield "POST", f"/api/picks/{attack}"
    yield "POST", f"{place}/images/{attack}/reveal"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: text[:30])
def test_no_parameter_is_a_path(attack: str, web: Running):
    """Nothing outside the gallery is read, and nothing fails unexpectedly."""
    host = urlsplit(web.address).netloc
    for method, path in requests_with(attack):
        connection = http.client.HTTPConnection(host, timeout=30)  # httpx would normalise the path
        connection.putrequest(method, quote(path, safe="/?=&%:'<>\\"))
        connection.endheaders()
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status < 500, (method, path, content)
        assert b"root:" not in content
        assert b"[fonts]" not in content
        if answer.headers["Content-Type"] == "application/json" and answer.status >= 400:
            assert b"Traceback" not in content
            assert b"site-packages" not in content


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("[::1]", True),
        ("192.168.1.20", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("rebind.network", False),
        ("", False),
        ("[", False),
        ("track.local", True),
    ],
)
def test_only_own_names_are_answered_to(host: str, is_allowed: bool, folder: Path, fake: FakeEncoder):
    """A name that is made to lead here (DNS rebinding) is refused; addresses can't be made to."""
    with running(folder, encoder=fake, host_names=frozenset({"track.local"})) as web:
        port = urlsplit(web.address).port
        answer = web.client.get("/api/health", headers={"Host": f"{host}:{port}"})
        assert answer.status_code == (200 if is_allowed else 421)


@pytest.mark.parametrize(
    ("method", "path", "headers", "is_allowed"),
    [
        ("POST", "/api/search", {}, True),
        ("POST", "/api/search", {"Origin": "{own}"}, True),
        ("POST", "/api/search", {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, True),
        ("POST", "/api/search", {"Origin": "http://evil.example"}, False),
        ("POST", "/api/search", {"Origin": "http://127.0.0.1:1"}, False),
        ("POST", "/api/search", {"Origin": "null"}, False),
        ("POST", "/api/picks/csv", {"Origin": "http://evil.example"}, False),
        ("POST", "/api/galleries/track-photos/images/1/reveal", {"Sec-Fetch-Site": "cross-site"}, False),
        ("POST", "/api/search", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, False),
        ("GET", "/api/galleries", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, False),
        ("GET", "/api/galleries", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, False),
        ("GET", "/api/galleries", {"Sec-Fetch-Site": "same-origin"}, True),
        ("GET", "/api/galleries", {"Sec-Fetch-Site": "none"}, True),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
    ],
)
def test_other_sites_are_refused(method: str, path: str, headers: dict[str, str], is_allowed: bool, web: Running):
    """They can't use the server by way of the browser of its user; links to the page work."""
    own = {name: value.replace("{own}", web.address) for name, value in headers.items()}
    answer = web.client.request(method, path, headers=own)
    assert (answer.status_code != 403) is is_allowed
    if not is_allowed:
        assert answer.json()["error"]["kind"] == "origin"


def test_every_answer_has_the_headers(web: Running):
    """Pages, assets, images, errors and refusals."""
    for path, host in (("/", None), ("/api/health", None), ("/nothing", None), ("/api/health", "evil.example")):
        answer = web.client.get(path, headers={"Host": host} if host else {})
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def test_a_token_is_demanded(folder: Path, fake: FakeEncoder):
    """For everything; once given in a link, it is taken out of the address, and a cookie takes its place."""
    with running(folder, encoder=fake, token=TOKEN) as web:
        for path in ("/", "/api/health", "/api/galleries", "/metrics", "/assets/page.js", "/api/openapi.json"):
            answer = web.client.get(path)
            assert (answer.status_code, answer.json()["error"]["kind"]) == (401, "token")
        for wrong in ("x", TOKEN[:-1], TOKEN + "x", "ä", "Basic"):
            assert web.client.get("/", params={"token": wrong}).status_code == 401
            header = {"Authorization": f"Bearer {wrong}".encode()}
            assert web.client.get("/api/health", headers=header).status_code == 401
        programs = {"Authorization": f"Bearer {TOKEN}"}
        assert web.client.get("/api/health", headers=programs).status_code == 200
        link = web.client.get("/", params={"token": TOKEN, "q": "x y"})
        assert (link.status_code, link.headers["location"]) == (303, "./?q=x+y")
        cookie = link.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert TOKEN not in cookie
        assert web.client.get("/api/health").status_code == 200
        assert web.client.get("/").status_code == 200
        web.client.cookies.clear()
        web.client.cookies.set("lookalike_session", "0" * 64)
        assert web.client.get("/").status_code == 401


def test_large_requests_are_refused(folder: Path, fake: FakeEncoder):
    """By what they say, and by what they send."""
    with running(folder, encoder=fake, limits=limits(upload_bytes=100_000)) as web:
        large = b"\xff\xd8\xff" + b"x" * 1_500_000
        answer = web.post(large)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too-large")

        def chunks() -> Iterator[bytes]:
            for _ in range(40):
                yield b"x" * 50_000

        headers = {"Content-Type": "application/json"}
        answer = web.client.post("/api/search", content=chunks(), headers=headers)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too-large")
        with connect(web) as connection:
            start = f"POST /api/search HTTP/1.1\r\nHost: {urlsplit(web.address).netloc}\r\nContent-Length: {'9' * 19}"
            connection.sendall(f"{start}\r\n\r\n".encode())
            assert b" 413 " in connection.recv(4096)
        assert web.client.get("/api/health").status_code == 200


def connect(web: Running) -> socket.socket:
    """A plain connection."""
    parts = urlsplit(web.address)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def ends_within(connection: socket.socket, seconds: float, drip: bytes) -> bool:
    """Whether the server closes a connection to which one byte after another is sent."""
    deadline = time.monotonic() + seconds
    connection.settimeout(0.05)
    while time.monotonic() < deadline:
        try:
            connection.sendall(drip)
            if not connection.recv(4096):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def test_slow_clients_are_cut_off(folder: Path, fake: FakeEncoder):
    """Those that say nothing, those whose headers never end, also of a second request, and those whose bodies don't."""
    with running(folder, encoder=fake, limits=limits(header_seconds=0.5, body_seconds=0.5)) as web:
        host = urlsplit(web.address).netloc
        with connect(web) as silent, connect(web) as slow, connect(web) as second, connect(web) as body:
            slow.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n".encode())
            second.sendall(f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert b"200 OK" in second.recv(4096)
            second.sendall(b"GET / HTTP/1.1\r\nX: ")
            body.sendall(
                f"POST /api/search HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                "Content-Length: 1000\r\n\r\n{".encode()
            )
            assert ends_within(silent, 20, b"")
            assert ends_within(slow, 20, b"X")
            assert ends_within(second, 20, b"X")
            assert ends_within(body, 20, b" ")
        assert web.client.get("/api/health").status_code == 200


def test_a_client_that_takes_its_time_is_served(folder: Path, fake: FakeEncoder):
    """An idle connection stays open for the next request."""
    with running(folder, encoder=fake, limits=limits(header_seconds=0.3)) as web, connect(web) as connection:
        host = urlsplit(web.address).netloc
        for _ in range(2):
            connection.sendall(f"GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(4096)
            assert b"200 OK" in answer
            time.sleep(1)


def test_nonsense_is_no_request(web: Running):
    """What isn't HTTP is refused; the server goes on."""
    for nonsense in (
        b"\0" * 1000,
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 100_000,
    ):
        with connect(web) as connection:
            connection.sendall(nonsense)
            connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                connection.recv(4096)
    assert web.client.get("/api/health").status_code == 200


def test_no_request_makes_the_server_ask_elsewhere(web: Running):
    """A remote address is no image."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.5)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/x.jpg"
        answers = [
            web.post(url=url, terms=[{"id": "1"}]),
            web.post(terms=[{"id": url}]),
            web.client.post("/api/search", files={"image": (url, url.encode())}),
            httpx.post(f"{web.address}/api/search", data={"image": url}),
        ]
        assert all(400 <= answer.status_code < 500 for answer in answers)
        with pytest.raises(TimeoutError):
            trap.accept()
