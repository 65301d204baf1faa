"""From an approval to the wire: all is asked again, then one compare-and-swap, then at most one send."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog

from gateway import ucan
from gateway.audit import Kind, Row
from gateway.backing import Backers, method_of
from gateway.board import Board
from gateway.canonical import HOP_BY_HOP, covered, merge_binds, sends_approved
from gateway.consents import beyond
from gateway.directory import Directory
from gateway.envelopes import DecisionMethod, Envelope, State, Step
from gateway.errors import About, Reason, Refusal, StoreError
from gateway.facts import facts_of
from gateway.gate import Release
from gateway.history import History
from gateway.idempotency import idempotency_key
from gateway.keys import Keys
from gateway.model import Decision, Effect, Mapped, Request
from gateway.outcomes import answer_reader
from gateway.questions import fingerprint, unpack
from gateway.rules import Rules
from gateway.store.contract import Done, Lost, Store
from gateway.store.writes import Answered, Move, Spend
from gateway.values import dataclass

log = structlog.get_logger()


RETRY_SECONDS = 0.5
"""Between two tries to write how a release ended."""

STEPS = {
    "completed": Step.COMPLETE,
    "failed": Step.COMPLETE,
    "unclear": Step.COMPLETE,
    "not_sent": Step.RETURN,
}
"""Any other word for how a release ended loses the envelope: in doubt it may have arrived."""


type KeptAnswer = Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a release ended; with what was answered, sealed, where no client took it."""

    outcome: str
    status: int | None
    detail: str
    answer: bytes | None = None


class Lapse(Exception):  # an approval that no longer holds is an outcome, not a fault
    """The approval does not hold any more; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a spend carries: the invocation, the configuration that let it go, and how it was decided."""

    invocation: ucan.Token
    config: str
    method: DecisionMethod


