"""Reads secondsig.yaml, and the environment that overrides it, into Settings. Unknown keys are errors."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from gateway.channels import network, read_notifications
from gateway.envelopes import MAX_TTL, Cap, Caps
from gateway.errors import ConfigError, ConfigErrors, Place
from gateway.model import Mode, ServiceMode
from gateway.settings import (
    GUARDED_GROUPS,
    LOOPBACK,
    Address,
    Approvals,
    Escalation,
    GuardedGroup,
    Judge,
    Limits,
    Listen,
    PagesTls,
    Service,
    Settings,
    Upstream,
)
from gateway.templates.fields import (
    Fields,
    Problems,
    duration,
    items,
    members,
    scalar_text,
    text,
    whole,
    word,
)
from gateway.templates.yaml12 import Key, Yaml, parse_yaml

FILE = "secondsig.yaml"
PREFIX = "SECONDSIG_"
NOT_SETTINGS = frozenset({"SECONDSIG_CONFIG", "SECONDSIG_HOME", "SECONDSIG_TRACE"})
DAY = 86_400
BIGGEST = 1 << 32
MOST_QUESTIONS = 100_000
MAX_JUDGING = 60


def config_path(given: str | None, environment: Mapping[str, str]) -> Path:
    """Where the configuration is: --config, SECONDSIG_CONFIG, ./secondsig.yaml, or the home folder's."""
    named = given or environment.get("SECONDSIG_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    here = Path(FILE).absolute()
    return here if here.exists() else home(environment) / FILE


def home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("SECONDSIG_HOME") or "~/.secondsig").expanduser().absolute()


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this file; ConfigErrors with everything that is wrong in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the configuration cannot be read ({error.strerror}).",
            Place(str(path)),
            "Make one: secondsig init",
        ) from error
    return parse_settings(raw, path, os.environ if environment is None else environment)


def parse_settings(raw: bytes, path: Path, environment: Mapping[str, str]) -> Settings:
    """The settings of these bytes, as if they stood in that file."""
    written = [line for line in raw.splitlines() if line.strip() and not line.strip().startswith(b"#")]
    document = parse_yaml(raw, str(path)) if written else Yaml({}, Place(str(path), 1, 1))
    return _settings(_overridden(document, environment), path)


def overriding(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that stand over settings."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name not in NOT_SETTINGS
    }


def _settings(document: Yaml, path: Path) -> Settings:
    """Every part is read, so that everything that is wrong is told at once."""
    fields = Fields(document, "The configuration")
    problems, base = Problems(), path.parent
    state = fields.text("state") or "state"
    settings = Settings(
        file=path,
        state=base / state,
        policy=base / (fields.text("policy") or "policy.cedar"),
        entities=base / (fields.text("entities") or "entities.json"),
        name=fields.text("name") or "secondsig",
    )
    parts: dict[str, Callable[[], Any]] = {
        "listen": lambda: _listen(fields.get("listen")),
        "public_url": lambda: _public_url(fields.get("public_url")),
        "trusted_proxy": lambda: bool(fields.flag("trusted_proxy")),
        "pages_tls": lambda: _pages_tls(fields.get("pages_tls"), base),
        "templates": lambda: _templates(fields.get("templates"), base),
        "template_files": lambda: tuple(
            base / name for name in _texts(fields.get("template_files"), "A template file")
        ),
        "approvals": lambda: _approvals(fields.get("approvals")),
        "limits": lambda: _limits(fields.get("limits")),
        "judge": lambda: _judge(fields.get("judge")),
        "upstream": lambda: _upstream(fields.get("upstream"), base),
        "notifications": lambda: read_notifications(fields.get("notifications")),
        "unknown_hosts": lambda: fields.word("unknown_hosts", ("refuse", "watch")) or "refuse",
        "trusted_hosts": lambda: _hosts(fields.get("trusted_hosts")),
        "ca_hosts": lambda: _hosts(fields.get("ca_hosts")),
        "config_trust": lambda: _config_trust(fields.get("config_trust")),
    }
    read: dict[str, Any] = {name: problems.attempt(part) for name, part in parts.items()}
    problems.attempt(fields.finish)
    if len(problems.found) == 1:
        raise problems.found[0]
    problems.raise_if_any()
    settings = replace(settings, **read)
    _check_exposure(settings, fields)
    return settings


