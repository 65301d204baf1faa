"""A request that a person has answered in advance: all is asked again, the use is durable, then it goes."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from gateway import passkeys
from gateway.audit import Kind, Row
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.errors import StoreError
from gateway.gate import Release
from gateway.grants import Grants, covers, described, grantable, over
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.keys import Keys
from gateway.model import Decision, Mapped, Request
from gateway.outcomes import answer_reader
from gateway.pausing import By
from gateway.policy import Facts
from gateway.questions import Names
from gateway.releasing import headers_to_send
from gateway.rules import Rules
from gateway.store.contract import Done, Store
from gateway.store.things import Before, Grant, GrantEnd, GrantUse
from gateway.store.writes import EndGrant, FinishUse, UseGrant, WithdrawConsent

TICK = 1.0

log = structlog.get_logger()


@dataclass
class Granting:
    """Uses and ends grants. One of these serves the whole gateway."""

    store: Store
    keys: Keys
    directory: Directory
    grants: Grants
    rules: Callable[[], Rules]
    rp_id: str
    refreshed: Callable[[], Awaitable[None]]

    def __post_init__(self) -> None:
        self._recording: set[asyncio.Task[None]] = set()
        self._tidied: tuple[Rules, list[Grant]] | None = None

    async def release(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        names: Names,
        rules: Rules,
        facts: Facts,
    ) -> Release | None:
        """The release of a request that a live grant covers whole, or None: then people are asked.

        It stands in for one person's answer to this very question, so it needs that

        1. the clock can be trusted;
        2. a grant of this agent is for every unit of the request, and its signer may still sign;
        3. one signature would do, and policy lets the request pass on a grant;
        4. nobody denied the same lately, and no question about this very request is open;
        5. the signature under the grant verifies again;
        6. the use is durable.
        """
        agent = request.caller.agent
        if not self.store.steady() or request.header("Secondsig-Cosigner"):
            return None
        grant = self._covering(agent, mapped, names, facts, rules)
        if grant is None or not grantable(agent, mapped, facts, decision.quorum, rules):
            return None
        if await self._is_asked_or_denied(agent, names, rules) or not await self._holds(grant, rules):
            return None
        return await self._use(grant, request, mapped, rules)

    def _covering(self, agent: str, mapped: Mapped, names: Names, facts: Facts, rules: Rules) -> Grant | None:
        grants = self.grants.of(agent)
        return next(
            (each for each in grants if covers(each, mapped, facts, names.intent, rules, self.directory)),
            None,
        )

    async def _is_asked_or_denied(self, agent: str, names: Names, rules: Rules) -> bool:
        """A denial outlives a grant, and an identical request meets the question it belongs to."""
        since = self.store.now() - rules.settings.approvals.deny_for
        before = await self.store.asked_before(agent, names.intent, since, names.join)
        return before != Before(None, None)

    async def _holds(self, grant: Grant, rules: Rules) -> bool:
        """The stored assertion is this signer's, over exactly what the grant says now."""
        signed = await self.store.signed_change(grant.signed_change)
        known = self.directory.people.get(grant.signer)
        credential = next(
            (c for c in (known.credentials if known else ()) if c.id == grant.credential_id), None
        )
        if signed is None or credential is None or signed.at != grant.made_at:
            return False
        payload = self.keys.unseal(signed.id, signed.sealed_payload)
        said = json.loads(payload)
        if signed.challenge[32:] != hashlib.sha256(payload).digest():
            return False
        if (said["person"], said["says"], said["change"]) != (grant.signer, grant.says, described(grant)):
            return False
        try:
            passkeys.verify_assertion(
                signed.assertion,
                challenge=signed.challenge,
                rp_id=self.rp_id,
                origins=[rules.settings.origin],
                credential=replace(credential, sign_count=0),
            )
        except passkeys.PasskeyError:
            return False
        return True

    async def _use(self, grant: Grant, request: Request, mapped: Mapped, rules: Rules) -> Release | None:
        first, caller = mapped.units[0], request.caller
        use = GrantUse(
            make_id("use", secrets.token_bytes(ENTROPY_BYTES)),
            grant.id,
            self.store.now(),
            first.action,
            str(first.resource),
            caller.agent,
            caller.run,
            caller.peer,
        )
        row = _row(
            Kind.AUTHORISED,
            grant,
            use,
            reason="granted",
            method=request.method,
            host=request.host,
            config_digest=rules.digest,
        )
        applied = await self.store.apply(UseGrant(use, caller.token_id, rules.digest), [row])
        if not isinstance(applied, Done):
            return None
        return Release(
            id=use.id,
            method=request.method,
            target=request.target,
            headers=headers_to_send(request.headers),
            body=request.body,
            done=lambda outcome, status, detail: self._record_later(grant, use, outcome, status, detail),
            reader=answer_reader(mapped.units),
        )

    def _record_later(
        self, grant: Grant, use: GrantUse, outcome: str, status: int | None, detail: str
    ) -> None:
        task = asyncio.get_running_loop().create_task(self._record(grant, use, outcome, status, detail))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def settle(self) -> None:
        """Every outcome that was reported is in the log."""
        while self._recording:
            await asyncio.wait(list(self._recording))

    async def _record(
        self, grant: Grant, use: GrantUse, outcome: str, status: int | None, detail: str
    ) -> None:
        """An outcome that cannot be written stays open; the next start calls it unknown."""
        row = _row(Kind.OUTCOME, grant, use, outcome=outcome, status=status, detail=detail or None)
        try:
            await self.store.apply(FinishUse(use.id, outcome, status), [row])
        except StoreError as error:
            log.error("outcome.not_recorded", use=use.id, outcome=outcome, error=str(error))

    # How grants end. ---------------------------------------------------------

    async def revoke(self, grant_id: str, by: By) -> Grant | None:
        """The grant that ends now; None if there is no such live one."""
        grant = next((each for each in self.grants.every() if each.id == grant_id), None)
        ended = grant is not None and await self._end(grant, "revoked", by)
        await self.grants.refresh()
        return grant if ended else None

    async def withdraw_consent(self, agent: str, by: By) -> bool:
        """Nothing of this agent passes without a person from now on; False if it has no such consent."""
        row = Row(
            Kind.AGENT,
            decision="consent_withdrawn",
            agent=agent,
            person=by.who,
            decision_method=by.method,
            credential_id=by.credential_id,
            config_digest=self.rules().digest,
        )
        applied = await self.store.apply(WithdrawConsent(agent, self.store.now()), [row])
        await self.refreshed()
        return isinstance(applied, Done)

    async def run(self) -> None:
        """Until it is cancelled: a grant that is over says so in the log, and stays over."""
        while True:
            try:
                await self.tidy()
            except StoreError as error:
                log.error("grants.not_tidied", error=str(error))
            await asyncio.sleep(TICK)

    async def tidy(self) -> None:
        """Ends what is over. Who may sign and what templates say is asked again when either changed."""
        now, rules = self.store.now(), self.rules()
        grants = self.grants.every()
        same = self._tidied is not None and self._tidied[0] is rules and self._tidied[1] == grants
        self._tidied = rules, grants
        if same:
            grants = [grant for grant in grants if grant.expires_at is not None and grant.expires_at <= now]
        for grant in grants:
            why = over(grant, rules, self.directory, now)
            if why is not None:
                await self._end(grant, why, None)
                await self.grants.refresh()

    async def _end(self, grant: Grant, why: GrantEnd, by: By | None) -> bool:
        row = Row(
            Kind.GRANT,
            decision="revoked" if why == "revoked" else "ended",
            reason=why,
            agent=grant.agent,
            grant_id=grant.id,
            person=by.who if by else None,
            decision_method=by.method if by else None,
            credential_id=by.credential_id if by else None,
            config_digest=self.rules().digest,
        )
        change = EndGrant(grant.id, self.store.now(), why, by.who if by else None)
        return isinstance(await self.store.apply(change, [row]), Done)


async def recover_uses(store: Store) -> int:
    """After a crash: what went by a grant then may have arrived. It is unknown, and never repeated by us."""
    interrupted = await store.unfinished_uses()
    for use in interrupted:
        row = Row(
            Kind.OUTCOME,
            decision="allow",
            decision_method="grant",
            agent=use.agent,
            run=use.run,
            address=use.address,
            action=use.action,
            resource=use.resource,
            grant_id=use.grant_id,
            outcome="unknown",
            detail="the gateway stopped while this was on its way",
        )
        await store.apply(FinishUse(use.id, "unknown", None), [row])
    return len(interrupted)


def _row(kind: Kind, grant: Grant, use: GrantUse, **more: Any) -> Row:
    """A row about this use; the person is whoever signed the grant."""
    known = Row(
        kind,
        decision="allow",
        agent=use.agent,
        run=use.run,
        address=use.address,
        action=use.action,
        resource=use.resource,
        person=grant.signer,
        decision_method="grant",
        credential_id=b64u(grant.credential_id),
        grant_id=grant.id,
    )
    return replace(known, **more)
