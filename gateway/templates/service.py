"""One template file, read and checked: a service with its hosts, resources and actions in their order."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import rfc8785

from gateway.errors import ConfigError, Place
from gateway.model import Risk
from gateway.templates.action import Access, Action, Surroundings, read_action
from gateway.templates.asking import merged, read_asking, read_bind, read_leaves
from gateway.templates.decoding import Decoding, read_decoding
from gateway.templates.fields import Fields, Problems, items, members, text, whole
from gateway.templates.hosts import HostPattern, parse_service_host
from gateway.templates.index import Index
from gateway.templates.leaves import touches
from gateway.templates.matching import Match, both, common_path, within
from gateway.templates.order import ranked
from gateway.templates.params import Param, read_param
from gateway.templates.resources import Resources, ResourceType, read_resources
from gateway.templates.variables import read_variables
from gateway.templates.yaml12 import Yaml, parse_yaml
from gateway.values import dataclass

type Variables = Mapping[str, Mapping[str, object]]
"""What the operator sets, by service and variable."""


@dataclass(frozen=True)
class Service:
    """A template, ready to map requests. `host_patterns` are its hosts, then those only an action names."""

    name: str
    title: str
    version: str
    digest: str
    namespace: str
    hosts: tuple[str, ...]
    file: Path
    host_patterns: tuple[HostPattern, ...]
    resources: Resources
    decoding: Decoding
    actions: tuple[Action, ...]
    unmatched: Mapping[Access, Action]
    index: Index
    examples: tuple[Yaml, ...]
    place: Place


def load_service(file: Path, raw: bytes, variables: Variables) -> Service:
    """Raises ConfigErrors with all that is wrong, or ConfigError where the rest cannot be read for it."""
    return read_service(file, parse_yaml(raw, str(file)), raw, variables)


def read_service(file: Path, document: Yaml, raw: bytes, variables: Variables) -> Service:
    """The template that these bytes hold, read from a document made of them."""
    root = Fields(document, "The template")
    whole(root.need("format"), '"format"', 1, 1)
    name = _name(root, "service", r"[a-z][a-z0-9-]*", "github")
    given = variables.get(name, {})
    filled = read_variables(root.get("vars"), given, str(file)).fill
    reader = _Reader(root, name, filled)
    return reader.read(file, digest_of(name, raw, given))


def digest_of(name: str, raw: bytes, given: Mapping[str, object]) -> str:
    """Names the file's bytes and what the operator set in it."""
    parts = {"service": name, "file": hashlib.sha256(raw).hexdigest(), "variables": dict(given)}
    return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()  # type: ignore[arg-type]  # its alias is narrower


def _name(root: Fields, key: str, pattern: str, example: str) -> str:
    node = root.need(key)
    found = text(node, f'"{key}"')
    if not re.fullmatch(pattern, found):
        raise ConfigError(f"{found!r} cannot be a {key}.", node.place, f"Write it as {example}.")
    return found


class _Reader:
    """Reads part after part, so that one run finds the mistakes of all of them."""

    def __init__(self, root: Fields, name: str, filled: Callable[[Yaml], Yaml]) -> None:
        self.root, self.name, self.filled = root, name, filled
        self.problems = Problems()

    def get(self, key: str) -> Yaml | None:
        """A part of the template with its variables filled in; noted and missing where one is unknown."""
        node = self.root.get(key)
        return None if node is None else self.problems.attempt(self.filled, node)

    def read(self, file: Path, digest: str) -> Service:
        attempt = self.problems.attempt
        namespace = attempt(_name, self.root, "namespace", r"[A-Z][A-Za-z0-9]*", "GitHub") or "Unknown"
        version = attempt(_name, self.root, "version", r"[0-9]+\.[0-9]+\.[0-9]+", "1.0.0") or ""
        title = attempt(self.root.text, "title") or self.name
        around = self.surroundings()
        decoding = attempt(read_decoding, self.get("decode"), around.hosts, around.params) or Decoding(())
        actions = self.actions(around)
        unmatched = self.unmatched(around)
        examples = tuple(items(self.root.get("examples")))
        attempt(self.root.finish)
        attempt(_check_at, around)
        attempt(_check_decoded, decoding, (*actions, *unmatched.values()))
        attempt(_check_streams, decoding, actions)
        self.problems.raise_if_any()
        hosts = _all_hosts(around.hosts, actions)
        return Service(
            name=self.name,
            title=title,
            version=version,
            digest=digest,
            namespace=namespace,
            hosts=tuple(host.text for host in hosts),
            file=file,
            host_patterns=hosts,
            resources=Resources(namespace, around.resources),
            decoding=decoding,
            actions=tuple(actions),
            unmatched=unmatched,
            index=Index(actions),
            examples=examples,
            place=self.root.place,
        )

    def surroundings(self) -> Surroundings:
        attempt = self.problems.attempt
        params = self.params(self.get("params"))
        attempt(self.root.need, "hosts")
        hosts = [attempt(_host, node, params) for node in items(self.get("hosts"))]
        opaque = attempt(self.root.word, "opaque_ids", ["accept"])
        resources = attempt(read_resources, self.get("resources"), params)
        if resources is None:
            # Else every action would say once more that its resource is not known.
            self.problems.raise_if_any()
        return Surroundings(
            self.name,
            tuple(host for host in hosts if host is not None),
            params,
            resources or {},
            attempt(self.defaults) or {},
            opaque is not None,
        )

    def params(self, node: Yaml | None) -> dict[str, Param]:
        entries = self.problems.attempt(members, node, '"params"') or []
        read = {key.text: self.problems.attempt(read_param, key.text, item) for key, item in entries}
        return {name: param for name, param in read.items() if param is not None}

    def defaults(self) -> dict[str, Yaml]:
        node = self.get("defaults")
        if node is None:
            return {}
        fields = Fields(node, '"defaults"')
        found = {key: fields.get(key) for key in ("bind", "approval", "redact", "secret")}
        fields.finish()
        return {key: item for key, item in found.items() if item is not None}

    def actions(self, around: Surroundings) -> list[Action]:
        nodes = items(self.get("actions"))
        read = [self.problems.attempt(read_action, node, around) for node in nodes]
        actions = [action for action in read if action is not None]
        taken = _taken_ids(actions)
        self.problems.found.extend(taken)
        # What could not be read would make an "over" that names it look wrong.
        if taken or len(actions) < len(nodes):
            return actions
        in_order, wrong = ranked(actions)
        self.problems.found.extend(wrong)
        return in_order

    def unmatched(self, around: Surroundings) -> dict[Access, Action]:
        read = self.problems.attempt(_read_unmatched, self.get("unmatched"), self.root.place)
        made: dict[Access, Action] = {}
        for access, (risk, place) in (read or {}).items():
            action = self.problems.attempt(_unmatched, access, risk, place, around)
            if action is not None:
                made[access] = action
        return made