def _texts(node: Yaml | None, what: str) -> list[str]:
    return [text(item, what) for item in items(node)]


def _hosts(node: Yaml | None) -> tuple[str, ...]:
    return tuple(host.lower() for host in _texts(node, "A host"))


def _check_exposure(settings: Settings, fields: Fields) -> None:
    """Tokens and sessions never cross a network in the clear."""
    if settings.listen.proxy.host not in LOOPBACK:
        raise ConfigError(
            "the proxy takes tokens, so in this version it listens on this machine alone.",
            fields.place_of("listen"),
            "Write 127.0.0.1 and a port, and run agents on this machine.",
        )
    public = (settings.public_url or "").startswith("https://")
    if settings.listen.pages.host not in LOOPBACK and not settings.pages_tls and not public:
        raise ConfigError(
            "pages that others can reach need TLS.",
            fields.place_of("listen"),
            'Set "pages_tls", or put them behind a TLS proxy and set "public_url".',
        )


def _part[T](node: Yaml | None, name: str, default: T, build: Callable[[Fields], T]) -> T:
    """A nested mapping, every key of it asked for."""
    if node is None:
        return default
    fields = Fields(node, f'"{name}"')
    built = build(fields)
    fields.finish()
    return built


def _listen(node: Yaml | None) -> Listen:
    def build(fields: Fields) -> Listen:
        proxy, pages = fields.get("proxy"), fields.get("pages")
        return Listen(
            _address(proxy, '"proxy"') if proxy else Listen().proxy,
            _address(pages, '"pages"') if pages else Listen().pages,
        )

    return _part(node, "listen", Listen(), build)


def _address(node: Yaml, what: str) -> Address:
    host, mark, port = scalar_text(node, what).rpartition(":")
    if not mark or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:  # noqa: PLR2004  # the highest port
        raise ConfigError(f"{what} must be an address and a port.", node.place, "Write it as 127.0.0.1:8080.")
    return Address(host.strip("[]"), int(port))


def _public_url(node: Yaml | None) -> str | None:
    if node is None:
        return None
    url = text(node, '"public_url"').rstrip("/")
    if not _is_origin(url):
        raise ConfigError(
            '"public_url" must be an https address without a path: passkeys work nowhere else.',
            node.place,
            "Write it as https://secondsig.example.",
        )
    return url


