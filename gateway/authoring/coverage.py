"""Which operations of a description a library knows by name: each is tried with a request of its own."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from gateway.authoring.building import Parts, Unbuildable, build
from gateway.authoring.operations import ANYTHING, Operation
from gateway.authoring.samples import body_for, captures, fill, pattern_language, text_for
from gateway.errors import ConfigError, Place, Refusal
from gateway.model import Mapped, Request, Risk
from gateway.templates import Library
from gateway.templates.action import Action
from gateway.templates.hosts import HostPattern
from gateway.templates.language import TooLarge, literal, overlap, union
from gateway.templates.matching import Match, both
from gateway.templates.params import Param
from gateway.templates.paths import parse_path as parse_request_path
from gateway.templates.patterns import Pattern, parse_path
from gateway.templates.service import Service
from gateway.values import dataclass

type State = Literal["named", "shadowed", "fallback", "refused", "no_host"]
STATES: tuple[State, ...] = ("named", "shadowed", "fallback", "refused", "no_host")
type Tick = Callable[[str, int, int], None]

OTHER_CHOICES = 5
_PLACE = Place("the description")
OTHER_VALUES = ("42", "NAME", "name", "name.txt", "0123456789abcdef0123456789abcdef01234567")


@dataclass(frozen=True, slots=True)
class Reached:
    """An action that a request of the operation gets to."""

    action: str
    risk: str
    groups: tuple[str, ...]
    access: str

    @property
    def named(self) -> bool:
        return "/unmatched/" not in self.action


@dataclass(frozen=True, slots=True)
class Covered:
    """How one operation came out. `also` are the actions that other values or bodies get to."""

    operation: Operation
    state: State
    winner: Reached | None = None
    also: tuple[Reached, ...] = ()
    shadowed_by: tuple[str, ...] = ()
    note: str = ""

    @property
    def mutating(self) -> bool:
        """By its method, or because the action says that it writes."""
        named = self.winner is not None and self.winner.named and self.winner.access == "write"
        return self.operation.mutating or named


@dataclass(frozen=True, slots=True)
class Coverage:
    operations: tuple[Covered, ...]

    def count(self, state: State | None = None, *, mutating: bool | None = None) -> int:
        return sum(
            (state is None or each.state == state) and (mutating is None or each.mutating is mutating)
            for each in self.operations
        )

    def percent(self, *, mutating: bool) -> float:
        """How many of a hundred are mapped by name; of none, all are. Never rounded up to the whole."""
        every = self.count(mutating=mutating)
        named = self.count("named", mutating=mutating)
        return 100.0 if named == every else int(1000 * named / every) / 10

    def by_risk(self) -> dict[str, Counter[str]]:
        """For mutating and for reading operations, how many have which risk when nothing else is sent."""
        made: dict[str, Counter[str]] = {"mutating": Counter(), "reading": Counter()}
        for each in self.operations:
            if each.winner is not None:
                made["mutating" if each.mutating else "reading"][each.winner.risk] += 1
        return made

    def by_group(self) -> dict[str, Counter[str]]:
        made: dict[str, Counter[str]] = {"mutating": Counter(), "reading": Counter()}
        for each in self.operations:
            if each.winner is not None and each.winner.named:
                groups = each.winner.groups or ("(none)",)
                made["mutating" if each.mutating else "reading"].update(groups)
        return made


def cover(
    library: Library,
    operations: Sequence[Operation],
    service: str | None = None,
    tick: Tick = lambda *_: None,
) -> Coverage:
    """Every operation, in the description's order. `service` answers where the description names no host."""
    bench = _Bench(library, operations, service)
    found = []
    for done, operation in enumerate(operations, 1):
        found.append(bench.cover(operation))
        tick("Trying operations", done, len(operations))
    return Coverage(tuple(_shadows(found, bench)))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Where requests with one path get to; `refusal` is why the plain one gets nowhere."""

    winner: Reached | None
    reached: Sequence[Reached]
    refusal: str
    note: str = ""

    @property
    def named(self) -> bool:
        return self.winner is not None and self.winner.named


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An action's path that some request of an operation has. `foreign` literals stand where it captures."""

    action: Action
    pattern: Pattern
    foreign: int