@dataclass
class Releaser:
    """Spends approvals. One of these serves the whole gateway."""

    store: Store
    keys: Keys
    directory: Directory
    board: Board
    rules: Callable[[], Rules]
    rp_id: str
    history: History

    def __post_init__(self) -> None:
        self._recording: set[asyncio.Task[None]] = set()

    async def release(
        self, envelope: Envelope, request: Request, answer: KeptAnswer | None = None
    ) -> Release:
        """The request may go, once. Whatever is wrong refuses, and an approval that cannot hold lapses.

        With an `answer` that is sealed when the release reports its end, that is stored with the outcome.
        """
        if not self.store.steady():
            raise Refusal(
                Reason.GATEWAY_UNAVAILABLE,
                "The gateway's clock jumped, so approvals cannot be timed: try again in a minute.",
                retryable=True,
                retry_after=60,
            )
        try:
            mapped, ticket = await self._still_holds(envelope, request)
        except Lapse as lapse:
            await self.lapse(envelope, str(lapse), str(Reason.CONFIG_CHANGED))
            raise Refusal(
                Reason.CONFIG_CHANGED,
                f"{lapse} Nothing was sent. Send the request again to ask anew.",
                retryable=True,
                about=About(envelope.id),
            ) from lapse
        try:
            spent = await self._spend(envelope, request, mapped, ticket)
            return self._release(spent, request, mapped, answer or (lambda: None))
        except Refusal:
            raise
        except BaseException:
            self._later(lambda: self._take_back(envelope.id, ticket.invocation.cid))
            raise

    async def _still_holds(self, envelope: Envelope, request: Request) -> tuple[Mapped, Ticket]:
        """Asks everything again, under the rules of this moment.

        1. the agent is not paused;
        2. the request still means what was approved;
        3. enough signatures are still good: verified again, by whoever may still sign in this way;
        4. policy allows it with those signatures, and knows of which kind they are;
        5. the cosigner on record covers exactly this envelope and this request.
        """
        self.directory.check_not_paused(envelope.agent)
        if envelope.sealed is None:
            raise Lapse("What was approved was erased when its retention ended.")
        await self._check_not_denied_since(envelope)
        rules, now = self.rules(), self.store.now()
        mapped = self._mapped_again(rules, request)
        moment = self.history.at_spend(request, mapped, envelope)
        facts = replace(facts_of(request, mapped, now, moment), purpose=envelope.purpose)
        decision = rules.policy.decide(
            envelope.agent,
            mapped,
            facts,
            rules.settings.approvals.max_quorum,
            beyond(self.directory.agents.get(envelope.agent), mapped, facts, rules),
        )
        if decision.effect is Effect.DENY:
            raise Lapse(f"Policy changed since this was asked, and forbids it now{_by(decision)}.")
        asked_of = max(decision.quorum, *(unit.approval.quorum for unit in mapped.units), 1)
        self._check_means_the_same(envelope, mapped, asked_of)
        backers = Backers(self.store, self.keys, self.directory, self.rp_id)
        backing = await backers.of(envelope, mapped, rules)
        flags = backing.flags(envelope)
        if flags is None:
            raise Lapse("A signature on this request no longer counts.")
        spent = rules.policy.authorise(envelope.agent, mapped, replace(facts, **flags))
        if spent.effect is not Effect.ALLOW:
            raise Lapse("Policy no longer allows this request, even with its approval.")
        return mapped, Ticket(self._invoke(envelope, now), rules.digest, method_of(envelope))

    async def _check_not_denied_since(self, envelope: Envelope) -> None:
        """One denial ends every question that means the same, also one that was approved in the meantime."""
        denied = await self.store.denied_since(envelope.agent, envelope.intent_key, envelope.opened_at - 1)
        if denied is not None:
            raise Lapse(f"{denied.decided_by or 'Somebody'} denied the same request in another form.")

    def _check_means_the_same(self, envelope: Envelope, mapped: Mapped, quorum: int) -> None:
        """An approval is for what was read then, and for as many people as were asked then."""
        if fingerprint(mapped, quorum, self.keys) == envelope.fingerprint:
            return
        first = mapped.units[0]
        if (first.action, str(first.resource)) != (envelope.action, envelope.resource):
            raise Lapse(
                f"The templates changed since this was asked: it was {envelope.action} on "
                f"{envelope.resource}, and would now be {first.action} on {first.resource}."
            )
        if quorum != envelope.quorum:
            raise Lapse(
                f"Policy changed since this was asked: {quorum} must sign now, not {envelope.quorum}."
            )
        raise Lapse("The templates changed since this was asked, and read something else in it now.")

    def _mapped_again(self, rules: Rules, request: Request) -> Mapped:
        try:
            return rules.library.map(request)
        except Refusal as refusal:
            raise Lapse("The templates changed since this was asked, and no longer cover it.") from refusal

    def _invoke(self, envelope: Envelope, now: int) -> ucan.Token:
        """The invocation that spends the cosigner, made only if the cosigner covers this very request."""
        if envelope.cosigner_token is None or envelope.cosigner is None:
            raise Lapse("The cosigner of this approval is gone.")
        if ucan.cid(envelope.cosigner_token) != envelope.cosigner:
            raise Lapse("The cosigner of this approval was altered.")
        key = self.keys.cosigner
        own = ucan.did_key(key.public_key())
        delegation = ucan.Token(envelope.cosigner_token, envelope.cosigner)
        try:
            read = ucan.read(delegation.bytes)
            if not isinstance(read, ucan.Delegation):
                raise Lapse("The cosigner of this approval is not a delegation.")
            invocation = ucan.invoke(
                key,
                delegation=delegation,
                subject=own,
                command=read.command,
                arguments={"envelope": envelope.id, "request": envelope.digest},
                nonce=secrets.token_bytes(16),
                issued=now,
                expires=envelope.cosigner_expires,
            )
            made = ucan.read(invocation.bytes)
            if not isinstance(made, ucan.Invocation):
                raise Lapse("The cosigner of this approval cannot be used.")
            ucan.check_invocation(made, read, now)
        except ucan.UcanError as error:
            raise Lapse(f"The cosigner of this approval does not hold: {error}.") from error
        return invocation

    async def _spend(self, envelope: Envelope, request: Request, mapped: Mapped, ticket: Ticket) -> Envelope:
        """The compare-and-swap and the durable row, in one transaction; only then may a byte leave."""
        row = row_of(
            envelope,
            Kind.AUTHORISED,
            decision="step_up",
            reason="authorised",
            method=request.method,
            host=request.host,
            decision_method=ticket.method,
            cosigner=envelope.cosigner,
            config_digest=ticket.config,
            detail=f"invocation {ticket.invocation.cid}",
        )
        change = Spend(
            envelope.id,
            envelope.version,
            envelope.cosigner or "",
            ticket.invocation.cid,
            request.caller.token_id,
            ticket.config,
            self.store.now(),
            self._sealed_key(envelope, request, mapped),
        )
        applied = await self.store.apply(change, [row])
        if not isinstance(applied, Done) or applied.envelope is None:
            raise self._too_late(applied if isinstance(applied, Lost) else None, envelope)
        self.board.changed(applied.envelope)
        return applied.envelope

    def _sealed_key(self, envelope: Envelope, request: Request, mapped: Mapped) -> bytes | None:
        """What this very request carries: a retry may have brought another key than was asked with."""
        key = idempotency_key(request.headers)
        hidden = {selector for unit in mapped.units for selector in (*unit.redact, *unit.secret)}
        if key is None or covered(f"header:{key.partition(':')[0].lower()}", hidden):
            return None
        return self.keys.seal(envelope.id, key.encode())

    async def _take_back(self, envelope_id: str, invocation: str) -> None:
        """It may have been spent for a release that nobody was given: then nothing was sent, not one byte."""
        current = await self.store.envelope(envelope_id)
        if current and current.state is State.SPENT and current.invocation == invocation:
            await self._finish(
                current, Ending("not_sent", None, "the approval was spent, and nothing was sent")
            )

    def _too_late(self, lost: Lost | None, envelope: Envelope) -> Refusal:
        current = lost.envelope if lost else None
        if current and current.state in {State.SPENT, State.COMPLETED, State.UNKNOWN}:
            return Refusal(
                Reason.DUPLICATE,
                "This request was approved once and has gone upstream through another connection.",
                about=About(envelope.id),
            )
        return Refusal(
            Reason.LAPSED, "The approval of this request can no longer be used.", about=About(envelope.id)
        )

    def _release(self, envelope: Envelope, request: Request, mapped: Mapped, answer: KeptAnswer) -> Release:
        headers, body = request.headers, request.body
        if sends_approved(request, merge_binds(mapped.units)) and envelope.sealed is not None:
            held = unpack(self.keys.unseal(envelope.id, envelope.sealed))
            headers, body = _typed_as_approved(headers, held.shared), held.body
        return Release(
            id=envelope.id,
            body=body,
            method=request.method,
            target=request.target,
            headers=headers_to_send(headers),
            done=lambda outcome, status, detail: self._record_later(
                envelope, Ending(outcome, status, detail, answer())
            ),
            reader=answer_reader(mapped.units),
        )

    def _record_later(self, envelope: Envelope, ending: Ending) -> None:
        self._later(lambda: self._finish(envelope, ending))

    def _later(self, write: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._until_written(write))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def settle(self) -> None:
        """Every outcome that was reported is in the log, or the gateway stops and could not write it."""
        while self._recording:
            await asyncio.wait(list(self._recording))

    async def _until_written(self, write: Callable[[], Awaitable[None]]) -> None:
        """Again and again while the gateway runs; what is still spent then, the next start calls unknown."""
        while True:
            try:
                return await write()
            except StoreError as error:
                log.error("outcome.not_recorded", error=str(error))
            if self.board.stopping.is_set():
                return None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.board.stopping.wait(), RETRY_SECONDS)

    async def _finish(self, envelope: Envelope, ending: Ending) -> None:
        step = STEPS.get(ending.outcome, Step.LOSE)
        ending = ending if step is not Step.LOSE else replace(ending, outcome="unknown")
        applied = await self._move_after(envelope, step, ending)
        if isinstance(applied, Lost) and step is Step.RETURN:
            applied = await self._move_after(envelope, Step.LAPSE, ending)
        if ending.outcome == "unknown":
            log.warning("outcome.unknown", envelope=envelope.id, detail=ending.detail)
        if isinstance(applied, Done) and applied.envelope:
            self.board.changed(applied.envelope)

    async def _move_after(self, envelope: Envelope, step: Step, ending: Ending) -> object:
        row = row_of(
            envelope,
            Kind.OUTCOME,
            decision="step_up",
            outcome=ending.outcome,
            status=ending.status,
            cosigner=envelope.cosigner,
            detail=ending.detail or None,
        )
        move = Move(
            envelope.id,
            envelope.version,
            step,
            self.store.now(),
            outcome=ending.outcome,
            status=ending.status,
        )
        return await self.store.apply(Answered(move, ending.answer) if ending.answer else move, [row])

    async def lapse(self, envelope: Envelope, why: str, outcome: str) -> None:
        """The approval ends unused, unless somebody ended or used it before."""
        row = row_of(
            envelope,
            Kind.END,
            decision="step_up",
            reason=str(Reason.LAPSED),
            cosigner=envelope.cosigner,
            config_digest=self.rules().digest,
            detail=why,
        )
        applied = await self.store.apply(
            Move(
                envelope.id,
                envelope.version,
                Step.LAPSE,
                self.store.now(),
                outcome=outcome,
            ),
            [row],
        )
        if isinstance(applied, Done) and applied.envelope:
            self.board.changed(applied.envelope)


