import subprocess
import sys

from mitmproxy import http

from gateway.proxy.lean import PACKAGE, keep_addons_out


def run(program: str) -> str:
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_engine_brings_no_web_framework_and_no_terminal_interface() -> None:
    names = ("flask", "urwid", "tornado")
    program = f"import gateway.proxy.engine, sys; print([m for m in {names} if m in sys.modules])"
    assert run(program) == "[]"


def test_an_addon_is_still_found_by_its_own_name() -> None:
    program = "import gateway.proxy; from mitmproxy.addons.block import Block; print(Block.__name__)"
    assert run(program) == "Block"


def test_messages_are_made_without_the_debug_check_and_read_the_same() -> None:
    """mitmproxy has this check for its developers only: it is absent under python -O as well."""
    import gateway.proxy  # noqa: F401  # what spares it

    made = http.Response.make(200, b"x", {"a": "b"})
    assert (made.status_code, made.raw_content, made.headers["a"]) == (200, b"x", "b")
    assert http.MessageData.__post_init__.__module__ == "gateway.proxy.lean"


def test_what_is_loaded_already_stays() -> None:
    before = sys.modules[PACKAGE]
    keep_addons_out()
    assert sys.modules[PACKAGE] is before
