import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.coretypes.multidict import MultiDict

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


NAMES = st.sampled_from([b"a", b"A", b"Set-Cookie", b"set-cookie", b"\xff", b"\xc3\x84", b""]) | st.binary(
    max_size=3
)
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=4)), max_size=6)


@given(FIELDS, NAMES, st.booleans())
def test_a_header_is_found_or_missed_as_mitmproxy_itself_would(
    fields: list[tuple[bytes, bytes]], name: bytes, as_text: bool
) -> None:
    headers = http.Headers(fields)
    asked = name.decode("utf-8", "surrogateescape") if as_text else name
    theirs = [value.decode("utf-8", "surrogateescape") for value in MultiDict.get_all(headers, name)]
    assert headers.get_all(asked) == theirs
    assert headers.get(asked, 7) == Mapping.get(headers, asked, 7) == (", ".join(theirs) if theirs else 7)
    assert (asked in headers) is bool(theirs)


def test_what_is_no_header_name_is_still_an_error() -> None:
    for ask in (http.Headers().get_all, http.Headers().get, http.Headers().__contains__):
        with pytest.raises(TypeError, match="text or bytes"):
            ask(1)  # type: ignore[arg-type]  # what nobody writes
