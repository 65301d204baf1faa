import re
from pathlib import Path

import pytest

import approve_ui
from gateway.errors import UsageError
from gateway.web.pages import Pages
from tests.gateway.web.fake_desk import ENVELOPE, PAGES, Browser, FakeDesk


@pytest.mark.parametrize("path", PAGES)
async def test_signed_out_pages_are_shells_without_data(path: str, browser: Browser, desk: FakeDesk):
    reply = await browser.get(path, Cookie=None, Secondsig_Tab=None)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert reply.body.startswith(b"<!doctype html><title>")
    assert ENVELOPE.encode() not in reply.body
    assert desk.calls == []


async def test_root_leads_to_the_queue(browser: Browser):
    reply = await browser.get("/")
    assert (reply.status, reply.headers["Location"]) == (302, "/app/approvals")


async def test_page_nobody_knows_is_a_plain_sentence(browser: Browser):
    reply = await browser.get("/app/<script>alert(1)</script>")
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert reply.body == b"There is nothing at this address.\n"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("app.css", "text/css; charset=utf-8"),
        ("js/main.js", "text/javascript; charset=utf-8"),
        ("mark.svg", "image/svg+xml"),
    ],
)
async def test_static_files_are_checked_again_and_not_sent_twice(name: str, kind: str, browser: Browser):
    first = await browser.get(f"/static/{name}")
    assert (first.status, first.headers["Content-Type"]) == (200, kind)
    again = await browser.get(f"/static/{name}", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert (await browser.get(f"/static/{name}", If_None_Match='"other"')).body == first.body


async def test_what_a_page_names_is_kept_for_good_and_of_one_version(browser: Browser, ui: Path):
    (version,) = set(re.findall(rb"/static/([0-9a-f]{16})/", (await browser.get("/login")).body))
    script = await browser.get(f"/static/{version.decode()}/js/main.js")
    assert script.headers["Cache-Control"] == "max-age=31536000, immutable"
    assert (await browser.get(f"/static/{'0' * 16}/js/main.js")).status == 404
    assert (await browser.get(f"/static/{version.decode()}/js/none.js")).status == 404
    (ui / "static" / "app.css").write_text("body{display:none}")
    assert Pages.read(ui).version != version.decode()


@pytest.mark.parametrize(
    "name",
    [
        "..%2Foutside.js",
        "%2e%2e/outside.js",
        "..%5coutside.js",
        "js/..%2f..%2foutside.js",
        "%2Fetc%2Fpasswd",
        "link.js",
        "notes.txt",
        "js",
        "js/",
        "app.css%00.js",
    ],
)
async def test_path_that_climbs_out_finds_nothing(name: str, browser: Browser):
    reply = await browser.get(f"/static/{name}")
    assert reply.status == 404
    assert b"secret" not in reply.body


async def test_file_changed_after_the_start_is_not_served(browser: Browser, ui: Path):
    (ui / "static" / "app.css").write_text("body{display:none}")
    assert (await browser.get("/static/app.css")).body == b"body{}"


def test_every_file_that_the_pages_name_is_served():
    pages = Pages.read(Path(approve_ui.__path__[0]))
    for shell in pages.shells.values():
        named = re.findall(rf'(?:src|href)="/static/{pages.version}/([^"#?]+)', shell.decode())
        assert named
        (manifest,) = re.findall(r'"/static/(manifest[^"]+)', shell.decode()) or [None]
        assert shell.count(b"/static/") == len(named) + (manifest is not None)
        assert manifest in {None, *pages.assets}
        assert set(named) <= set(pages.assets)


def test_every_icon_that_a_page_draws_stands_in_it_once():
    for shell in Pages.read(Path(approve_ui.__path__[0])).shells.values():
        drawn = re.findall(rb'<use href="#(.+?)"', shell)
        assert drawn
        for name in drawn:
            assert shell.count(b'id="' + name + b'"') == 1


async def test_the_worker_is_served_at_the_root_and_may_load_nothing(browser: Browser, desk: FakeDesk):
    reply = await browser.get("/sw.js", Sec_Fetch_Dest="serviceworker", Cookie=None, Secondsig_Tab=None)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert reply.headers["Content-Security-Policy"] == (
        "default-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "Service-Worker-Allowed" not in reply.headers
    again = await browser.get("/sw.js", If_None_Match=reply.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert desk.calls == []


def test_missing_page_stops_the_start_with_a_sentence(ui: Path):
    (ui / "pages" / "approve.html").unlink()
    with pytest.raises(UsageError, match=r"approve\.html.*install Secondsig again"):
        Pages.read(ui)


@pytest.mark.parametrize("path", ["/static/app.css", "/login"])
async def test_files_travel_packed_to_whom_can_unpack_them(path: str, browser: Browser):
    plain = await browser.get(path, Accept_Encoding="identity")
    packed = await browser.get(path, Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert packed.body == plain.body