class _Bench:
    def __init__(self, library: Library, operations: Sequence[Operation], service: str | None) -> None:
        self.library, self.service = library, service
        self.literal_paths = {(each.method, each.path) for each in operations if "{" not in each.path}
        self.shapes: dict[tuple[str, str], Pattern | None] = {}
        self.paths: dict[tuple[str, str], list[tuple[Action, Pattern]]] = {}

    def cover(self, operation: Operation) -> Covered:
        """The best of its hosts, in their order: a service may answer on several, each for a part."""
        best: Covered | None = None
        for origin in self._origins(operation):
            found = self._on(origin, operation)
            if found.state == "named":
                return found
            if best is None or STATES.index(found.state) < STATES.index(best.state):
                best = found
        return best or Covered(operation, "no_host", note="no template answers there")

    def _origins(self, operation: Operation) -> Iterator[str]:
        chosen = self.library.services.get(self.service) if self.service else None
        if chosen is None:
            yield from operation.origins
            return
        own = dict.fromkeys(_origin(pattern) for pattern in chosen.host_patterns)
        stated = [origin for origin in operation.origins if self._serving(origin) is chosen]
        yield from stated or own

    def _serving(self, origin: str) -> Service | None:
        bare = Parts("GET", f"{origin}/").request()
        name = self.library.serves(bare.scheme, bare.host, bare.port)
        return None if name is None else self.library.services[name]

    def _on(self, origin: str, operation: Operation) -> Covered:
        service = self._serving(origin)
        if service is None:
            return Covered(operation, "no_host", note=f"no template answers for {origin}")
        candidates = self.candidates(service, operation)
        own = {each.action.name for each in candidates if not each.foreign}
        attempts = []
        for path in _paths(operation):
            attempts.append(self._attempt(service, origin, operation, candidates, path))
            if attempts[-1].named and _is_own(attempts[-1], own):
                break
        best = _best(attempts, own)
        chosen = attempts[best]
        special = self._special(service, origin, operation, candidates)
        reached = [*chosen.reached, *attempts[0].reached, *special]
        if not reached or chosen.winner is None:
            return Covered(operation, "refused", note=chosen.refusal)
        lost = best and operation.known and attempts[0].winner is not None and not attempts[0].named
        note = "only for some values in the path" if lost else chosen.note
        others = tuple(dict.fromkeys(each for each in reached if each != chosen.winner))
        return Covered(operation, "named" if chosen.named else "fallback", chosen.winner, others, note=note)

    def _attempt(
        self, service: Service, origin: str, operation: Operation, candidates: Sequence[_Candidate], path: str
    ) -> "_Attempt":
        """A plain request with this path; and one for each action that has it, in the order they win."""
        usual = self._parts(origin, operation, path)
        plain = self._map(usual.request())
        first = _reached(plain)
        refusal = plain.detail if isinstance(plain, Refusal) else ""
        segments = _segments(usual.request())
        fitting = [
            each for each in candidates if segments is not None and each.pattern.match(segments) is not None
        ]
        built = [found for each in fitting if (found := self._won(service, each.action, usual)) is not None]
        if first is None:
            return _Attempt(built[0] if built else None, built, refusal)
        if first.named or not built:
            return _Attempt(first, [first, *built], refusal)
        return _Attempt(built[0], [first, *built], refusal, "unmatched with other bodies or queries")

    def _won(self, service: Service, action: Action, usual: Parts) -> Reached | None:
        """The action, if a request made for it gets there."""
        parts = replace(usual, query=list(usual.query), headers=[], form=list(usual.form))
        try:
            found = _reached(self._map(build(service, action, parts)))
        except Unbuildable:
            return None
        return found if found is not None and found.action == action.name else None

    def _special(
        self, service: Service, origin: str, operation: Operation, candidates: Sequence[_Candidate]
    ) -> Iterator[Reached]:
        """What paths with values that an action waits for get to, but for what only forbids odd ones."""
        for candidate in candidates:
            if candidate.pattern.star is not None or candidate.action.risk is Risk.FORBID:
                continue
            path = self._witness(origin, operation, candidate)
            if path is not None:
                found = self._won(service, candidate.action, self._parts(origin, operation, path))
                if found is not None:
                    yield found

    def _parts(self, origin: str, operation: Operation, path: str) -> Parts:
        path, _, query = path.partition("?")
        parts = Parts(operation.method, f"{origin}{path}" + (f"?{query}" if query else ""))
        for each in operation.parameters:
            if each.required and each.place == "query":
                parts.query.append((each.name, text_for(each.name, each.schema)))
        _fill_body(parts, operation)
        return parts

    def _map(self, request: Request) -> Mapped | Refusal:
        try:
            return self.library.map(request)
        except Refusal as refusal:
            return refusal

    def _witness(self, origin: str, operation: Operation, candidate: _Candidate) -> str | None:
        """A path of the operation that the candidate matches too; none where it is another operation's."""
        own, match = self.shape(operation), candidate.action.match
        if own is None or match is None:
            return None
        hosts = tuple(host for host in match.hosts if _origin(host) == origin) or match.hosts
        one = Match(own.place, frozenset({operation.method}), hosts, (own,))
        two = Match(own.place, match.methods, hosts, (candidate.pattern,))
        try:
            found = both(one, two)
        except TooLarge:
            return None
        if found is None:
            return None
        path = "/" + found.url.partition("://")[2].partition("/")[2]
        return None if (operation.method, path) in self.literal_paths else path

    def candidates(self, service: Service, operation: Operation) -> list[_Candidate]:
        """In the order of their rank; those that fit the operation as it is written come first."""
        own = self.shape(operation)
        if own is None:
            return []
        listed = self._paths_for(service, operation.method)
        fitting = ((action, pattern, _foreign(own, pattern)) for action, pattern in listed)
        found = [
            _Candidate(action, path, foreign) for action, path, foreign in fitting if foreign is not None
        ]
        return sorted(found, key=lambda each: each.foreign)

    def _paths_for(self, service: Service, method: str) -> list[tuple[Action, Pattern]]:
        """Every path of every action that takes the method, best rank first."""
        key = (service.name, method)
        if key not in self.paths:
            self.paths[key] = [
                (action, pattern)
                for action in service.actions
                if action.match is not None
                and (action.match.methods is None or method in action.match.methods)
                for pattern in action.match.paths or ()
            ]
        return self.paths[key]

    def shape(self, operation: Operation) -> Pattern | None:
        """The operation's path as a template would write it; None where no template could."""
        key = (operation.method, operation.path)
        if key not in self.shapes:
            self.shapes[key] = _shape(operation)
        return self.shapes[key]


