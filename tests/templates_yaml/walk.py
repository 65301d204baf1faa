"""Walks a public description through a shipped template: what the tests of all of them have in common."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from gateway.templates import Library
from gateway.templates.compiled import Compiled

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "templates_yaml"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
RISKY = re.compile(
    r"archive|cancel|capture|charge|close|deactivate|deauthorize|delete|disable|disconnect|erase|export|grant|"
    r"invite|key|password|pay|permission|purge|redact|refund|reject|remove|reset|revers|revoke|role|secret|token|"
    r"transfer|uninstall|void|webhook|wipe",
    re.IGNORECASE,
)
"""Words of an operation that does harm, pays, or hands something out."""

type Change = Callable[[Request], Request]
"""The same request, written otherwise."""

type Sent = tuple[str, bytes]
"""A content type and a body."""

EMPTY: Sent = ("", b"")


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    host: str
    path: str
    name: str

    @property
    def mutating(self) -> bool:
        return self.method not in READS

    @property
    def target(self) -> str:
        """The path with a value in every place."""
        return re.sub(r"\{[^}]*\}", "x1", self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.host}{self.path} ({self.name})"


@lru_cache
def load(service: str) -> Library:
    """Compiled once for all workers, so without its examples."""
    return Library.load([FOLDER / f"{service}.yaml"], compiled=Compiled.usual())


@dataclass(frozen=True, slots=True)
class Walk:
    """One service's template and its description; `bodies` are for operations that need something in them."""

    service: str
    host: str
    usual: Sent = EMPTY
    bodies: Mapping[tuple[str, str], Sent | str] | None = None

    @property
    def library(self) -> Library:
        return load(self.service)

    def operations(self) -> Iterator[Operation]:
        file = ROOT / "tests" / "descriptions" / f"{self.service}.tsv"
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("#"):
                continue
            method, where, name = line.split("\t")
            _, mark, rest = where.partition("://")
            host, _, path = rest.partition("/") if mark else (self.host, "", where[1:])
            yield Operation(method, host, f"/{path}", name)

    def request(self, operation: Operation) -> Request:
        """As its documentation has it, with the least that the template asks for."""
        given = (self.bodies or {}).get((operation.method, operation.path))
        query = f"?{given}" if isinstance(given, str) else ""
        kind, body = given if isinstance(given, tuple) else self.usual if operation.mutating else EMPTY
        body = b"" if operation.method in {"DELETE", *READS} and not isinstance(given, tuple) else body
        headers = (("Content-Type", kind),) if body else ()
        caller = Caller("agent", "tok_1", None, "127.0.0.1")
        target = operation.target + query
        return Request(caller, operation.method, "https", operation.host, 443, target, headers, body)

    def asked(self, method: str, url: str, body: bytes = b"", kind: str = "", **headers: str) -> Unit:
        """The one unit of a request; the url without its scheme, `_` in a header's name for `-`."""
        host, _, path = url.partition("/")
        sent = (("Content-Type", kind or self.usual[0]),) if body else ()
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        caller = Caller("agent", "tok_1", None, "127.0.0.1")
        request = Request(caller, method, "https", host, 443, f"/{path}", sent + more, body)
        (unit,) = self.library.map(request).units
        return unit


def said(unit: Unit) -> str:
    return "".join(part.text for part in unit.summary)


def mapped(library: Library, request: Request) -> tuple[Unit, ...] | Refusal:
    try:
        return library.map(request).units
    except Refusal as refusal:
        return refusal


def unmapped(walk: Walk) -> list[str]:
    """Mutating operations that no action names."""
    library = walk.library
    wrong = []
    for operation in walk.operations():
        units = mapped(library, walk.request(operation))
        if operation.mutating and (isinstance(units, Refusal) or any(named_nothing(unit) for unit in units)):
            wrong.append(f"{operation}: {units.detail if isinstance(units, Refusal) else units[0].action}")
    return wrong


def unmapped_reads(walk: Walk) -> list[str]:
    """Reads that no action names."""
    library = walk.library
    wrong = []
    for operation in walk.operations():
        units = mapped(library, walk.request(operation))
        if not operation.mutating and (isinstance(units, Refusal) or any(map(named_nothing, units))):
            wrong.append(str(operation))
    return wrong


