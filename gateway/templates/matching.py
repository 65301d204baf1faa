"""What a request must be for an action or a decode rule to apply, and how two such descriptions compare."""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

from gateway.errors import ConfigError, Place
from gateway.templates.conditions import ABSENT, ANYTHING, Condition, ValueSet, all_hold, read_where
from gateway.templates.fields import Fields, items, scalar_text, text
from gateway.templates.hosts import HostPattern, parse_service_host
from gateway.templates.language import Language, escape, overlap
from gateway.templates.params import Param
from gateway.templates.patterns import SEPARATOR, Pattern, Segment, parse_path
from gateway.templates.reading import key_tokens
from gateway.templates.segments import (
    NotAlike,
    bare,
    common_segments,
    escaping_segments,
    plain,
    segment_overlap,
    segment_within,
)
from gateway.templates.selectors import BodyPresence, FormPlace, JsonPlace, QueryPlace
from gateway.templates.view import View
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")


@dataclass(frozen=True, slots=True)
class Match:
    """Methods None is any method; paths None is any path. `hosts` are the service's where none are named."""

    place: Place
    methods: frozenset[str] | None
    hosts: tuple[HostPattern, ...]
    paths: tuple[Pattern, ...] | None
    where: tuple[Condition, ...] = ()
    query_only: frozenset[str] | None = None

    def conditions_hold(self, view: View) -> bool:
        """Raises the refusal where that is unknown."""
        if self.query_only is not None and not all(
            key_tokens(key)[0] in self.query_only for key, _ in view.query
        ):
            return False
        return all_hold(self.where, view)

    def set_of(self, selector: str) -> ValueSet:
        return next((found.allowed for found in self.where if found.source.text == selector), ANYTHING)


def read_match(
    node: Yaml, hosts: tuple[HostPattern, ...], params: Mapping[str, Param], query_only: Yaml | None = None
) -> Match:
    fields = Fields(node, '"match"')
    method, host, path = fields.get("method"), fields.get("host"), fields.get("path")
    where = fields.get("where")
    fields.finish()
    own = tuple(parse_service_host(text(item, '"host"'), item.place, params) for item in items(host))
    paths = tuple(parse_path(text(item, '"path"'), item.place, params) for item in items(path))
    keys = (
        None
        if query_only is None
        else frozenset(scalar_text(item, "A query key") for item in items(query_only))
    )
    return Match(
        node.place,
        frozenset(_method(item) for item in items(method)) or None,
        hosts if host is None else own,
        paths or None,
        read_where(where),
        keys,
    )


def _method(node: Yaml) -> str:
    name = scalar_text(node, '"method"')
    if not name.isascii() or not name.isalpha() or name != name.upper():
        raise ConfigError(f"{name!r} is not a method.", node.place, f"Known are: {', '.join(METHODS)}.")
    return name


@dataclass(frozen=True, slots=True)
class Witness:
    """A request that two descriptions both match."""

    method: str
    url: str
    conditions: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([self.method, self.url, *(f"with {condition}" for condition in self.conditions)])


def within(inner: Match, outer: Match) -> bool:
    """Sure that every request of inner is one of outer's."""
    if outer.methods is not None and (inner.methods is None or not inner.methods <= outer.methods):
        return False
    if not _hosts_within(inner.hosts, outer.hosts):
        return False
    if not _paths_within(inner.paths, outer.paths):
        return False
    if outer.query_only is not None and (
        inner.query_only is None or not inner.query_only <= outer.query_only
    ):
        return False
    return all(found.allowed.contains(inner.set_of(found.source.text)) for found in outer.where)


def _hosts_within(inner: tuple[HostPattern, ...], outer: tuple[HostPattern, ...]) -> bool:
    return inner is outer or all(any(host_within(a, b) for b in outer) for a in inner)


def host_within(inner: HostPattern, outer: HostPattern) -> bool:
    if (inner.scheme, inner.port) != (outer.scheme, outer.port):
        return False
    if inner.text == outer.text:
        return True
    first, second = inner.pattern.segments, outer.pattern.segments
    return not _plainly_apart(first, second) and _labels_within(first, second)


