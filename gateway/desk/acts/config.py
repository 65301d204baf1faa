"""A changed configuration, where a passkey has to sign it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.audit import Kind
from gateway.desk.changing import Plan, Signed, check_administrator, done, only
from gateway.desk.contract import DeskError, JsonObject
from gateway.directory import Directory
from gateway.errors import SecondsigError
from gateway.rules import Rules
from gateway.store.writes import Configure
from gateway.trust import Candidate, Trust


@dataclass
class ApplyConfig:
    """Exactly the files whose differences were shown take effect."""

    trust: Trust
    directory: Directory
    rules: Callable[[], Rules]
    digest: Callable[[Candidate], str]
    take: Callable[[Candidate], Awaitable[None]]

    async def plan(self, person: str, asked: JsonObject) -> Plan:
        check_administrator(self.rules(), self.directory, person)
        only(asked)
        signed = self.trust.signed
        candidate = await self._read()
        if signed is None or candidate.snapshot.digest == signed.digest:
            raise DeskError(409, "changed", "The files are what is in force: there is nothing to sign.")
        return Plan(
            "Take the changed configuration.",
            {
                "files": {"from": signed.digest, "to": candidate.snapshot.digest},
                "config": {"from": self.rules().digest, "to": self.digest(candidate)},
                "trust": candidate.rules.settings.config_trust,
                "diff": candidate.diff,
            },
        )

    async def _read(self) -> Candidate:
        """In a thread: reading takes longer than a request may wait."""
        try:
            return await asyncio.to_thread(self.trust.candidate)
        except SecondsigError as error:
            raise DeskError(409, "config_refused", str(error)) from error

    async def perform(self, plan: Plan, signed: Signed) -> JsonObject:
        candidate = await self._read()
        if candidate.snapshot.digest != plan.change["files"]["to"]:
            raise DeskError(409, "changed", "The files changed meanwhile: look again.")
        stays_signed = candidate.rules.settings.config_trust == "signed"
        digest = self.digest(candidate)
        row = signed.row(
            Kind.CONFIG,
            "in_force",
            reason="signed",
            config_digest=digest,
            detail=f"files {candidate.snapshot.digest}",
        )
        change = Configure(digest, candidate.snapshot.pack() if stays_signed else "")
        done(await signed.apply(change, [row]))
        self.trust.sign(candidate)
        await self.take(candidate)
        return {"config": digest}
