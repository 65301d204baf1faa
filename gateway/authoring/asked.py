"""A request as an author writes it down, made into what the gateway would see of it."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from gateway.errors import UsageError
from gateway.model import Caller, Request
from gateway.values import dataclass

MAX_BYTES = 64 * 1024 * 1024
"""What a file to be explained may hold."""

DROPPED = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "expect"})
"""Headers of a hop, which no template sees."""

_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<host>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.DOTALL
)
_HOST = re.compile(r"(?P<name>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MAX_PORT = 65535

type Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with where it was read, and what its reader left out of it."""

    request: Request
    origin: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: Literal["https", "http"]
    host: str
    port: int


def read_url(url: str, usual: Literal["https", "http"] = "https") -> tuple[Origin, str]:
    """Where a URL leads and its raw path and query; UsageError where it names no host."""
    found = _URL.fullmatch(url)
    if found is None or not found["host"] or "@" in found["host"]:
        raise UsageError(f"{shown(url)} is no address: write it as https://host/path, without a user name.")
    scheme = (found["scheme"] or usual).lower()
    if scheme not in {"https", "http"}:
        raise UsageError(f"The gateway carries http and https, not {shown(scheme)}.")
    target = found["target"]
    origin = read_host(found["host"], "https" if scheme == "https" else "http")
    return origin, target if target.startswith("/") else f"/{target}"


def read_host(written: str, scheme: Literal["https", "http"]) -> Origin:
    found = _HOST.fullmatch(written)
    port = int(found["port"]) if found and found["port"] else (443 if scheme == "https" else 80)
    if found is None or not 0 < port <= _MAX_PORT:
        raise UsageError(
            f"{shown(written)} is no host: write a plain name or address, and a port if need be."
        )
    return Origin(scheme, found["name"].lower().strip("[]"), port)


def make_request(
    caller: Caller, method: str, origin: Origin, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> Request:
    """As the gateway would have it off the wire: what belongs to the hop is not in it."""
    if not method.isascii() or not _TOKEN.fullmatch(method):
        raise UsageError(f"{shown(method)} is no method.")
    if re.search(r"[\x00-\x20\x7f]", target):
        raise UsageError(f"The address holds a blank or a control character: {shown(target)}.")
    kept = tuple((name, value) for name, value in headers if _travels(name))
    for name, value in kept:
        check_header(name, value)
    raw = target.encode("utf-8", "surrogateescape").decode("latin-1")
    return Request(caller, method, origin.scheme, origin.host, origin.port, raw, kept, body)


def _travels(name: str) -> bool:
    low = name.lower()
    return low not in DROPPED and not low.startswith(("proxy-", ":"))


def check_header(name: str, value: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise UsageError(f"{shown(name)} is no header's name.")
    if re.search(r"[\x00\r\n]", value):
        raise UsageError(f"The header {name} holds a line break or a zero byte.")


def read_bytes(path: Path) -> bytes:
    """A file's content; one that is far too large is not read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES // 2**20} MiB.")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise UsageError(f"{shown(str(path))} cannot be the name of a file.") from None


def shown(text: str) -> str:
    """A piece of somebody's text in a sentence: short, on one line, in quotes."""
    return ascii(text if len(text) <= 60 else text[:60] + "…")  # noqa: PLR2004  # what fits in a sentence
