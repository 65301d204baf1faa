import pytest
from structlog.testing import capture_logs

from gateway.desk.contract import DeskError
from gateway.errors import StoreError, UsageError
from gateway.web.security import hosts_of
from tests.gateway.web.fake_desk import (
    BODIES,
    ENVELOPE,
    OPEN_GETS,
    OWN_GETS,
    PAGES,
    PROGRAM_POSTS,
    Browser,
    FakeDesk,
    Server,
    raw,
)

POSTS = list(BODIES)
APPROVE = f"/api/v1/envelopes/{ENVELOPE}/approve"


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://localhost",
        "http://localhost:1",
        "https://localhost:{port}",
        "http://127.0.0.1:{port}",
        "http://localhost:{port}.evil.example",
        "http://LOCALHOST:{port}",
        "http://localhost:{port}/",
    ],
)
async def test_post_of_another_origin_is_refused(
    path: str, origin: str | None, browser: Browser, server: Server, desk: FakeDesk
):
    if origin is None and path in PROGRAM_POSTS:
        pytest.skip("a program is no page: what it signs is checked instead")
    sent = origin.format(port=server.port) if origin else None
    reply = await browser.post(path, Origin=sent)
    assert (reply.status, reply.json["error"]) == (403, "wrong_origin")
    assert desk.calls == []


async def test_second_origin_header_is_refused(server: Server, desk: FakeDesk):
    head = f"Host: localhost:{server.port}\r\nOrigin: {server.origin}\r\nOrigin: http://evil.example\r\n"
    request = f"POST /api/v1/login/begin HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
    answer = await raw(server.port, f"{request}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert desk.calls == []


@pytest.mark.parametrize("path", ["/api/v1/state", "/login", "/static/app.css", "/healthz", "/nothing"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost",
        "127.0.0.1:{port}",
        "[::1]:{port}",
        "localhost.:{port}",
        "x@localhost:{port}",
    ],
)
async def test_rebound_host_name_is_refused(
    path: str, host: str, browser: Browser, server: Server, desk: FakeDesk
):
    reply = await browser.get(path, Host=host.format(port=server.port))
    assert reply.status == 421
    assert server.origin.encode() in reply.body
    assert desk.calls == []


@pytest.mark.parametrize("hosts", ["", "Host: localhost:{port}\r\nHost: evil.example\r\n"])
async def test_missing_or_double_host_is_refused(hosts: str, server: Server, desk: FakeDesk):
    request = f"GET /api/v1/state HTTP/1.1\r\n{hosts.format(port=server.port)}Connection: close\r\n\r\n"
    answer = await raw(server.port, request.encode())
    assert answer.split(b" ")[1] in {b"400", b"421"}
    assert desk.calls == []


async def test_absolute_request_target_is_refused(server: Server, desk: FakeDesk):
    head = f"GET http://evil.example/api/v1/state HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
    answer = await raw(server.port, f"{head}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert desk.calls == []


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "application/json-patch+json",
    ],
)
async def test_form_that_smuggles_json_past_preflight_is_refused(
    content_type: str, browser: Browser, desk: FakeDesk
):
    reply = await browser.post(APPROVE, Content_Type=content_type)
    assert (reply.status, reply.json["error"]) == (415, "not_json")
    assert desk.calls == []


async def test_body_without_content_type_is_refused(server: Server, desk: FakeDesk):
    head = (
        f"POST /api/v1/login/begin HTTP/1.1\r\nHost: localhost:{server.port}\r\nOrigin: {server.origin}\r\n"
    )
    answer = await raw(server.port, f"{head}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode())
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert desk.calls == []


async def test_compressed_body_is_refused(browser: Browser, desk: FakeDesk):
    reply = await browser.post("/api/v1/login/begin", b"{}", Content_Encoding="gzip")
    assert reply.status in {400, 415}
    assert desk.calls == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
@pytest.mark.parametrize("path", [*OPEN_GETS, *OWN_GETS])
async def test_other_site_may_not_read_the_api(site: str, path: str, browser: Browser, desk: FakeDesk):
    reply = await browser.get(path, Sec_Fetch_Site=site)
    assert (reply.status, reply.json["error"]) == (403, "cross_site")
    assert desk.calls == []


async def test_link_from_a_notification_opens_the_page(browser: Browser):
    reply = await browser.get(f"/approve/{ENVELOPE}", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")
    assert reply.status == 200


@pytest.mark.parametrize("frame", ["iframe", "frame", "embed", "object", "fencedframe"])
@pytest.mark.parametrize("path", PAGES)
async def test_framed_page_is_refused(frame: str, path: str, browser: Browser):
    reply = await browser.get(path, Sec_Fetch_Dest=frame)
    assert reply.status == 403
    assert b"<title>" not in reply.body


@pytest.mark.parametrize(
    "path", [*PAGES, "/", *OPEN_GETS, *OWN_GETS, "/static/app.css", "/healthz", "/no", "/api/no"]
)
async def test_every_answer_carries_what_stops_framing_and_injection(path: str, browser: Browser):
    headers = (await browser.get(path)).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types secondsig-worker"
    )
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Permissions-Policy"].startswith(
        "publickey-credentials-get=(self), publickey-credentials-create=(self)"
    )
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")
    assert "Server" not in headers
    assert "Strict-Transport-Security" not in headers
    assert not [name for name in headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_only_post_changes_anything(path: str, method: str, browser: Browser, desk: FakeDesk):
    reply = await browser.send(method, path, X_HTTP_Method_Override="POST")
    assert reply.status == 405
    assert desk.calls == []


@pytest.mark.parametrize("path", [*OPEN_GETS, *OWN_GETS, "/api/v1/events"])
async def test_reading_address_takes_no_post(path: str, browser: Browser, desk: FakeDesk):
    reply = await browser.post(path)
    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]
    assert desk.calls == []


