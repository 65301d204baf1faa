"""What the gateway would make of a request, step by step, in plain words and as data. Nothing is sent."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from gateway.authoring.asked import Asked
from gateway.authoring.deciding import explain_policy, refused
from gateway.authoring.scenes import Scene
from gateway.authoring.steps import Step
from gateway.decoded import DecodedBody
from gateway.errors import Reason, Refusal
from gateway.facts import plainly_noticed
from gateway.intent_risk import intent_risk
from gateway.model import ContextValue, EntityRef, Mapped, Money, Request, Risk, Unit, summary_text
from gateway.templates import format_money, select
from gateway.templates.action import Action
from gateway.templates.mapping import read_body
from gateway.templates.service import Service
from gateway.templates.tracing import Candidate, Trace, trace, why_over
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """`outcome` is one word for machines: allow, step_up, deny, watch, or the reason of a refusal."""

    request: Request
    origin: str
    steps: tuple[Step, ...]
    outcome: str


@dataclass
class _Telling:
    """Steps as they are found."""

    asked: Asked
    scene: Scene
    steps: list[Step] = field(default_factory=list)

    def tell(self, name: str, title: str, /, *says: str, **data: Any) -> None:
        self.steps.append(Step(name, title, says, data))

    def end(self, outcome: str) -> Explanation:
        return Explanation(self.asked.request, self.asked.origin, tuple(self.steps), outcome)


def explain(asked: Asked, scene: Scene) -> Explanation:
    """Every step that the gateway would take, up to what the agent gets. Never raises a Refusal."""
    telling = _Telling(asked, scene)
    request = asked.request
    _tell_request(telling)
    service = scene.library.routes.find(request.scheme, request.host, request.port)
    if service is None:
        return _no_service(telling)
    telling.tell(
        "service",
        "Template",
        f"{request.host}:{request.port} is served by {service.name} {service.version}, {service.place}",
        service=service.name,
        version=service.version,
        place=str(service.place),
    )
    traced = trace(service, request)
    _tell_reading(telling, traced)
    _tell_candidates(telling, traced)
    if traced.mapped is None:
        return _refused(telling, traced.refusal)
    body, unreadable = _read(service, request)
    _tell_units(telling, service, traced.mapped, body)
    return telling.end(explain_policy(telling.steps, request, traced.mapped, scene, unreadable))


def _read(service: Service, request: Request) -> tuple[DecodedBody, Refusal | None]:
    """The body that a person would be shown. A request that nobody is asked about may pass without."""
    try:
        return read_body(service, request), None
    except Refusal as refusal:
        return DecodedBody("opaque"), refusal


def _tell_request(telling: _Telling) -> None:
    request = telling.asked.request
    size = f", {len(request.body)} bytes of body" if request.body else ", no body"
    telling.tell(
        "request",
        "Request",
        f"{request.method} {request.url}{size}",
        f"as {_agent(telling.scene)}, from {telling.asked.origin}",
        *telling.asked.notes,
        method=request.method,
        url=request.url,
        agent=request.caller.agent,
        body_bytes=len(request.body),
    )


def _agent(scene: Scene) -> str:
    known = f"the agent {scene.agent.name}" + (" (made up for this)" if scene.made_up else "")
    return f"{known} of the team {scene.agent.team}" if scene.agent.team else f"{known}, in no team"


def _no_service(telling: _Telling) -> Explanation:
    request = telling.asked.request
    hosts = sorted({host for service in telling.scene.library.services.values() for host in service.hosts})
    near = [host for host in hosts if _like(host, request.host)][:3]
    telling.tell(
        "service",
        "Template",
        f"No template that is enabled serves {request.scheme}://{request.host}:{request.port}.",
        *([f"Served are, for example: {', '.join(near)}."] if near else []),
        service=None,
    )
    if telling.scene.lets_through(request.host):
        telling.tell("outcome", "The agent gets", "The settings let it pass unread, and a row says so.")
        return telling.end("watch")
    refusal = Refusal(
        Reason.DESTINATION_REFUSED,
        "Enable a template for this host in the settings, or write one: secondsig template import.",
    )
    return _refused(telling, refusal)


def _like(host: str, wanted: str) -> bool:
    return host.split(".")[-2:] == wanted.split(".")[-2:]


def _refused(telling: _Telling, refusal: Refusal | None) -> Explanation:
    if refusal is None:
        raise AssertionError("a trace without a mapping has its refusal")
    telling.steps.append(refused(refusal))
    return telling.end(str(refusal.reason))


def _tell_reading(telling: _Telling, traced: Trace) -> None:
    if traced.segments is None or traced.rule is None:
        telling.tell("path", "Path", "It cannot be read in one way only.", segments=None)
        return
    shown = " / ".join(segment or "(empty: a slash at the end)" for segment in traced.segments)
    telling.tell("path", "Path", f"Segments, each decoded once: {shown}", segments=list(traced.segments))
    where = (
        f"the decode rule in {traced.rule_place}"
        if traced.rule_place
        else "the template's general decode rule"
    )
    body, data = _body(telling.asked.request, traced)
    telling.tell("body", "Body", f"Read by {where}.", body, rule=str(traced.rule_place or ""), **data)


def _body(request: Request, traced: Trace) -> tuple[str, dict[str, Any]]:
    if not request.body:
        return "There is none.", {"kind": "none"}
    kind = traced.rule.kind(request) if traced.rule is not None else None
    said = ", ".join(request.header("content-type")) or "no content type"
    if kind is None:
        return f"Its content type ({said}) is not one that the rule lists: whatever reads it is unknown.", {
            "kind": None
        }
    try:
        decoded = read_body(traced.service, request)
    except Refusal as refusal:
        return f"By its content type ({said}) it is {kind}, and it cannot be read: {refusal.detail}", {
            "kind": kind
        }
    return f"By its content type ({said}) it is {kind}{_fields(decoded)}.", {"kind": kind}


def _fields(body: DecodedBody) -> str:
    names: list[str] = []
    if isinstance(body.json, dict):
        names = list(body.json)
    elif body.form:
        names = list(dict.fromkeys(name for name, _ in body.form))
    elif body.parts:
        names = [part.name or part.content_type for part in body.parts]
    elif body.push is not None:
        names = [f"{update.op} {update.ref}" for update in body.push.updates]
    elif body.xml is not None:
        names = [body.xml.tag]
    return f" with {_some(names)}" if names else ""


def _some(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")  # noqa: PLR2004


def _tell_candidates(telling: _Telling, traced: Trace) -> None:
    if traced.segments is None:
        return
    says: list[str] = []
    for looked in traced.looked:
        says += [f"For {looked.part}:"] if looked.part else []
        says += [line for candidate in looked.candidates for line in _candidate(candidate)]
        says += [] if looked.candidates else ["No action has this method and path."]
        says += [f"With another method it would be {action.name} ({action.place})." for action in looked.near]
    if not traced.looked:
        says.append("The body cannot be taken apart.")
    data = [{"part": each.part, "candidates": [_plain(c) for c in each.candidates]} for each in traced.looked]
    telling.tell("candidates", "Candidates", *says, parts=data)
    _tell_winners(telling, traced)


def _candidate(candidate: Candidate) -> list[str]:
    word = {"true": "fits", "false": "does not fit", "unknown": "cannot be told"}[candidate.verdict]
    first = f"{candidate.action.name} {word}: {candidate.path} ({candidate.action.place})"
    more = [
        f"    {judged.about} {judged.wanted}: {judged.verdict}{f', {judged.why}' if judged.why else ''}"
        for judged in candidate.conditions
    ]
    return [first, *more]


def _plain(candidate: Candidate) -> dict[str, Any]:
    return {
        "action": candidate.action.name,
        "path": candidate.path,
        "place": str(candidate.action.place),
        "verdict": candidate.verdict,
        "conditions": [
            {"about": each.about, "wanted": each.wanted, "verdict": each.verdict, "why": each.why}
            for each in candidate.conditions
        ],
    }


def _tell_winners(telling: _Telling, traced: Trace) -> None:
    if traced.mapped is None:
        return
    actions = _actions(traced.service)
    says: list[str] = []
    data = []
    for looked, unit in zip(traced.looked, traced.mapped.units, strict=True):
        winner = actions[unit.action]
        losers = [
            each.action for each in looked.candidates if each.verdict == "true" and each.action is not winner
        ]
        over = {loser.name: why_over(winner, loser) for loser in losers}
        lead = f"For {looked.part}: " if looked.part else ""
        says.append(
            f"{lead}{unit.action} wins{'' if winner.match else ', as no action fits'} ({winner.place})."
        )
        says += [f"    over {loser}: {why}." for loser, why in over.items()]
        data.append({"part": looked.part, "action": unit.action, "place": str(winner.place), "over": over})
    telling.tell("winner", "Action", *says, winners=data)


def _actions(service: Service) -> Mapping[str, Action]:
    return {action.name: action for action in (*service.actions, *service.unmatched.values())}


def _tell_units(telling: _Telling, service: Service, mapped: Mapped, body: DecodedBody) -> None:
    actions = _actions(service)
    for number, unit in enumerate(mapped.units, 1):
        title = f"Meaning {number} of {len(mapped.units)}" if len(mapped.units) > 1 else "Meaning"
        says = [
            f"Action     {unit.action}: {unit.title}",
            f"Resource   {unit.resource}{_above(unit)}",
            *_context(unit, actions[unit.action]),
            f"Groups     {', '.join((unit.access, *unit.groups))}",
            f"Risk       {unit.risk}{_why_risk(unit, actions[unit.action])}",
            f"Summary    {''.join(_part(part.text, is_value=part.is_value) for part in unit.summary)}",
            *_hidden(unit, telling.asked.request, body),
        ]
        telling.tell("unit", title, *says, **_unit(unit, actions[unit.action]))
    level, reasons = intent_risk(mapped, plainly_noticed(telling.asked.request, mapped))
    telling.tell(
        "intent_risk",
        "Intent risk",
        f"{level}: {', '.join(reasons).lower()}",
        level=level,
        reasons=list(reasons),
    )


def _above(unit: Unit) -> str:
    """The parents, and theirs, each once."""
    waiting, seen = [*unit.parents.get(unit.resource, ())], list[EntityRef]()
    while waiting:
        parent = waiting.pop(0)
        if parent not in seen:
            seen.append(parent)
            waiting += unit.parents.get(parent, ())
    return "".join(f" in {parent}" for parent in seen)


def _part(text: str, *, is_value: bool) -> str:
    return f"“{text}”" if is_value else text


def _why_risk(unit: Unit, action: Action) -> str:
    if unit.risk is not action.risk:
        return f" (the template says {action.risk}; a parent of the resource cannot be named)"
    return ": policy alone decides" if unit.risk is Risk.LOW else ""


def _context(unit: Unit, action: Action) -> list[str]:
    types = {each.name: each for each in action.fields}
    rows = [
        f"Context    {name}: {types[name].type if name in types else 'string'} = {value_text(value)}"
        + (f"   (from {types[name].source.text})" if name in types else "")
        for name, value in unit.context.items()
    ]
    absent = [each.name for each in action.fields if each.name not in unit.context]
    return rows + ([f"Context    not there: {', '.join(absent)}"] if absent else [])


def value_text(value: ContextValue) -> str:
    if isinstance(value, Money):
        return f"{format_money(value)} ({{currency: {value.currency}, minor: {value.minor}}})"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hidden(unit: Unit, request: Request, body: DecodedBody) -> list[str]:
    """Of what is hidden or free, that which this request has."""
    kinds = (("Redacted", unit.redact), ("Secret", unit.secret), ("Volatile", unit.bind.volatile))
    rows = []
    for name, selectors in kinds:
        there = [selector for selector in selectors if select(selector, request, body)]
        rows += [f"{name:10} {', '.join(there)}"] if there else []
    if unit.undo is not None:
        rows.append(f"Undo       {unit.undo.how}{f': {unit.undo.note}' if unit.undo.note else ''}")
    return rows


def _unit(unit: Unit, action: Action) -> dict[str, Any]:
    return {
        "action": unit.action,
        "title": unit.title,
        "place": str(action.place),
        "resource": str(unit.resource),
        "parents": {str(ref): [str(parent) for parent in above] for ref, above in unit.parents.items()},
        "context": {name: _json(value) for name, value in unit.context.items()},
        "types": {each.name: each.type for each in action.fields},
        "groups": list(unit.groups),
        "access": unit.access,
        "risk": str(unit.risk),
        "summary": summary_text(unit.summary),
    }


def _json(value: ContextValue) -> Any:
    if isinstance(value, Money):
        return {"currency": value.currency, "minor": value.minor}
    return list(value) if isinstance(value, tuple) else value
