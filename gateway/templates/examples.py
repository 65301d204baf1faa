"""A template's examples: requests, and what the template must make of them."""

import json
from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote_plus, urlsplit

from gateway.errors import ConfigError, ConfigErrors, Place, Refusal
from gateway.model import Caller, ContextValue, Money, Request, Unit, summary_text
from gateway.templates.action import Action
from gateway.templates.fields import Fields, items, members, scalar_text, text
from gateway.templates.mapping import map_request
from gateway.templates.service import Service, digest_of, load_service
from gateway.templates.variables import plain_value
from gateway.templates.yaml12 import Yaml
from gateway.values import dataclass

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """How one example came out; `wrong` is empty when it holds."""

    service: str
    place: Place
    name: str
    wrong: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.wrong


def run_examples(service: Service) -> list[ExampleResult]:
    """All of the file, in its order, as the template is without the operator's variables."""
    actions: Sequence[Action] = sorted(service.actions, key=lambda action: action.place.line or 0)
    nodes = [node for action in actions for node in action.examples] + list(service.examples)
    templates = _Templates(service)
    return [_run(node, templates) for node in nodes]


def run_in_force(service: Service, nodes: Sequence[Yaml]) -> list[ExampleResult]:
    """The operator's own examples: they are about the service as it is set and overlaid here."""
    return [_run(node, _InForce(service)) for node in nodes]


class _InForce:
    def __init__(self, service: Service) -> None:
        self.service = service

    def under(self, variables: dict[str, object]) -> Service:
        if variables:
            raise ConfigError("An overlay's example runs under the settings' own variables: leave vars out.")
        return self.service


class _Templates:
    """The template under the variables that its examples set, read once for each set of them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.raw = service.file.read_bytes()
        is_plain = service.digest == digest_of(service.name, self.raw, {})
        self.read: dict[str, Service] = {"{}": service} if is_plain else {}

    def under(self, variables: dict[str, object]) -> Service:
        key = json.dumps(variables, sort_keys=True)
        if key not in self.read:
            self.read[key] = load_service(self.service.file, self.raw, {self.service.name: variables})
        return self.read[key]


def _run(node: Yaml, templates: _Templates | _InForce) -> ExampleResult:
    name = "example"
    try:
        fields = Fields(node, "An example")
        given, request, expect = fields.get("vars"), fields.need("request"), fields.need("expect")
        fields.finish()
        built = read_request(request)
        name = f"{built.method} {built.url}"
        variables = {key.text: plain_value(item) for key, item in members(given, '"vars"')}
        wrong = _compare(built, templates.under(variables), expect)
    except (ConfigError, ConfigErrors) as error:
        wrong = [str(error)]
    return ExampleResult(templates.service.name, node.place, name, tuple(wrong))


def _compare(request: Request, service: Service, expect: Yaml) -> list[str]:
    wanted = [Expected(item) for item in items(expect)]
    if all(
        pattern.match(request.scheme, request.host, request.port) is None for pattern in service.host_patterns
    ):
        return [f"{request.host} is no host of this template; give the example vars"]
    try:
        units = map_request(service, request).units
    except Refusal as refusal:
        if len(wanted) == 1 and wanted[0].refused == refusal.reason:
            return []
        return [f"refused as {refusal.reason}: {refusal.detail}"]
    if len(units) != len(wanted):
        return [f"{len(wanted)} units expected, {len(units)} found"]
    return [wrong for unit, each in zip(units, wanted, strict=True) for wrong in each.compare(unit)]


class Expected:
    def __init__(self, node: Yaml) -> None:
        fields = Fields(node, '"expect"')
        self.texts = {key: fields.text(key) for key in ("action", "resource", "risk", "summary")}
        self.refused = fields.text("refused")
        self.context = {key.text: item for key, item in members(fields.get("context"), '"context"')}
        fields.finish()
        if self.refused is None and not self.context and not any(self.texts.values()):
            raise ConfigError("The example expects nothing.", node.place, "Name at least its action.")

    def compare(self, unit: Unit) -> list[str]:
        if self.refused is not None:
            return [f"refused as {self.refused} expected, mapped to {unit.action}"]
        found = {
            "action": unit.action,
            "resource": str(unit.resource),
            "risk": str(unit.risk),
            "summary": summary_text(unit.summary),
        }
        wrong = [
            f"{key}: {wanted!r} expected, {found[key]!r} found"
            for key, wanted in self.texts.items()
            if wanted is not None and wanted != found[key]
        ]
        return wrong + [
            f"context.{name}: {_shown(node)} expected, {_plain(unit.context.get(name))!r} found"
            for name, node in self.context.items()
            if not _same(node, unit.context.get(name))
        ]


def _plain(value: ContextValue | None) -> object:
    """A context value as an example writes it."""
    if isinstance(value, Money):
        return {"currency": value.currency, "minor": value.minor, "exponent": value.exponent}
    return list(value) if isinstance(value, tuple) else value


def _shown(node: Yaml) -> str:
    return repr(plain_value(node))


def _same(node: Yaml, value: ContextValue | None) -> bool:
    if node.value == ABSENT:
        return value is None
    wanted, found = plain_value(node), _plain(value)
    return wanted == found and type(wanted) is type(found)


def read_request(node: Yaml) -> Request:
    """A request as an example writes it: method, url, headers, and json, form or body."""
    fields = Fields(node, '"request"')
    method, url = text(fields.need("method"), '"method"'), fields.need("url")
    headers = [
        (key.text, scalar_text(item, "A header")) for key, item in members(fields.get("headers"), '"headers"')
    ]
    body, usual = _body(fields)
    fields.finish()
    if usual is not None and all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("content-type", usual))
    parts = urlsplit(text(url, '"url"'))
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ConfigError(
            "The url must name a scheme and a host.", url.place, "Write it as https://host/path."
        )
    scheme: Literal["https", "http"] = "https" if parts.scheme == "https" else "http"
    port = parts.port or (443 if scheme == "https" else 80)
    target = text(url, '"url"').partition("://")[2]
    target = target[len(parts.netloc) :] or "/"
    caller = Caller("example", "tok_example", None, "127.0.0.1")
    return Request(caller, method, scheme, parts.hostname, port, target, tuple(headers), body)


def _body(fields: Fields) -> tuple[bytes, str | None]:
    as_json, form, raw = fields.get("json"), fields.get("form"), fields.get("body")
    if as_json is not None:
        return _json(as_json).encode(), "application/json"
    if form is not None:
        return _form(form).encode(), "application/x-www-form-urlencoded"
    return (b"" if raw is None else text(raw, '"body"').encode()), None


def _json(node: Yaml) -> str:
    """JSON with numbers as the example wrote them."""
    if isinstance(node.value, dict):
        return (
            "{"
            + ", ".join(f"{json.dumps(key.text)}: {_json(item)}" for key, item in node.value.items())
            + "}"
        )
    if isinstance(node.value, list):
        return "[" + ", ".join(_json(item) for item in node.value) + "]"
    return json.dumps(node.value) if isinstance(node.value, (str, bool)) or node.value is None else node.text


def _form(node: Yaml) -> str:
    if isinstance(node.value, str):
        return node.value
    pairs = [(key.text, value) for key, item in members(node, '"form"') for value in items(item)]
    return "&".join(f"{quote_plus(name)}={quote_plus(scalar_text(item, 'A value'))}" for name, item in pairs)
