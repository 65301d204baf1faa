"""Which risky actions have an example of what they must not match."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from gateway.authoring.subjects import child
from gateway.errors import ConfigError, ConfigErrors, Refusal
from gateway.model import Request, Risk
from gateway.templates.action import Action
from gateway.templates.examples import read_request
from gateway.templates.fields import items
from gateway.templates.matching import METHODS
from gateway.templates.paths import parse_path, split_target
from gateway.templates.service import Service
from gateway.templates.yaml12 import Yaml

RISKY = frozenset({"access", "credential", "destructive", "payment", "publish"})


def without_negative(service: Service, actions: Sequence[Action]) -> list[Action]:
    """Risky actions that no example tells apart from anything."""
    risky = [each for each in actions if each.risk is not Risk.LOW or RISKY & set(each.groups)]
    open_ = [action for action in risky if not any(_denies(node, action) for node in action.examples)]
    if not open_:
        return []
    elsewhere = _denied_elsewhere(service)
    return [action for action in open_ if action.name not in elsewhere]


def expected(node: Yaml) -> Iterator[tuple[str | None, str | None]]:
    """Of each expected unit its action, and the reason of its refusal."""
    for expect in items(child(node, "expect")):
        yield _text(child(expect, "action")), _text(child(expect, "refused"))


def _text(node: Yaml | None) -> str | None:
    return node.value if node is not None and isinstance(node.value, str) else None


def _denies(node: Yaml, action: Action) -> bool:
    """Does this example say that a request is not this action's?"""
    named = _named(node)
    return named is not None and action.name not in named


def _named(node: Yaml) -> frozenset[str] | None:
    """The actions that an example says a request is, none if it is refused; None where it does not say."""
    found = list(expected(node))
    if any(reason is not None for _, reason in found):
        return frozenset()
    return frozenset(name for name, _ in found if name is not None) or None


def _denied_elsewhere(service: Service) -> set[str]:
    """Actions near which an example of another one, or of the whole file, goes somewhere else."""
    nodes = [*service.examples, *(node for action in service.actions for node in action.examples)]
    found: set[str] = set()
    near: dict[str, frozenset[str]] = {}
    for node in nodes:
        request, named = _request(node), _named(node)
        if request is None or named is None:
            continue
        path = split_target(request.target)[0]
        if path not in near:
            near[path] = frozenset(action.name for action in _near(service, path))
        found |= near[path] - named
    return found


def _request(node: Yaml) -> Request | None:
    written = child(node, "request")
    try:
        return None if written is None else read_request(written)
    except (ConfigError, ConfigErrors, ValueError):
        return None


def _near(service: Service, path: str) -> Iterable[Action]:
    """Whatever a path leads to by any method, doubtful segments read as if they were plain."""
    try:
        segments = parse_path(path)
    except Refusal:
        plain = (unquote(segment) for segment in path.split("/")[1:])
        segments = ["x1" if "/" in segment or not segment.strip(". ") else segment for segment in plain]
    hits = (hit for method in METHODS for hit in service.index.find(method, segments))
    return {hit.leaf.action.id: hit.leaf.action for hit in hits}.values()
