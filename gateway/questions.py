"""From a decision to a question: the envelope, its sealed sheet, and the keys by which requests meet it."""

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.batches import alike
from gateway.canonical import bound_request, jcs, keyed, merge_binds
from gateway.decoded import DecodedBody
from gateway.envelopes import MAX_HELD_TTL, Envelope, State
from gateway.model import Decision, Mapped, Mode, Request, Risk, Unit
from gateway.payload import (
    About,
    Hidden,
    Observed,
    Sheet,
    asked_about,
    context_text,
    list_summary,
    make_sheet,
    too_large,
)
from gateway.preferences import wanted_wait
from gateway.settings import Settings
from gateway.units import read_unit, write_unit
from gateway.values import dataclass

if TYPE_CHECKING:  # what only names a type is not worth the time that a command takes to start
    from gateway.keys import Keys
    from gateway.store.things import Agent

MAX_PURPOSE = 280


@dataclass(frozen=True, slots=True)
class Entropy:
    """The random parts of a new envelope, drawn by the caller."""

    envelope: str
    salt: bytes
    hidden_salt: bytes
    secret_hash: str


@dataclass(frozen=True, slots=True)
class Asked:
    """How long and in which way people are asked."""

    ttl: int
    mode: Mode


@dataclass(frozen=True, slots=True)
class Digests:
    policy: str
    config: str


@dataclass(frozen=True, slots=True)
class Names:
    """A request's body as it is read, the bytes that an approval binds, and by which keys it meets others.

    One approval covers all with the same `join`, which tells nothing without our key; those with the same
    `intent` mean the same.
    """

    body: DecodedBody
    bound: bytes
    join: tuple[str, str]
    intent: str


def how_to_ask(units: tuple[Unit, ...], settings: Settings, *, prefers_async: bool = False) -> Asked:
    """The shortest life and the strictest mode that any unit asks for.

    An agent may prefer that its request is not held, where nobody said that it must come back itself.
    A connection is held for five minutes at most; what the operator allows bounds every other question.
    """
    approvals = settings.approvals
    ttl = min(unit.approval.ttl or approvals.ttl for unit in units)
    modes = {unit.approval.mode or approvals.mode for unit in units}
    mode = Mode.ASYNC if prefers_async or Mode.ASYNC in modes else Mode.HOLD
    mode = Mode.REJECT if Mode.REJECT in modes else mode
    most = min(approvals.max_ttl, MAX_HELD_TTL) if mode is Mode.HOLD else approvals.max_ttl
    return Asked(min(ttl, most), mode)


def names_of(request: Request, mapped: Mapped, body: DecodedBody, settings: Settings, keys: "Keys") -> Names:
    bound = bound_request(request, merge_binds(mapped.units), body, keys.digest)
    join = keyed(keys.digest, b"join\0" + bound), join_scope(request, settings)
    return Names(body, bound, join, intent_key(request.caller.agent, mapped, keys, unnamed(request, mapped)))


def join_scope(request: Request, settings: Settings) -> str:
    caller = request.caller
    match settings.approvals.join:
        case "agent":
            return ""
        case "run":
            return f"{caller.peer} {caller.run or ''}"
        case _:
            return caller.peer


def intent_key(agent: str, mapped: Mapped, keys: "Keys", unnamed: tuple[str, ...] = ()) -> str:
    """Equal for requests that mean the same: agent, actions, resources and context, not bytes."""
    return keyed(keys.digest, b"intent\0" + jcs([agent, list(unnamed), *_meaning(mapped)]))


def batch_key(
    agent: str, mapped: Mapped, decision: Decision, purpose: str | None, keys: "Keys"
) -> str | None:
    """Equal for requests that may be signed as one batch; None for what is only signed alone."""
    shared = alike(agent, mapped, decision, purpose)
    return None if shared is None else keyed(keys.digest, b"batch\0" + shared)


def unnamed(request: Request, mapped: Mapped) -> tuple[str, ...]:
    """Where no template names the action, method and path are all that is known of its meaning."""
    if any("unmatched" in unit.groups for unit in mapped.units):
        return request.method, request.target.partition("?")[0]
    return ()


def fingerprint(mapped: Mapped, quorum: int, keys: "Keys") -> str:
    """Changes when the same request means something else under other templates, or needs more people."""
    return keyed(keys.digest, b"fingerprint\0" + jcs([quorum, *_meaning(mapped)]))


def _meaning(mapped: Mapped) -> list[Any]:
    return [
        [unit.action, str(unit.resource), {name: context_text(value) for name, value in unit.context.items()}]
        for unit in mapped.units
    ]


