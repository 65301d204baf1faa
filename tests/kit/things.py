"""Values for tests: each builder makes something plain, and takes what is to be different about it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import Kind, Row
from gateway.decoded import DecodedBody, decode
from gateway.envelopes import Cap, Caps, Envelope, State
from gateway.keys import Keys
from gateway.model import (
    Approval,
    Bind,
    Caller,
    EntityRef,
    Mapped,
    Money,
    Request,
    Risk,
    SummaryPart,
    Unit,
)
from gateway.passkeys import Credential
from gateway.payload import Observed
from gateway.store.things import Agent, Challenge, Person, Token
from tests.kit.clocks import START

GATEWAY = "gw_0000000000000000000000TEST"
RP_ID = "localhost"
ORIGIN = "http://localhost:8081"
HOST = "api.shop.test"
ADDRESS = "127.0.0.1"
KEYS = Keys(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32), b"\x02" * 32, b"\x03" * 32)
PUSH_KEY = ec.derive_private_key(7, ec.SECP256R1())
OTHER_KEYS = Keys(Ed25519PrivateKey.from_private_bytes(b"\x04" * 32), b"\x05" * 32, b"\x06" * 32)
ENVELOPE = "env_" + "0" * 26
RISK = ("high", ("Moves money",))
OBSERVED = Observed((), 96, 3)


def a_caller(agent: str = "ci-bot", **changes: Any) -> Caller:
    return replace(Caller(agent, f"tok_{agent}", None, ADDRESS), **changes)


HEADERS = (("Host", HOST), ("Content-Type", "application/json"), ("Authorization", "Bearer upstream-secret"))


def a_request(**changes: Any) -> Request:
    plain = Request(
        caller=a_caller(),
        method="POST",
        scheme="https",
        host=HOST,
        port=443,
        target="/v1/payments?dry=0",
        headers=HEADERS,
        body=b'{"amount":600,"currency":"jpy","to":"acct_tea"}',
    )
    return replace(plain, **changes)


def with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers=(*request.headers, (name, value)))


def a_unit(**changes: Any) -> Unit:
    plain = Unit(
        service="shop",
        action="/shop/payment/create",
        title="Pay somebody",
        groups=("payment",),
        access="write",
        resource=EntityRef("Shop::Account", "acct_tea"),
        parents={},
        context={"money": Money("jpy", 600, 0)},
        risk=Risk.LOW,
        summary=(SummaryPart("Pay "), SummaryPart("600", is_value=True)),
    )
    return replace(plain, **changes)


def a_mapped(*units: Unit) -> Mapped:
    return Mapped(units or (a_unit(),), "shop", "1.0.0", "e" * 64)


def body_of(request: Request, kind: str = "json") -> DecodedBody:
    return decode(request, kind)  # type: ignore[arg-type]  # a test names the kind it wants


def caps(waiting: int, *, minute: int = 1_000, hour: int = 1_000) -> Caps:
    """The same for one agent, its team and everybody, but that the others have no narrower room."""
    wide = Cap(10_000, 10_000, 10_000)
    return Caps(agent=Cap(waiting, minute, hour), team=wide, everybody=wide)


def an_envelope(**changes: Any) -> Envelope:
    plain = Envelope(
        id=ENVELOPE,
        state=State.PENDING,
        version=1,
        agent="ci-bot",
        run=None,
        address=ADDRESS,
        token_id="tok_ci-bot",
        join_key="join",
        join_scope=ADDRESS,
        intent_key="intent",
        fingerprint="finger",
        digest="d" * 64,
        salt=b"s" * 16,
        service="shop",
        action="/shop/payment/create",
        resource='Shop::Account::"acct_tea"',
        list_summary=({"text": "Pay "}, {"value": "600"}),
        purpose=None,
        risk="low",
        intent_risk="high",
        mode="hold",
        quorum=1,
        config_digest="config",
        opened_at=START,
        expires_at=START + 60,
        sealed=b"sealed",
        secret_hash="hash",
    )
    return replace(plain, **changes)


def a_row(**changes: Any) -> Row:
    return replace(Row(Kind.DECISION, decision="allow", agent="ci-bot"), **changes)


def an_agent(name: str = "ci-bot", **changes: Any) -> Agent:
    return replace(Agent(name, None, None, paused=False, created_at=START), **changes)


def a_token(agent: str = "ci-bot", **changes: Any) -> Token:
    return replace(Token(f"tok_{agent}", agent, None, f"hash of {agent}", START, None), **changes)


def a_person(name: str = "Mika", **changes: Any) -> Person:
    return replace(Person(name, ("approvers",), START, None), **changes)


def a_credential(person: str = "Mika", **changes: Any) -> Credential:
    plain = Credential(
        id=f"credential of {person}".encode(),
        person=person,
        public_key=b"key",
        sign_count=0,
        transports=("internal",),
        device_type="single_device",
        backed_up=False,
        name="Passkey",
    )
    return replace(plain, **changes)


def a_challenge(**changes: Any) -> Challenge:
    plain = Challenge("chl_1", "login", None, None, b"c" * 64, b"sealed", START + 300)
    return replace(plain, **changes)


def money(minor: int, currency: str = "jpy", exponent: int = 0) -> Mapping[str, Any]:
    return {"money": Money(currency, minor, exponent)}


__all__ = ["Approval", "Bind"]
