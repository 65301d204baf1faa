"""Which requests are heard at all, and what is said when something fails.

1. The request names one of the gateway's own hosts, in a plain path.      (DNS rebinding)
2. Its method is GET, HEAD or POST.
3. A POST comes from a page of that same host, says so, and carries JSON.  (cross-site request forgery)
   A program's says nothing of where it comes from, and carries its own signature instead of a session.
4. A browser does not say that another site asks, or that a page is framed.
The two halves of a session are `sessions`' part, the body's form is `incoming`'s.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from gateway.desk.contract import DeskError
from gateway.errors import UsageError
from gateway.web.answers import UNAVAILABLE, error_answer, is_api, protect

PROGRAMS = "/api/v1/programs/"
"""Registered programs sign for themselves and send no cookie: no other site can make a browser do it."""

OWN_SITES = frozenset({"same-origin", "none"})
FRAMES = frozenset({"iframe", "frame", "embed", "object", "fencedframe"})
SENTENCES = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("too_large", "That is more than the gateway reads: at most 1 MB."),
}

log = structlog.get_logger(__name__)


def hosts_of(origins: Sequence[str]) -> Mapping[str, frozenset[str]]:
    """Which origins belong to each Host header; an origin that no browser would send is refused."""
    hosts: dict[str, frozenset[str]] = {}
    for origin in origins:
        host = _host(origin)
        hosts[host] = hosts.get(host, frozenset()) | {origin}
    if not hosts:
        raise UsageError("The pages need at least one origin that people open them at.")
    return hosts


def _host(origin: str) -> str:
    try:
        proper = str(URL(origin).origin())
    except ValueError:
        proper = ""
    scheme, _, host = origin.partition("://")
    if proper != origin or scheme not in {"http", "https"}:
        raise UsageError(f"{origin!r} is not an origin: write it as https://gateway.example.com.")
    return host


def sole(request: web.Request, name: str) -> str | None:
    """The value of a header that stands there once, or not at all."""
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise DeskError(400, "bad_request", f"The header {name} stands there more than once.")
    return values[0] if values else None


def guard(origins: Sequence[str]) -> Middleware:
    """Refuses, before any handler runs, what the pages themselves would never send."""
    hosts = hosts_of(origins)

    @web.middleware
    async def heard(request: web.Request, handler: Handler) -> web.StreamResponse:
        own = _own_host(request, hosts, origins[0])
        if request.method not in {"GET", "HEAD", "POST"}:
            raise DeskError(405, *SENTENCES[405])
        if request.method == "POST":
            _own_page(request, own)
        _not_embedded(request)
        return await handler(request)

    return heard


def _own_host(request: web.Request, hosts: Mapping[str, frozenset[str]], proper: str) -> frozenset[str]:
    if not request.raw_path.startswith("/"):
        raise DeskError(400, "bad_request", "The request line holds more than a path.")
    own = hosts.get(sole(request, "Host") or "")
    if own is None:
        raise DeskError(421, "wrong_host", f"These pages are not served under that name: open {proper}.")
    return own


def _own_page(request: web.Request, own: frozenset[str]) -> None:
    origin = sole(request, "Origin")
    if origin not in own and not (origin is None and request.path.startswith(PROGRAMS)):
        raise DeskError(403, "wrong_origin", "This may only be asked for by the gateway's own pages.")
    if request.content_type != "application/json" or len(request.headers.getall("Content-Type", [])) != 1:
        raise DeskError(415, "not_json", "The body has to be JSON, and the Content-Type has to say so.")
    if "Content-Encoding" in request.headers:
        raise DeskError(415, "not_json", "The body may not be compressed.")


def _not_embedded(request: web.Request) -> None:
    if is_api(request.path) and request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        raise DeskError(403, "cross_site", "Another site asked for this: only the gateway's own pages may.")
    if request.headers.get("Sec-Fetch-Dest") in FRAMES:
        raise DeskError(403, "framed", "These pages are not shown inside others: open them by themselves.")


@web.middleware
async def faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever is raised into one sentence; what nobody foresaw is for the log alone."""
    try:
        return await handler(request)
    except DeskError as error:
        answer = error_answer(error, as_json=is_api(request.path))
        if "retry_after" in error.extra:
            answer.headers["Retry-After"] = str(error.extra["retry_after"])
        return answer
    except web.HTTPException as error:
        return _plain(error, as_json=is_api(request.path))
    except Exception:
        log.exception("pages_fault", method=request.method, path=request.path)
        return error_answer(UNAVAILABLE, as_json=is_api(request.path))


def _plain(error: web.HTTPException, *, as_json: bool) -> web.Response:
    phrase = HTTPStatus(error.status).phrase
    word, sentence = SENTENCES.get(error.status, ("refused", f"{phrase}."))
    answer = error_answer(DeskError(error.status, word, sentence), as_json=as_json)
    for name in ("Allow", "Location"):
        if name in error.headers:
            answer.headers[name] = error.headers[name]
    return answer


def protection(*, https: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """For `on_response_prepare`, so that streams and refusals carry the headers as well."""

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        protect(response, https=https)
        response.headers.pop("Server", None)

    return prepare
