"""An action of a template, read from its YAML and checked against the rest of its file."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Literal, cast

from gateway.errors import ConfigError, Place
from gateway.model import Bind, ContextValue, Risk, Undo
from gateway.templates.asking import Asking, merged, read_asking, read_bind, read_leaves
from gateway.templates.fields import Fields, items, members, scalar_text, suggestion, text, word
from gateway.templates.hosts import HostPattern
from gateway.templates.leaves import touches
from gateway.templates.matching import Match, read_match
from gateway.templates.params import Param
from gateway.templates.patterns import parse_path
from gateway.templates.resources import HOST, ResourceType
from gateway.templates.selectors import Capture, Source, looks_into, parse_selector
from gateway.templates.summary import Knows, Sentence, parse_summary
from gateway.templates.values import ContextField, read_context
from gateway.templates.view import View
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

GROUPS = ("access", "communicate", "content", "credential", "destructive", "execute", "payment", "publish")
SHOWN_AS = ("text", "base64-text", "diff", "json", "hex")
READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ID = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")

type Access = Literal["read", "write"]


@dataclass(frozen=True, slots=True)
class Action:
    """`match` None is what no other action matches; `resource` None is the deepest `at`, else the host."""

    id: str
    name: str
    title: str
    place: Place
    match: Match | None
    resource: str | None
    groups: tuple[str, ...]
    access: Access
    risk: Risk
    accepts_opaque: bool = False
    fields: tuple[ContextField, ...] = ()
    sentence: Sentence = field(default_factory=lambda: Sentence(()))
    asking: Asking = field(default_factory=Asking)
    bind: Bind = field(default_factory=Bind)
    redact: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    show: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    undo: Undo | None = None
    outcome: Mapping[str, ContextValue] | None = None
    over: tuple[tuple[str, Place], ...] = ()
    upgrade: frozenset[str] = frozenset()
    examples: tuple[Yaml, ...] = ()

    def sources(self) -> list[Source]:
        """Everything that the conditions and the context read."""
        conditions = (found.source for found in self.match.where) if self.match is not None else ()
        return [*conditions, *(source for each in self.fields for source in each.sources)]

    def reads_body(self, view: View) -> bool:
        """Do the conditions or the context look into this body? Raises where it cannot be read."""
        return any(looks_into(source, view) for source in self.sources())


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an action is read in: its service's hosts, params, resources and defaults."""

    service: str
    hosts: tuple[HostPattern, ...]
    params: Mapping[str, Param]
    resources: Mapping[str, ResourceType]
    defaults: Mapping[str, Yaml]
    accepts_opaque: bool


def read_action(node: Yaml, around: Surroundings) -> Action:
    fields = Fields(node, "The action")
    name = _id(fields.need("id"))
    fields.what = f'The action "{name}"'
    match = read_match(fields.need("match"), around.hosts, around.params, fields.get("query_only"))
    if match.paths is None:
        match = _anywhere(match)
    context = read_context(fields.get("context"))
    made = Action(
        id=name,
        name=f"/{around.service}/{name}",
        title=fields.text("title") or name.replace("/", " ").replace("_", " ").capitalize(),
        place=node.place,
        match=match,
        resource=_resource(fields.get("resource"), around),
        groups=tuple(dict.fromkeys(_group(item) for item in items(fields.get("groups")))),
        access=cast("Access", fields.word("access", ["read", "write"]) or _usual_access(match)),
        risk=Risk(fields.word("risk", list(Risk)) or "low"),
        accepts_opaque=fields.word("opaque_ids", ["accept"]) is not None or around.accepts_opaque,
        fields=context,
        sentence=_sentence(fields.need("summary"), match, context),
        asking=read_asking(merged(fields.get("approval"), around.defaults.get("approval"))),
        bind=read_bind(merged(fields.get("bind"), around.defaults.get("bind"))),
        redact=_leaves(fields, around, "redact"),
        secret=_leaves(fields, around, "secret"),
        show=_show(fields.get("show")),
        undo=_undo(fields.get("undo")),
        outcome=_outcome(fields.get("outcome")),
        over=tuple((scalar_text(item, '"over"'), item.place) for item in items(fields.get("over"))),
        upgrade=frozenset(word(item, '"upgrade"', ["websocket"]) for item in items(fields.get("upgrade"))),
        examples=tuple(items(fields.get("examples"))),
    )
    fields.finish()
    _check(made, around)
    _check_batch(made, fields.get("approval"))
    return made


def _anywhere(match: Match) -> Match:
    """Services such as AWS's say what they are asked for in other places than the path."""
    if not match.where:
        raise ConfigError(
            "An action without a path needs a condition.", match.place, 'Write match: {path: "/…"}.'
        )
    return replace(match, paths=tuple(parse_path(text, match.place, {}) for text in ("/", "/{any_path*}")))


def _id(node: Yaml) -> str:
    name = scalar_text(node, '"id"')
    if not _ID.fullmatch(name) or name.startswith("unmatched/"):
        raise ConfigError(f"{name!r} cannot be an action's id.", node.place, "Write it as repo/put_file.")
    return name


def _usual_access(match: Match) -> Access:
    """Rule 32: only where every method that matches reads by HTTP's own rules is it a read."""
    return "read" if match.methods is not None and match.methods <= READS else "write"