def _origin(host: HostPattern) -> str:
    if host.exact:
        return host.origin(host.text)
    return host.origin(overlap(host.pattern.language, host.pattern.language) or host.text)


def _paths(operation: Operation) -> Iterator[str]:
    """The operation's path with usual values, then with others for those of which nothing is known."""
    names = captures(operation.path)
    schemas = {
        name: found.schema if (found := operation.parameter(name)) is not None else ANYTHING for name in names
    }
    path = operation.path.partition("#")[0]
    yield fill(path, {name: text_for(name, schema) for name, schema in schemas.items()})
    for name, schema in schemas.items():
        for value in schema.values[1:OTHER_CHOICES]:
            usual = {other: text_for(other, found) for other, found in schemas.items()}
            yield fill(path, {**usual, name: str(value)})
    free = [name for name, schema in schemas.items() if not schema.values and schema.type in {"", "string"}]
    for other in OTHER_VALUES if free else ():
        usual = {name: text_for(name, schema) for name, schema in schemas.items()}
        yield fill(path, {**usual, **dict.fromkeys(free, other)})


def _best(attempts: Sequence[_Attempt], own: set[str]) -> int:
    """The first that gets to an action for this operation, else to one that is named."""
    named = [index for index, each in enumerate(attempts) if each.named]
    return next((n for n in named if _is_own(attempts[n], own)), named[0] if named else 0)


def _is_own(attempt: _Attempt, own: set[str]) -> bool:
    return attempt.winner is not None and attempt.winner.action in own


def _fill_body(parts: Parts, operation: Operation) -> None:
    body = operation.body
    if body is None or not (body.required or body.schema.required):
        return
    if "json" in body.content_type:
        parts.json = body_for(body.schema)
    elif "x-www-form-urlencoded" in body.content_type:
        made = body_for(body.schema)
        pairs = made.items() if isinstance(made, dict) else ()
        parts.form = [(name, str(value)) for name, value in pairs if isinstance(value, (str, int))]


def _segments(request: Request) -> list[str] | None:
    try:
        return parse_request_path(request.target.partition("?")[0])
    except Refusal:
        return None


