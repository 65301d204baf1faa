"""A configuration as the bytes of its files: kept, compared with what the files say now, loaded again."""

import base64
import difflib
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.canonical import jcs, sha256
from gateway.config import overriding, parse_settings
from gateway.errors import ConfigError, Place
from gateway.loading import template_paths
from gateway.settings import Settings
from gateway.values import dataclass

SETTINGS, POLICY, ENTITIES = "secondsig.yaml", "policy.cedar", "entities.json"
MAX_DIFF = 64 * 1024
"""Characters of one file's differences that are shown whole; beyond it stand its size and digests."""


@dataclass(frozen=True)
class Snapshot:
    """Every file that decides, by the place it has in a configuration, and the variables that override."""

    file: Path
    environment: Mapping[str, str]
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        told = {name: sha256(content) for name, content in self.files.items()}
        return sha256(jcs([dict(self.environment), told]))

    def pack(self) -> str:
        told = {
            "file": str(self.file),
            "environment": dict(self.environment),
            "files": {name: base64.b64encode(content).decode() for name, content in self.files.items()},
        }
        return base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()

    @classmethod
    def unpack(cls, packed: str) -> "Snapshot":
        told = json.loads(zlib.decompress(base64.b64decode(packed)))
        files = {name: base64.b64decode(content) for name, content in told["files"].items()}
        return cls(Path(told["file"]), told["environment"], files)

    def settings(self, folder: Path) -> Settings:
        """What these files say; they are laid out in the folder, and the settings name them there."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
        read = parse_settings(self.files[SETTINGS], self.file, self.environment)
        services = {
            name: replace(service, overlays=tuple(folder / each for each in self._overlays(name)))
            for name, service in read.templates.items()
        }
        templates = tuple(folder / name for name in sorted(self.files) if name.startswith("templates/"))
        return replace(
            read,
            policy=folder / POLICY,
            entities=folder / ENTITIES,
            templates=services,
            template_files=templates,
        )

    def _overlays(self, service: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(f"overlays/{service}/"))


def snapshot_of(settings: Settings, environment: Mapping[str, str]) -> Snapshot:
    """The files as they are now."""
    named = {SETTINGS: settings.file, POLICY: settings.policy, ENTITIES: settings.entities}
    named |= {f"templates/{at:03}-{path.name}": path for at, path in enumerate(template_paths(settings))}
    for name, service in settings.templates.items():
        named |= {f"overlays/{name}/{at:03}-{path.name}": path for at, path in enumerate(service.overlays)}
    return Snapshot(
        settings.file, overriding(environment), {name: _read(path) for name, path in named.items()}
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"the file cannot be read ({error.strerror}).", Place(str(path))) from error


def differences(old: Snapshot, new: Snapshot) -> str:
    """Line by line what is different, in the form that diff has; empty if nothing is."""
    parts = [
        _difference(name, old.files.get(name), new.files.get(name))
        for name in sorted(old.files.keys() | new.files.keys())
        if old.files.get(name) != new.files.get(name)
    ]
    for name in sorted(old.environment.keys() | new.environment.keys()):
        before, after = old.environment.get(name), new.environment.get(name)
        if before != after:
            parts.append(f"{name}: {_or_unset(before)} -> {_or_unset(after)}\n")
    return "".join(parts)


def _or_unset(value: str | None) -> str:
    return "unset" if value is None else value


def _difference(name: str, old: bytes | None, new: bytes | None) -> str:
    before = (old or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)
    after = (new or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)
    lines = [
        line if line.endswith("\n") else f"{line}\n"
        for line in difflib.unified_diff(before, after, f"in force/{name}", f"files/{name}", n=1)
    ]
    text = "".join(lines)
    if len(text) <= MAX_DIFF:
        return text
    return f"{name}: {_summed(old)} -> {_summed(new)}\n"


def _summed(content: bytes | None) -> str:
    return "absent" if content is None else f"{len(content)} bytes, SHA-256 {sha256(content)}"
