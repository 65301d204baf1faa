"""Templates that were read before, kept as what they were read to: what did not change loads fast.

What is kept is no more trusted than a template: it is used only out of a folder that is ours alone, can hold
nothing but values of this package, and is named by everything that it was made from. Any doubt reads the
template itself.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import rfc8785

from gateway.templates.freezing import freeze, thaw
from gateway.templates.index import Index
from gateway.templates.overlaying import Overlaid
from gateway.templates.service import Service, Variables

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 100


class Compiled:
    """A folder of them. Without one that is ours alone, nothing is kept and nothing is found."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder if folder is not None and _is_ours(folder) else None

    @classmethod
    def usual(cls) -> Self:
        """The account's own cache folder: for an author at work, where nothing is decided."""
        try:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            folder = base / "secondsig" / "templates"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            return cls(None)
        return cls(folder)

    @classmethod
    def beside(cls, state: Path) -> Self:
        """In a gateway's state: who could plant something there has its keys and its log already."""
        folder = state / "compiled"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
        return cls(folder)

    def get(self, key: str) -> Overlaid | None:
        """Without the examples, which are only ever run from the template itself."""
        kept = self._find(key)
        if not isinstance(kept, Overlaid) or not isinstance(kept.service, Service):
            return None
        made = replace(kept.service, index=Index(kept.service.actions))
        return replace(kept, base=made, service=made)

    def put(self, key: str, found: Overlaid) -> None:
        lean = _lean(found.service)
        self._keep(key, Overlaid(lean, lean, found.loosened))

    def recall(self, name: str) -> object | None:
        """What was found before under this name, by the code of now."""
        match self._find(_named(name)):
            case (kept_as, found) if kept_as == name:
                return found
            case _:
                return None

    def remember(self, name: str, found: object) -> None:
        """It will be found again, since its name says all that it depends on."""
        self._keep(_named(name), (name, found))

    def _find(self, key: str) -> object:
        if self._folder is None:
            return None
        try:
            raw = _read(self._folder / key)
            return None if raw is None else thaw(raw)
        except Exception:  # noqa: BLE001  # whatever a damaged file does, its source is still there
            return None

    def _keep(self, key: str, found: object) -> None:
        """A full disk or a folder that cannot be written only means that nothing is kept."""
        if self._folder is not None:
            with contextlib.suppress(OSError, pickle.PicklingError, RecursionError):
                _write(self._folder / key, freeze(found))
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


def _named(name: str) -> str:
    return hashlib.sha256(f"{_code()} found {name}".encode()).hexdigest()


@functools.cache
def _code() -> str:
    """The sources that read templates and policies, the interpreter and the one library that has a say."""
    root = Path(__file__).parent.parent
    found = hashlib.sha256(f"{sys.version} {importlib.metadata.version('pyyaml')}".encode())
    folders = (root / "templates", root / "formats", root / "policy")
    sources = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    for path in (*sources, root / "bodies.py", root / "decoded.py", root / "errors.py", root / "model.py"):
        found.update(path.read_bytes())
    return found.hexdigest()


def _lean(kept: Service) -> Service:
    """Without the examples, which are half of it."""
    actions = tuple(replace(each, examples=()) for each in kept.actions)
    return replace(kept, actions=actions, examples=())


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
