"""What the pages' server says: JSON for the API, a plain sentence for everything else."""

import json
from collections.abc import Mapping

from aiohttp import web

from gateway.desk.contract import DeskError, JsonObject

API = "/api/"
UNAVAILABLE = DeskError(
    503,
    "unavailable",
    "Something in the gateway failed: try again, and if it fails again, its operator finds why in the log.",
)

COMMON_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types secondsig-worker"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "camera=(), microphone=(), geolocation=()"
    ),
}
WORKER_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the service worker may do: it shows what it was sent, and loads nothing, not even another script."""

HSTS = "max-age=63072000"


def is_api(path: str) -> bool:
    return path.startswith(API) or path == API.rstrip("/")


def json_answer(body: JsonObject, status: int = 200) -> web.Response:
    """ASCII only, so that no text of an agent's, not even half a surrogate pair, can break the answer."""
    raw = json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
    return web.Response(status=status, body=raw, content_type="application/json")


def text_answer(text: str, status: int = 200) -> web.Response:
    return web.Response(status=status, text=text + "\n", content_type="text/plain")


def metrics_answer(page: str) -> web.Response:
    """Prometheus asks for its own content type."""
    return web.Response(text=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


def error_answer(error: DeskError, *, as_json: bool) -> web.Response:
    if as_json:
        return json_answer({**error.extra, "error": error.word, "detail": error.detail}, error.status)
    return text_answer(error.detail, error.status)


def protect(response: web.StreamResponse, *, https: bool) -> None:
    """Puts on what every answer carries.

    Only a file says for itself how it may be kept, and only the service worker has a policy of its own.
    """
    own = response.headers.get("Content-Security-Policy")
    for name, value in COMMON_HEADERS.items():
        response.headers[name] = value
    if own == WORKER_POLICY:
        response.headers["Content-Security-Policy"] = WORKER_POLICY
    if https:
        response.headers["Strict-Transport-Security"] = HSTS
    response.headers.setdefault("Cache-Control", "no-store")
