"""From a request to its units: overrides, path, candidates, conditions, resource, context, summary."""

import re
from dataclasses import replace

from gateway.decoded import DecodedBody, decode
from gateway.errors import ambiguous
from gateway.formats.http_batch import parse_http_batch
from gateway.model import Approval, ContextValue, Mapped, Request, Risk, Summary, SummaryPart, Unit
from gateway.templates.action import READS, Access, Action
from gateway.templates.index import Hit
from gateway.templates.overrides import check_bodyless, check_header, check_override
from gateway.templates.paths import parse_path, split_target
from gateway.templates.resources import HOST, Bound, bind_captures
from gateway.templates.service import Service
from gateway.templates.splitting import split
from gateway.templates.summary import clean
from gateway.templates.view import View
from gateway.values import dataclass

_METHOD = re.compile(r"[A-Z][A-Z-]{0,30}")

CREDENTIALS_INSIDE = frozenset({"authorization", "proxy-authorization", "cookie"})
_STRICTNESS = {Risk.LOW: 0, Risk.STEP_UP: 1, Risk.FORBID: 2}


@dataclass(frozen=True, slots=True)
class Matched:
    """One unit of a request and the action that won it."""

    action: Action
    view: View
    captures: dict[str, str]
    segments: list[str]


def map_request(service: Service, request: Request) -> Mapped:
    """Never raises anything but a Refusal."""
    units = tuple(_unit(service, each) for each in match_request(service, request))
    return Mapped(units, service.name, service.version, service.digest)


def match_request(service: Service, request: Request) -> list[Matched]:
    """The action of each unit, none of which is read any further. Never raises anything but a Refusal."""
    path, query = split_target(request.target)
    upgrades = _check_headers(request)
    segments = parse_path(path)
    rule = service.decoding.find(request, query, segments)
    view = View(request, query, rule)
    check_override(view)
    if rule.split is None:
        return [_one(service, view, segments, upgrades)]
    if rule.split == "multipart/mixed" and request.body:
        return _batch(service, view)
    return [_one(service, each, segments, upgrades) for each in split(view)]


def _one(service: Service, view: View, segments: list[str], upgrades: frozenset[str]) -> Matched:
    action, captures = _choose(service, view, segments, upgrades)
    if view.request.body:
        check_bodyless(view.request, lambda: action.reads_body(view))
    return Matched(action, view, captures, segments)


def _batch(service: Service, view: View) -> list[Matched]:
    """Each inner request as if it had been sent alone, under the batch's own host and caller."""
    found: list[Matched] = []
    for request in inner_requests(view):
        _check_inner(request)
        path, query = split_target(request.target)
        if service.decoding.find(request, query, parse_path(path)).split is not None:
            raise ambiguous("The batch holds a request that is itself a list of others; send that one alone.")
        found += match_request(service, request)
    return found


def _check_inner(request: Request) -> None:
    """What proves who asks stands on the batch itself: inside, a page would show it to the approver."""
    for name, _ in request.headers:
        if name.lower() in CREDENTIALS_INSIDE:
            raise ambiguous(f"A request of the batch carries {name}; send it with the batch itself.")


def inner_requests(view: View) -> list[Request]:
    """What a batch holds, each as if it had come alone."""
    outer = view.request
    return [
        replace(outer, method=inner.method, target=inner.target, headers=inner.headers, body=inner.body)
        for inner in parse_http_batch(view.body.parts, outer.host)
    ]


def read_body(service: Service, request: Request) -> DecodedBody:
    """The body for showing and comparing; what no reader is declared for stays opaque."""
    path, query = split_target(request.target)
    rule = service.decoding.find(request, query, parse_path(path))
    return decode(request, rule.kind(request) or "opaque")


def _check_headers(request: Request) -> frozenset[str]:
    """Refuses overrides; gives the protocols that the request asks to change to."""
    if not _METHOD.fullmatch(request.method):
        raise ambiguous(
            "The method is not written in capital letters; some servers would read it as another."
        )
    upgrades: frozenset[str] = frozenset()
    for name, value in request.headers:
        check_header(name)
        if name.lower() == "upgrade":
            upgrades |= {part.strip().lower() for part in value.split(",")}
    return upgrades


