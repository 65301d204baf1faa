"""The hosts of a service: https on 443 unless written otherwise."""

import re
from collections.abc import Mapping
from functools import cached_property

from gateway.errors import ConfigError, Place
from gateway.templates.params import Param
from gateway.templates.patterns import Pattern, parse_host
from gateway.values import dataclass

_WRITTEN = re.compile(r"(?:(https?)://)?([^:/]+)(?::([0-9]{1,5}))?")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
MAX_PORT = 65535


@dataclass(frozen=True)
class HostPattern:
    scheme: str
    port: int
    pattern: Pattern

    @property
    def text(self) -> str:
        return self.pattern.text

    @cached_property
    def exact(self) -> bool:
        return not self.pattern.captures

    def match(self, scheme: str, host: str, port: int) -> list[str] | None:
        """The captured labels, or None."""
        if scheme != self.scheme or port != self.port:
            return None
        if self.exact:
            return [] if host == self.text else None
        return self.pattern.match(host.split(".")) if _NAME.fullmatch(host) else None

    def origin(self, host: str) -> str:
        usual = self.port == (443 if self.scheme == "https" else 80)
        return f"{self.scheme}://{host}" + ("" if usual else f":{self.port}")


def parse_service_host(text: str, place: Place, params: Mapping[str, Param]) -> HostPattern:
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is not a host.", place, "Write it as api.example.com or http://localhost:8080."
        )
    scheme = found[1] or "https"
    port = int(found[3]) if found[3] else (443 if scheme == "https" else 80)
    if not 0 < port <= MAX_PORT:
        raise ConfigError(f"{port} is not a port.", place)
    return HostPattern(scheme, port, parse_host(found[2], place, params))
