"""Templates that were read before, kept as what they were read to: what did not change loads fast.

What is kept is no more trusted than a template: it is used only out of a folder that is ours alone, may hold
nothing but this package's own values, and is named by everything that it was made from. Any doubt reads the
template itself.
"""

import contextlib
import functools
import gc
import hashlib
import importlib.metadata
import io
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Self

import rfc8785

from gateway import errors, model
from gateway.templates import (
    action,
    asking,
    conditions,
    decoding,
    hosts,
    index,
    language,
    matching,
    money,
    overlaying,
    params,
    part_selectors,
    patterns,
    reading,
    resources,
    selectors,
    service,
    service_selectors,
    summary,
    values,
    view,
)
from gateway.templates.index import Index
from gateway.templates.overlaying import Overlaid
from gateway.templates.service import Service, Variables

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 100
DIGEST = 32
_MODULES = (
    action, asking, conditions, decoding, errors, hosts, index, language, matching, model, money, overlaying,
    params, part_selectors, patterns, reading, resources, selectors, service, service_selectors, summary,
    values, view,
)  # fmt: skip
_OURS = {
    (module.__name__, name): kind
    for module in _MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and kind.__module__ == module.__name__
}
"""The only classes that a file may name: none of them does anything when it is made."""

_PATHS = {("pathlib", name): Path for name in ("PosixPath", "Path")}


class Compiled:
    """A folder of them. Without one that is ours alone, nothing is kept and nothing is found."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder if folder is not None and _is_ours(folder) else None

    @classmethod
    def usual(cls) -> Self:
        """The account's own cache folder, made where it is missing."""
        try:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            folder = base / "secondsig" / "templates"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            return cls(None)
        return cls(folder)

    def get(self, key: str) -> Overlaid | None:
        """Without the examples, which are only ever run from the template itself."""
        if self._folder is None:
            return None
        try:
            raw = _read(self._folder / key)
            kept = _Reader(io.BytesIO(_whole(raw))).load() if raw is not None else None
        except Exception:  # noqa: BLE001  # whatever a damaged file does, the template is still there
            return None
        if not isinstance(kept, Overlaid):
            return None
        made = replace(kept.service, index=Index(kept.service.actions))
        return replace(kept, base=made, service=made)

    def put(self, key: str, found: Overlaid) -> None:
        """A full disk or a folder that cannot be written only means that nothing is kept."""
        if self._folder is None:
            return
        lean = _lean(found.service)
        with contextlib.suppress(OSError, pickle.PicklingError, TypeError, AttributeError, RecursionError):
            _write(self._folder / key, _written(Overlaid(lean, lean, found.loosened)))
            _forget_the_oldest(self._folder)


def key_of(file: Path, raw: bytes, variables: Variables, overlays: Sequence[tuple[Path, bytes]]) -> str:
    """Named by everything that the result depends on, the code that makes it included."""
    parts: Any = {
        "code": _code(),
        "file": str(file),
        "raw": hashlib.sha256(raw).hexdigest(),
        "variables": {name: dict(given) for name, given in variables.items()},
        "overlays": [[str(path), hashlib.sha256(content).hexdigest()] for path, content in overlays],
    }
    return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()


@functools.cache
def _code() -> str:
    """The sources that read templates, the interpreter and the one library that has a say."""
    root = Path(__file__).parent.parent
    found = hashlib.sha256(f"{sys.version} {importlib.metadata.version('pyyaml')}".encode())
    folders = (root / "templates", root / "formats")
    sources = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    for path in (*sources, root / "bodies.py", root / "decoded.py", root / "errors.py", root / "model.py"):
        found.update(path.read_bytes())
    return found.hexdigest()


def _lean(kept: Service) -> Service:
    """Without what can be made again, and without the examples, which are half of it."""
    actions = tuple(replace(each, examples=()) for each in kept.actions)
    return replace(kept, actions=actions, examples=(), index=Index(()))


def made(kind: type, *values: object) -> object:
    """A value of one of our classes from its fields in order, as they were when it was written."""
    found: object = object.__new__(kind)
    for name, value in zip(_names(kind), values, strict=True):
        object.__setattr__(found, name, value)
    return found


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


class _Writer(pickle.Pickler):
    def reducer_override(self, found: Any) -> Any:
        """Small values by their fields alone: what dataclasses do by themselves takes three times as long."""
        kind = type(found)
        if not is_dataclass(kind) or "__slots__" not in vars(kind):
            return NotImplemented
        return made, (kind, *(getattr(found, name) for name in _names(kind)))


def _written(found: Overlaid) -> bytes:
    into = io.BytesIO()
    _Writer(into, protocol=5).dump(found)
    content = into.getvalue()
    return hashlib.sha256(content).digest() + content


def _whole(raw: bytes) -> bytes:
    """One wrong bit could make a strict rule a lax one."""
    digest, content = raw[:DIGEST], raw[DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise pickle.UnpicklingError("the file is damaged")
    return content


class _Reader(pickle.Unpickler):
    """Makes values of ours, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, made.__name__):
            return made
        known = _OURS.get((module, name)) or _PATHS.get((module, name))
        if known is None:
            raise pickle.UnpicklingError(f"{module}.{name} has no place here")
        return known

    def load(self) -> Any:
        """Tens of thousands of small values are made at once: collecting garbage meanwhile finds none."""
        was_on = gc.isenabled()
        gc.disable()
        try:
            return super().load()
        finally:
            if was_on:
                gc.enable()


def _is_ours(folder: Path) -> bool:
    """A folder, no link, that no other account may write to or read."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _read(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        alone = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        return file.read() if alone and found.st_size <= MAX_BYTES else None


def _forget_the_oldest(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for path in files[:-MAX_FILES]:
        path.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; the file is made with mode 0600."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).rename(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
