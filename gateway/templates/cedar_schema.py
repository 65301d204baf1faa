"""The Cedar schema of the enabled templates: a misspelt action or attribute in a policy becomes an error."""

import json
from collections.abc import Collection, Iterable
from functools import lru_cache

from gateway.templates.action import Action
from gateway.templates.resources import HOST, ResourceType
from gateway.templates.service import Service
from gateway.templates.values import ContextField

GROUPS = (
    "access", "communicate", "content", "credential", "destructive", "execute", "payment", "publish", "read",
    "unmatched", "write",
)  # fmt: skip

BASE = (
    ("approvals", "Long"),
    ("break_glass", "Bool"),
    ("cosigner", "Bool"),
    ("delegate", "Bool"),
    ("grant", "Bool"),
    ("host", "String"),
    ("intent_risk", "String"),
    ("method", "String"),
    ("now", "Now"),
    ("purpose?", "String"),
    ("recent", "Recent"),
    ("requester_ip", "ipaddr"),
    ("risk", "String"),
    ("units", "Long"),
)
"""What the gateway puts into every context."""

HEAD = """\
type Money = { currency: String, minor: Long };
type Recent = {
  action_day: Long, action_hour: Long, questions_hour: Long, requests_day: Long, requests_hour: Long
};
type Spent = { day: Long, hour: Long };
type Now = { day_of_week: Long, epoch: Long, hour: Long };
entity Limits tags Long;
entity Team in [Team];
entity Agent in [Team] { limits?: Limits };
entity Group;
entity Person in [Group];
entity Program;
entity Envelope { action: String, agent: Agent, groups: Set<String>, has_money: Bool, intent_risk: String, \
money?: Money, quorum: Long, resource: String, risk: String, service: String, team?: Team };
action "approve" appliesTo { principal: [Person], resource: [Envelope], \
context: { break_glass: Bool, owner: Bool, signer: Person, waited: Long } };
action "delegate" appliesTo { principal: [Program], resource: [Envelope], context: { verb: String } };
"""

_TYPES = {
    "string": "String",
    "int": "Long",
    "bool": "Bool",
    "money": "Money",
    "set": "Set<String>",
    "count": "Long",
}


def cedar_schema(services: Iterable[Service], only: Collection[str] | None = None) -> str:
    """Actions with equal contexts share one type: parsing is several times faster so.

    With `only`, no other actions are in it: enough to ask about those, not to check policies.
    """
    contexts: dict[str, str] = {}
    parts = [HEAD, *(f"action {_quoted(group)};\n" for group in GROUPS)]
    for service in services:
        parts.append(_namespace(service))
        parts.append(f"action {_quoted(f'/{service.name}')};\n")
        parts += [
            _action(service, action, contexts)
            for action in _every(service)
            if only is None or action.name in only
        ]
    parts += [f"type {name} = {{ {text} }};\n" for text, name in contexts.items()]
    return "".join(parts)


def _every(service: Service) -> list[Action]:
    return sorted((*service.actions, *service.unmatched.values()), key=lambda action: action.name)


def _namespace(service: Service) -> str:
    kinds = "".join(_entity(kind) for kind in service.resources.types.values())
    return f"namespace {service.namespace} {{\n{kinds}  entity {HOST};\n}}\n"


def _entity(kind: ResourceType) -> str:
    above = f" in [{', '.join(kind.parents)}]" if kind.parents else ""
    attributes = ", ".join(
        f"{_quoted(name)}?: {_TYPES[type_]}" for name, type_ in sorted(kind.attributes.items())
    )
    return f"  entity {kind.name}{above}{f' {{ {attributes} }}' if attributes else ''};\n"


def _action(service: Service, action: Action, contexts: dict[str, str]) -> str:
    groups = ", ".join(
        _quoted(group) for group in sorted({f"/{service.name}", action.access, *action.groups})
    )
    types = ", ".join(resource_types(service, action))
    text = _context(action.fields)
    context = contexts.setdefault(text, f"Ctx{len(contexts) + 1}")
    applies = f"principal: [Agent], resource: [{types}], context: {context}"
    return f"action {_quoted(action.name)} in [{groups}] appliesTo {{ {applies} }};\n"


def _context(fields: tuple[ContextField, ...]) -> str:
    own = [(f"{each.name}{'' if each.required else '?'}", _TYPES[each.type]) for each in fields]
    if any((each.name, each.type) == ("money", "money") for each in fields):
        own.append(("spent?", "Spent"))
    return ", ".join(text for _, text in sorted((*_BASE, *map(_declared, own))))


@lru_cache(4096)
def _declared(field: tuple[str, str]) -> tuple[tuple[str, str], str]:
    """The same few stand in thousands of actions."""
    return field, f"{_name(field[0])}: {field[1]}"


def _name(name: str) -> str:
    """Quoted, because a context field may be called like a word of Cedar's own."""
    return f"{_quoted(name.removesuffix('?'))}{'?' if name.endswith('?') else ''}"


def resource_types(service: Service, action: Action) -> tuple[str, ...]:
    """The one that is named, or all that an `at` can give, and the host."""
    full = service.resources.full
    if action.resource is not None:
        return (full[action.resource],)
    return (*(full[kind.name] for kind in service.resources.types.values() if kind.at), full[HOST])


@lru_cache(16_384)
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_BASE = tuple(map(_declared, BASE))