def _choose(
    service: Service, view: View, segments: list[str], upgrades: frozenset[str]
) -> tuple[Action, dict[str, str]]:
    """The one candidate that wins; unknown conditions of any candidate refuse."""
    winner: tuple[Action, dict[str, str]] | None = None
    for hit in service.index.find(view.request.method, segments, view):
        captures = _captures(hit, view.request)
        if captures is None or _only_reads(hit.leaf.action, upgrades):
            continue
        match = hit.leaf.action.match
        if match is not None and match.conditions_hold(view) and winner is None:
            winner = (hit.leaf.action, captures)
    if winner is not None:
        return winner
    if "%" in view.request.target and any("/" in segment for segment in segments):
        raise ambiguous("The path has an encoded slash where none is expected; send the path that you mean.")
    access: Access = "read" if view.request.method in READS and not upgrades else "write"
    return service.unmatched[access], _service_captures(service, view.request)


def _only_reads(action: Action, upgrades: frozenset[str]) -> bool:
    """Rule 32: what changes to another protocol is a write, unless the action says that it knows of it."""
    return action.access == "read" and not upgrades <= action.upgrade


def _captures(hit: Hit, request: Request) -> dict[str, str] | None:
    """What host and path captured, or None if the action is not for this host."""
    match = hit.leaf.action.match
    for host in match.hosts if match is not None else ():
        labels = host.match(request.scheme, request.host, request.port)
        if labels is not None:
            bound = bind_captures(hit.leaf.pattern, hit.values)
            return bind_captures(host.pattern, labels) | bound if labels else bound
    return None


def _service_captures(service: Service, request: Request) -> dict[str, str]:
    for host in service.host_patterns:
        labels = host.match(request.scheme, request.host, request.port)
        if labels is not None:
            return bind_captures(host.pattern, labels)
    return {}


def _unit(service: Service, matched: Matched) -> Unit:
    action, view, captures, segments = matched.action, matched.view, matched.captures, matched.segments
    view.captures = captures
    context: dict[str, ContextValue] = {}
    for each in action.fields:
        value = each.read(view)
        if value is not None:
            context[each.name] = value
    values: dict[str, ContextValue] = {"host": view.request.host, **captures, **context}
    bound = _resource(service, action, values, segments)
    risk = action.risk
    if not bound.complete and not action.accepts_opaque and risk is Risk.LOW:
        risk = Risk.STEP_UP
    return Unit(
        service=service.name,
        action=action.name,
        title=action.title,
        groups=action.groups,
        access=action.access,
        resource=bound.entity,
        parents=bound.parents,
        context=context,
        risk=risk,
        summary=action.sentence.render(values) if action.match else _plain_summary(view.request),
        approval=_approval(action, values),
        bind=action.bind,
        redact=action.redact,
        secret=action.secret,
        show=action.show,
        undo=action.undo,
        outcome_failed_when=action.outcome,
    )


def _resource(
    service: Service, action: Action, values: dict[str, ContextValue], segments: list[str]
) -> Bound:
    if action.resource is not None:
        bound = service.resources.bind(action.resource, values)
        if bound is None:
            raise ambiguous(f"The request does not name the {action.resource} that it is about.")
        return bound
    deepest = service.resources.deepest(segments)
    if deepest is not None:
        name, captures = deepest
        bound = service.resources.bind(name, {"host": values["host"], **captures})
        if bound is not None:
            return bound
    made = service.resources.bind(HOST, values)
    if made is None:
        raise AssertionError("a host always has a name")
    return made


def _approval(action: Action, values: dict[str, ContextValue]) -> Approval:
    batch = action.asking.batch
    if batch is None:
        return action.asking.approval
    return replace(action.asking.approval, batch=batch.render(values))


def _plain_summary(request: Request) -> Summary:
    path = request.target.partition("?")[0]
    return (
        SummaryPart(request.method, is_value=True),
        SummaryPart(" "),
        SummaryPart(clean(f"{request.host}{path}"), is_value=True),
    )
