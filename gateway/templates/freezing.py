"""What a template was read to, as bytes and back. Whoever wrote them, only values of ours come out.

Python's pickle carries them, since nothing else is as fast; but in it a value is the number of its kind with
its parts, so that no class and no function but one has a name there.
"""

import gc
import hashlib
import io
import operator
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway import errors, model
from gateway.templates import (
    action,
    asking,
    conditions,
    decoding,
    hosts,
    matching,
    money,
    overlaying,
    params,
    part_selectors,
    patterns,
    resources,
    selectors,
    service,
    service_selectors,
    summary,
    values,
    view,
)
from gateway.templates.decoding import Decoding
from gateway.templates.index import Index
from gateway.templates.language import Language
from gateway.templates.resources import Resources
from gateway.values import dataclass

DIGEST = 32
_MODULES = (
    errors, model, action, asking, conditions, decoding, hosts, matching, money, overlaying, params,
    part_selectors, patterns, resources, selectors, service, service_selectors, summary, values, view,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a value is taken apart and made again."""

    type: type
    parts: Callable[[Any], tuple[object, ...]]
    make: Callable[..., object]
    shared: bool = False
    """Nothing in it changes, so that equal ones may be one."""


def _from_fields(kind: type, *names: str, shared: bool = False) -> _Kind:
    return _Kind(kind, _taking(names), kind, shared)


def _from_state(kind: type, *names: str) -> _Kind:
    """For one whose making computes what it keeps."""
    return _Kind(kind, _taking(names), partial(_blank, kind, names))


def _taking(names: tuple[str, ...]) -> Callable[[Any], tuple[object, ...]]:
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda found: tuple(getattr(found, name) for name in names)


def _blank(kind: type, names: tuple[str, ...], *parts: object) -> object:
    made: object = object.__new__(kind)
    for name, part in zip(names, parts, strict=True):
        setattr(made, name, part)
    return made


def _dataclasses(module: ModuleType) -> Iterator[_Kind]:
    for kind in vars(module).values():
        if not isinstance(kind, type) or kind.__module__ != module.__name__ or issubclass(kind, Exception):
            continue
        if is_dataclass(kind):
            frozen: bool = kind.__dict__["__dataclass_params__"].frozen
            names = (each.name for each in fields(kind) if each.init)
            yield _from_fields(kind, *names, shared=frozen)


_KINDS = (
    *(kind for module in _MODULES for kind in _dataclasses(module)),
    _from_fields(Language, "edges", "empty", "start", "end"),
    _from_state(Resources, "types", "full", "at"),
    _from_state(Decoding, "special", "general"),
    _Kind(Index, lambda _: (), lambda: Index(())),
    _from_fields(model.Risk, "value"),
    _from_fields(model.Mode, "value"),
    _Kind(type(Path()), lambda path: (str(path),), Path),
)
_NUMBERS = {kind.type: number for number, kind in enumerate(_KINDS)}
_MAKERS = tuple(kind.make for kind in _KINDS)


def made(number: int, *parts: object) -> object:
    """The one function that a file may name."""
    return _MAKERS[number](*parts)


class _Writer(pickle.Pickler):
    def reducer_override(self, found: object) -> Any:
        """Called for all but Python's plain values: what is not ours has no place in a file."""
        if found is made:
            return NotImplemented
        number = _NUMBERS.get(type(found))
        if number is None:
            raise pickle.PicklingError(f"a {type(found).__name__} cannot be kept")
        return made, (number, *_KINDS[number].parts(found))


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) != (__name__, "made"):
            raise pickle.UnpicklingError(f"{module}.{name} has no place here")
        return made


class _Sharing:
    """Makes equal values one value: most of a template's are, and each of them costs every later start."""

    def __init__(self) -> None:
        self._one: dict[object, object] = {}
        self._of: dict[int, tuple[object, object]] = {}

    def one(self, found: object) -> object:
        if id(found) not in self._of:
            self._of[id(found)] = found, self._made(found)
        return self._of[id(found)][1]

    def _made(self, found: object) -> object:
        if isinstance(found, dict):
            return {key: self.one(value) for key, value in found.items()}
        if type(found) is tuple:
            return self._known(tuple, found, lambda *parts: parts)
        number = _NUMBERS.get(type(found))
        if number is None or not _KINDS[number].shared:
            return found
        return self._known(number, _KINDS[number].parts(found), _KINDS[number].make)

    def _known(self, kind: object, parts: tuple[object, ...], make: Callable[..., object]) -> object:
        shared = tuple(map(self.one, parts))
        key = kind, *map(_identity, shared)
        if key not in self._one:
            self._one[key] = make(*shared)
        return self._one[key]


def _identity(part: object) -> object:
    """1 and True are equal, and are not one value."""
    return (type(part), part) if isinstance(part, str | int | float | None) else id(part)


def freeze(found: object) -> bytes:
    """Raises PicklingError for what is not made of this package's values; an index is frozen empty."""
    into = io.BytesIO()
    _Writer(into, protocol=5).dump(_Sharing().one(found))
    content = into.getvalue()
    return hashlib.sha256(content).digest() + content


def thaw(raw: bytes) -> object:
    """What was frozen. Raises whatever the bytes provoke where they are not what `freeze` made."""
    digest, content = raw[:DIGEST], raw[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise pickle.UnpicklingError("the file is damaged")  # one wrong bit could make a strict rule lax
    with collecting_later():
        return _Reader(io.BytesIO(content)).load()


@contextmanager
def collecting_later() -> Iterator[None]:
    """Where many small values are made at once, and stay: looking for garbage among them finds none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
