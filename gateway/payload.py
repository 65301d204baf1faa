"""What a person signs: every fact of the request, in one canonical text that the page shows whole.

The sheet is the part that all signers share; each signer's payload adds the verb and their name.
Values that are to stay hidden stand in it as a length and a salted commitment.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from gateway.bodies import Json, JsonNumber, leaf_text
from gateway.canonical import (
    CREDENTIALS,
    HOP_BY_HOP,
    commitment,
    content_digest,
    covered,
    is_bound,
    is_free,
    jcs,
    merge_binds,
    request_digest,
    sha256,
)
from gateway.decoded import DecodedBody, xml_leaves
from gateway.delegations import Delegation
from gateway.errors import Reason, Refusal, ambiguous
from gateway.formats.git_push import Push
from gateway.formats.multipart import Part
from gateway.formats.xml import XmlNode
from gateway.model import (
    Approval,
    ContextValue,
    Decision,
    EntityRef,
    Mapped,
    Money,
    Request,
    Risk,
    Unit,
)
from gateway.values import dataclass

VERSION = 2
"""2: each unit tells its money as numbers, beside the text that people read."""
MAX_SHEET = 2 * 1024 * 1024
MAX_HEX = 64 * 1024
MAX_FILE_TEXT = 64 * 1024
"""A file of a form up to this is shown if it is text; longer ones by size and hash."""
HIDDEN = "[hidden]"

type Field = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A redacted value, kept sealed, revealed to an approver who asks."""

    value: str
    salt: bytes


