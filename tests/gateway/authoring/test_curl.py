"""What we read is what curl sends: the last tests hold it against curl itself."""

import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.curl import FLAGS, IDLE, IDLE_WITH_VALUE, VALUES, read_curl
from gateway.authoring.raw_http import read_raw
from gateway.authoring.shell import words
from gateway.errors import UsageError
from gateway.model import Request
from tests.kit.sentences import one_sentence_at_most
from tests.kit.things import a_caller

URL = "http://api.shop.test/v1"


def asked(command: str, folder: Path = Path()) -> Request:
    return read_curl(words(command), a_caller(), folder).request


def test_a_plain_address_is_a_get_as_curl_sends_it() -> None:
    request = asked("curl https://api.shop.test/a?b=c")
    assert (request.method, request.scheme, request.target) == ("GET", "https", "/a?b=c")
    assert [name for name, _ in request.headers] == ["Host", "User-Agent", "Accept"]
    assert request.caller == a_caller()


def test_chromes_copied_command_is_read() -> None:
    request = asked(
        r"""curl 'https://api.shop.test/v1' -H 'content-type: application/json' --compressed \
        --data-raw $'{"a":"it\'s"}'"""
    )
    assert (request.method, request.body) == ("POST", b'{"a":"it\'s"}')
    assert request.header("content-type") == ("application/json",)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("curl", "names no address"),
        (f"curl {URL} {URL}", "one address at a time"),
        (f"curl --frobnicate {URL}", "'--frobnicate' is not known here"),
        (f"curl -sQ {URL}", "'-Q' is not known here"),
        (f"curl {URL} -d", "-d needs a value"),
        (f"curl {URL} --aws-sigv4 aws:amz", "'--aws-sigv4' is not known"),
        (f"curl {URL} -d a -F b=c", "one body"),
        (f"curl {URL} -d @-", "standard input"),
        (f"curl {URL} -d @missing", "cannot be read"),
        (f"curl {URL} -H nonsense", "has no colon"),
        (f"curl {URL} -F nonsense", "has no '='"),
        (f"curl {URL} --form-string nonsense", "has no '='"),
        (f"curl {URL} -b jar.txt", "from a file"),
        (f"curl {URL}/{{a,b}}", "several addresses"),
        (f"curl {URL}/[1-3]", "several addresses"),
        ("curl ftp://a.test/", "http and https"),
        ("curl 'http://a.test/a b'", "blank"),
        (f"curl -X 'GE T' {URL}", "is no method"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(command: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        asked(command)
    assert "\n" not in str(caught.value)


ALL = sorted(
    {*FLAGS, *IDLE, *IDLE_WITH_VALUE, *VALUES, "-s", "-X", "-dx", "-F", "--", "-", "-sXPOST", URL, "--nope"}
)


@given(st.lists(st.one_of(st.sampled_from(ALL), st.text(max_size=12)), max_size=8))
def test_no_command_is_a_fault(command: list[str]) -> None:
    with one_sentence_at_most():
        read_curl(command, a_caller(), Path("/nowhere"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.txt").write_bytes(b"a=1\r\nb=2\n")
    (tmp_path / "headers.txt").write_text("X-One: 1\nX-Two: 2\n", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "curl URL/a?b=c",
        "curl -I URL/a",
        "curl -X DELETE URL/a",
        "curl -XPATCH URL/a -d x=1",
        "curl -sSd a=1 -d b=2 URL/a",
        "curl URL/a -d @data.txt",
        "curl URL/a -d @data.txt -d c=3",
        "curl URL/a --data-binary @data.txt",
        "curl URL/a --data-raw @data.txt",
        "curl URL/a --data-ascii x",
        "curl URL/a --data-urlencode 'a b&c'",
        "curl URL/a --data-urlencode '=a b&c'",
        "curl URL/a --data-urlencode 'n=a b/é~'",
        "curl URL/a --data-urlencode n@data.txt",
        "curl URL/a --data-urlencode @data.txt",
        "curl -G URL/a -d b=1 -d c=2",
        "curl -G URL/a?x=0 -d b=1",
        "curl -G -I URL/a -d b=1",
        "curl URL/a --json '{\"a\": 1}'",
        "curl URL/a --json '{\"a\":' --json ' 1}'",
        "curl URL/a --json '{}' -H 'Accept: text/html'",
        "curl URL/a -u user:pass",
        "curl URL/a --oauth2-bearer abc",
        "curl URL/a -H 'Authorization: Bearer x' -u user:pass",
        "curl URL/a -H 'Accept:' -H 'X-Empty;' -H 'X-Full: y'",
        "curl URL/a -H @headers.txt",
        "curl URL/a -A me -e http://b.test/ -b a=b",
        "curl URL/a -b a=b -b c=d",
        "curl URL/a -r 0-9",
        "curl -T data.txt URL/upload",
        "curl URL/a/../b/./c/..",
        "curl --path-as-is URL/a/../b",
        "curl -g 'URL/a[1]'",
        "curl --url URL/a -d ''",
        "curl URL",
    ],
)
def test_the_request_is_the_one_that_curl_sends(command: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        at = f"http://127.0.0.1:{server.getsockname()[1]}"
        line = words(command.replace("URL", at))
        told: list[bytes] = []
        listening = threading.Thread(target=lambda: told.append(_take(server)), daemon=True)
        listening.start()
        subprocess.run(
            line, cwd=folder, check=True, capture_output=True, timeout=20, env={"PATH": "/usr/bin:/bin"}
        )
        listening.join(20)
    sent = read_raw(told[0], a_caller(), "http").request
    ours = read_curl(line, a_caller(), folder).request
    assert (ours.method, ours.url, ours.body) == (sent.method, sent.url, sent.body)
    assert _plain(ours) == _plain(sent)


def _take(server: socket.socket) -> bytes:
    """One request, answered with nothing."""
    connection, _ = server.accept()
    with connection:
        connection.settimeout(20)
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head.lower())
        while found and len(body) < int(found[1]):
            body += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return head + b"\r\n\r\n" + body


def _plain(request: Request) -> list[tuple[str, str]]:
    """The headers, without curl's version."""
    return sorted(
        (name.lower(), "curl" if value.startswith("curl/") else value)
        for name, value in request.headers
        if not (name.lower() == "content-length" and value == "0")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "curl URL/a -F a=1 -F 'b=two words'",
        "curl URL/a -F file=@picture.png",
        "curl URL/a -F 'file=@data.txt;type=text/csv;filename=x.csv'",
        "curl URL/a -F 'text=<data.txt'",
        "curl URL/a -F 'a=1;type=text/html'",
        "curl URL/a --form-string 'a=@b'",
    ],
)
def test_forms_with_files_are_those_of_curl_but_for_the_boundary(command: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = words(command.replace("URL", f"http://127.0.0.1:{server.getsockname()[1]}"))
        told: list[bytes] = []
        listening = threading.Thread(target=lambda: told.append(_take(server)), daemon=True)
        listening.start()
        subprocess.run(
            line, cwd=folder, check=True, capture_output=True, timeout=20, env={"PATH": "/usr/bin:/bin"}
        )
        listening.join(20)
    sent = read_raw(told[0], a_caller(), "http").request
    ours = read_curl(line, a_caller(), folder).request
    assert _unbounded(ours) == _unbounded(sent)


def _unbounded(request: Request) -> bytes:
    found = re.fullmatch(r"multipart/form-data; boundary=(\S+)", request.header("content-type")[0])
    assert found
    return request.body.replace(found[1].encode(), b"BOUNDARY")