def _reached(mapped: Mapped | Refusal) -> Reached | None:
    if isinstance(mapped, Refusal):
        return None
    strictest = max(mapped.units, key=lambda unit: ("low", "step_up", "forbid").index(unit.risk))
    return Reached(strictest.action, str(strictest.risk), strictest.groups, strictest.access)


def _shape(operation: Operation) -> Pattern | None:
    params: dict[str, Param] = {}
    parts = []
    for index, segment in enumerate(operation.path.partition("?")[0].partition("#")[0][1:].split("/")):
        before, mark, rest = segment.partition("{")
        if not mark:
            parts.append(segment)
            continue
        _, _, after = rest.rpartition("}")
        params[f"p{index}"] = _param(f"p{index}", operation, captures(segment))
        parts.append(f"{before}{{p{index}}}{after}")
    try:
        return parse_path("/" + "/".join(parts), _PLACE, params)
    except ConfigError:
        return None


def _param(name: str, operation: Operation, named: list[str]) -> Param:
    """What the description says that a value may be, if it says so."""
    parameter = operation.parameter(named[0]) if len(named) == 1 else None
    schema = parameter.schema if parameter is not None else ANYTHING
    if schema.values:
        return Param(name, language=union(*(literal(str(value)) for value in schema.values)))
    if schema.type == "integer":
        return Param(name, language=pattern_language("[0-9]+"))
    return Param(name, language=pattern_language(schema.pattern) if schema.pattern else None)


def _foreign(own: Pattern, other: Pattern) -> int | None:
    """How many of the other's literals stand where ours captures; None where the two surely differ."""
    star = other.star
    if star is None:
        if len(own.segments) != len(other.segments):
            return None
        pairs = list(zip(own.segments, other.segments, strict=True))
    else:
        tail = len(other.segments) - star - 1
        if len(own.segments) < len(other.segments):
            return None
        pairs = list(zip(own.segments[:star], other.segments[:star], strict=True))
        pairs += list(zip(own.segments[len(own.segments) - tail :], other.segments[star + 1 :], strict=True))
    foreign = 0
    for ours, theirs in pairs:
        if ours.param is None and theirs.take(ours.literal or "") is None:
            return None
        if ours.param is not None and theirs.param is None:
            if ours.take(theirs.literal or "") is None:
                return None
            foreign += 1
    return foreign


def _shadows(found: Sequence[Covered], bench: _Bench) -> Iterator[Covered]:
    """Marks the operations whose own words an action captures that is there for another operation."""
    by_action: dict[str, list[Covered]] = {}
    for each in found:
        if each.winner is not None and each.winner.named:
            by_action.setdefault(each.winner.action, []).append(each)
    for each in found:
        others = by_action.get(each.winner.action, []) if each.winner is not None else []
        by = tuple(
            other.operation.id for other in others if other is not each and _by_accident(each, other, bench)
        )
        yield replace(each, state="shadowed", shadowed_by=by) if by else each


def _by_accident(each: Covered, other: Covered, bench: _Bench) -> bool:
    """No path of the action has this operation's words, and one is just what the other operation writes."""
    own, theirs = bench.shape(each.operation), bench.shape(other.operation)
    winner = each.winner
    if own is None or theirs is None or winner is None or each.operation.method != other.operation.method:
        return False
    action = _action(bench.library, winner.action)
    paths = action.match.paths or () if action is not None and action.match is not None else ()
    if any(_as_written(own, pattern) for pattern in paths):
        return False
    return any(_captured(own, pattern) and _as_written(theirs, pattern) for pattern in paths)


def _captured(own: Pattern, pattern: Pattern) -> bool:
    """Does the path capture a word of the operation?"""
    return _foreign(own, pattern) is not None and any(
        ours.param is None and theirs.param is not None
        for ours, theirs in zip(own.segments, pattern.segments, strict=False)
    )


def _as_written(own: Pattern, pattern: Pattern) -> bool:
    """Literals where the operation has literals, captures where it captures."""
    return len(own.segments) == len(pattern.segments) and all(
        ours.literal == theirs.literal for ours, theirs in zip(own.segments, pattern.segments, strict=True)
    )


def _action(library: Library, name: str) -> Action | None:
    service = library.services.get(name.split("/")[1])
    return next((each for each in service.actions if each.name == name), None) if service else None