def row_of(envelope: Envelope, kind: Kind, **more: object) -> Row:
    """A row about this envelope."""
    known = Row(
        kind,
        agent=envelope.agent,
        run=envelope.run,
        address=envelope.address,
        envelope=envelope.id,
        action=envelope.action,
        resource=envelope.resource,
    )
    return replace(known, **more)  # type: ignore[arg-type]  # the names and types are Row's own


def _by(decision: Decision) -> str:
    return f" ({decision.reasons[0].id})" if decision.reasons else ""


def _typed_as_approved(
    headers: tuple[tuple[str, str], ...], shared: dict[str, Any]
) -> tuple[tuple[str, str], ...]:
    """The retry's headers around the approved body: its boundary stands in the type that was approved.

    Under another boundary the same bytes could have other parts: the retry's own type never goes with them.
    """
    approved = [field for name, field in shared["request"]["headers"] if name.lower() == "content-type"]
    types = tuple(("Content-Type", field["text"]) for field in approved if "text" in field)
    return (*((name, value) for name, value in headers if name.lower() != "content-type"), *types)


def headers_to_send(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Those that are the request's own: not this connection's, and not ours."""
    return tuple((name, value) for name, value in headers if _travels(name))


def _travels(header: str) -> bool:
    name = header.lower()
    return name not in HOP_BY_HOP and not name.startswith("secondsig-")
