"""Which files lint looks at, and what it found in the same files before.

What is found depends on nothing but the files, what is set in them, and this program: so it is kept under a
digest of all three, and most runs only read files.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from importlib.resources import files as resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.authoring.findings import Finding, Severity
from gateway.errors import ConfigErrors, Place
from gateway.settings import Settings
from gateway.values import dataclass

if TYPE_CHECKING:
    from gateway.authoring.linting import Linted

KEPT = 256
"""Results that stay; older ones go."""

_PROGRAM = Path(__file__).parents[1]


@dataclass(frozen=True)
class LintSet:
    files: tuple[Path, ...]
    variables: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    overlays: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)


def named(files: Sequence[Path]) -> LintSet:
    """Templates as they are; an overlay over the template it is for, which may be one that ships."""
    shipped, templates = _shipped(), [file for file in files if _head(file, "overlay") is None]
    overlays: dict[str, tuple[Path, ...]] = {}
    for file in files:
        service = _head(file, "overlay")
        if service is not None:
            overlays[service] = (*overlays.get(service, ()), file)
    here = {_head(file, "service") for file in templates}
    templates += [shipped[name] for name in overlays if name in shipped and name not in here]
    return LintSet(tuple(templates), {}, overlays)


def _shipped() -> dict[str, Path]:
    """As gateway.loading has it, without all that it needs for loading."""
    folder = Path(str(resources("templates_yaml")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _head(file: Path, key: str) -> str | None:
    """The value of a key at the top of a file, as far as a glance can tell."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^\{{?\s*{key}:\s*[\"']?([A-Za-z0-9_-]+)", text, re.MULTILINE)
    return found[1] if found else None


def configured(settings: Settings | None) -> LintSet:
    """What ships, and what the operator added and set."""
    shipped = _shipped()
    if settings is None:
        return LintSet(tuple(shipped.values()))
    from gateway.loading import template_paths

    own = template_paths(settings)
    named_here = {_head(file, "service") for file in own}
    files = [*own, *(path for name, path in shipped.items() if name not in named_here)]
    services = settings.templates.items()
    return LintSet(
        tuple(files),
        {name: service.vars for name, service in services if service.vars},
        {name: service.overlays for name, service in services if service.overlays},
    )


def remembered_lint(chosen: LintSet, folder: Path | None = None) -> list[Finding]:
    """What lint finds, from memory where nothing has changed."""
    where = (folder or _folder()) / f"{_digest(chosen)}.json"
    known = _recall(where)
    if known is not None:
        return known
    from gateway.authoring.linting import lint

    memory = _Memory(folder or _folder())
    found = lint(chosen.files, chosen.variables, chosen.overlays, memory.look)
    with contextlib.suppress(OSError):
        _remember(where, found)
    return found


@dataclass(frozen=True)
class _Memory:
    """What was found in each file alone: of a whole library, only what was edited is looked at again."""

    folder: Path

    def look(
        self,
        file: Path,
        variables: Mapping[str, Mapping[str, object]],
        overlays: Mapping[str, Sequence[Path]],
    ) -> "Linted":
        from gateway.authoring.linting import Linted, lint_template
        from gateway.templates import Library
        from gateway.templates.compiled import Compiled

        name = _head(file, "service") or ""
        own = {service: values for service, values in variables.items() if service == name}
        over = {service: tuple(paths) for service, paths in overlays.items() if service == name}
        where = self.folder / f"{_digest(LintSet((file,), own, over))}.json"
        known = _recall(where)
        if known is not None:
            with contextlib.suppress(ConfigErrors):
                library = Library.load([file], own, over, compiled=Compiled.usual())
                return Linted(tuple(known), next(iter(library.services.values())))
        found = lint_template(file, variables, overlays)
        if found.service is not None and not any(each.severity is Severity.ERROR for each in found.findings):
            with contextlib.suppress(OSError):
                _remember(where, found.findings)
        return found


def _folder() -> Path:
    """What can be made again at any time, where such things are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "secondsig" / "lint"


def _digest(chosen: LintSet) -> str:
    whole = hashlib.sha256()
    overlays = [path for paths in chosen.overlays.values() for path in paths]
    for path in (*chosen.files, *overlays):
        with contextlib.suppress(OSError):
            whole.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    said = [{name: dict(values) for name, values in chosen.variables.items()}, sorted(chosen.overlays)]
    whole.update(json.dumps(said, sort_keys=True, default=str).encode())
    for name, stamp in _program():
        whole.update(f"{name} {stamp}\n".encode())
    return whole.hexdigest()


def _program() -> Iterator[tuple[str, int]]:
    """Whatever of this program reads templates, with the time of its last change."""
    for folder in ("", "authoring", "formats", "templates"):
        for path in sorted((_PROGRAM / folder).glob("*.py")):
            yield path.name, path.stat().st_mtime_ns


def _recall(file: Path) -> list[Finding] | None:
    try:
        return [_finding(item) for item in json.loads(file.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _finding(item: Mapping[str, Any]) -> Finding:
    place = Place(item["file"], item["line"], item["column"])
    return Finding(place, Severity(item["severity"]), item["name"], item["message"], item["hint"])


def _remember(file: Path, found: Sequence[Finding]) -> None:
    """Whole or not at all; the oldest make room."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    part.write_text(json.dumps([finding.as_json() for finding in found]), encoding="utf-8")
    part.replace(file)
    others = sorted(file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[KEPT:]:
        old.unlink(missing_ok=True)
