"""How a request came to be mapped as it is: every candidate, each of its conditions, and who won over whom.

Mapping stops at the first thing that decides; this looks at all of it, with the same index and conditions.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from gateway.errors import Place, Refusal
from gateway.formats.git_push import RefUpdate
from gateway.formats.graphql import GraphqlField
from gateway.formats.jsonrpc import RpcMessage
from gateway.model import Mapped, Request
from gateway.templates.action import Action
from gateway.templates.conditions import ABSENT, Condition, ValueSet
from gateway.templates.index import Hit
from gateway.templates.mapping import inner_requests, map_request
from gateway.templates.matching import METHODS, Match, host_within, path_within
from gateway.templates.paths import parse_path, split_target
from gateway.templates.patterns import Pattern
from gateway.templates.reading import key_tokens
from gateway.templates.service import Service
from gateway.templates.splitting import split
from gateway.templates.view import BodyRule, View
from gateway.values import dataclass

type Verdict = Literal["true", "false", "unknown"]
MAX_NEAR = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """One condition of a candidate. `why` says what was found, or why it cannot be told."""

    about: str
    wanted: str
    verdict: Verdict
    why: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An action whose method and path fit."""

    action: Action
    path: str
    conditions: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict:
        """One false makes the whole false, whatever is unknown."""
        found = {judged.verdict for judged in self.conditions}
        return "false" if "false" in found else "unknown" if "unknown" in found else "true"


@dataclass(frozen=True, slots=True)
class Looked:
    """What one part of a request was compared with; a request that is not split is one part without a name.

    `near` are actions that another method would have got to, where no candidate is there.
    """

    part: str
    candidates: tuple[Candidate, ...]
    near: tuple[Action, ...] = ()


@dataclass(frozen=True)
class Trace:
    """What was looked at. `refusal` is why there is no `mapped`; what was not read for it is empty."""

    service: Service
    mapped: Mapped | None
    refusal: Refusal | None
    segments: tuple[str, ...] | None = None
    rule: BodyRule | None = None
    rule_place: Place | None = None
    looked: tuple[Looked, ...] = ()


def trace(service: Service, request: Request) -> Trace:
    """Never raises a Refusal: it is part of the answer."""
    mapped, refusal = _outcome(service, request)
    try:
        path, query = split_target(request.target)
        segments = parse_path(path)
        rule = service.decoding.find(request, query, segments)
    except Refusal:
        return Trace(service, mapped, refusal)
    place = next((special.place for special in service.decoding.special if special.rule is rule), None)
    looked = _looked(service, View(request, query, rule), segments)
    return Trace(service, mapped, refusal, tuple(segments), rule, place, looked)


def _looked(service: Service, view: View, segments: list[str]) -> tuple[Looked, ...]:
    """Part by part; none where the body cannot be taken apart."""
    try:
        if view.rule.split == "multipart/mixed" and view.request.body:
            return tuple(found for inner in inner_requests(view) for found in _inner(service, inner))
        views = split(view)
    except Refusal:
        return ()
    return tuple(_look(service, each, segments) for each in views)


def _inner(service: Service, request: Request) -> tuple[Looked, ...]:
    """A request inside a batch, by its own first line."""
    name = f"{request.method} {request.target}"
    return tuple(replace(found, part=name) for found in trace(service, request).looked)


def _look(service: Service, view: View, segments: list[str]) -> Looked:
    hits = service.index.find(view.request.method, segments)
    candidates = tuple(_candidate(hit.leaf.action, _path_of(hit), view) for hit in hits)
    return Looked(_name(view), candidates, () if candidates else _near(service, view.request, segments))


def _name(view: View) -> str:
    match view.part:
        case GraphqlField(kind=kind, field=name):
            return f"{kind} {name}"
        case RpcMessage(method=method):
            return method or "an answer"
        case RefUpdate(ref=ref, op=op):
            return f"{op} {ref}"
        case _:
            return ""


def _outcome(service: Service, request: Request) -> tuple[Mapped | None, Refusal | None]:
    try:
        return map_request(service, request), None
    except Refusal as refusal:
        return None, refusal


def _path_of(hit: Hit) -> str:
    return hit.leaf.pattern.text