def _host(node: Yaml, params: Mapping[str, Param]) -> HostPattern:
    return parse_service_host(text(node, '"hosts"'), node.place, params)


def _taken_ids(actions: list[Action]) -> list[ConfigError]:
    first: dict[str, Action] = {}
    return [
        ConfigError(
            f'The id "{action.id}" is taken by line {first[action.id].place.line}.',
            action.place,
            "Give one of the two another id.",
        )
        for action in actions
        if first.setdefault(action.id, action) is not action
    ]


def _read_unmatched(node: Yaml | None, place: Place) -> dict[Access, tuple[Risk, Place]]:
    """The floors for what no action names: unless the template says otherwise, changes step up."""
    made: dict[Access, tuple[Risk, Place]] = {"read": (Risk.LOW, place), "write": (Risk.STEP_UP, place)}
    if node is None:
        return made
    fields = Fields(node, '"unmatched"')
    for access, (usual, _) in tuple(made.items()):
        made[access] = (Risk(fields.word(access, list(Risk)) or usual), fields.place_of(access))
    fields.finish()
    return made


def _unmatched(access: Access, risk: Risk, place: Place, around: Surroundings) -> Action:
    defaults = around.defaults
    return Action(
        id=f"unmatched/{access}",
        name=f"/{around.service}/unmatched/{access}",
        title="A read that no action names" if access == "read" else "A change that no action names",
        place=place,
        match=None,
        resource=None,
        groups=("unmatched",),
        access=access,
        risk=risk,
        accepts_opaque=around.accepts_opaque,
        asking=read_asking(merged(None, defaults.get("approval"))),
        bind=read_bind(merged(None, defaults.get("bind"))),
        redact=read_leaves(items(defaults.get("redact")), "redact"),
        secret=read_leaves(items(defaults.get("secret")), "secret"),
    )


def _all_hosts(hosts: tuple[HostPattern, ...], actions: list[Action]) -> tuple[HostPattern, ...]:
    own = [host for action in actions if action.match for host in action.match.hosts]
    return tuple({(host.scheme, host.text, host.port): host for host in (*hosts, *own)}.values())


def _check_at(around: Surroundings) -> None:
    """Two resources must not claim one path with equal right."""
    every = [(kind, pattern) for kind in around.resources.values() for pattern in kind.at]
    for index, (kind, pattern) in enumerate(every):
        for other_kind, other in every[index + 1 :]:
            if kind.name == other_kind.name:
                continue
            one, two = (Match(at.place, None, (), (at,)) for at in (pattern, other))
            if len(pattern.segments) == len(other.segments) and within(one, two) is within(two, one):
                _refuse_overlap(one, two, kind, other_kind)


def _check_decoded(decoding: Decoding, actions: tuple[Action, ...]) -> None:
    """What decides how a body is read decides what it means."""
    for rule in decoding.special:
        for condition in rule.at.where if rule.at is not None else ():
            for action in actions:
                if any(touches(selector, condition.source.text) for selector in action.bind.volatile):
                    message = f'A decode rule reads {condition.source.text!r}, volatile in "{action.id}".'
                    raise ConfigError(message, rule.place, "Take it out of volatile.")


def _check_streams(decoding: Decoding, actions: list[Action]) -> None:
    """Nobody looks into a stream: an action that always would have to could only ever be refused."""
    for action in actions:
        sources = [source for source in action.sources() if source.reads_body]
        if sources and action.match is not None and _is_streamed(decoding, action.match):
            raise ConfigError(
                f'The action "{action.id}" reads {sources[0].text!r} in a body that is a stream.',
                action.place,
                "Read a header or the path, or give the body another reader.",
            )


def _is_streamed(decoding: Decoding, match: Match) -> bool:
    """Is the body of each of this action's requests a stream?"""
    if not decoding.general.is_stream and not any(rule.rule.is_stream for rule in decoding.special):
        return False
    special = [rule for rule in decoding.special if rule.at is not None and both(match, rule.at) is not None]
    if any(rule.at is not None and within(match, rule.at) and rule.rule.is_stream for rule in special):
        return all(rule.rule.is_stream for rule in special)
    return decoding.general.is_stream and all(rule.rule.is_stream for rule in special)


def _refuse_overlap(one: Match, two: Match, kind: ResourceType, other: ResourceType) -> None:
    path = common_path(one.paths, two.paths)
    if path is not None:
        raise ConfigError(
            f"{kind.name} and {other.name} both claim {path}.", two.place, "Narrow one of the two."
        )
