"""Whose word a change of the configuration takes: the files', or an administrator's passkey.

Once a configuration is signed, its files are kept in the store, and these decide, whatever stands on the
disk, until a passkey signs others. A file that says `config_trust: files` is such a change itself.
"""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.config import load_settings
from gateway.errors import ConfigError, Place
from gateway.loading import read_rules
from gateway.rules import Rules
from gateway.settings import Settings
from gateway.snapshots import Snapshot, differences, snapshot_of
from gateway.values import dataclass

WAITS = (
    "the files changed; under config_trust: signed that takes effect once an administrator has signed it, "
    "on the page Configuration."
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the files say now, and what would decide under them."""

    snapshot: Snapshot
    rules: Rules
    diff: str


class Trust:
    def __init__(self, file: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._file, self._folder, self._environment = file, folder, environment
        self.signed: Snapshot | None = None

    @property
    def is_signed(self) -> bool:
        return self.signed is not None

    def begin(self, settings: Settings, kept: str | None) -> Settings:
        """The settings in force at a start: the files', or those that were signed before."""
        if kept is not None:
            self.signed = Snapshot.unpack(kept)
            return replace(self.signed.settings(self._room(self.signed)), state=settings.state)
        if settings.config_trust == "signed":
            self.signed = snapshot_of(settings, self._environment)
        return settings

    def check(self, settings: Settings) -> None:
        """ConfigError unless the files, which these settings name, may take effect by themselves."""
        if self.signed is None:
            return
        if snapshot_of(settings, self._environment).digest != self.signed.digest:
            raise ConfigError(WAITS, Place(str(self._file)))

    def taken(self, settings: Settings) -> str | None:
        """The files of what takes effect, for the store; None where there is nothing to keep."""
        if settings.config_trust == "signed" and self.signed is None:
            self.signed = snapshot_of(settings, self._environment)
            return self.signed.pack()
        return None

    def candidate(self) -> Candidate:
        """What would be signed: the rules are read from the very bytes of the snapshot."""
        if self.signed is None:
            raise ConfigError("the files decide by themselves here: there is nothing to sign.")
        snapshot = snapshot_of(load_settings(self._file, self._environment), self._environment)
        rules = read_rules(snapshot.settings(self._room(snapshot)))
        return Candidate(snapshot, rules, differences(self.signed, snapshot))

    def sign(self, candidate: Candidate) -> None:
        """It was signed and is durable."""
        self.signed = candidate.snapshot if candidate.rules.settings.config_trust == "signed" else None
        for folder in self._folder.iterdir():
            if folder.name != candidate.snapshot.digest:
                shutil.rmtree(folder, ignore_errors=True)

    def _room(self, snapshot: Snapshot) -> Path:
        room = self._folder / snapshot.digest
        room.mkdir(mode=0o700, parents=True, exist_ok=True)
        return room
