"""The configuration follows its files: a change is taken whole between two requests, or refused and told."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.audit import Kind, Row
from gateway.board import Board
from gateway.config import load_settings
from gateway.errors import ConfigError, ConfigErrors, Place, SecondsigError, StoreError
from gateway.loading import files_in_force, read_rules
from gateway.metrics import Metrics
from gateway.rules import LastChange, RefusedChange, Rules
from gateway.settings import Settings
from gateway.store.contract import Store
from gateway.store.writes import Record

TICK = 1.0
"""Seconds between two looks at the files; what changes is read once it has been still for as long."""

MAX_TOLD = 20
MAX_DETAIL = 2000

type Stamp = tuple[int, int, int] | None
type Stamps = dict[Path, Stamp]

log = structlog.get_logger()


class StillChanging(ConfigError):
    """Somebody writes to the files at this very moment, so nobody knows what they will say."""


@dataclass
class Attempt:
    """One reading of the files, as far as it came; the stamps are from before each was read."""

    stamps: Stamps
    settings: Settings | None = None


class Reloader:
    """`reload` reads the files now; `watch` does whenever they changed and are still again."""

    def __init__(
        self,
        store: Store,
        board: Board,
        metrics: Metrics,
        last: LastChange,
        rules: Callable[[], Rules],
        take: Callable[[Settings, Rules], Awaitable[None]],
        stamps: Stamps,
    ) -> None:
        self._store, self._board, self._metrics, self._last = store, board, metrics, last
        self._rules, self._take = rules, take
        self._named: tuple[Path, ...] = ()
        self._tried = stamps
        self._pending: Stamps = {}
        self._turn = asyncio.Lock()

    async def reload(self) -> str:
        """The digest that is in force now. Raises what is wrong; then what was in force stays."""
        async with self._turn:
            attempt = Attempt(stamp(self._watched()))
            try:
                rules = await self._read(attempt)
                await self._take(rules.settings, rules)
            except StoreError as error:
                self._metrics.reloads["failed"] += 1
                log.error("config.not_taken", error=str(error))
                raise
            except StillChanging:
                raise
            except SecondsigError as error:
                self._tried = attempt.stamps
                await self._refuse(error)
                raise
            self._tried = attempt.stamps
            return self._taken()

    async def watch(self, tick: float = TICK) -> None:
        """Until it is cancelled. What `reload` refuses it tells, and is not tried again until it changes."""
        while True:
            await asyncio.sleep(tick)
            try:
                if self._changed_and_still():
                    await self.reload()
            except SecondsigError:
                continue
            except Exception:
                log.exception("config.watch_fault")

    def _changed_and_still(self) -> bool:
        now = stamp(self._watched())
        changed = any(self._tried.get(path) != found for path, found in now.items())
        still = now == self._pending
        self._pending = {} if changed and still else now
        return changed and still

    def _watched(self) -> set[Path]:
        """The files in force, and those that the last attempt wanted: one of them may be what is wrong."""
        return {*files_in_force(self._rules().settings), *self._named}

    async def _read(self, attempt: Attempt) -> Rules:
        """In a thread: reading takes longer than a request may wait."""
        try:
            return await asyncio.to_thread(read, self._rules().settings.file, attempt)
        finally:
            self._named = files_in_force(attempt.settings) if attempt.settings is not None else self._named

    def _taken(self) -> str:
        self._last.refused = None
        self._metrics.reloads["taken"] += 1
        self._board.configured()
        digest = self._rules().digest
        log.info("config.reloaded", digest=digest)
        return digest

    async def _refuse(self, error: SecondsigError) -> None:
        why = sentences(error)
        self._last.refused = RefusedChange(self._store.now(), why)
        self._metrics.reloads["refused"] += 1
        log.error("config.refused", error="\n".join(why), in_force=self._rules().digest)
        self._board.configured()
        row = Row(
            Kind.CONFIG,
            decision="refused",
            reason="files",
            person="operator",
            config_digest=self._rules().digest,
            detail="\n".join(why)[:MAX_DETAIL],
        )
        try:
            await self._store.apply(Record(), [row])
        except StoreError as failed:
            log.error("config.refusal_not_noted", error=str(failed))


def read(file: Path, attempt: Attempt) -> Rules:
    """Everything that the settings name, all of it from one moment."""
    try:
        attempt.settings = load_settings(file)
        attempt.stamps |= stamp(set(files_in_force(attempt.settings)) - attempt.stamps.keys())
        rules = read_rules(attempt.settings)
    except SecondsigError as error:
        _check_still(file, attempt, error)
        raise
    except Exception as error:
        log.exception("config.fault")
        raise ConfigError(f"the files cannot be read ({error}).", Place(str(file))) from error
    _check_still(file, attempt, None)
    return rules


def _check_still(file: Path, attempt: Attempt, error: SecondsigError | None) -> None:
    if stamp(attempt.stamps) != attempt.stamps:
        raise StillChanging(
            "the files changed while they were read, so nothing was taken.", Place(str(file)), "Reload again."
        ) from error


def stamp(paths: Iterable[Path]) -> Stamps:
    """What tells one state of these files from the next; None for a file that is not there."""
    return {path: _stamp(path) for path in paths}


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def sentences(error: SecondsigError) -> tuple[str, ...]:
    """What is wrong, one sentence a mistake, in a number that a page can show."""
    if not isinstance(error, ConfigErrors):
        return (str(error),)
    told = tuple(str(each) for each in error.errors)
    more = len(told) - MAX_TOLD
    return (*told[:MAX_TOLD], f"And {more} more mistakes.") if more > 0 else told
