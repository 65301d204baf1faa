"""Writes a draft as YAML, a line for each thing that an author will read, with the reason beside it."""

import json
import re
from dataclasses import field
from typing import Any
from urllib.parse import quote

from gateway.authoring.fields import Telling
from gateway.authoring.naming import Kind, Route
from gateway.authoring.operations import ANYTHING, Operation
from gateway.authoring.samples import body_for, text_for
from gateway.authoring.sentences import plain, sentence
from gateway.authoring.words import Proposal
from gateway.values import dataclass

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Entry:
    """One action of the draft, before it is written."""

    route: Route
    id: str
    proposal: Proposal
    kind: Kind | None
    telling: tuple[Telling, ...]
    hidden: tuple[tuple[str, str], ...]
    over: tuple[str, ...] = ()
    bodily: bool = True

    @property
    def operation(self) -> Operation:
        return self.route.operation


@dataclass
class Plan:
    service: str
    namespace: str
    title: str
    hosts: tuple[str, ...]
    entries: list[Entry]
    kinds: dict[str, Kind]
    params: dict[str, str]
    unclaimed: frozenset[str] = frozenset()
    left: list[tuple[Operation, str]] = field(default_factory=list)


_NO_TEXT = frozenset({"null", "true", "false"})


def quoted(value: Any) -> str:
    """A value as JSON, which is YAML as well once what YAML will not see bare is escaped."""
    return "".join(c if c.isprintable() else _escaped(c) for c in json.dumps(value, ensure_ascii=False))


def word(name: str) -> str:
    """A name as it stands, or quoted where YAML reads another kind of value in it."""
    return quoted(name) if name.lower() in _NO_TEXT or not name[:1].isalpha() else name


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004  # half a character
        return "\ufffd"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # what four digits write


def written(plan: Plan) -> tuple[str, dict[int, int]]:
    """The file, and which lines belong to which entry."""
    head = _head(plan)
    lines, owner = head, dict[int, int]()
    for index, entry in enumerate(plan.entries):
        block = _action(plan, entry)
        owner |= dict.fromkeys(range(len(lines) + 1, len(lines) + len(block) + 1), index)
        lines += block
    lines.append("unmatched: {read: low, write: step_up}")
    if plan.left:
        lines.append("# Left out of this draft:")
        lines += [
            f"# {operation.method} {plain(operation.path)}: {plain(why)}" for operation, why in plan.left
        ]
    return "\n".join(lines) + "\n", owner


def _head(plan: Plan) -> list[str]:
    hosts = plan.hosts or ("api.example.com",)
    lines = [
        "# A draft: ids are for ever, so settle them first. Then read every risk; each has its reason.",
        "format: 1",
        f"service: {word(plan.service)}",
        f"namespace: {word(plan.namespace)}",
        "version: 0.1.0",
        f"title: {quoted(plan.title)}",
        f"hosts: [{', '.join(quoted(host) for host in hosts)}]"
        + ("" if plan.hosts else "    # the description names none: write the real one here"),
    ]
    if plan.params:
        lines += ["params:", *(f"  {word(name)}: {rule}" for name, rule in plan.params.items())]
    if plan.kinds:
        lines += ["resources:", *(_kind(plan, kind) for kind in plan.kinds.values())]
    bodies = sorted(
        {
            entry.operation.body.content_type.partition(";")[0].strip().lower()
            for entry in plan.entries
            if entry.operation.body is not None and entry.operation.body.content_type.endswith("+json")
        }
    )
    if bodies:
        also = "".join(f"{quoted(kind)}: json, " for kind in bodies)
        lines += [
            "decode:",
            f'  - body: {{application/json: json, {also}{FORM}: form, "*": opaque}}',
        ]
    return [*lines, "actions:" if plan.entries else "actions: []"]