def named_nothing(unit: Unit) -> bool:
    return "unmatched" in unit.groups


def forgotten(walk: Walk, accepted: Mapping[str, str], risky: re.Pattern[str] = RISKY) -> list[str]:
    """Mutating operations with a risky word whose action is low, though nobody gave a reason."""
    library = walk.library
    return [
        f"{operation}: {unit.action}"
        for operation in walk.operations()
        if operation.mutating and risky.search(f"{operation.path} {operation.name}")
        for unit in units_of(library, walk.request(operation))
        if unit.risk == "low" and unit.action not in accepted
    ]


def needless(walk: Walk, accepted: Mapping[str, str]) -> list[str]:
    """Reasons for what is not low, or is not there at all."""
    low = {
        action.id for action in walk.library.actions() if action.risk == "low" and action.access == "write"
    }
    return sorted(set(accepted) - low)


def units_of(library: Library, request: Request) -> tuple[Unit, ...]:
    units = mapped(library, request)
    return () if isinstance(units, Refusal) else units


def moved(change: Change, walk: Walk) -> list[str]:
    """Step-up operations whose changed request comes out as something that nobody is asked about."""
    library = walk.library
    wrong = []
    for operation in walk.operations():
        request = walk.request(operation)
        if not any(unit.risk == "step_up" for unit in units_of(library, request)):
            continue
        if operation.mutating and any(unit.risk == "low" for unit in units_of(library, change(request))):
            wrong.append(str(operation))
    return wrong


def with_slash(request: Request) -> Request:
    path, mark, query = request.target.partition("?")
    return replace(request, target=f"{path}/{mark}{query}")


def with_encoded_slash(request: Request) -> Request:
    path, mark, query = request.target.partition("?")
    head, _, tail = path.rpartition("/")
    return replace(request, target=f"{head}%2F{tail}{mark}{query}")


def with_capitals(request: Request) -> Request:
    head, _, tail = request.target.rpartition("/")
    return replace(request, target=f"{head}/{tail.capitalize()}")


def with_other_method(request: Request) -> Request:
    return replace(request, method="PROPFIND")


def with_override(request: Request) -> Request:
    return replace(request, headers=(*request.headers, ("X-HTTP-Method-Override", "GET")))


def with_override_in_query(request: Request) -> Request:
    return replace(request, target=f"{request.target}{'&' if '?' in request.target else '?'}_method=GET")


def with_dots(request: Request) -> Request:
    return replace(request, target=f"/x/..{request.target}")


DISGUISES: tuple[Change, ...] = (
    with_slash,
    with_encoded_slash,
    with_capitals,
    with_other_method,
    with_override,
    with_override_in_query,
    with_dots,
)
"""Ways to write a request so that a template takes it for another one."""

DANGEROUS = ("destructive", "payment", "credential", "access", "publish", "execute")


class Promises:
    """What every walked template promises; a test file derives from it and says which.

    `low` gives the reason for each low action whose name or path sounds risky, `quiet` names the low
    actions of dangerous groups.
    """

    walk: Walk
    least: int
    low: Mapping[str, str]
    quiet: frozenset[str] = frozenset()

    def test_the_whole_description_is_walked(self) -> None:
        assert sum(1 for _ in self.walk.operations()) >= self.least

    def test_every_change_has_a_name(self) -> None:
        assert unmapped(self.walk) == []

    def test_every_read_has_a_name(self) -> None:
        assert unmapped_reads(self.walk) == []

    def test_nothing_risky_is_low_because_it_was_forgotten(self) -> None:
        assert forgotten(self.walk, self.low) == []
        assert needless(self.walk, self.low) == []

    @pytest.mark.parametrize("disguise", DISGUISES)
    def test_a_disguised_change_never_passes_unasked(self, disguise: Change) -> None:
        assert moved(disguise, self.walk) == []

    def test_every_dangerous_group_steps_up(self) -> None:
        actions = self.walk.library.actions()
        low = {each.id for each in actions if each.risk == "low" and set(each.groups) & set(DANGEROUS)}
        assert low == self.quiet
