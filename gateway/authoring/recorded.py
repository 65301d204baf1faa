"""Operations from what was seen: a HAR file, or requests that went unmatched. Values seen are never kept.

A draft may be shared; what was recorded may be secret. So only the names of fields and the words of paths
come through, and each identifier becomes a capture with a made-up value.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.authoring.loose import mapping, sequence, words
from gateway.authoring.naming import snake
from gateway.authoring.operations import Body, Description, Operation, Parameter, Schema
from gateway.authoring.words import singular
from gateway.errors import ConfigError, Place
from gateway.values import dataclass

type Tick = Callable[[str, int, int], None]

MANY_WORDS = 5
"""From so many different words in one place on, they are names of things."""
MAX_MEMBERS = 200
_VERSION = re.compile(r"v[0-9]+([._][0-9]+)?|[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_STATIC = re.compile(r"\.(?:js|css|map|png|jpe?g|gif|svg|ico|woff2?|ttf|webp|mp4|html?)$", re.IGNORECASE)
_METHOD = re.compile(r"[A-Z]{3,7}")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: where it went, and the shape of its body."""

    method: str
    origin: str
    path: str
    body: Body | None = None


@dataclass
class _Node:
    """One place in the paths that were seen, and what came below it."""

    below: dict[str, "_Node"] = field(default_factory=dict)


def is_identifier(segment: str) -> bool:
    """Does it look like the name of one thing, and not like a word of the API?"""
    text = unquote(segment)
    if _VERSION.fullmatch(text):
        return False
    if _UUID.fullmatch(text) or text.isdigit() or "@" in text or text != segment:
        return True
    digits = sum(c.isdigit() for c in text)
    if re.fullmatch(r"[0-9a-f]{7,}", text) and digits:
        return True
    # ch_3Nf9, 01HV…: digits among letters; but not s3, oauth2, 2fa.
    return len(text) >= 6 and digits >= 2 or len(text) > 24 and not re.search(r"[-_.]", text)  # noqa: PLR2004, RUF021


def describe_seen(seen: Sequence[Seen], title: str, tick: Tick = lambda *_: None) -> Description:
    """One operation for each pattern of URLs, in the order in which they were first seen."""
    grouped: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    tree = _tree(seen)
    for done, each in enumerate(seen, 1):
        grouped[each.method, _pattern(each, tree)].append(each)
        tick("Grouping requests", done, len(seen))
    operations = tuple(_operation(method, path, found) for (method, path), found in grouped.items())
    return Description(title, "", operations)


def _tree(seen: Iterable[Seen]) -> _Node:
    root = _Node()
    for each in seen:
        node = root
        for segment in each.path[1:].split("/"):
            node = node.below.setdefault("{}" if is_identifier(segment) else segment, _Node())
    return root


def _pattern(each: Seen, root: _Node) -> str:
    node, made, names = root, list[str](), list[str]()
    for segment in each.path[1:].split("/"):
        key = "{}" if is_identifier(segment) else segment
        if key == "{}" or _holds_names(node):
            before = next((part for part in reversed(made) if "{" not in part), "")
            name = _name(before, names)
            names.append(name)
            made.append(f"{{{name}}}")
        else:
            made.append(segment)
        node = node.below[key]
    return "/" + "/".join(made)


def _holds_names(node: _Node) -> bool:
    """Many words in one place, alike in what comes below them, are names that somebody chose."""
    words_here = [name for name in node.below if name not in {"{}", ""}]
    if len(words_here) < MANY_WORDS:
        return False
    shapes = Counter(frozenset(node.below[name].below) for name in words_here)
    shape, alike = shapes.most_common(1)[0]
    return alike * 2 > len(words_here) and (bool(shape) or "{}" in node.below)


def _name(before: str, taken: Sequence[str]) -> str:
    made = f"{snake(singular(before.lower()))}_id" if before and re.search("[A-Za-z]", before) else "id"
    return made if made not in taken else f"{made}_{len(taken) + 1}"


def _operation(method: str, path: str, found: Sequence[Seen]) -> Operation:
    captured = re.findall(r"\{([^}]+)\}", path)
    return Operation(
        method=method,
        path=path,
        id=f"{method} {path}",
        origins=tuple(dict.fromkeys(each.origin for each in found)),
        parameters=tuple(Parameter(name, "path", True, Schema()) for name in captured),  # noqa: FBT003  # required
        body=_joined([each.body for each in found if each.body is not None]),
        known=False,
    )