def _is_origin(url: str) -> bool:
    """Exactly what browsers send as Origin: anything else would equal none of them."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    default = {"https": 443, "http": 80}.get(parts.scheme)
    shown = f":{port}" if port not in {None, default} else ""
    named = f"[{host}]" if ":" in host else host
    secure = parts.scheme == "https" or (parts.scheme == "http" and host == "localhost")
    return bool(host) and secure and url == f"{parts.scheme}://{named}{shown}"


def _pages_tls(node: Yaml | None, base: Path) -> PagesTls | None:
    if node is None:
        return None
    return _part(
        node,
        "pages_tls",
        None,
        lambda f: PagesTls(
            base / text(f.need("certificate"), '"certificate"'), base / text(f.need("key"), '"key"')
        ),
    )


def _judge(node: Yaml | None) -> Judge:
    def build(fields: Fields) -> Judge:
        url, timeout = fields.get("url"), fields.get("timeout")
        seconds = duration(timeout, '"timeout"', MAX_JUDGING) if timeout is not None else Judge().timeout
        return Judge(_endpoint(url) if url is not None else None, seconds)

    return _part(node, "judge", Judge(), build)


def _endpoint(node: Yaml) -> str:
    url = text(node, '"url"')
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or parts.username is not None or not (parts.scheme == "https" or local):
        raise ConfigError(
            "the judge is told what agents do, so its address is https, or http on this machine.",
            node.place,
            "Write it as https://judge.example/fits.",
        )
    return url


def _templates(node: Yaml | None, base: Path) -> dict[str, Service]:
    if node is None:
        return {"playground": Service()}
    return {key.text: _service(key, item, base) for key, item in members(node, '"templates"')}


def _service(key: Key, node: Yaml, base: Path) -> Service:
    if node.value is None:
        return Service()

    def build(fields: Fields) -> Service:
        mode = fields.word("mode", [str(mode) for mode in ServiceMode])
        values = members(fields.get("vars"), '"vars"')
        overlays = _texts(fields.get("overlays"), "An overlay")
        return Service(
            ServiceMode(mode) if mode else ServiceMode.ENFORCE,
            {name.text: _plain(value) for name, value in values},
            tuple(base / name for name in overlays),
        )

    return _part(node, key.text, Service(), build)


def _plain(node: Yaml) -> object:
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def _approvals(node: Yaml | None) -> Approvals:
    def build(fields: Fields) -> Approvals:
        start = Approvals()
        mode = fields.word("mode", list(Mode))
        most = _time(fields, "max_ttl", start.max_ttl, MAX_TTL)
        return Approvals(
            ttl=_ttl(fields, start.ttl, most),
            mode=Mode(mode) if mode else start.mode,
            hold_for=_hold_for(fields.get("hold_for")),
            join=cast("Any", fields.word("join", ("address", "run", "agent")) or start.join),
            deny_for=_time(fields, "deny_for", start.deny_for, DAY),
            max_quorum=_number(fields, "max_quorum", start.max_quorum, 1, 5),
            owner_may_approve=bool(fields.flag("owner_may_approve")),
            grant_for=_time(fields, "grant_for", start.grant_for, DAY),
            grants_for=_guarded(fields.get("grants_for")),
            retention=_time(fields, "retention", start.retention, 365 * DAY),
            session=_time(fields, "session", start.session, DAY),
            escalate=_escalate(fields.get("escalate")),
            max_ttl=most,
        )

    return _part(node, "approvals", Approvals(), build)


def _escalate(node: Yaml | None) -> tuple[Escalation, ...]:
    """The steps by their time; the same one twice is a mistake."""
    steps = [_step(item) for item in items(node)]
    for at, (step, place) in enumerate(steps):
        if step in [earlier for earlier, _ in steps[:at]]:
            raise ConfigError(f"this step to {step.to} is there twice.", place, "Remove one of them.")
    return tuple(sorted((step for step, _ in steps), key=lambda step: (step.after, step.to)))


def _step(node: Yaml) -> tuple[Escalation, Place]:
    fields = Fields(node, "A step of the escalation")
    after = duration(fields.need("after"), '"after"', DAY)
    step = Escalation(after, text(fields.need("to"), '"to"'))
    fields.finish()
    return step, node.place


def _ttl(fields: Fields, start: int, most: int) -> int:
    """A question that stays open for hours is something an operator says twice."""
    if fields.get("ttl") is None:
        return min(start, most)
    ttl = _time(fields, "ttl", start, DAY)
    if ttl > most:
        raise ConfigError(
            f'"ttl" is longer than "max_ttl" allows ({most} seconds).',
            fields.place_of("ttl"),
            'Set "max_ttl" as well, up to 24h: such long questions are for the modes reject and async.',
        )
    return ttl


def _guarded(node: Yaml | None) -> tuple[GuardedGroup, ...]:
    named = [word(item, "A group", GUARDED_GROUPS) for item in items(node)]
    return tuple(group for group in GUARDED_GROUPS if group in named)


def _hold_for(node: Yaml | None) -> int | Literal["auto"] | None:
    if node is None:
        return None
    return "auto" if node.value == "auto" else duration(node, '"hold_for"', DAY)


def _limits(node: Yaml | None) -> Limits:
    def build(fields: Fields) -> Limits:
        start = Limits()
        return Limits(
            body=_number(fields, "body", start.body, 1, BIGGEST),
            step_up_body=_number(fields, "step_up_body", start.step_up_body, 1, start.step_up_body),
            questions=_caps(fields.get("questions")),
            denials_in_a_row=_number(fields, "denials_in_a_row", start.denials_in_a_row, 0, 1_000),
            break_glass=_number(fields, "break_glass", start.break_glass, 0, 1_000),
            disk_reserve=_number(fields, "disk_reserve", start.disk_reserve, 0, BIGGEST),
        )

    return _part(node, "limits", Limits(), build)


def _caps(node: Yaml | None) -> Caps:
    start = Limits().questions

    def build(fields: Fields) -> Caps:
        return Caps(
            agent=_cap(fields.get("agent"), "agent", start.agent),
            team=_cap(fields.get("team"), "team", start.team),
            everybody=_cap(fields.get("everybody"), "everybody", start.everybody),
        )

    return _part(node, "questions", start, build)


def _cap(node: Yaml | None, who: str, start: Cap) -> Cap:
    def build(fields: Fields) -> Cap:
        return Cap(
            waiting=_number(fields, "waiting", start.waiting, 1, MOST_QUESTIONS),
            minute=_number(fields, "minute", start.minute, 1, MOST_QUESTIONS),
            hour=_number(fields, "hour", start.hour, 1, MOST_QUESTIONS),
        )

    return _part(node, who, start, build)


def _upstream(node: Yaml | None, base: Path) -> Upstream:
    def build(fields: Fields) -> Upstream:
        ca = fields.text("ca")
        fixed = members(fields.get("connect_to"), '"connect_to"')
        return Upstream(
            ca=base / ca if ca else None,
            connect_to={key.text.lower(): _address(item, key.text) for key, item in fixed},
            allow=tuple(network(item) for item in items(fields.get("allow"))),
        )

    return _part(node, "upstream", Upstream(), build)


def _config_trust(node: Yaml | None) -> str:
    return "files" if node is None else word(node, '"config_trust"', ("files", "signed"))


def _time(fields: Fields, name: str, start: int, most: int) -> int:
    node = fields.get(name)
    return start if node is None else duration(node, f'"{name}"', most)


def _number(fields: Fields, name: str, start: int, least: int, most: int) -> int:
    node = fields.get(name)
    return start if node is None else whole(node, f'"{name}"', least, most)


def _overridden(document: Yaml, environment: Mapping[str, str]) -> Yaml:
    """SECONDSIG_APPROVALS_TTL=2m stands for approvals.ttl; a variable that names no setting is an error."""
    for variable, value in sorted(overriding(environment).items()):
        document = _override(document, variable, value)
    return document


PARTS = ("listen", "pages_tls", "approvals", "limits", "upstream", "judge", "notifications")


def _override(document: Yaml, variable: str, value: str) -> Yaml:
    name = variable.removeprefix(PREFIX).lower()
    place = Place(f"the environment variable {variable}")
    node = replace(parse_yaml(value.encode(), place.file), place=place) if value else Yaml("", place)
    part = next((part for part in PARTS if name.startswith(f"{part}_")), None)
    if part is None:
        return _with(document, name, node)
    inner = next((item for key, item in members(document, "") if key.text == part), Yaml({}, place))
    return _with(document, part, _with(inner, name.removeprefix(f"{part}_"), node))


def _with(mapping: Yaml, name: str, node: Yaml) -> Yaml:
    kept = {key: item for key, item in members(mapping, "The configuration") if key.text != name}
    return Yaml({**kept, Key(name, node.place): node}, mapping.place)


__all__ = ["ConfigErrors", "config_path", "home", "load_settings"]
