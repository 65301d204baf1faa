"""UCAN 1.0 delegations and invocations: made, and read strictly.

A token is DAG-CBOR `[signature, {"h": varsig, "ucan/dlg@1.0.0": payload}]`, the signature being the issuer's
over the second element. Only Ed25519 issuers are read. What a reader returns is well-formed and signed by
its issuer; whether it is in time and allows anything is asked of gateway.ucan.checks.
"""

import re
from collections.abc import Mapping
from typing import cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.ucan.dag import UcanError, cid, decode, encode, link, link_text
from gateway.ucan.did import did_key, public_key
from gateway.ucan.policy import compile_policy
from gateway.values import dataclass

VARSIG = bytes.fromhex("3401ed01ed011371")
DELEGATION, INVOCATION = "ucan/dlg@1.0.0", "ucan/inv@1.0.0"
READ_AS = {
    DELEGATION: DELEGATION,
    INVOCATION: INVOCATION,
    "ucan/dlg@1.0.0-rc.1": DELEGATION,
    "ucan/inv@1.0.0-rc.1": INVOCATION,
}
LARGEST_INTEGER = 2**53 - 1
_DID = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._%:-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token's bytes and their content identifier."""

    bytes: bytes
    cid: str


@dataclass(frozen=True, slots=True)
class Delegation:
    """`issuer` lets `audience` use `command` on `subject`; None is the subject of the proof before."""

    token: Token
    issuer: str
    audience: str
    subject: str | None
    command: str
    policy: list[object]
    nonce: bytes
    not_before: int | None
    expires: int | None
    meta: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Invocation:
    """`issuer` asks for `command` on `subject`, with the delegations in `proofs` (CIDs, the root first)."""

    token: Token
    issuer: str
    subject: str
    audience: str | None
    command: str
    arguments: Mapping[str, object]
    proofs: tuple[str, ...]
    nonce: bytes
    issued: int | None
    expires: int | None
    meta: Mapping[str, object]


def mint(
    key: Ed25519PrivateKey,
    *,
    audience: str,
    subject: str,
    command: str,
    policy: list[object],
    nonce: bytes,
    expires: int | None,
    meta: Mapping[str, object],
    not_before: int | None = None,
) -> Token:
    """A delegation signed with `key`; UcanError if it is not one that `read` would accept."""
    payload: dict[str, object] = {
        "iss": did_key(key.public_key()),
        "aud": audience,
        "sub": subject,
        "cmd": command,
        "pol": policy,
        "nonce": nonce,
        "exp": expires,
        "meta": dict(meta),
    }
    if not_before is not None:
        payload["nbf"] = not_before
    return _sign(key, DELEGATION, payload)


def invoke(
    key: Ed25519PrivateKey,
    *,
    delegation: Token,
    subject: str,
    command: str,
    arguments: Mapping[str, object],
    nonce: bytes,
    issued: int,
    expires: int | None,
) -> Token:
    """An invocation signed with `key`, proved by one delegation; UcanError if `read` would not accept it."""
    payload: dict[str, object] = {
        "iss": did_key(key.public_key()),
        "sub": subject,
        "cmd": command,
        "args": dict(arguments),
        "prf": [link(delegation.cid)],
        "nonce": nonce,
        "iat": issued,
        "exp": expires,
    }
    return _sign(key, INVOCATION, payload)


def read(raw: bytes) -> Delegation | Invocation:
    """A well-formed token with its issuer's signature; whatever is wrong with `raw` raises UcanError."""
    signature, signed = _envelope(decode(raw))
    tag, payload = _payload(signed)
    _verify(payload.text("iss"), signature, encode(signed))
    token = Token(raw, cid(raw))
    return _delegation(token, payload) if tag == DELEGATION else _invocation(token, payload)


def _sign(key: Ed25519PrivateKey, tag: str, payload: dict[str, object]) -> Token:
    signed = {"h": VARSIG, tag: payload}
    raw = encode([key.sign(encode(signed)), signed])
    return read(raw).token