def _joined(bodies: Sequence[Body]) -> Body | None:
    """Every field that any of them had; of two types, the first."""
    if not bodies:
        return None
    members: dict[str, Schema] = {}
    for body in bodies:
        members = {**dict(body.schema.members), **members}
    return Body(bodies[0].content_type, Schema(type=bodies[0].schema.type, members=members))


# HAR.


def read_har(file: Path, tick: Tick = lambda *_: None) -> list[Seen]:
    """The requests of a HAR file that look like calls of an API; ConfigError if the file is none."""
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConfigError("This is no HAR file: it is not JSON.", Place(str(file))) from error
    entries = sequence(mapping(mapping(document).get("log")).get("entries"))
    if not entries:
        raise ConfigError("The HAR file has no entries.", Place(str(file)), "Record some requests first.")
    found = []
    for done, entry in enumerate(entries, 1):
        seen = _entry(mapping(entry))
        found += [seen] if seen is not None else []
        tick("Reading entries", done, len(entries))
    if not found:
        raise ConfigError("No request in the HAR file looks like a call of an API.", Place(str(file)))
    return found


def _entry(entry: dict[str, Any]) -> Seen | None:
    request = mapping(entry.get("request"))
    method, url = words(request.get("method")).upper(), words(request.get("url"))
    if not _METHOD.fullmatch(method) or method in {"OPTIONS", "CONNECT"}:
        return None
    seen = seen_url(method, url)
    if seen is None or _is_page(seen, mapping(entry.get("response"))):
        return None
    return Seen(seen.method, seen.origin, seen.path, _har_body(mapping(request.get("postData"))))


def seen_url(method: str, url: str) -> Seen | None:
    """None where the text is no URL that a template could be about."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", host):
        return None
    usual = port is None or port == (443 if parts.scheme == "https" else 80)
    origin = f"{parts.scheme}://{host}" + ("" if usual else f":{port}")
    return Seen(method, origin, parts.path or "/")


def _is_page(seen: Seen, response: dict[str, Any]) -> bool:
    """What a browser loads to show a page."""
    kind = words(mapping(response.get("content")).get("mimeType")).partition(";")[0]
    shown = (
        kind.startswith(("image/", "font/", "text/css", "text/html", "video/", "audio/"))
        or "javascript" in kind
    )
    return seen.method == "GET" and (shown or _STATIC.search(seen.path) is not None)


def _har_body(posted: dict[str, Any]) -> Body | None:
    content_type = words(posted.get("mimeType")).partition(";")[0].strip().lower()
    text = words(posted.get("text"))
    if "json" in content_type:
        try:
            return Body(content_type, schema_of(json.loads(text)))
        except (ValueError, RecursionError):
            return None
    if "x-www-form-urlencoded" in content_type:
        names = [words(mapping(each).get("name")) for each in sequence(posted.get("params"))]
        names += [name for name, _ in parse_qsl(text, keep_blank_values=True)[:MAX_MEMBERS]]
        members = {name: Schema(type="string") for name in names if name}
        return Body(content_type, Schema(type="object", members=members))
    return Body(content_type, Schema()) if content_type else None


def schema_of(value: Any, depth: int = 0) -> Schema:
    """The types and names in a value, without anything that stood there."""
    if isinstance(value, dict) and depth < 4:  # noqa: PLR2004  # deeper fields tell nobody anything
        listed = list(mapping(value).items())[:MAX_MEMBERS]
        return Schema(type="object", members={name: schema_of(item, depth + 1) for name, item in listed})
    if isinstance(value, list):
        return Schema(type="array", items=schema_of(value[0], depth + 1) if value else None)
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}
    return Schema(type=kinds.get(type(value), ""))


# Our own log.


def read_unmatched(envelopes: Any) -> list[Seen]:
    """Requests of envelopes that no template named. Their summary is the method and the address."""
    found = []
    for envelope in sequence(envelopes):
        action = words(mapping(envelope).get("action"))
        values = [words(mapping(part).get("value")) for part in sequence(mapping(envelope).get("summary"))]
        told = [value for value in values if value]
        if "/unmatched/" not in action or len(told) != 2 or not _METHOD.fullmatch(told[0]):  # noqa: PLR2004
            continue
        seen = seen_url(told[0], f"https://{told[1]}")
        # A long address is cut short in a summary, and a cut one names the wrong thing.
        found += [seen] if seen is not None and "…" not in told[1] else []
    return found


def by_host(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    """Requests by where they went, the busiest first."""
    grouped: dict[str, list[Seen]] = defaultdict(list)
    for each in seen:
        grouped[each.origin].append(each)
    return dict(sorted(grouped.items(), key=lambda pair: (-len(pair[1]), pair[0])))