def _kind(plan: Plan, kind: Kind) -> str:
    name = "/".join(f"{{{each}}}" for each in kind.names)
    above = f", in: [{plan.kinds[kind.above].name}]" if kind.above else ""
    at = "" if kind.at in plan.unclaimed else f", at: [{quoted(kind.at)}]"
    return f"  {word(kind.name)}: {{id: {quoted(name)}{above}{at}}}"


def _action(plan: Plan, entry: Entry) -> list[str]:
    operation, proposal = entry.operation, entry.proposal
    lines = [
        f"  - id: {word(entry.id)}",
        f"    title: {quoted(plain(operation.summary)[:80] or re.sub('[/_]', ' ', entry.id))}",
        f"    match: {{method: {operation.method}, path: {quoted(entry.route.path)}}}",
    ]
    if entry.kind is not None:
        lines.append(f"    resource: {entry.kind.name}")
    if proposal.groups:
        why = "; ".join(
            f"{group}: {reason}" for group, reason in zip(proposal.groups, proposal.why, strict=True)
        )
        lines.append(f"    groups: [{', '.join(proposal.groups)}]    # {plain(why)}")
    lines.append(f"    risk: {proposal.risk}    # {plain(proposal.why_risk)}")
    if entry.over:
        lines.append(f"    over: [{', '.join(entry.over)}]    # both match some paths; this one says more")
    if entry.telling:
        lines.append(f"    context: {{{', '.join(each.written for each in entry.telling)}}}")
    lines.append(f"    summary: {quoted(sentence(operation, entry.route, entry.id, entry.telling))}")
    if proposal.irreversible:
        lines.append("    undo: {how: never}    # the description says so")
    for what in ("secret", "redact"):
        named = [quoted(selector) for kind, selector in entry.hidden if kind == what]
        if named:
            lines.append(f"    {what}: [{', '.join(named)}]    # by their names")
    return [*lines, "    examples:", f"      - {_example(plan, entry)}"]


def _example(plan: Plan, entry: Entry) -> str:
    body = _example_body(entry) if entry.bodily else ""
    host = (plan.hosts or ("api.example.com",))[0]
    url = (host if "://" in host else f"https://{host}") + _example_path(entry)
    request = f"{{method: {entry.operation.method}, url: {quoted(url)}{body}}}"
    return (
        f"{{request: {request}, expect: {{action: /{plan.service}/{entry.id}, risk: {entry.proposal.risk}}}}}"
    )


def _example_path(entry: Entry) -> str:
    parts = []
    for segment in entry.route.segments:
        before, mark, rest = segment.partition("{")
        name = rest.partition("}")[0].rstrip("*")
        value = quote(_example_value(entry, name), safe=":@!$&'()*+,=") if mark else ""
        parts.append(before + value + rest.partition("}")[2])
    return "/" + "/".join(parts)


def _example_value(entry: Entry, name: str) -> str:
    parameter = entry.operation.parameter(entry.route.origin[name])
    return text_for(name, parameter.schema if parameter is not None else ANYTHING)


def _example_body(entry: Entry) -> str:
    body = entry.operation.body
    if body is None or entry.operation.method in {"GET", "HEAD", "OPTIONS", "TRACE"}:
        return ""
    made: Any = body_for(body.schema)
    members = made if isinstance(made, dict) else {}
    members |= {each.key: each.example for each in entry.telling if each.key not in members}
    if any(each.name == "money" for each in entry.telling):
        members["currency"] = "usd"
    if "json" in body.content_type:
        kind = body.content_type.partition(";")[0].strip().lower()
        headers = "" if kind == "application/json" else f", headers: {{content-type: {quoted(kind)}}}"
        whole = members if isinstance(made, dict) else made
        return f", json: {quoted(whole)}{headers}" if whole is not None else ""
    if "x-www-form-urlencoded" in body.content_type:
        flat = {name: str(value) for name, value in members.items() if isinstance(value, (str, int))}
        return f", form: {quoted(flat)}" if flat else ""
    return ""