def _envelope(value: object) -> tuple[bytes, dict[str, object]]:
    match value:
        case [bytes() as signature, dict() as signed] if len(signature) == 64:  # noqa: PLR2004  # Ed25519's size
            return signature, signed
    raise UcanError("A token is a list of an Ed25519 signature and what was signed.")


def _payload(signed: dict[str, object]) -> tuple[str, "_Fields"]:
    tags = sorted(signed.keys() - {"h"})
    if signed.get("h") != VARSIG:
        raise UcanError("The token is not signed with Ed25519 over DAG-CBOR.")
    if len(tags) != 1 or tags[0] not in READ_AS:
        raise UcanError("The token is neither a delegation nor an invocation of UCAN 1.0.")
    fields = signed[tags[0]]
    if not isinstance(fields, dict):
        raise UcanError("The token's payload is not a map.")
    return READ_AS[tags[0]], _Fields(fields)


def _verify(issuer: str, signature: bytes, signed: bytes) -> None:
    try:
        public_key(issuer).verify(signature, signed)
    except InvalidSignature:
        raise UcanError("The token's signature is not its issuer's.") from None


def _delegation(token: Token, payload: "_Fields") -> Delegation:
    payload.only({"iss", "aud", "sub", "cmd", "pol", "nonce", "exp"}, {"nbf", "meta"})
    compile_policy(payload.values["pol"])
    return Delegation(
        token=token,
        issuer=payload.did("iss"),
        audience=payload.did("aud"),
        subject=None if payload.values["sub"] is None else payload.did("sub"),
        command=payload.command(),
        policy=cast("list[object]", payload.values["pol"]),
        nonce=payload.nonce(),
        not_before=payload.seconds("nbf") if "nbf" in payload.values else None,
        expires=payload.expires(),
        meta=payload.map("meta"),
    )


def _invocation(token: Token, payload: "_Fields") -> Invocation:
    payload.only({"iss", "sub", "cmd", "args", "prf", "nonce", "exp"}, {"aud", "iat", "meta", "cause"})
    proofs = payload.values["prf"]
    if not isinstance(proofs, list):
        raise UcanError("An invocation's proofs are a list.")
    return Invocation(
        token=token,
        issuer=payload.did("iss"),
        subject=payload.did("sub"),
        audience=payload.did("aud") if "aud" in payload.values else None,
        command=payload.command(),
        arguments=payload.map("args"),
        proofs=tuple(link_text(proof) for proof in proofs),
        nonce=payload.nonce(),
        issued=payload.seconds("iat") if "iat" in payload.values else None,
        expires=payload.expires(),
        meta=payload.map("meta"),
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """A payload's fields, each read as what it has to be or refused."""

    values: dict[str, object]

    def only(self, required: set[str], optional: set[str]) -> None:
        if missing := sorted(required - self.values.keys()):
            raise UcanError(f"The token lacks {', '.join(missing)}.")
        if self.values.keys() - required - optional:
            raise UcanError("The token has fields that UCAN 1.0 does not know.")

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise UcanError(f"The token's {name} is not text.")
        return value

    def did(self, name: str) -> str:
        value = self.text(name)
        if not _DID.fullmatch(value):
            raise UcanError(f"The token's {name} is not a DID.")
        return value

    def command(self) -> str:
        value = self.text("cmd")
        segments = value.split("/")
        if value != "/" and (segments[0] or not all(segments[1:]) or len(segments) == 1):
            raise UcanError("A command begins with a slash, has no empty part and ends without one.")
        if value != value.lower():
            raise UcanError("A command is in lower case.")
        return value

    def nonce(self) -> bytes:
        value = self.values["nonce"]
        if not isinstance(value, bytes):
            raise UcanError("The token's nonce is not bytes.")
        return value

    def seconds(self, name: str) -> int:
        value = self.values[name]
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > LARGEST_INTEGER:
            raise UcanError(f"The token's {name} is not a whole number of seconds.")
        return value

    def expires(self) -> int | None:
        return None if self.values["exp"] is None else self.seconds("exp")

    def map(self, name: str) -> Mapping[str, object]:
        value = self.values.get(name, {})
        if not isinstance(value, dict):
            raise UcanError(f"The token's {name} is not a map.")
        return value