def _candidate(action: Action, path: str, view: View) -> Candidate:
    match = action.match
    if match is None:
        raise AssertionError("the index holds only actions that match something")
    judged = [_host(match, view.request), *_upgrade(action, view.request), *_query_only(match, view)]
    judged += [_judge(condition, view) for condition in match.where]
    return Candidate(action, path, tuple(found for found in judged if found is not None))


def _host(match: Match, request: Request) -> Judged | None:
    """Only worth a word where the action is for other hosts."""
    if any(host.match(request.scheme, request.host, request.port) is not None for host in match.hosts):
        return None
    wanted = " or ".join(host.origin(host.text) for host in match.hosts)
    return Judged("host", wanted, "false", f"the request goes to {request.host}")


def _upgrade(action: Action, request: Request) -> list[Judged]:
    asked = {part.strip().lower() for value in request.header("upgrade") for part in value.split(",")}
    if action.access == "read" and not asked <= action.upgrade:
        return [
            Judged("upgrade", "none", "false", "the request changes to another protocol: that is a write")
        ]
    return []


def _query_only(match: Match, view: View) -> list[Judged]:
    if match.query_only is None:
        return []
    wanted = f"only {', '.join(sorted(match.query_only)) or 'nothing'}"
    try:
        others = sorted({key for key, _ in view.query if key_tokens(key)[0] not in match.query_only})
    except Refusal as refusal:
        return [Judged("query", wanted, "unknown", refusal.detail)]
    why = f"there is also {', '.join(others)}" if others else ""
    return [Judged("query", wanted, "false" if others else "true", why)]


def _judge(condition: Condition, view: View) -> Judged:
    about, wanted = condition.source.text, words_of(condition.allowed)
    try:
        holds = condition.holds(view)
    except Refusal as refusal:
        return Judged(about, wanted, "unknown", refusal.detail)
    return Judged(about, wanted, "true" if holds else "false")


def words_of(allowed: ValueSet) -> str:
    """A set of values as its author wrote it."""
    if allowed.glob is not None:
        return f"like {allowed.glob}"
    named = [_word(tag) for tag in sorted(allowed.listed)]
    if allowed.negated:
        return "present" if allowed.listed == {ABSENT} else f"not {' or '.join(named)}"
    return " or ".join(named)


def _word(tag: str) -> str:
    return "absent" if tag == ABSENT else tag[2:]


def _near(service: Service, request: Request, segments: list[str]) -> tuple[Action, ...]:
    """Actions that another method would get to."""
    found: dict[str, Action] = {}
    for method in METHODS:
        if method != request.method:
            found |= {hit.leaf.action.id: hit.leaf.action for hit in service.index.find(method, segments)}
    return tuple(found.values())[:MAX_NEAR]


def why_over(winner: Action, loser: Action) -> str:
    """The reason of the order between two actions that both match."""
    if any(name == loser.id for name, _ in winner.over):
        return f"it says so: over: [{loser.id}]"
    one, two = winner.match, loser.match
    if one is None or two is None:
        return "whatever an action names comes before what none names"
    narrower = [*_narrower(one, two), *_conditions(one, two)]
    return (
        f"it is the narrower one: {', '.join(narrower)}"
        if narrower
        else "all that it matches the other matches too"
    )


def _narrower(one: Match, two: Match) -> list[str]:
    found = []
    if one.methods is not None and one.methods != two.methods:
        found.append(f"only {' and '.join(sorted(one.methods))}")
    if not all(any(host_within(b, a) for a in one.hosts) for b in two.hosts):
        found.append("fewer hosts")
    if not _all_within(two.paths or (), one.paths or ()):
        found.append("fewer paths")
    return found


def _all_within(inner: Sequence[Pattern], outer: Sequence[Pattern]) -> bool:
    return all(any(path_within(a, b) for b in outer) for a in inner)


def _conditions(one: Match, two: Match) -> list[str]:
    found = [
        f"only with {condition.source.text} {words_of(condition.allowed)}"
        for condition in one.where
        if not condition.allowed.contains(two.set_of(condition.source.text))
    ]
    only = one.query_only is not None and (two.query_only is None or one.query_only < two.query_only)
    return [*found, "fewer query keys"] if only else found
