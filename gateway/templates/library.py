"""All templates together: which service answers for a host, and what its requests mean."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Self

import rfc8785

from gateway.decoded import DecodedBody
from gateway.errors import ConfigError, Place, Reason, Refusal
from gateway.model import Mapped, Request, Risk
from gateway.templates.action import Access, Action
from gateway.templates.cedar_schema import cedar_schema, resource_types
from gateway.templates.compiled import Compiled, key_of
from gateway.templates.examples import ExampleResult, run_examples, run_in_force
from gateway.templates.fields import Problems, suggestion
from gateway.templates.mapping import map_request, read_body
from gateway.templates.overlaying import Loosened, Overlaid, lay_over
from gateway.templates.routes import Routes, build_routes, taken_names
from gateway.templates.service import Service, Variables, load_service
from gateway.values import dataclass

type Overlays = Mapping[str, Sequence[Path]]
"""The operator's files over templates, by service."""


type Contents = Mapping[str, Sequence[tuple[Path, bytes]]]
"""The overlays of each service, read."""


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """What a list of actions shows; `loosened` is what an overlay made looser, each with its reason."""

    id: str
    service: str
    groups: tuple[str, ...]
    access: Access
    risk: Risk
    title: str
    resource_types: tuple[str, ...]
    place: Place
    loosened: tuple[Loosened, ...] = ()


@dataclass(frozen=True)
class Library:
    """The enabled templates. What none of them names has no passage."""

    services: Mapping[str, Service]
    digest: str
    routes: Routes = field(repr=False)
    overlaid: Mapping[str, Overlaid] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        files: Sequence[Path],
        variables: Variables | None = None,
        overlays: Overlays | None = None,
        compiled: Compiled | None = None,
    ) -> Self:
        """Whole or not at all: raises ConfigErrors with everything that is wrong in any of the files.

        With `compiled`, what did not change is not read again, and has no examples.
        """
        given = variables or {}
        problems = Problems()
        kept, contents = compiled or Compiled(None), _contents(overlays or {}, problems)
        read = [_load(file, given, contents, kept, problems) for file in files]
        overlaid = [each for each in read if each is not None]
        services = [each.service for each in overlaid]
        if len(services) == len(files):
            problems.found.extend(_unknown_services(given, services))
        problems.found.extend(taken_names(services))
        routes, wrong = build_routes(services)
        problems.found.extend(wrong)
        problems.raise_if_any()
        named = {each.service.name: each for each in overlaid}
        return cls({service.name: service for service in services}, _digest(services), routes, named)

    def serves(self, scheme: str, host: str, port: int) -> str | None:
        """The service's name; None means that there is no passage."""
        service = self.routes.find(scheme, host, port)
        return None if service is None else service.name

    def needs_http1(self, host: str) -> bool:
        """Can a request to this host have to wait? Then a client that leaves must be seen (rule 32)."""
        return any(
            action.access == "write" or action.risk is not Risk.LOW
            for _, service in self.routes.on_host(host)
            for action in (*service.actions, *service.unmatched.values())
        )

    def map(self, request: Request) -> Mapped:
        """Raises Refusal, and nothing else: ambiguous_request or unmapped."""
        return map_request(self._service(request), request)

    def body(self, request: Request) -> DecodedBody:
        """The body as the template says its upstream reads it."""
        return read_body(self._service(request), request)

    def cedar_schema(self) -> str:
        return cedar_schema(self.services.values())

    def actions(self) -> tuple[ActionInfo, ...]:
        """Those of every service in the order of its file, each service's unmatched ones last."""
        loosened = self.loosened()
        return tuple(
            _info(service, action, loosened)
            for service in self.services.values()
            for action in (*_in_file_order(service), *service.unmatched.values())
        )

    def examples(self) -> list[ExampleResult]:
        """Those of each template under its own defaults and their `vars`, then its overlays' as in force."""
        return [
            result
            for each in self.overlaid.values()
            for result in (*run_examples(each.base), *run_in_force(each.service, each.examples))
        ]

    def loosened(self) -> tuple[Loosened, ...]:
        """What the operator's overlays made looser than the templates are, in their words."""
        return tuple(found for each in self.overlaid.values() for found in each.loosened)

    def _service(self, request: Request) -> Service:
        service = self.routes.find(request.scheme, request.host, request.port)
        if service is None:
            detail = f"No template covers {request.host}:{request.port}, so nothing passes; ask the operator."
            raise Refusal(Reason.UNMAPPED, detail)
        return service


def _load(
    file: Path, given: Variables, overlays: Contents, compiled: Compiled, problems: Problems
) -> Overlaid | None:
    raw = problems.attempt(_read, file, "template")
    if raw is None:
        return None
    key = key_of(file, raw, given, [each for name in sorted(overlays) for each in overlays[name]])
    found = compiled.get(key)
    if found is not None:
        return found
    base = problems.attempt(load_service, file, raw, given)
    if base is None:
        return None
    found = problems.attempt(lay_over, base, raw, given, overlays.get(base.name, []))
    if found is not None:
        compiled.put(key, found)
    return found


def _contents(overlays: Overlays, problems: Problems) -> Contents:
    """What the overlays hold, by service; those of a service of which one cannot be read are left out."""
    read = {
        name: [(path, problems.attempt(_read, path, "overlay")) for path in paths]
        for name, paths in overlays.items()
    }
    return {
        name: [(path, content) for path, content in each if content is not None]
        for name, each in read.items()
    }


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"The {what} cannot be read: {error.strerror}.", Place(str(file))) from error


def _unknown_services(given: Variables, services: Sequence[Service]) -> list[ConfigError]:
    known = [service.name for service in services]
    return [
        ConfigError(
            f'Variables are set for "{name}", which is no enabled template.', None, suggestion(name, known)
        )
        for name in given
        if name not in known
    ]


def _digest(services: Sequence[Service]) -> str:
    digests = {service.name: service.digest for service in services}
    return hashlib.sha256(rfc8785.dumps(digests)).hexdigest()


def _in_file_order(service: Service) -> list[Action]:
    return sorted(service.actions, key=lambda action: (action.place.line or 0, action.place.column or 0))


def _info(service: Service, action: Action, loosened: Sequence[Loosened]) -> ActionInfo:
    return ActionInfo(
        id=action.name,
        service=service.name,
        groups=action.groups,
        access=action.access,
        risk=action.risk,
        title=action.title,
        resource_types=resource_types(service, action),
        place=action.place,
        loosened=tuple(found for found in loosened if found.action == action.name),
    )
