"""What a description of an API says it can do: operations, whatever they were read from."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from gateway.errors import ConfigError, Place
from gateway.templates.action import READS
from gateway.values import dataclass

type ParameterPlace = Literal["path", "query", "header"]

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")


@dataclass(frozen=True, slots=True)
class Schema:
    """As much of a JSON Schema as tells what a value may be. `members` are those of an object."""

    type: str = ""
    values: tuple[str | int | float | bool, ...] = ()
    pattern: str = ""
    format: str = ""
    least: float | None = None
    shortest: int = 0
    longest: int | None = None
    description: str = ""
    members: Mapping[str, "Schema"] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: "Schema | None" = None


ANYTHING = Schema()


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    place: ParameterPlace
    required: bool
    schema: Schema
    description: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    content_type: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """`origins` are where it answers, as https://host; none if the description does not say.

    `path` includes the servers' base path, and its captures are written {name}.
    """

    method: str
    path: str
    id: str
    origins: tuple[str, ...] = ()
    summary: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    known: bool = True
    """Does the description say what its parameters may be?"""

    @property
    def mutating(self) -> bool:
        return self.method not in READS

    def parameter(self, name: str) -> Parameter | None:
        return next((each for each in self.parameters if each.place == "path" and each.name == name), None)


@dataclass(frozen=True, slots=True)
class Description:
    title: str
    version: str
    operations: tuple[Operation, ...]
    notes: tuple[str, ...] = ()
    """What was left out, and why."""
    extra: Mapping[str, Any] = field(default_factory=dict)


def read_operations(file: Path) -> Description:
    """A list of operations, one a line: METHOD, path and id between tabs. Lines with '#' are remarks."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError("The list of operations is not UTF-8.", Place(str(file))) from error
    title = lines[0].removeprefix("#").strip() if lines and lines[0].startswith("#") else file.stem
    found = [
        _line(line, Place(str(file), number))
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    ]
    return Description(title, "", tuple(found))


def _line(line: str, place: Place) -> Operation:
    method, _, rest = line.partition("\t")
    where, _, name = rest.partition("\t")
    origin, path = split_origin(where)
    if not method.isascii() or not method.isalpha() or not path.startswith("/"):
        raise ConfigError(
            "This line is no operation.", place, "Write METHOD, path and operation id with tabs between them."
        )
    return Operation(
        method.upper(), path, name.strip() or f"{method} {path}", (origin,) if origin else (), known=False
    )


def split_origin(url: str) -> tuple[str, str]:
    """Scheme with host, and path; the first is empty where the text is a path only."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "", url
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", f"/{path}"
