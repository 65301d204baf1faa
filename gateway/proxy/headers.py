"""Which headers travel on, in both directions."""

import re
from collections.abc import Iterable, Iterator

type Raw = tuple[tuple[bytes, bytes], ...]
type Fields = Iterable[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"}
)
OURS = b"secondsig-"
PROXY = b"proxy-"
GRPC = (b"te", b"trailers")
# Alt-Svc invites clients to another way out; the authentication pair belongs to proxies, not to origins.
NEVER_ANSWERED = frozenset(
    {b"alt-svc", b"proxy-authenticate", b"proxy-authentication-info", b"proxy-connection", b"upgrade"}
)
PROXY_STATUS = b"proxy-status"
_MEMBERS = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


def end_to_end(fields: Fields, *, http2: bool) -> Iterator[tuple[bytes, bytes]]:
    """The request's headers without those of the hop to us; cookie crumbs of HTTP/2 are joined."""
    crumbs = [value for name, value in fields if http2 and name.lower() == b"cookie"]
    for name, value in fields:
        low = name.lower()
        if low == b"cookie" and crumbs:
            yield name, b"; ".join(crumbs)
            crumbs = []
        elif low == b"cookie" and http2:
            continue
        elif (http2 and (low, value) == GRPC) or not (low in HOP_BY_HOP or low.startswith(PROXY)):
            yield name, value


def upstream(fields: Fields) -> Iterator[tuple[bytes, bytes]]:
    """Of end-to-end headers, those that are not the gateway's own; the length is set anew."""
    for name, value in fields:
        low = name.lower()
        if not (low.startswith(OURS) or low == b"content-length"):
            yield name, value


def downstream(fields: Fields) -> tuple[tuple[bytes, bytes], ...]:
    """An upstream's headers without any by which it could speak as the gateway."""
    kept = []
    for name, value in fields:
        low = name.lower()
        if low.startswith(OURS) or low in NEVER_ANSWERED:
            continue
        if low == PROXY_STATUS:
            value = _without_us(value)  # noqa: PLW2901
            if not value:
                continue
        kept.append((name, value))
    return tuple(kept)


def _without_us(value: bytes) -> bytes:
    members = [member.strip() for member in _MEMBERS.findall(value)]
    return b", ".join(m for m in members if m and not m.strip(b'"').lower().startswith(b"secondsig"))


def latin(fields: Fields) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)


def raw(fields: Iterable[tuple[str, str]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)
