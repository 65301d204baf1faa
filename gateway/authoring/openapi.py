"""Reads OpenAPI 3.0 and 3.1 and Swagger 2, as JSON or YAML: operations, parameters, bodies, servers.

Descriptions come from strangers. Nothing of one is trusted to have the right type, references may go in
circles, and only those within the document are followed.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml

from gateway.authoring.loose import mapping, sequence, texts, words
from gateway.authoring.operations import (
    ANYTHING,
    METHODS,
    Body,
    Description,
    Operation,
    Parameter,
    ParameterPlace,
    Schema,
)
from gateway.errors import ConfigError, Place

type Progress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, how much there is."""

MAX_DEPTH = 6
MAX_REFERENCES = 20
MAX_MEMBERS = 400
CHUNK = 1 << 20


def read_openapi(file: Path, progress: Progress = lambda *_: None) -> Description:
    """Raises ConfigError if the file is no description; what is odd within it is left out."""
    document = _document(file, progress)
    return describe(document, str(file), progress)


def _document(file: Path, progress: Progress) -> Any:
    raw = _read(file, progress)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("The description is not UTF-8.", Place(str(file))) from error
    try:
        return _json_or_yaml(text, len(raw), progress)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(str(file), mark.line + 1, mark.column + 1) if mark else Place(str(file))
        raise ConfigError(f"This is neither JSON nor YAML: {error.problem}.", place) from error
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise ConfigError("This is neither JSON nor YAML.", Place(str(file))) from error


def _read(file: Path, progress: Progress) -> bytes:
    size, parts, done = file.stat().st_size, list[bytes](), 0
    with file.open("rb") as stream:
        while part := stream.read(CHUNK):
            parts.append(part)
            done += len(part)
            progress("Reading", done, size)
    return b"".join(parts)


