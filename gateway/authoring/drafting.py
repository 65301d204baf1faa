"""A draft of a template from the operations of an API: it loads, and its examples pass."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.authoring.fields import hidden, telling
from gateway.authoring.naming import Kind, Route, action_ids, camel, kinds, routes, snake
from gateway.authoring.operations import ANYTHING, Description, Operation, Parameter
from gateway.authoring.ordering import claimed_twice, overs
from gateway.authoring.samples import pattern_language
from gateway.authoring.sentences import plain
from gateway.authoring.words import propose
from gateway.authoring.writing import Entry, Plan, quoted, written
from gateway.errors import ConfigError, ConfigErrors
from gateway.templates import Library
from gateway.values import dataclass

type Tick = Callable[[str, int, int], None]

_HOST = re.compile(
    r"(http://)?[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*(:[1-9][0-9]{0,3})?"
)

ROUNDS = 8
"""How often what does not load is left out and the rest tried again."""


@dataclass(frozen=True)
class Draft:
    """The text of the template, and what could not be drafted with the reason."""

    text: str
    actions: int
    left_out: tuple[tuple[Operation, str], ...] = ()


def draft(
    description: Description, service: str = "", namespace: str = "", tick: Tick = lambda *_: None
) -> Draft:
    """Whatever the description holds. What does not load, or whose example fails, is left out and named."""
    plan = _plan(description, service, namespace, tick)
    for done in range(ROUNDS):
        tick("Trying the draft", done, ROUNDS)
        text, lines = written(plan)
        wrong = _wrong(text, plan.service)
        if not wrong:
            tick("Trying the draft", ROUNDS, ROUNDS)
            return Draft(text, len(plan.entries), tuple(plan.left))
        _leave_out(plan, wrong, lines)
    raise ConfigError(f"No draft of it loads: {wrong[0][1]}")


def _plan(description: Description, service: str, namespace: str, tick: Tick) -> Plan:
    found, left = routes(description.operations)
    known = kinds(found)
    service = service or snake(description.title).replace("_", "-").strip("-")[:40] or "service"
    params = _params(found)
    entries = []
    for done, (route, name) in enumerate(zip(found, action_ids(found), strict=True), 1):
        entries.append(_entry(route, name, known))
        tick("Drafting actions", done, len(found))
    orders = overs([(entry.id, entry.route) for entry in entries], params, tick)
    entries = [replace(entry, over=tuple(orders.get(entry.id, ()))) for entry in entries]
    return Plan(
        service=service,
        namespace=namespace or camel(service),
        title=plain(description.title) or service,
        hosts=_hosts(description.operations),
        entries=entries,
        kinds=known,
        params=params,
        unclaimed=claimed_twice([kind.at for kind in known.values()], params),
        left=left,
    )


def _entry(route: Route, name: str, known: dict[str, Kind]) -> Entry:
    operation = route.operation
    proposal = propose(operation.method, operation.id, route.path, operation.summary, operation.description)
    kind = next((known[path] for path in _above(route) if path in known), None)
    return Entry(route, name, proposal, kind, telling(operation, route.names), hidden(operation))


def _above(route: Route) -> list[str]:
    """The path and those above it, the deepest first; an affix such as {x}:verb belongs to {x}."""
    parts = [
        segment.partition("}")[0] + "}" if segment.startswith("{") else segment for segment in route.segments
    ]
    return ["/" + "/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _params(found: Sequence[Route]) -> dict[str, str]:
    """What each capture may be, as a template writes it; nothing where descriptions of it differ."""
    said: dict[str, set[str]] = {}
    for route in found:
        for name, original in route.origin.items():
            said.setdefault(name, set()).add(_rule(route.operation.parameter(original)))
    return {
        name: next(iter(rules)) for name, rules in sorted(said.items()) if len(rules) == 1 and rules != {""}
    }


def _rule(parameter: Parameter | None) -> str:
    schema = parameter.schema if parameter is not None else ANYTHING
    if schema.values and all(isinstance(value, str) and _writable(value) for value in schema.values):
        return f"{{enum: [{', '.join(quoted(str(value)) for value in schema.values)}]}}"
    if schema.type == "integer" and (schema.least or 0) >= 0:
        return '{pattern: "[0-9]+"}'
    inner = schema.pattern.removeprefix("^").removesuffix("$")
    language = (
        pattern_language(schema.pattern)
        if schema.pattern.startswith("^") and inner != schema.pattern
        else None
    )
    if language is None or not schema.pattern.endswith("$") or "/" in inner:
        return ""
    return f"{{pattern: {quoted(inner)}}}"


def _writable(value: str) -> bool:
    return bool(value) and value.isprintable() and "/" not in value and bool(value.strip(". "))


def _hosts(operations: Sequence[Operation]) -> tuple[str, ...]:
    """Without https://; what no description names is for the author to fill in."""
    origins = dict.fromkeys(origin for operation in operations for origin in operation.origins)
    hosts = (origin.removeprefix("https://").lower() for origin in origins)
    return tuple(host for host in hosts if _HOST.fullmatch(host))


def _wrong(text: str, service: str) -> list[tuple[int | None, str]]:
    """What does not load, by line; else the examples that fail."""
    with tempfile.TemporaryDirectory(prefix="secondsig-draft-") as folder:
        file = Path(folder) / f"{service}.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            library = Library.load([file])
        except ConfigErrors as errors:
            return [(error.place.line if error.place else None, error.message) for error in errors.errors]
        failed = [result for result in library.examples() if not result.ok]
        return [(result.place.line, " ".join(result.wrong)) for result in failed]


def _leave_out(plan: Plan, wrong: Sequence[tuple[int | None, str]], lines: dict[int, int]) -> None:
    """First an entry loses what is read in its body, then its place; if none is to blame, params go."""
    named: dict[int, str] = {}
    for line, why in wrong:
        owner = lines.get(line or 0)
        if owner is not None:
            named.setdefault(owner, why)
    kept = []
    for index, entry in enumerate(plan.entries):
        if index not in named:
            kept.append(entry)
        elif entry.bodily:
            kept.append(replace(entry, bodily=False, telling=(), hidden=()))
        else:
            plan.left.append((entry.operation, named[index]))
    gone = {entry.id for entry in plan.entries} - {entry.id for entry in kept}
    plan.entries = [replace(e, over=tuple(name for name in e.over if name not in gone)) for e in kept]
    if not named:
        plan.params, plan.unclaimed = {}, frozenset(plan.kinds)
