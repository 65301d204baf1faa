"""Reads `notifications:` of secondsig.yaml: channels, who is told over which, and when not."""

import base64
import re
from collections.abc import Container
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from gateway.errors import ConfigError
from gateway.intent_risk import LEVELS
from gateway.settings import (
    LOOPBACK,
    AppriseChannel,
    ChannelSetting,
    NotificationRule,
    Notifications,
    Quiet,
    WebhookChannel,
)
from gateway.templates.fields import Fields, Problems, items, members, scalar_text, suggestion, text
from gateway.templates.yaml12 import Key, Yaml

RESERVED = frozenset({"push"})
"""What the gateway calls channels of its own."""

SECRET_PREFIX = "whsec_"  # noqa: S105  # how the standard marks a secret, not a secret
SECRET_BYTES = range(24, 65)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_APPRISE = re.compile(r"[a-z][a-z0-9]*://\S+")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_notifications(node: Yaml | None) -> Notifications:
    if node is None:
        return Notifications()
    fields, problems = Fields(node, '"notifications"'), Problems()
    channels = problems.attempt(_channels, fields.get("channels")) or {}
    rules = [problems.attempt(_rule, item, channels) for item in items(fields.get("rules"))]
    values = problems.attempt(fields.flag, "values")
    allow: list[Any] = [problems.attempt(network, item) for item in items(fields.get("allow"))]
    services = [problems.attempt(_push_service, item) for item in items(fields.get("push_services"))]
    problems.attempt(fields.finish)
    problems.raise_if_any()
    return Notifications(
        channels,
        tuple(rule for rule in rules if rule),
        bool(values),
        tuple(allow),
        tuple(service for service in services if service),
    )


def network(node: Yaml) -> Any:
    try:
        return ip_network(scalar_text(node, "A network"), strict=False)
    except ValueError:
        raise ConfigError(
            f"{node.text!r} is not a network.", node.place, "Write it as 10.0.0.0/8 or 127.0.0.1."
        ) from None


def variables(written: str) -> list[str]:
    """The names that stand for something of the environment."""
    return _VARIABLE.findall(written)


def filled(written: str, environment: Any) -> str:
    """With what those names stand for; KeyError for one that is not set."""
    return _VARIABLE.sub(lambda found: environment[found[1]], written)


def secret_of(written: str) -> bytes:
    """The key of a webhook; ValueError if it is none."""
    if not written.startswith(SECRET_PREFIX):
        raise ValueError("it has no prefix")
    key = base64.b64decode(written.removeprefix(SECRET_PREFIX), validate=True)
    if len(key) not in SECRET_BYTES:
        raise ValueError("it is too short or too long")
    return key


def _channels(node: Yaml | None) -> dict[str, ChannelSetting]:
    return {_name(key): _channel(key, item) for key, item in members(node, '"channels"')}


def _name(key: Key) -> str:
    if not _NAME.fullmatch(key.text) or key.text in RESERVED:
        raise ConfigError(
            f'a channel cannot be called "{key.text}".',
            key.place,
            "Use up to 40 small letters, digits, - and _; push is the gateway's own.",
        )
    return key.text


def _channel(key: Key, node: Yaml) -> ChannelSetting:
    fields = Fields(node, f'The channel "{key.text}"')
    apprise, webhook = fields.get("apprise"), fields.get("webhook")
    fields.finish()
    if (apprise is None) == (webhook is None):
        raise ConfigError(f'the channel "{key.text}" is either apprise or webhook.', node.place)
    return _webhook(webhook) if webhook is not None else _apprise(apprise or node)


def _apprise(node: Yaml) -> AppriseChannel:
    url = text(node, '"apprise"')
    if not _APPRISE.fullmatch(url) and not _VARIABLE.fullmatch(url):
        raise ConfigError(
            "this is no address that Apprise knows.", node.place, "Write it as mailtos://…, or as ${NAME}."
        )
    return AppriseChannel(url)


def _webhook(node: Yaml) -> WebhookChannel:
    fields = Fields(node, '"webhook"')
    url, secret = _endpoint(fields.need("url")), fields.need("secret")
    fields.finish()
    return WebhookChannel(url, _secret(secret))


def _endpoint(node: Yaml) -> str:
    url = text(node, '"url"')
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or parts.username is not None or not (parts.scheme == "https" or local):
        raise ConfigError(
            "a webhook's address is https, or http on this machine, without a user name.",
            node.place,
            "Write it as https://hooks.example/secondsig.",
        )
    return url


def _secret(node: Yaml) -> str:
    secret = text(node, '"secret"')
    try:
        if not _VARIABLE.fullmatch(secret):
            secret_of(secret)
    except ValueError:
        raise ConfigError(
            f"a webhook's secret is {SECRET_PREFIX} and 24 to 64 bytes in base64.",
            node.place,
            f"Make one: echo {SECRET_PREFIX}$(openssl rand -base64 32). Or name a variable: ${{NAME}}.",
        ) from None
    return secret


def _push_service(node: Yaml) -> str:
    """An origin, in the one spelling that browsers have for it."""
    origin = text(node, "A push service")
    parts = urlsplit(origin)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.scheme == "https" or local) or not _ORIGIN.fullmatch(origin):
        raise ConfigError(
            "a push service is named by its https origin, or http on this machine, without a path.",
            node.place,
            "Write it as https://push.example.",
        )
    return origin


def _rule(node: Yaml, channels: Container[str]) -> NotificationRule:
    fields = Fields(node, "A rule of the notifications")
    rule = NotificationRule(
        channels=_named(fields.need("channels"), channels),
        to=fields.text("to"),
        service=fields.text("service"),
        risk=fields.word("risk", LEVELS) or "low",
        group=fields.text("group"),
        quiet=_quiet(fields.get("quiet"), channels),
    )
    fields.finish()
    return rule


def _named(node: Yaml | None, channels: Container[str]) -> tuple[str, ...]:
    return tuple(_known(item, channels) for item in items(node))


def _known(node: Yaml, channels: Any) -> str:
    name = text(node, "A channel")
    if name not in channels:
        raise ConfigError(f'there is no channel "{name}".', node.place, suggestion(name, channels))
    return name


def _quiet(node: Yaml | None, channels: Container[str]) -> Quiet | None:
    if node is None:
        return None
    fields = Fields(node, '"quiet"')
    start, end = _time(fields.need("from"), '"from"'), _time(fields.need("to"), '"to"')
    zone, on_call = _zone(fields.need("zone")), _named(fields.get("on_call"), channels)
    fields.finish()
    if start == end:
        raise ConfigError('"from" and "to" are the same time.', node.place, "Leave the rule out instead.")
    return Quiet(start, end, zone, on_call)


def _time(node: Yaml, what: str) -> int:
    found = _TIME.fullmatch(scalar_text(node, what))
    if not found:
        raise ConfigError(f"{what} must be a time of the day.", node.place, 'Write it as "22:00".')
    return 60 * int(found[1]) + int(found[2])


def _zone(node: Yaml) -> str:
    name = text(node, '"zone"')
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ConfigError(
            f'"{name}" is no time zone that this machine knows.', node.place, "Write it as Asia/Tokyo."
        ) from None
    return name
