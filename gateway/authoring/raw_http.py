"""Reads one HTTP/1.1 request as it stands on the wire or in a text file."""

import re
from typing import Literal

from gateway.authoring.asked import MAX_BYTES, Asked, make_request, read_host, read_url, shown
from gateway.errors import UsageError
from gateway.model import Caller

MAX_HEADERS = 1000
_LINE = re.compile(r"(?P<method>[^ ]+) (?P<target>[^ ]+)(?: HTTP/(?P<version>[0-9](?:\.[0-9])?))?")


def read_raw(
    raw: bytes, caller: Caller, scheme: Literal["https", "http"] = "https", where: str = "the file"
) -> Asked:
    """The one request. Lines may end in CR LF or LF alone; the body is all that follows the empty line."""
    if len(raw) > MAX_BYTES:
        raise UsageError(f"The request is larger than {MAX_BYTES // 2**20} MiB.")
    head, body = _parts(raw)
    lines = head.decode("latin-1").split("\n")
    method, target = _request_line(lines[0].rstrip("\r"))
    headers = tuple(_header(line.rstrip("\r")) for line in lines[1:])
    if len(headers) > MAX_HEADERS:
        raise UsageError(f"The request has more than {MAX_HEADERS} headers.")
    if "://" in target.partition("?")[0]:
        origin, target = read_url(target, scheme)
    else:
        origin = read_host(_host(headers), scheme)
    if not target.startswith("/"):
        raise UsageError(f"The target {shown(target)} must be a path or a whole address.")
    return Asked(make_request(caller, method, origin, target, headers, _body(headers, body)), where)


def _parts(raw: bytes) -> tuple[bytes, bytes]:
    raw = raw.lstrip(b"\r\n")
    found = re.search(rb"\r?\n\r?\n", raw)
    if found is None:
        return raw.rstrip(b"\r\n"), b""
    return raw[: found.start()], raw[found.end() :]


def _request_line(line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise UsageError(f"The first line is no request: {shown(line)}. Write it as POST /path HTTP/1.1.")
    return found["method"], found["target"]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or line[:1] in {" ", "\t"}:
        raise UsageError(f"This line is no header: {shown(line)}. Write it as Name: value.")
    return name, value.strip(" \t")


def _host(headers: tuple[tuple[str, str], ...]) -> str:
    found = [value for name, value in headers if name.lower() == "host"]
    if len(found) != 1:
        raise UsageError("The request needs one Host header, or a whole address in its first line.")
    return found[0]


def _body(headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
    """What the length says; an editor's line break at the end is not the body's."""
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        raise UsageError("A chunked body cannot be read here: write it plainly, without Transfer-Encoding.")
    said = {value for name, value in headers if name.lower() == "content-length"}
    if not said:
        return body
    length = next(iter(said))
    if len(said) > 1 or not re.fullmatch(r"[0-9]{1,12}", length):
        raise UsageError("The Content-Length cannot be read.")
    wanted = int(length)
    if len(body) < wanted or body[wanted:].strip(b"\r\n"):
        raise UsageError(
            f"The body has {len(body)} bytes, and Content-Length says {wanted}: mend it or leave it out."
        )
    return body[:wanted]
