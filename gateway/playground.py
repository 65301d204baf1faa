"""A small API to try the gateway on: accounts, payments and files, in memory only; it reaches nothing."""

import hashlib
import re
import ssl
from collections import deque
from dataclasses import asdict, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.bodies import Json, JsonNumber, parse_json
from gateway.errors import Refusal, SecondsigError
from gateway.values import dataclass

BODY_BYTES = 64 * 1024
MOST_PAYMENTS, MOST_FILES, MOST_CALLS = 1000, 100, 1000
MOST_MINOR = 10**12
GRACE_SECONDS = 2.0
AMOUNT = re.compile(r"[1-9][0-9]{0,12}")
CURRENCY = re.compile(r"[a-zA-Z]{3}")
PAYEE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
PATH = re.compile(r"[^\x00-\x1f\x7f]{1,200}")

ABOUT = {
    "what": "Secondsig's playground: it forgets everything when the gateway stops.",
    "try": [
        "GET /v1/accounts",
        "DELETE /v1/accounts/{account}",
        "GET /v1/payments",
        "POST /v1/payments {amount, currency, to}",
        "PUT /v1/files/{path}",
        "POST /v1/files/{path}/publish",
    ],
}


class Problem(SecondsigError):
    """What the playground says instead of doing what it was asked."""

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the playground, whatever came of it."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Payment:
    id: str
    amount: int
    currency: str
    to: str


@dataclass(slots=True)
class File:
    path: str
    content: bytes
    published: bool = False

    def shown(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "bytes": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "published": self.published,
            "content": self.content.decode("utf-8", errors="replace"),
        }


def _accounts() -> dict[str, str]:
    return {"acct_main": "Main account", "acct_tea": "Tea money", "acct_treasury": "Treasury"}


@dataclass
class World:
    """What the playground remembers; nothing in it grows without an end."""

    accounts: dict[str, str] = field(default_factory=_accounts)
    payments: deque[Payment] = field(default_factory=lambda: deque(maxlen=MOST_PAYMENTS))
    files: dict[str, File] = field(default_factory=dict)
    paid: int = 0

    def pay(self, amount: int, currency: str, to: str) -> Payment:
        self.paid += 1
        payment = Payment(f"pay_{self.paid}", amount, currency, to)
        self.payments.append(payment)
        return payment

    def put(self, path: str, content: bytes) -> tuple[File, bool]:
        """The file and whether it is new; a file that changes is no longer published."""
        new = path not in self.files
        if new and len(self.files) >= MOST_FILES:
            raise Problem(507, f"The playground keeps {MOST_FILES} files: delete one first.")
        self.files[path] = File(path, content)
        return self.files[path], new


class Playground:
    """The running playground. `calls` holds the latest requests that arrived, each once, in order."""

    def __init__(self) -> None:
        self.world = World()
        self.calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self._runner: web.AppRunner | None = None

    def count(self, method: str, path: str) -> int:
        """How often exactly this was asked."""
        return self.calls.count(Call(method, path))

    async def start(self, ssl_context: ssl.SSLContext | None = None) -> int:
        """Serves on a free port of 127.0.0.1 and returns it."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=GRACE_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=ssl_context)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._counted, _answered], client_max_size=BODY_BYTES)
        app.add_routes(
            [
                web.get("/", _about),
                web.get("/v1/accounts", self._list_accounts),
                web.get("/v1/accounts/{account}", self._account),
                web.delete("/v1/accounts/{account}", self._delete_account),
                web.get("/v1/payments", self._payments),
                web.post("/v1/payments", self._pay),
                web.post("/v1/files/{path:.+}/publish", self._publish),
                web.get("/v1/files/{path:.+}", self._file),
                web.put("/v1/files/{path:.+}", self._put_file),
                web.delete("/v1/files/{path:.+}", self._delete_file),
            ]
        )
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Counts before anything is done, so that what fails half-way is counted as well."""
        self.calls.append(Call(request.method, request.path))
        return await handler(request)

    async def _list_accounts(self, _request: web.Request) -> web.StreamResponse:
        accounts = [{"id": key, "name": name} for key, name in self.world.accounts.items()]
        return web.json_response({"accounts": accounts})

    async def _account(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["account"]
        return web.json_response({"id": key, "name": _known(self.world.accounts, key, "account")})

    async def _delete_account(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["account"]
        name = _known(self.world.accounts, key, "account")
        del self.world.accounts[key]
        return web.json_response({"id": key, "name": name, "deleted": True})

    async def _payments(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"payments": [asdict(payment) for payment in self.world.payments]})

    async def _pay(self, request: web.Request) -> web.StreamResponse:
        payment = self.world.pay(*_payment(await request.read()))
        return web.json_response(asdict(payment), status=201)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(_known(self.world.files, request.match_info["path"], "file").shown())

    async def _put_file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if not PATH.fullmatch(path):
            raise Problem(400, "A path is 1 to 200 characters of text.")
        file, new = self.world.put(path, await request.read())
        return web.json_response(file.shown(), status=201 if new else 200)

    async def _delete_file(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        _known(self.world.files, path, "file")
        del self.world.files[path]
        return web.json_response({"path": path, "deleted": True})

    async def _publish(self, request: web.Request) -> web.StreamResponse:
        file = _known(self.world.files, request.match_info["path"], "file")
        file.published = True
        return web.json_response(file.shown())


def _known[Thing](things: dict[str, Thing], key: str, kind: str) -> Thing:
    if key not in things:
        raise Problem(404, f"There is no such {kind}.")
    return things[key]


def _payment(raw: bytes) -> tuple[int, str, str]:
    try:
        body: Json = parse_json(raw)
    except Refusal as refusal:
        raise Problem(400, refusal.detail) from refusal
    if not isinstance(body, dict) or body.keys() != {"amount", "currency", "to"}:
        raise Problem(400, "A payment is a JSON object with amount, currency and to.")
    amount, currency, to = body["amount"], body["currency"], body["to"]
    if not isinstance(amount, JsonNumber) or not AMOUNT.fullmatch(amount) or int(amount) > MOST_MINOR:
        raise Problem(400, "amount is a whole number of the currency's smallest unit, 1 or more.")
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        raise Problem(400, "currency is three letters.")
    if not isinstance(to, str) or isinstance(to, JsonNumber) or not PAYEE.fullmatch(to):
        raise Problem(400, "to is 1 to 200 characters of text.")
    return int(amount), currency.lower(), to


async def _about(_request: web.Request) -> web.StreamResponse:
    return web.json_response(ABOUT)


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal is JSON as well."""
    try:
        return await handler(request)
    except Problem as problem:
        return web.json_response({"error": problem.detail}, status=problem.status)
    except web.HTTPException as error:
        return web.json_response({"error": f"{error.reason}."}, status=error.status)