@dataclass(frozen=True, slots=True)
class Sheet:
    """The payload that all signers share, and what its commitments stand for."""

    shared: dict[str, Any]
    hidden: Mapping[str, Hidden]
    digest: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What the gateway itself has seen of the agent, when it asks about a request of it."""

    first_time: tuple[str, ...]
    address_requests_30_days: int
    question_this_hour: int


@dataclass(frozen=True, slots=True)
class About:
    """The facts of the question that the request itself does not hold."""

    gateway: str
    rp_id: str
    envelope: str
    team: str | None
    owner: str | None
    quorum: int
    opened_at: int
    expires_at: int
    purpose: str | None
    intent_risk: str
    intent_risk_reasons: tuple[str, ...]
    observed: Observed
    policy_digest: str
    config_digest: str
    config_trust: str
    salt: bytes
    hidden_salt: bytes


@lru_cache(maxsize=1024)
def utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_sheet(
    request: Request, mapped: Mapped, decision: Decision, body: DecodedBody, bound: bytes, about: About
) -> Sheet:
    """Everything there is to say about one request; refuses what cannot be shown whole."""
    fields = _Fields(mapped.units, about.hidden_salt)
    headers = [[name, fields.header(name, value)] for name, value in request.headers if _is_sent(name)]
    target, query = fields.target(request.target)
    shown_body = fields.body(request, body)
    digest = request_digest(derived_salt(about.hidden_salt, "digest"), bound)
    shared = {
        "type": "secondsig/approval",
        "version": VERSION,
        "gateway": about.gateway,
        "rp_id": about.rp_id,
        "envelope": about.envelope,
        "quorum": about.quorum,
        "agent": _agent(request, about),
        "units": [_unit(unit) for unit in mapped.units],
        "why": [{"policy": reason.id, "reason": reason.reason} for reason in decision.reasons],
        "asked_by": ["template"] if decision.raised_by_template else ["policy"],
        "purpose": about.purpose,
        "request": {
            "method": request.method,
            "scheme": request.scheme,
            "host": request.host,
            "port": request.port,
            "target": target,
            **({"query": query} if query else {}),
            "headers": headers,
            "body": shown_body,
        },
        "show": {selector: how for unit in mapped.units for selector, how in unit.show.values()},
        "digest": digest,
        "template": {
            "service": mapped.service,
            "version": mapped.template_version,
            "digest": mapped.template_digest,
        },
        "policy": {"digest": about.policy_digest},
        "config": {"digest": about.config_digest, "trust": about.config_trust},
        "opened_at": utc(about.opened_at),
        "expires_at": utc(about.expires_at),
        "salt": about.salt.hex(),
        "intent_risk": {"level": about.intent_risk, "reasons": list(about.intent_risk_reasons)},
        "observed": {
            "first_time": list(about.observed.first_time),
            "address_requests_30_days": about.observed.address_requests_30_days,
            "question_this_hour": about.observed.question_this_hour,
        },
        "checkpoint": None,
    }
    if len(jcs(shared)) > MAX_SHEET:
        raise too_large()
    return Sheet(shared, fields.hidden, digest)


def for_signer(
    shared: Mapping[str, Any],
    *,
    decision: str,
    approver: str,
    away: Delegation | None = None,
    says: Mapping[str, str] | None = None,
) -> bytes:
    """The exact bytes that this signer signs with this verb, and what the verb says beside it.

    With for whom, where that person is away.
    """
    said = {**shared, **(says or {}), "decision": decision, "approver": approver}
    if away is not None:
        said["for"] = {"person": away.person, "until": utc(away.until_at), "delegation": away.id}
    return jcs(said)


def asked_about(shared: Mapping[str, Any]) -> Mapped:
    """As much of the meaning as a sheet still tells: enough to ask who may approve it."""
    service = shared["template"]["service"]
    units = tuple(_unit_from(unit, service) for unit in shared["units"])
    return Mapped(units, service, shared["template"]["version"], shared["template"]["digest"])


def _unit_from(told: Mapping[str, Any], service: str) -> Unit:
    return Unit(
        service=service,
        action=told["action"],
        title=told["title"],
        groups=tuple(told["groups"]),
        access=told["access"],
        resource=ref_from(told["resource"]),
        parents={},
        context={name: _money_from(written) for name, written in told.get("money", {}).items()},
        risk=Risk(told["risk"]),
        summary=(),
        approval=Approval(approvers=told["approvers"]),
    )


def ref_from(text: str) -> EntityRef:
    """What `str` wrote of a reference, read back."""
    type_, _, name = text.partition('::"')
    return EntityRef(type_, re.sub(r"\\(.)", r"\1", name[:-1], flags=re.DOTALL))


def _money_from(written: Mapping[str, Any]) -> Money:
    return Money(written["currency"], int(written["minor"]), written["exponent"])


def challenge(nonce: bytes, payload: bytes) -> bytes:
    """What the passkey signs over: 32 random bytes, then the hash of the payload."""
    return nonce + hashlib.sha256(payload).digest()


def too_large() -> Refusal:
    return Refusal(
        Reason.BODY_TOO_LARGE,
        "This request needs a person's approval and is too large to be shown whole: send smaller parts.",
    )


def derived_salt(hidden_salt: bytes, purpose: str) -> bytes:
    """A salt for one purpose, not found in the payload: revealing one value helps to guess no other."""
    return hmac.new(hidden_salt, purpose.encode(), hashlib.sha256).digest()[:16]


def list_summary(unit: Unit, hidden: Iterable[str]) -> tuple[dict[str, str], ...]:
    """The sentence as lists and notifications may show it: redacted values do not stand in it."""
    secrets = frozenset(hidden)
    return tuple(
        {"value": "hidden" if part.text in secrets else part.text} if part.is_value else {"text": part.text}
        for part in unit.summary
    )


def context_text(value: ContextValue) -> Any:
    match value:
        case Money():
            return money_text(value)
        case tuple():
            return list(value)
        case bool():
            return value
        case _:
            return str(value)


def money_text(money: Money) -> str:
    if not money.exponent:
        return f"{money.minor} {money.currency.upper()}"
    whole, part = divmod(abs(money.minor), 10**money.exponent)
    sign = "-" if money.minor < 0 else ""
    return f"{sign}{whole}.{part:0{money.exponent}d} {money.currency.upper()}"


def _is_sent(header: str) -> bool:
    name = header.lower()
    return (
        name not in HOP_BY_HOP
        and not name.startswith("secondsig-")
        and name not in {"content-length", "expect"}
    )


def _agent(request: Request, about: About) -> dict[str, Any]:
    caller = request.caller
    return {
        "id": caller.agent,
        "team": about.team,
        "owner": about.owner,
        "run": caller.run,
        "token": caller.token_id,
        "address": caller.peer,
    }


def _unit(unit: Unit) -> dict[str, Any]:
    return {
        "action": unit.action,
        "title": unit.title,
        "groups": list(unit.groups),
        "access": unit.access,
        "resource": str(unit.resource),
        "context": {name: context_text(value) for name, value in unit.context.items()},
        **_money(unit),
        "risk": str(unit.risk),
        "approvers": unit.approval.approvers,
        "summary": [{"value" if part.is_value else "text": part.text} for part in unit.summary],
        "undo": {"how": unit.undo.how, "note": unit.undo.note} if unit.undo else None,
    }


def _money(unit: Unit) -> dict[str, Any]:
    """Amounts as numbers: what a person reads of them could also stand in a text of the agent's."""
    told = {
        name: {"currency": value.currency, "minor": str(value.minor), "exponent": value.exponent}
        for name, value in unit.context.items()
        if isinstance(value, Money)
    }
    return {"money": told} if told else {}