def purpose(request: Request) -> str | None:
    """What the agent claims to want, cut to what a page shows; a claim, never a fact."""
    claimed = request.header("Secondsig-Purpose")
    text = " ".join(" ".join(claimed).encode("latin-1", "replace").decode("utf-8", "replace").split())
    return text[:MAX_PURPOSE] or None


def largest_asked(body: DecodedBody, settings: Settings) -> int:
    """Bytes of a body that a person can be asked about: files and pushes are signed by their hash."""
    hashed = body.kind in {"stream", "git", "multipart"}
    return settings.limits.body if hashed else settings.limits.step_up_body


def new_envelope(
    request: Request,
    mapped: Mapped,
    decision: Decision,
    names: Names,
    risk: tuple[str, tuple[str, ...]],
    observed: Observed,
    *,
    agent: "Agent",
    gateway: str,
    rp_id: str,
    settings: Settings,
    digests: Digests,
    keys: "Keys",
    entropy: Entropy,
    now: int,
) -> Envelope:
    """The question as it is stored. Refuses what cannot be shown whole."""
    if len(request.body) > largest_asked(names.body, settings):
        raise too_large()
    asked = how_to_ask(mapped.units, settings, prefers_async=wanted_wait(request) is not None)
    level, reasons = risk
    about = About(
        gateway=gateway,
        rp_id=rp_id,
        envelope=entropy.envelope,
        team=agent.team,
        owner=agent.owner,
        quorum=decision.quorum,
        opened_at=now,
        expires_at=now + asked.ttl,
        purpose=purpose(request),
        intent_risk=level,
        intent_risk_reasons=reasons,
        observed=observed,
        policy_digest=digests.policy,
        config_digest=digests.config,
        config_trust=settings.config_trust,
        salt=entropy.salt,
        hidden_salt=entropy.hidden_salt,
    )
    sheet = make_sheet(request, mapped, decision, names.body, names.bound, about)
    first = mapped.units[0]
    join, scope = names.join
    return Envelope(
        id=entropy.envelope,
        state=State.PENDING,
        version=1,
        agent=agent.name,
        run=request.caller.run,
        address=request.caller.peer,
        token_id=request.caller.token_id,
        join_key=join,
        join_scope=scope,
        intent_key=names.intent,
        fingerprint=fingerprint(mapped, decision.quorum, keys),
        digest=sheet.digest,
        salt=entropy.salt,
        service=mapped.service,
        action=first.action,
        resource=str(first.resource),
        list_summary=_all_summaries(mapped, sheet),
        purpose=about.purpose,
        risk=str(max((unit.risk for unit in mapped.units), key=list(Risk).index)),
        intent_risk=level,
        mode=str(asked.mode),
        quorum=decision.quorum,
        config_digest=digests.config,
        opened_at=now,
        expires_at=now + asked.ttl,
        sealed=keys.seal(entropy.envelope, pack(sheet, entropy.hidden_salt, request.body, mapped)),
        secret_hash=entropy.secret_hash,
        batch_key=batch_key(agent.name, mapped, decision, about.purpose, keys),
    )


def _all_summaries(mapped: Mapped, sheet: Sheet) -> tuple[dict[str, str], ...]:
    hidden = [value.value for value in sheet.hidden.values()]
    parts: list[dict[str, str]] = []
    for unit in mapped.units:
        if parts:
            parts.append({"text": "; "})
        parts.extend(list_summary(unit, hidden))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What was sealed in an envelope."""

    shared: dict[str, Any]
    hidden: dict[str, Hidden]
    body: bytes
    mapped: Mapped
    """What policy is asked about again while the question waits."""


def pack(sheet: Sheet, hidden_salt: bytes, body: bytes, mapped: Mapped) -> bytes:
    hidden = {selector: [value.value, value.salt.hex()] for selector, value in sheet.hidden.items()}
    return jcs(
        {
            "shared": sheet.shared,
            "hidden": hidden,
            "hidden_salt": hidden_salt.hex(),
            "body": base64.b64encode(body).decode(),
            "units": [write_unit(unit) for unit in mapped.units],
        }
    )


def unpack(data: bytes) -> Unsealed:
    held = json.loads(data)
    hidden = {
        selector: Hidden(value, bytes.fromhex(salt)) for selector, (value, salt) in held["hidden"].items()
    }
    mapped = asked_about(held["shared"])
    if "units" in held:
        mapped = replace(mapped, units=tuple(map(read_unit, held["units"])))
    return Unsealed(held["shared"], hidden, base64.b64decode(held["body"]), mapped)