def _json_or_yaml(text: str, size: int, progress: Progress) -> Any:
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(text)
        except ValueError:
            if size > CHUNK:
                raise
    # The loader is a safe one: it makes plain values only.
    return yaml.load(_Watched(text, progress), Loader=_Loader)  # noqa: S506  # see above


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the fast one where built
    """A safe loader to which a date is a text, as it is in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class _Watched:
    """A text that tells how much of it has been read."""

    def __init__(self, text: str, progress: Progress) -> None:
        self.raw, self.at, self.progress = text.encode(), 0, progress

    def read(self, size: int = -1) -> bytes:
        part = self.raw[self.at :] if size < 0 else self.raw[self.at : self.at + size]
        self.at += len(part)
        self.progress("Parsing", self.at, len(self.raw))
        return part


def describe(document: Any, file: str, progress: Progress = lambda *_: None) -> Description:
    """Any value in; a description, or a ConfigError where there is no operation in it."""
    root = _Root(mapping(document))
    if not root.swagger and not root.openapi:
        raise ConfigError(
            "This is no OpenAPI description.", Place(file), 'It begins with "openapi: 3…" or "swagger: 2.0".'
        )
    found, paths = list[Operation](), mapping(root.node.get("paths"))
    for done, (path, item) in enumerate(paths.items(), 1):
        found.extend(_operations(root, path, root.follow(item)))
        progress("Reading operations", done, len(paths))
    if not found:
        raise ConfigError("The description has no operation.", Place(file))
    info = mapping(root.node.get("info"))
    return Description(
        words(info.get("title")) or Path(file).stem, str(info.get("version") or ""), tuple(found)
    )


class _Root:
    """The document, which references point into."""

    def __init__(self, node: dict[str, Any]) -> None:
        self.node = node
        self.swagger = str(node.get("swagger", "")).startswith("2")
        self.openapi = str(node.get("openapi", "")).startswith("3")
        self._schemas: dict[int, Schema] = {}

    def follow(self, node: Any) -> dict[str, Any]:
        """What a reference stands for, of this document; nothing where it leads nowhere or in a circle."""
        found = mapping(node)
        for _ in range(MAX_REFERENCES):
            target = found.get("$ref")
            if not isinstance(target, str):
                return found
            found = mapping(self._find(target)) if target.startswith("#/") else {}
        return {}

    def _find(self, reference: str) -> Any:
        at: Any = self.node
        for token in reference[2:].split("/"):
            name = token.replace("~1", "/").replace("~0", "~")
            at = mapping(at).get(name)
        return at

    def schema(self, node: Any, depth: int = 0) -> Schema:
        """Cut off where it goes too deep: what is below decides nothing here."""
        found = self.follow(node)
        if depth > MAX_DEPTH or not found:
            return ANYTHING
        merged = self._merged(found, 0)
        return Schema(
            type=_type(merged),
            values=_values(merged),
            pattern=words(merged.get("pattern")),
            format=words(merged.get("format")),
            least=_number(merged.get("minimum")),
            shortest=int(_number(merged.get("minLength")) or 0),
            longest=_whole(merged.get("maxLength")),
            description=words(merged.get("description")),
            members={
                name: self.schema(item, depth + 1)
                for name, item in list(mapping(merged.get("properties")).items())[:MAX_MEMBERS]
            },
            required=frozenset(texts(merged.get("required"))),
            items=self.schema(merged["items"], depth + 1) if mapping(merged.get("items")) else None,
        )

    def _merged(self, node: dict[str, Any], depth: int) -> dict[str, Any]:
        """The schema with every allOf, and the first choice of every oneOf and anyOf, taken in."""
        if depth > MAX_DEPTH:
            return node
        parts = [self.follow(item) for item in sequence(node.get("allOf"))]
        parts += [
            self.follow(choices[0]) for name in ("oneOf", "anyOf") if (choices := sequence(node.get(name)))
        ]
        merged = dict(node)
        for part in parts:
            inner = self._merged(part, depth + 1)
            properties = {**mapping(inner.get("properties")), **mapping(merged.get("properties"))}
            required = [*texts(inner.get("required")), *texts(merged.get("required"))]
            merged = {**inner, **merged, "properties": properties, "required": required}
        return merged


def _type(node: dict[str, Any]) -> str:
    named = node.get("type")
    if isinstance(named, list):
        return next((name for name in texts(named) if name != "null"), "")
    return words(named) or ("object" if mapping(node.get("properties")) else "")


def _values(node: dict[str, Any]) -> tuple[str | int | float | bool, ...]:
    listed = [node["const"]] if "const" in node else sequence(node.get("enum"))
    return tuple(value for value in listed if isinstance(value, (str, int, float)) and value != "")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e15 else None  # noqa: PLR2004  # NaN and infinity are not below it


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else max(int(number), 0)


def _operations(root: _Root, path: str, item: dict[str, Any]) -> Iterator[Operation]:
    for method in METHODS:
        node = mapping(item.get(method.lower()))
        if node and path.startswith("/"):
            yield _operation(root, method, path, item, node)


def _operation(root: _Root, method: str, path: str, item: dict[str, Any], node: dict[str, Any]) -> Operation:
    raw = [
        root.follow(each) for each in (*sequence(item.get("parameters")), *sequence(node.get("parameters")))
    ]
    # The operation's own parameters replace the path's of the same name.
    named = {(words(each.get("in")), words(each.get("name"))): each for each in raw}
    parameters = (_parameter(root, each) for each in named.values())
    origins, base = _servers(root, item, node)
    return Operation(
        method=method,
        path=base + path,
        id=words(node.get("operationId")) or f"{method} {path}",
        origins=origins,
        summary=words(node.get("summary")),
        description=words(node.get("description")),
        parameters=tuple(each for each in parameters if each is not None),
        body=_body_swagger(root, node, named) if root.swagger else _body(root, node),
    )


def _parameter(root: _Root, node: dict[str, Any]) -> Parameter | None:
    name, place = words(node.get("name")), words(node.get("in"))
    if not name or place not in {"path", "query", "header"}:
        return None
    schema = root.schema(node if root.swagger else node.get("schema"))
    required = node.get("required") is True
    return Parameter(name, cast("ParameterPlace", place), required, schema, words(node.get("description")))


def _body(root: _Root, node: dict[str, Any]) -> Body | None:
    body = root.follow(node.get("requestBody"))
    content = mapping(body.get("content"))
    if not content:
        return None
    chosen = min(content, key=_preference)
    schema = root.schema(mapping(content[chosen]).get("schema"))
    return Body(chosen, schema, body.get("required") is True)


def _preference(content_type: str) -> int:
    """JSON before forms before anything else: the one that templates can say most about."""
    kinds = ("application/json", "+json", "application/x-www-form-urlencoded", "multipart/form-data")
    return next((rank for rank, kind in enumerate(kinds) if kind in content_type), len(kinds))


def _body_swagger(
    root: _Root, node: dict[str, Any], named: dict[tuple[str, str], dict[str, Any]]
) -> Body | None:
    types = texts(node.get("consumes")) or texts(root.node.get("consumes"))
    for (place, _), each in named.items():
        if place == "body":
            content_type = min(types, key=_preference) if types else "application/json"
            return Body(content_type, root.schema(each.get("schema")), each.get("required") is True)
    fields = {name: each for (place, name), each in named.items() if place == "formData"}
    if not fields:
        return None
    upload = any(words(each.get("type")) == "file" for each in fields.values())
    content_type = "multipart/form-data" if upload else "application/x-www-form-urlencoded"
    members = {name: root.schema(each) for name, each in fields.items()}
    required = frozenset(name for name, each in fields.items() if each.get("required") is True)
    return Body(content_type, Schema(type="object", members=members, required=required), bool(required))


def _servers(root: _Root, item: dict[str, Any], node: dict[str, Any]) -> tuple[tuple[str, ...], str]:
    """Origins, and the base path: that of the first server."""
    if root.swagger:
        host, base = words(root.node.get("host")), words(root.node.get("basePath")).rstrip("/")
        scheme = "http" if texts(root.node.get("schemes")) == ["http"] else "https"
        return ((f"{scheme}://{host.lower()}",) if host else ()), base if base.startswith("/") else ""
    listed = next((found for each in (node, item, root.node) if (found := sequence(each.get("servers")))), [])
    urls = [_server_url(mapping(server)) for server in listed]
    split = [parts for url in urls if (parts := _split(url)) is not None]
    base = split[0][1] if split else ""
    return tuple(dict.fromkeys(origin for origin, _ in split if origin)), base


def _server_url(server: dict[str, Any]) -> str:
    url = words(server.get("url"))
    for name, variable in mapping(server.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(mapping(variable).get("default", name)))
    return url


def _split(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    base = parts.path.rstrip("/")
    if not host or parts.scheme not in {"http", "https"}:
        return ("", base) if base.startswith("/") else None
    return f"{parts.scheme}://{host}" + (f":{port}" if port else ""), base