def _plainly_apart(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> bool:
    """Some label is one word here and another word there: seen at a glance, and so for most hosts."""
    return any(
        a.literal is not None and b.literal is not None and a.literal != b.literal
        for a, b in zip(reversed(first), reversed(second), strict=False)
    )


@lru_cache(maxsize=65_536)
def _labels_within(inner: tuple[Segment, ...], outer: tuple[Segment, ...]) -> bool:
    """Hosts are few and stand in many actions."""
    if _labels_apart(inner, outer) or _labels_beyond(inner, outer):
        return False
    if _label_by_label(inner, outer):
        return True
    return escape(_labels(inner), _labels(outer)) is None


def _labels_beyond(inner: tuple[Segment, ...], outer: tuple[Segment, ...]) -> bool:
    """Sure that some name is not one of the other's: it has more labels, or any text where that has one."""
    if inner[0].star and not outer[0].star:
        return True
    aligned = zip(reversed(inner), reversed(outer), strict=False)
    return any(b.literal is not None and a.param is not None and a.param.language is None for a, b in aligned)


def _label_by_label(inner: tuple[Segment, ...], outer: tuple[Segment, ...]) -> bool:
    """Sure that each label is one of the other's."""
    if inner == outer:
        return True
    if len(inner) != len(outer) or inner[0].star:
        return False
    return all(a == b or plain(b) for a, b in zip(inner, outer, strict=True))


def _labels(segments: tuple[Segment, ...]) -> Language:
    return Pattern("", Place(""), segments, ".").language


def _labels_apart(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> bool:
    """Sure that no name is both, as far as single labels tell; a star can only be the leftmost label."""
    if len(first) != len(second) and not (first[0].star or second[0].star):
        return True
    return any(_label_apart(a, b) for a, b in zip(reversed(first), reversed(second), strict=False))


@lru_cache(maxsize=65_536)
def _label_apart(first: Segment, second: Segment) -> bool:
    """Sure that no label is both; labels are few and short, and names are made of them."""
    if first.star or second.star:
        return False
    for one, two in ((first, second), (second, first)):
        if one.literal is not None:
            return two.take(one.literal) is None
    return overlap(first.language("."), second.language(".")) is None


@lru_cache(maxsize=65_536)
def _common_labels(first: tuple[Segment, ...], second: tuple[Segment, ...]) -> str | None:
    return None if _labels_apart(first, second) else overlap(_labels(first), _labels(second))


def _paths_within(inner: tuple[Pattern, ...] | None, outer: tuple[Pattern, ...] | None) -> bool:
    if outer is None or inner is None:
        return outer is None
    return all(any(path_within(a, b) for b in outer) for a in inner)


def path_within(inner: Pattern, outer: Pattern) -> bool:
    if inner.star is None and outer.star is None:
        return len(inner.segments) == len(outer.segments) and all(
            segment_within(a, b) for a, b in zip(inner.segments, outer.segments, strict=True)
        )
    try:
        return escaping_segments(inner, outer) is None
    except NotAlike:
        alike = _alike(inner, outer)
    return escape(inner.language_from(alike), outer.language_from(alike)) is None


def _alike(first: Pattern, second: Pattern) -> int:
    """How many leading segments are the same in both: what follows them decides, and compares faster."""
    count = 0
    for a, b in zip(first.segments[:-1], second.segments[:-1], strict=False):
        if a != b or a.star:
            break
        count += 1
    return count


def both(first: Match, second: Match) -> Witness | None:
    """A request that both match, or None if there is none."""
    methods = _common_methods(first.methods, second.methods)
    if not methods:
        return None
    host = next((common for a in first.hosts for b in second.hosts if (common := common_host(a, b))), None)
    if host is None:
        return None
    path = common_path(first.paths, second.paths)
    if path is None:
        return None
    conditions = _common_conditions(first, second)
    return None if conditions is None else Witness(methods[0], f"{host}{path}", conditions)


def _common_methods(first: frozenset[str] | None, second: frozenset[str] | None) -> list[str]:
    if first is None or second is None:
        return sorted(first or second or {"GET"})
    return sorted(first & second)


def common_host(first: HostPattern, second: HostPattern) -> str | None:
    """Scheme, host and port that both serve."""
    if (first.scheme, first.port) != (second.scheme, second.port):
        return None
    if first.exact and second.exact:
        return first.origin(first.text) if first.text == second.text else None
    common = _common_labels(first.pattern.segments, second.pattern.segments)
    return None if common is None else first.origin(common)


def common_path(first: tuple[Pattern, ...] | None, second: tuple[Pattern, ...] | None) -> str | None:
    if first is None or second is None:
        return next(iter(_sample(pattern) for pattern in first or second or ()), "/")
    return next((found for a in first for b in second if (found := _path_overlap(a, b)) is not None), None)


def _sample(pattern: Pattern) -> str:
    return _written((overlap(pattern.language, pattern.language) or "").split(SEPARATOR))


def _written(segments: list[str]) -> str:
    return "/" + "/".join(quote(segment, safe=":@!$&'()*+,=") for segment in segments)


def _path_overlap(first: Pattern, second: Pattern) -> str | None:
    for a, b in zip(first.segments, second.segments, strict=False):
        if a.star or b.star:
            break
        if a.param is None and b.take(a.literal or "") is None:
            return None
        if b.param is None and a.take(b.literal or "") is None:
            return None
        if _apart(a, b):
            return None
    if first.star is None and second.star is None:
        if len(first.segments) != len(second.segments):
            return None
        shared = [segment_overlap(a, b) for a, b in zip(first.segments, second.segments, strict=True)]
        return None if None in shared else _written([segment for segment in shared if segment is not None])
    try:
        found = common_segments(first, second)
    except NotAlike:
        return _written_overlap(first, second)
    return None if found is None else _written(found)


def _written_overlap(first: Pattern, second: Pattern) -> str | None:
    """The same, sign by sign."""
    alike = _alike(first, second)
    text = overlap(first.language_from(alike), second.language_from(alike))
    before = [segment_overlap(segment, segment) or "" for segment in first.segments[:alike]]
    return None if text is None else _written([*before, *text.split(SEPARATOR)])


def _apart(first: Segment, second: Segment) -> bool:
    """Sure that no segment is both, as far as the params' own languages tell."""
    if first.param is None or second.param is None or not (bare(first) and bare(second)):
        return False
    one, two = first.param.language, second.param.language
    return one is not None and two is not None and one is not two and _disjoint(one, two)


@lru_cache(maxsize=1024)
def _disjoint(first: Language, second: Language) -> bool:
    return overlap(first, second) is None


def _common_conditions(first: Match, second: Match) -> tuple[str, ...] | None:
    written = []
    for selector in sorted({found.source.text for found in (*first.where, *second.where)}):
        shared = first.set_of(selector).shared(second.set_of(selector))
        if shared is None:
            return None
        written.append(f"{selector} {'absent' if shared == ABSENT else shared[2:] or 'present'}")
    if _query_bars(first, second) or _query_bars(second, first) or _body_bars(first, second):
        return None
    return tuple(written)


def _query_bars(first: Match, second: Match) -> bool:
    """Does one need a query key that the other may not carry?"""
    only = second.query_only
    return only is not None and any(
        isinstance(found.source, QueryPlace)
        and not found.allowed.has(ABSENT)
        and found.source.tokens[0] not in only
        for found in first.where
    )


def _body_bars(first: Match, second: Match) -> bool:
    """Does one need no body and the other a value in it?"""
    conditions = (*first.where, *second.where)
    bodyless = any(isinstance(c.source, BodyPresence) and c.allowed.has(ABSENT) for c in conditions)
    return bodyless and any(
        isinstance(c.source, (JsonPlace, FormPlace)) and not c.allowed.has(ABSENT) for c in conditions
    )
