"""The page shells and what they load, read once: no path of a request ever meets the file system.

A shell names what it loads by a version that changes with any byte of it: so a browser asks for each file
once, and never runs the script of one version with that of another. The icons stand in each shell: whatever
draws one from a file of its own makes a browser read and wait for that file anew.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import UsageError
from gateway.values import dataclass
from gateway.web.answers import WORKER_POLICY

SHELLS = {
    "/login": "login",
    "/enrol": "enrol",
    "/approve/{id:env_[0-9A-Za-z]{16,40}}": "approve",
    "/approve/batch": "batch",
    "/app/approvals": "approvals",
    "/app/audit": "audit",
    "/app/grants": "grants",
    "/app/agents": "agents",
    "/app/people": "people",
    "/app/config": "config",
    "/app/away": "away",
    "/app/reviews": "reviews",
    "/app/templates": "templates",
    "/app/settings": "settings",
}
VERSION_DIGITS = 16
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    packed: bytes
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Pages:
    shells: Mapping[str, bytes]
    assets: Mapping[str, Asset]
    worker: Asset
    version: str

    @classmethod
    def read(cls, ui: Path) -> "Pages":
        try:
            shells = {path: (ui / "pages" / f"{name}.html").read_bytes() for path, name in SHELLS.items()}
            assets, worker = _assets(ui / "static"), _asset(ui / "sw.js")
            icons, version = (ui / "icons.svg").read_bytes(), _version(assets)
            shells = {path: with_icons(_naming(shell, version), icons) for path, shell in shells.items()}
        except OSError as error:
            raise UsageError(f"The pages cannot be read ({error}): install Secondsig again.") from error
        return cls(shells, assets, worker, version)

    def routes(self) -> list[web.RouteDef]:
        shells = [web.get(path, _shell(content)) for path, content in self.shells.items()]
        files = [
            web.get("/sw.js", self._worker),
            web.get(f"/static/{self.version}/{{name:.+}}", self._for_good),
            web.get("/static/{name:.+}", self._static),
        ]
        return [*shells, web.get("/", _home), *files]

    async def _worker(self, request: web.Request) -> web.StreamResponse:
        """At the root, since a worker is for what lies below it; asked for again whenever a browser looks."""
        response = _file(self.worker, request)
        response.headers["Content-Security-Policy"] = WORKER_POLICY
        return response

    async def _for_good(self, request: web.Request) -> web.StreamResponse:
        response = await self._static(request)
        response.headers["Cache-Control"] = "max-age=31536000, immutable"
        return response

    async def _static(self, request: web.Request) -> web.StreamResponse:
        asset = self.assets.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return _file(asset, request)


def _file(asset: Asset, request: web.Request) -> web.Response:
    if request.headers.get("If-None-Match") == asset.etag:
        response = web.Response(status=304, headers={"Vary": "Accept-Encoding"})
    else:
        response = _sent(asset, request)
    response.headers.update({"Cache-Control": "no-cache", "ETag": asset.etag})
    return response


def _sent(asset: Asset, request: web.Request) -> web.Response:
    """Packed for whoever can unpack it."""
    body, headers = asset.content, {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = asset.packed, "gzip"
    text = None if asset.content_type.startswith("image/") else "utf-8"
    return web.Response(body=body, content_type=asset.content_type, charset=text, headers=headers)


def _assets(static: Path) -> dict[str, Asset]:
    """Only kinds that the pages use, and only files that really stand there."""
    files = [path for path in sorted(static.rglob("*")) if path.suffix in TYPES and not path.is_symlink()]
    return {path.relative_to(static).as_posix(): _asset(path) for path in files if path.is_file()}


def _asset(path: Path) -> Asset:
    return _asset_of(path.read_bytes(), TYPES[path.suffix])


def _asset_of(content: bytes, kind: str) -> Asset:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Asset(content, gzip.compress(content, mtime=0), kind, etag)


def _version(assets: Mapping[str, Asset]) -> str:
    told = "".join(f"{name} {asset.etag}\n" for name, asset in assets.items())
    return hashlib.sha256(told.encode()).hexdigest()[:VERSION_DIGITS]


def _naming(shell: bytes, version: str) -> bytes:
    """All but the manifest: by its address a browser knows the app that somebody installed."""
    return re.sub(rb'((?:src|href)="/static/)(?!manifest)', rb"\g<1>" + version.encode() + b"/", shell)


def with_icons(shell: bytes, icons: bytes) -> bytes:
    return shell.replace(b"<body>\n", b"<body>\n" + icons, 1)


def _shell(content: bytes) -> Handler:
    shell = _asset_of(content, "text/html")

    async def page(request: web.Request) -> web.StreamResponse:
        return _sent(shell, request)

    return page


async def _home(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/app/approvals")