class _Fields:
    """Turns values into fields: shown, redacted, secret, or named as free to change."""

    def __init__(self, units: tuple[Unit, ...], salt: bytes) -> None:
        self._redact = {s for unit in units for s in unit.redact}
        self._secret = {s for unit in units for s in unit.secret}
        self._volatile = set(merge_binds(units).volatile)
        self._hides_secrets = any(_is_inside(selector) for selector in self._secret)
        self._hides = self._hides_secrets or any(_is_inside(selector) for selector in self._redact)
        self._salt = salt
        self._committed = 0
        self.hidden: dict[str, Hidden] = {}

    def header(self, name: str, value: str) -> Field:
        leaf = f"header:{name.lower()}"
        if not is_bound(name):
            return {"volatile": True}
        if name.lower() in CREDENTIALS:
            return {"secret": self._commit(leaf, value)[0]}
        return self._field(leaf, {"text": value}, value)

    def target(self, raw: str) -> tuple[str, list[list[Any]]]:
        """The target without what it is to hide, and a field for each value that was taken out."""
        path, mark, query = raw.partition("?")
        parts, fields = [], []
        for part in query.split("&"):
            name, equals, value = part.partition("=")
            leaf = f"query:{unquote_plus(name)}"
            field = self._field(leaf, {}, unquote_plus(value))
            parts.append(f"{name}={HIDDEN}" if field and equals else part)
            fields += [[leaf, field]] if field and equals else []
        return path + mark + "&".join(parts), fields

    def body(self, request: Request, body: DecodedBody) -> Field:
        before = self._committed
        shown = self._shown(request.body, body)
        digest = content_digest(request.body)
        if self._committed != before:
            digest = commitment(derived_salt(self._salt, "body"), digest)
        return {"kind": body.kind, "bytes": len(request.body), "content_digest": digest, "fields": shown}

    def _shown(self, raw: bytes, body: DecodedBody) -> list[list[Any]]:
        if body.kind == "json":
            return list(self._json(body.json, ""))
        if body.kind == "form":
            return [
                [f"form:{name}", self._field(f"form:{name}", {"text": value}, value)]
                for name, value in body.form
            ]
        if body.kind == "xml" and body.xml is not None:
            return list(self._xml(body.xml))
        if body.kind == "multipart":
            return [field for part in body.parts for field in self._part(part)]
        if body.kind == "git" and body.push is not None:
            return _push_fields(body.push, raw)
        if body.kind == "stream":
            return _unseen("body", raw)
        return [["body", self._whole("body", raw)]] if raw else []

    def _whole(self, leaf: str, raw: bytes) -> Field:
        """What no reader takes apart: hidden until it is revealed, where it may hold what is to be hidden."""
        field = _raw_field(raw)
        if not self._hides:
            return field
        value = str(field.get("text", field.get("hex")))
        committed, salt = self._commit(leaf, value)
        name = leaf if leaf not in self.hidden else f"{leaf} #{self._committed}"
        self.hidden[name] = Hidden(value, salt)
        return {"redacted": committed if name == leaf else {**committed, "id": name}}

    def _xml(self, root: XmlNode) -> Iterator[list[Any]]:
        """The root's name, then every text and attribute in order."""
        yield ["xml:", {"text": f"<{root.tag}>"}]
        for path, text in xml_leaves(root):
            yield [f"xml:{path}", self._field(f"xml:{path}", {"text": text}, text)]

    def _part(self, part: Part) -> Iterator[list[Any]]:
        """A part's own headers and its value; a file by its size and hash, for nobody can read it."""
        leaf = f"multipart:{part.name or ''}"
        if self._hides and part.content_type == "application/http":
            yield [leaf, self._batched(leaf, part)]
            return
        for name, value in part.headers:
            yield [f"{leaf} {name}", self._field(leaf, {"text": value}, value)]
        is_short = part.filename is None or len(part.body) <= MAX_FILE_TEXT
        text = _text_of(part.body) if is_short else None
        if text is not None:
            yield [leaf, self._field(leaf, {"text": text}, text)]
        elif covered(leaf, self._secret | self._redact):
            yield [leaf, self._field(leaf, {}, part.body.hex())]
        else:
            yield from _unseen(leaf, part.body)

    def _batched(self, leaf: str, part: Part) -> Field:
        if self._hides_secrets:
            raise ambiguous(
                "A request of this batch may hold a value that nobody is to see; send that request alone."
            )
        return self._whole(leaf, part.body)

    def _json(self, value: Json, pointer: str) -> Iterator[list[Any]]:
        """Every value, and every list by its length: a list looks like an object with the keys 0 and 1."""
        leaf = f"json:{pointer}"
        if isinstance(value, list):
            yield [leaf, {"list": len(value)}]
            for index, below in enumerate(value):
                yield from self._json(below, f"{pointer}/{index}")
        elif isinstance(value, dict) and value:
            for key, below in value.items():
                yield from self._json(below, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
        elif isinstance(value, dict):
            yield [leaf, {"object": 0}]
        else:
            yield [leaf, self._field(leaf, _json_field(value), leaf_text(value))]

    def _field(self, leaf: str, shown: Field, value: str) -> Field:
        if is_free(leaf, value, self._volatile):
            return {"volatile": True}
        if covered(leaf, self._secret):
            return {"secret": self._commit(leaf, value)[0]}
        if covered(leaf, self._redact):
            committed, salt = self._commit(leaf, value)
            if leaf not in self.hidden:
                self.hidden[leaf] = Hidden(value, salt)
                return {"redacted": committed}
            again = f"{leaf} #{self._committed}"
            self.hidden[again] = Hidden(value, salt)
            return {"redacted": {**committed, "id": again}}
        return shown

    def _commit(self, leaf: str, value: str) -> tuple[dict[str, Any], bytes]:
        """A salt of its own for each value: equal secrets do not look equal."""
        self._committed += 1
        salt = derived_salt(self._salt, f"field:{self._committed}:{leaf}")
        return {"length": len(value), "commitment": commitment(salt, value)}, salt


def _is_inside(selector: str) -> bool:
    """Does it name something in a body?"""
    return selector.partition(":")[0] in {"json", "form", "arg", "xml", "multipart"}


def _push_fields(push: Push, raw: bytes) -> list[list[Any]]:
    shown: list[list[Any]] = [
        ["git:ref", {"text": f"{update.op} {update.ref} {update.old} {update.new}".rstrip()}]
        for update in push.updates
    ]
    shown += [["git:option", {"text": option}] for option in push.options]
    return [*shown, *_unseen("git:request", raw)]


def _unseen(leaf: str, raw: bytes) -> list[list[Any]]:
    """Bytes that no page can show: their number and their hash, which the whole digest binds as well."""
    return [[f"{leaf}.bytes", {"number": str(len(raw))}], [f"{leaf}.sha256", {"text": sha256(raw)}]]


def _text_of(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _json_field(value: bool | JsonNumber | str | None) -> Field:  # noqa: FBT001  # a JSON value
    if value is None:
        return {"null": True}
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, JsonNumber):
        return {"number": str(value)}
    return {"text": value}


def _raw_field(raw: bytes) -> Field:
    try:
        return {"text": raw.decode()}
    except UnicodeDecodeError:
        if len(raw) > MAX_HEX:
            raise too_large() from None
        return {"hex": raw.hex()}
