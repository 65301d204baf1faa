"""Which service answers for a host: an exact name before a pattern, a narrow pattern before a wide one."""

from collections.abc import Iterable, Sequence
from dataclasses import field

from gateway.errors import ConfigError
from gateway.templates.hosts import HostPattern
from gateway.templates.matching import common_host, host_within
from gateway.templates.service import Service
from gateway.values import dataclass


@dataclass(frozen=True, slots=True)
class Routes:
    exact: dict[tuple[str, str, int], Service] = field(default_factory=dict)
    patterns: list[tuple[HostPattern, Service]] = field(default_factory=list)

    def find(self, scheme: str, host: str, port: int) -> Service | None:
        found = self.exact.get((scheme, host, port))
        if found is not None:
            return found
        for pattern, service in self.patterns:
            if pattern.match(scheme, host, port) is not None:
                return service
        return None

    def on_host(self, host: str) -> list[tuple[HostPattern, Service]]:
        """Every service that answers for the host on any scheme and port, with the pattern that says so."""
        exact = [(pattern, service) for service in self.exact.values() for pattern in service.host_patterns]
        return [
            (pattern, service)
            for pattern, service in (*exact, *self.patterns)
            if pattern.match(pattern.scheme, host, pattern.port) is not None
        ]


def build_routes(services: Iterable[Service]) -> tuple[Routes, list[ConfigError]]:
    """Two services that answer for one host with equal right are an error."""
    routes, problems = Routes(), list[ConfigError]()
    for service in services:
        for pattern in service.host_patterns:
            if pattern.exact:
                _add_exact(routes, pattern, service, problems)
            else:
                _add_pattern(routes, pattern, service, problems)
    return routes, problems


def _add_exact(routes: Routes, pattern: HostPattern, service: Service, problems: list[ConfigError]) -> None:
    taken = routes.exact.setdefault((pattern.scheme, pattern.text, pattern.port), service)
    if taken is not service:
        problems.append(_both(pattern, service, taken, pattern.origin(pattern.text)))


def _add_pattern(routes: Routes, pattern: HostPattern, service: Service, problems: list[ConfigError]) -> None:
    position = 0
    for index, (other, owner) in enumerate(routes.patterns):
        inside, outside = host_within(pattern, other), host_within(other, pattern)
        equal = inside is outside and owner is not service
        common = common_host(pattern, other) if equal else None
        if common is not None:
            problems.append(_both(pattern, service, owner, common))
        if outside and not inside:
            position = index + 1
    routes.patterns.insert(position, (pattern, service))


def _both(pattern: HostPattern, service: Service, owner: Service, host: str) -> ConfigError:
    message = f'The services "{service.name}" and "{owner.name}" both answer for {host}.'
    return ConfigError(message, pattern.pattern.place, "Take the host out of one of them.")


def taken_names(services: Sequence[Service]) -> list[ConfigError]:
    """Names and namespaces are one service's each: policies name them."""
    problems = []
    for index, service in enumerate(services):
        for other in services[:index]:
            for what in ("name", "namespace"):
                if getattr(service, what) == getattr(other, what):
                    message = f'The {what} "{getattr(service, what)}" is also that of {other.file}.'
                    problems.append(ConfigError(message, service.place, "Each template needs its own."))
    return problems