async def test_preflight_of_another_origin_gets_no_permission(browser: Browser):
    reply = await browser.send(
        "OPTIONS", APPROVE, Origin="http://evil.example", Access_Control_Request_Method="POST"
    )
    assert reply.status == 405
    assert "Access-Control-Allow-Origin" not in reply.headers


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v2/state", "/api/v1/envelopes/env_x"])
async def test_unknown_api_address_says_so_in_json(path: str, browser: Browser):
    reply = await browser.get(path)
    assert (reply.status, reply.json["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    "name",
    [
        "env_short",
        "env_" + "a" * 41,
        "ses_0123456789ABCDEFGHJKMNPQRS",
        "env_0123456789ABCDEF..%2Fx",
        ENVELOPE + "%00",
    ],
)
async def test_id_of_another_form_reaches_nobody(name: str, browser: Browser, desk: FakeDesk):
    assert (await browser.get(f"/api/v1/envelopes/{name}")).status == 404
    assert (await browser.get(f"/approve/{name}")).status == 404
    assert desk.calls == []


@pytest.mark.parametrize(
    "fault", [RuntimeError("s3cret"), KeyError("s3cret"), TimeoutError("s3cret"), StoreError("s3cret")]
)
async def test_fault_leaks_no_traceback(fault: Exception, browser: Browser, desk: FakeDesk):
    desk.fault = fault
    with capture_logs() as logs:
        reply = await browser.get("/api/v1/me")
    assert (reply.status, reply.json["error"]) == (503, "unavailable")
    assert b"s3cret" not in reply.body
    assert b"Traceback" not in reply.body
    assert [entry["event"] for entry in logs] == ["pages_fault"]


async def test_bytes_that_are_not_http_get_one_sentence(server: Server):
    answer = await raw(server.port, b"\x16\x03\x01 not http at all\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert body == b"That could not be read as a request.\n"
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


async def test_refusal_of_the_desk_reaches_the_page_whole(browser: Browser, desk: FakeDesk):
    desk.fault = DeskError(409, "decided", "Noor was first.", {"row": {"id": ENVELOPE}, "error": "swapped"})
    reply = await browser.post(APPROVE)
    assert reply.status == 409
    assert reply.json == {"error": "decided", "detail": "Noor was first.", "row": {"id": ENVELOPE}}


async def test_wait_is_told_in_the_header_too(browser: Browser, desk: FakeDesk):
    desk.fault = DeskError(429, "rate_limited", "Later.", {"retry_after": 7})
    assert (await browser.post(APPROVE)).headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "origins",
    [
        [],
        ["localhost:8081"],
        ["http://localhost:8081/"],
        ["http://LOCALHOST:8081"],
        ["http://me@localhost:8081"],
        ["https://gateway.example:443"],
        ["ftp://gateway.example"],
        ["null"],
        ["http://"],
        ["http://localhost:99999"],
    ],
)
def test_origin_that_no_browser_sends_is_a_usage_error(origins: list[str]):
    with pytest.raises(UsageError):
        hosts_of(origins)


def test_one_host_may_be_seen_over_both_schemes():
    hosts = hosts_of(["http://gateway.example", "https://gateway.example", "http://[::1]:8081"])
    assert hosts["gateway.example"] == {"http://gateway.example", "https://gateway.example"}
    assert hosts["[::1]:8081"] == {"http://[::1]:8081"}
