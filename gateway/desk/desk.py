"""The desk: everything the people's pages ask for, as JSON."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.audit import Entry, parse_filter
from gateway.board import Board
from gateway.desk.batching import Batching, Decided
from gateway.desk.contract import DeskError, Event, Session, SignedIn
from gateway.desk.deciding import Deciding
from gateway.desk.signing_in import SigningIn
from gateway.desk.views import entry_view, row_view
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.envelopes import Envelope, State, signed_by
from gateway.metrics import Metrics
from gateway.payload import utc
from gateway.rules import LastChange, Rules, approvers
from gateway.store.contract import Store

DAY = 86_400
RECENT = 20
MAX_ROWS = 200


@dataclass
class GatewayDesk:
    """Fulfils `contract.Desk`."""

    store: Store
    directory: Directory
    board: Board
    rules: Callable[[], Rules]
    signing_in: SigningIn
    deciding: Deciding
    batching: Batching
    gateway: str
    metrics_kept: Metrics
    last_change: LastChange

    async def state(self) -> dict[str, Any]:
        return {
            "enrolled": bool(self.directory.people),
            "gateway": self.gateway,
            "name": self.rules().settings.name,
            "server_time": self._now(),
        }

    async def login_begin(self) -> dict[str, Any]:
        return await self.signing_in.login_begin()

    async def login_finish(self, challenge_id: str, credential: dict[str, Any]) -> SignedIn:
        return await self.signing_in.login_finish(challenge_id, credential)

    async def enrol_begin(self, token: str, name: str) -> dict[str, Any]:
        return await self.signing_in.enrol_begin(token, name)

    async def enrol_finish(self, challenge_id: str, credential: dict[str, Any], token: str) -> SignedIn:
        return await self.signing_in.enrol_finish(challenge_id, credential, token)

    def session(self, cookie_token: str, tab_token: str) -> Session | None:
        return self.signing_in.session(cookie_token, tab_token)

    async def logout(self, session: Session) -> dict[str, Any]:
        await self.signing_in.logout(session)
        return {}

    async def me(self, session: Session) -> dict[str, Any]:
        known = self.directory.people[session.person]
        names = [c.name for c in known.credentials if c.id == session.credential_id]
        return {
            "person": self.signing_in.person_view(session.person),
            "signed_in_at": session.signed_in_at,
            "credential": {"name": names[0] if names else ""},
            "server_time": self._now(),
        }

    async def envelopes(self, session: Session) -> dict[str, Any]:
        waiting = await self.store.envelopes([State.PENDING])
        recent = await self.store.envelopes([s for s in State if s is not State.PENDING], RECENT)
        waiting.sort(key=lambda envelope: envelope.expires_at)
        return {
            "waiting": [await self._row(envelope) for envelope in waiting],
            "recent": [await self._row(envelope) for envelope in recent],
            "config": self._config(),
            "server_time": self._now(),
        }

    async def clock(self, envelope_id: str) -> dict[str, Any]:
        envelope = await self.deciding.envelope(envelope_id)
        return {
            "state_open": envelope.state is State.PENDING,
            "expires_at": utc(envelope.expires_at),
            "server_time": self._now(),
        }

    async def envelope(self, session: Session, envelope_id: str) -> dict[str, Any]:
        envelope = await self.deciding.envelope(envelope_id)
        signatures = await self.store.signatures(envelope_id)
        mine = next((s for s in signatures if s.person == session.person), None)
        known = {c.id: c.name for c in await self.store.credentials()}
        return {
            "row": await self._row(envelope),
            "may": self._may(session, envelope, signed=mine is not None),
            "approvers": self._approvers(envelope),
            "signatures": [
                {"person": s.person, "at": utc(s.at), "credential": known.get(s.credential_id, "")}
                for s in signatures
            ],
            "cosigner": envelope.cosigner,
            "credential_id": b64u(signatures[-1].credential_id) if signatures else None,
            "log_entry": await self._log_entry(envelope_id),
            "revealed": sorted(await self.store.revealed(envelope_id, session.person)),
            "repeats": await self._repeats(envelope),
            "alike": await self.batching.alike(session, envelope),
            "signed_by_me": mine is not None,
            "earlier_configuration": envelope.config_digest != self.rules().digest,
            "server_time": self._now(),
        }

    async def sign(self, session: Session, envelope_id: str) -> dict[str, Any]:
        asked: dict[str, Any] = await self._or_row(self.deciding.sign(session, envelope_id))
        return asked

    async def approve(
        self, session: Session, envelope_id: str, challenge_id: str, credential: dict[str, Any]
    ) -> dict[str, Any]:
        return await self._decide(self.deciding.approve(session, envelope_id, challenge_id, credential))

    async def deny(self, session: Session, envelope_id: str, note: str | None) -> dict[str, Any]:
        return await self._decide(self.deciding.deny(session, envelope_id, note))

    async def withdraw(self, session: Session, envelope_id: str) -> dict[str, Any]:
        return await self._decide(self.deciding.withdraw(session, envelope_id))

    async def begin_batch(self, session: Session, envelope_ids: Sequence[str]) -> dict[str, Any]:
        asked = await self._or_row(self.batching.begin(session, envelope_ids))
        return {
            "challenge_id": asked.challenge.id,
            "payload": b64u(asked.payload),
            "options": asked.options,
            "requests": [
                {**await self._told(part.envelope), "payload": b64u(part.payload)} for part in asked.parts
            ],
            "server_time": self._now(),
        }

    async def approve_batch(
        self, session: Session, challenge_id: str, credential: dict[str, Any]
    ) -> dict[str, Any]:
        return await self._decided(await self.batching.approve(session, challenge_id, credential))

    async def deny_batch(
        self, session: Session, envelope_ids: Sequence[str], note: str | None
    ) -> dict[str, Any]:
        return await self._decided(await self.batching.deny(session, envelope_ids, note))

    async def pause_agent(self, session: Session, agent: str) -> dict[str, Any]:
        return {"agent": agent, "paused": True, "cancelled": await self.deciding.pause(session, agent)}

    async def reveal(self, session: Session, envelope_id: str, selector: str) -> dict[str, Any]:
        return dict(await self.deciding.reveal(session, envelope_id, selector))

    async def mismatch(self, session: Session, envelope_id: str, expected: str, shown: str) -> dict[str, Any]:
        await self.deciding.mismatch(session, envelope_id, expected, shown)
        return {}

    async def rows(
        self, session: Session, chosen: str | None, before: int | None, limit: int
    ) -> dict[str, Any]:
        try:
            where = parse_filter(chosen or "")
        except ValueError as error:
            raise DeskError(400, "bad_filter", str(error)) from error
        count = max(1, min(limit, MAX_ROWS))
        entries = await self.store.rows(where, before, count)
        answer: dict[str, Any] = {
            "rows": [entry_view(entry) for entry in entries],
            "next": entries[-1].seq if len(entries) == count else None,
        }
        if where.get("decision") == "step_up":
            answer["chains"] = await self._chains(entries)
        return answer

    async def subscribe(self, session: Session, last_event_id: int | None) -> AsyncIterator[Event]:
        after = (
            last_event_id
            if last_event_id is not None and last_event_id <= self.board.last
            else self.board.last
        )
        yield Event(after, "hello", {"server_time": self._now()})
        async for change in self.board.watch(after):
            if change.envelope is None:
                yield Event(change.id, "config", {})
            else:
                yield Event(change.id, "envelope", {"id": change.envelope, "state": change.state})

    async def metrics(self, token: str) -> str:
        if not self.metrics_kept.admits(token):
            raise DeskError(
                401, "no_token", "This needs the token that the operator finds in the state folder."
            )
        counted = await self.store.counts()
        return self.metrics_kept.page(
            config=self.rules().digest,
            refused=self.last_change.refused is not None,
            envelopes={str(state): counted.get(str(state), 0) for state in State},
        )

    async def ready(self) -> tuple[bool, str]:
        if not self.store.healthy():
            return False, "The log cannot be written."
        if not self.store.steady():
            return False, "The clock jumped."
        return True, "Ready."

    def _config(self) -> dict[str, Any]:
        """What is in force, and the change that was refused, if the last one was."""
        refused = self.last_change.refused
        told = None if refused is None else {"at": utc(refused.at), "why": list(refused.why)}
        return {"digest": self.rules().digest, "refused": told}

    def _now(self) -> str:
        return utc(self.store.now())

    async def _row(self, envelope: Envelope) -> dict[str, Any]:
        agent = self.directory.agents.get(envelope.agent)
        signed = signed_by(await self.store.signatures(envelope.id))
        return row_view(envelope, team=agent.team if agent else None, signed=len(signed))

    def _may(self, session: Session, envelope: Envelope, *, signed: bool) -> dict[str, Any]:
        if envelope.state is not State.PENDING:
            why = "expired" if envelope.state is State.EXPIRED else "decided"
            return {"approve": False, "deny": False, "why": why}
        standing = self.deciding.standing(session.person, envelope, self.deciding.opened(envelope))
        return {
            "approve": standing == "ok" and not signed,
            "deny": standing in {"ok", "own_request"},
            "why": standing,
        }

    def _approvers(self, envelope: Envelope) -> list[str]:
        if envelope.sealed is None:
            return []
        stake = self.deciding.stake(envelope, self.deciding.opened(envelope))
        return approvers(self.rules(), self.directory, stake)

    async def _log_entry(self, envelope_id: str) -> int | None:
        entries = await self.store.rows_of([envelope_id])
        return entries[-1].seq if entries else None

    async def _repeats(self, envelope: Envelope) -> dict[str, Any] | None:
        """What an approver should know first: the same was denied, done or lost in the last day."""
        before = await self.store.repeats_since(
            envelope.agent, envelope.intent_key, envelope.opened_at - DAY, envelope.id
        )
        if before is None:
            return None
        return {
            "state": str(before.state),
            "by": before.decided_by,
            "note": before.note,
            "at": utc(before.decided_at or before.opened_at),
        }

    async def _chains(self, entries: list[Entry]) -> list[list[dict[str, Any]]]:
        ids = list(dict.fromkeys(entry.row.envelope for entry in entries if entry.row.envelope))
        rows = await self.store.rows_of(ids) if ids else []
        return [[entry_view(entry) for entry in rows if entry.row.envelope == wanted] for wanted in ids]

    async def _told(self, envelope_id: str) -> dict[str, Any]:
        """What a page says of a request of a batch beside what is signed."""
        envelope = await self.deciding.envelope(envelope_id)
        return {
            "row": await self._row(envelope),
            "repeats": await self._repeats(envelope),
            "earlier_configuration": envelope.config_digest != self.rules().digest,
        }

    async def _decided(self, decided: Decided) -> dict[str, Any]:
        """What was decided together, and of each that was left out why."""
        return {
            "rows": [await self._row(envelope) for envelope in decided.done],
            "left_out": [
                {"envelope": left.envelope, "error": left.word, "detail": left.detail}
                for left in decided.left_out
            ],
        }

    async def _decide(self, deciding: Any) -> dict[str, Any]:
        envelope = await self._or_row(deciding)
        return {"row": await self._row(envelope)}

    async def _or_row(self, deciding: Any) -> Any:
        """Whoever comes too late is shown what is true now."""
        try:
            return await deciding
        except DeskError as error:
            envelope = error.extra.pop("envelope", None)
            if envelope is not None:
                error.extra["row"] = await self._row(envelope)
            raise