def _resource(node: Yaml | None, around: Surroundings) -> str | None:
    return None if node is None else word(node, "The resource", [*around.resources, HOST])


def _group(node: Yaml) -> str:
    name = scalar_text(node, "A group")
    if name in {"read", "write"}:
        raise ConfigError(f'"{name}" is not written as a group.', node.place, f"Write access: {name}.")
    return word(node, "A group", GROUPS)


def bound_names(match: Match) -> set[str]:
    """What the paths and hosts of an action may capture."""
    paths = {name for path in match.paths or () for name in path.names}
    return paths | {name for host in match.hosts for name in host.pattern.names}


def _sentence(node: Yaml, match: Match, context: tuple[ContextField, ...]) -> Sentence:
    known = {"host", *bound_names(match), *(each.name for each in context)}
    return parse_summary(text(node, '"summary"'), node.place, known, _currencies(context))


def _currencies(context: tuple[ContextField, ...]) -> Mapping[str, Knows]:
    return {each.name: each.money.rule for each in context if each.money is not None}


def _leaves(fields: Fields, around: Surroundings, what: str) -> tuple[str, ...]:
    nodes = [*items(around.defaults.get(what)), *items(fields.get(what))]
    return tuple(dict.fromkeys(read_leaves(nodes, what)))


def _show(node: Yaml | None) -> dict[str, tuple[str, str]]:
    made = {}
    for key, item in members(node, '"show"'):
        fields = Fields(item, f'"{key.text}" of "show"')
        (source,) = read_leaves([fields.need("from")], "shown")
        made[key.text] = (source, fields.word("as", SHOWN_AS) or "text")
        fields.finish()
    return made


def _undo(node: Yaml | None) -> Undo | None:
    if node is None:
        return None
    fields = Fields(node, '"undo"')
    how = word(fields.need("how"), '"how"', ["easy", "hard", "never"])
    made = Undo(cast('Literal["easy", "hard", "never"]', how), fields.text("note"))
    fields.finish()
    return made


def _outcome(node: Yaml | None) -> dict[str, ContextValue] | None:
    if node is None:
        return None
    fields = Fields(node, '"outcome"')
    wanted = fields.need("failed_when")
    fields.finish()
    made: dict[str, ContextValue] = {}
    for key, item in members(wanted, '"failed_when"'):
        if not key.text.startswith("json:"):
            raise ConfigError(
                f"{key.text!r} cannot be read in an answer.", key.place, "Name a place as json:/ok."
            )
        parse_selector(key.text, key.place)
        made[key.text] = item.value if isinstance(item.value, (bool, int)) else scalar_text(item, "A value")
    return made


def _check(action: Action, around: Surroundings) -> None:
    for each in action.fields:
        if isinstance(each.source, Capture) and each.source.name not in bound_names(_match(action)):
            known = bound_names(_match(action))
            raise ConfigError(
                f'"{each.name}" reads the capture "{each.source.name}", which no path has.',
                action.place,
                suggestion(each.source.name, known),
            )
    _check_resource(action, around)
    for source, _ in action.show.values():
        if any(touches(source, hidden) for hidden in action.secret):
            raise ConfigError(f'The action "{action.id}" shows {source!r}, which is secret.', action.place)
    for what, named in (
        ("volatile", action.bind.volatile),
        ("redacted", action.redact),
        ("secret", action.secret),
    ):
        _check_unused(action, what, named)


def _match(action: Action) -> Match:
    if action.match is None:
        raise AssertionError("only the actions for what is unmatched have no match")
    return action.match


def _check_resource(action: Action, around: Surroundings) -> None:
    if action.resource is None or action.resource == HOST:
        return
    known = {"host", *bound_names(_match(action)), *(each.name for each in action.fields)}
    ids = around.resources[action.resource].ids
    if not any(set(each.names) <= known for each in ids):
        missing = sorted(set(ids[0].names) - known)
        raise ConfigError(
            f'The action "{action.id}" has no {" and no ".join(missing)} to name its {action.resource} with.',
            action.place,
            "Capture it in the path or read it into the context.",
        )


def _check_batch(action: Action, approval: Yaml | None) -> None:
    """A misspelt name is never there, so nothing would be signed together; a default need not fit all."""
    batch = action.asking.batch
    if batch is None or approval is None or Fields(approval, '"approval"').get("batch") is None:
        return
    known = {"host", *bound_names(_match(action)), *(each.name for each in action.fields)}
    missing = sorted(set(batch.names) - known)
    if missing:
        raise ConfigError(
            f'The action "{action.id}" has no {" and no ".join(missing)} to name its batch with.',
            approval.place,
            "Capture it in the path or read it into the context.",
        )


def used_selectors(action: Action) -> Iterable[str]:
    """What match, resource, context and summary read: the last two through the context's fields."""
    yield from (found.source.text for found in _match(action).where)
    yield from (source.text for each in action.fields for source in each.sources)


def _check_unused(action: Action, what: str, named: tuple[str, ...]) -> None:
    for selector in named:
        for used in used_selectors(action):
            if not used.startswith(("path.", "host.", "body")) and touches(selector, used):
                raise ConfigError(
                    f'The action "{action.id}" reads {used!r}, which is {what} as {selector!r}.',
                    action.place,
                    "What decides or is shown in a summary is bound and seen: take it out of one of the two.",
                )
