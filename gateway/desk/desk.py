"""The desk: everything the people's pages ask for, as JSON."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.audit import Entry, parse_filter
from gateway.backing import Backing
from gateway.board import Board
from gateway.delegations import Delegation
from gateway.desk.agents import Agents
from gateway.desk.batching import Batching, Decided
from gateway.desk.changing import Changing
from gateway.desk.contract import NOBODY_SEEN, DeskError, Event, ProgramAnswer, Session, SignedIn, Visitor
from gateway.desk.deciding import MAY_DENY, Deciding
from gateway.desk.delegating import Delegating
from gateway.desk.devices import Devices
from gateway.desk.glass import BreakingGlass
from gateway.desk.notifying import Notifying
from gateway.desk.people import People
from gateway.desk.programs import Programs
from gateway.desk.sessions import OwnSessions
from gateway.desk.signing_in import SigningIn
from gateway.desk.templates import Templates
from gateway.desk.views import consent_view, entry_view, grant_view, program_view, review_view, row_view
from gateway.directory import Directory
from gateway.encoding import b64u
from gateway.envelopes import Envelope, Signature, State, signed_by
from gateway.errors import SecondsigError
from gateway.granting import Granting
from gateway.history import History
from gateway.metrics import Metrics
from gateway.operating import Operating
from gateway.pausing import By
from gateway.payload import utc
from gateway.reach import Reach
from gateway.rules import LastChange, Rules, Stake, approvers, brought_by, delegates, is_administrator
from gateway.store.contract import Store
from gateway.store.things import Review

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
    glass: BreakingGlass
    programs_desk: Programs
    changing: Changing
    people_known: People
    agents_known: Agents
    gateway: str
    metrics_kept: Metrics
    last_change: LastChange
    operating: Operating
    history: History
    granting: Granting
    templates_known: Templates
    reach: Reach
    notifying: Notifying
    devices: Devices

    def __post_init__(self) -> None:
        self._delegating = Delegating(self.store, self.directory, self.board, self.rules)
        self._own_sessions = OwnSessions(self.signing_in)

    async def state(self) -> dict[str, Any]:
        return {
            "enrolled": bool(self.directory.people),
            "gateway": self.gateway,
            "name": self.rules().settings.name,
            "server_time": self._now(),
        }

    async def login_begin(self) -> dict[str, Any]:
        return await self.signing_in.login_begin()

    async def login_finish(
        self, challenge_id: str, credential: dict[str, Any], visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn:
        return await self.signing_in.login_finish(challenge_id, credential, visitor)

    async def enrol_begin(self, token: str, name: str) -> dict[str, Any]:
        return await self.signing_in.enrol_begin(token, name)

    async def enrol_finish(
        self, challenge_id: str, credential: dict[str, Any], token: str, visitor: Visitor = NOBODY_SEEN
    ) -> SignedIn | dict[str, Any]:
        return await self.signing_in.enrol_finish(challenge_id, credential, token, visitor)

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
            "event": self.board.last,
            "server_time": self._now(),
        }

    async def own_sessions(self, session: Session) -> dict[str, Any]:
        return self._own_sessions.listed(session)

    async def revoke_session(self, session: Session, session_id: str) -> dict[str, Any]:
        return await self._own_sessions.revoke(session, session_id)

    async def revoke_other_sessions(self, session: Session) -> dict[str, Any]:
        return await self._own_sessions.revoke_others(session)

    async def templates(self, session: Session) -> dict[str, Any]:
        return await self.templates_known.view(session)

    async def explain(self, session: Session, request: str, agent: str | None) -> dict[str, Any]:
        return await self.templates_known.tried(session, request, agent)

    async def envelopes(self, session: Session) -> dict[str, Any]:
        waiting = await self.store.envelopes([State.PENDING])
        recent = await self.store.envelopes([s for s in State if s is not State.PENDING], RECENT)
        waiting.sort(key=lambda envelope: envelope.expires_at)
        return {
            "waiting": [await self._row(envelope) for envelope in waiting],
            "recent": [await self._row(envelope) for envelope in recent],
            "config": self._config(),
            "open_reviews": await self.store.open_reviews(),
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
        return {
            "row": await self._row(envelope),
            "may": await self._may(session, envelope, signed=mine is not None),
            "may_break_glass": await self.glass.may(session.person, envelope),
            "broken_glass": [
                {"person": broken.person, "reason": broken.reason, "at": utc(broken.at)}
                for broken in await self.store.breakings(envelope_id)
            ],
            **await self._who(envelope),
            "signatures": await self._signatures(envelope, signatures),
            "cosigner": envelope.cosigner,
            "credential_id": b64u(signatures[-1].credential_id) if signatures else None,
            "log_entry": await self._log_entry(envelope_id),
            "revealed": sorted(await self.store.revealed(envelope_id, session.person)),
            "repeats": await self._repeats(envelope),
            "alike": await self.batching.alike(session, envelope),
            "idempotency_key": self.deciding.sent_key(envelope),
            "grantable": await self._grantable(session, envelope),
            "signed_by_me": mine is not None,
            "earlier_configuration": envelope.config_digest != self.rules().digest,
            "server_time": self._now(),
        }

    async def sign(self, session: Session, envelope_id: str) -> dict[str, Any]:
        asked: dict[str, Any] = await self._or_row(self.deciding.sign(session, envelope_id))
        await self.notifying.saw(session, envelope_id)
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

    async def delegations(self, session: Session) -> dict[str, Any]:
        return self._delegating.listed(session)

    async def withdraw_delegation(self, session: Session, delegation_id: str) -> dict[str, Any]:
        return await self._delegating.withdraw(session, delegation_id)

    async def config(self, session: Session) -> dict[str, Any]:
        shown = await self.operating.config_show()
        try:
            diff = await self.operating.config_diff()
        except SecondsigError as error:
            diff = {"diff": "", "wrong": str(error)}
        may = is_administrator(self.rules(), self.directory, session.person)
        return {**shown, **diff, "me": session.person, "administrator": may}

    async def agents(self, session: Session) -> dict[str, Any]:
        return await self.agents_known.view(session)

    async def people(self, session: Session) -> dict[str, Any]:
        return await self.people_known.view(session)

    async def revoke_person(self, session: Session, name: str) -> dict[str, Any]:
        return await self.people_known.revoke_person(session, name)

    async def revoke_key(self, session: Session, credential: str) -> dict[str, Any]:
        return await self.people_known.revoke_key(session, credential)

    async def cancel_recovery(self, session: Session, name: str) -> dict[str, Any]:
        return await self.people_known.cancel_recovery(session, name)

    async def stop_all(self, session: Session) -> dict[str, Any]:
        by = By(session.person, "session", b64u(session.credential_id))
        return dict(await self.deciding.pausing.stop_all(by, f"signed in at {session.signed_in_at}"))

    async def glass_begin(self, session: Session, envelope_id: str, reason: str) -> dict[str, Any]:
        asked: dict[str, Any] = await self._or_row(self.glass.begin(session, envelope_id, reason))
        return asked

    async def glass_finish(
        self, session: Session, envelope_id: str, challenge_id: str, credential: dict[str, Any]
    ) -> dict[str, Any]:
        return await self._decide(self.glass.finish(session, envelope_id, challenge_id, credential))

    async def reviews(self, session: Session) -> dict[str, Any]:
        told = [await self._review(review) for review in await self.store.reviews()]
        return {"reviews": told, "server_time": self._now()}

    async def program_challenge(self, program: str, verb: str) -> dict[str, Any]:
        return await self.programs_desk.challenge(program, verb)

    async def program_envelopes(self, answer: ProgramAnswer) -> dict[str, Any]:
        return await self.programs_desk.waiting(answer)

    async def program_act(
        self, answer: ProgramAnswer, verb: str, envelope_id: str, said: dict[str, str]
    ) -> dict[str, Any]:
        """A program is told the state, never the rows that people are shown."""
        try:
            envelope = await self.programs_desk.act(answer, verb, envelope_id, said)
        except DeskError as error:
            error.extra.clear()
            raise
        return {"envelope": envelope.id, "state": str(envelope.state)}

    async def programs(self, session: Session) -> dict[str, Any]:
        known = self.directory.programs.values()
        return {"programs": [program_view(program) for program in known]}

    async def notifications(self, session: Session) -> dict[str, Any]:
        return await self.notifying.view(session)

    async def test_notification(self, session: Session, channel: str) -> dict[str, Any]:
        return await self.notifying.test(session, channel)

    async def change_begin(self, session: Session, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
        return await self.changing.begin(session, kind, asked)

    async def change_finish(
        self, session: Session, challenge_id: str, credential: dict[str, Any]
    ) -> dict[str, Any]:
        return await self.changing.finish(session, challenge_id, credential)

    async def grants(self, session: Session) -> dict[str, Any]:
        uses = await self.store.grant_uses()
        agents = self.directory.agents.values()
        return {
            "grants": [grant_view(grant, uses.get(grant.id)) for grant in await self.store.grants()],
            "ended": [
                grant_view(grant, uses.get(grant.id)) for grant in await self.store.ended_grants(RECENT)
            ],
            "consents": [consent_view(agent, agent.consent) for agent in agents if agent.consent],
            "server_time": self._now(),
        }

    async def revoke_grant(self, session: Session, grant_id: str) -> dict[str, Any]:
        grant = await self.granting.revoke(grant_id, self._by(session))
        if grant is None:
            raise DeskError(404, "absent", "There is no such grant, or it has ended already.")
        return {"grant": grant.id}

    async def withdraw_consent(self, session: Session, agent: str) -> dict[str, Any]:
        if not await self.granting.withdraw_consent(agent, self._by(session)):
            raise DeskError(404, "absent", "This agent has no consent that could be withdrawn.")
        return {"agent": agent}

    def _by(self, session: Session) -> By:
        return By(session.person, "session", b64u(session.credential_id))

    async def push_key(self, session: Session) -> dict[str, Any]:
        return self.devices.push_key()

    async def push_subscriptions(self, session: Session) -> dict[str, Any]:
        return self.devices.view(session)

    async def add_push_subscription(
        self, session: Session, *, endpoint: str, p256dh: str, auth: str, device: str
    ) -> dict[str, Any]:
        return await self.devices.add(session, endpoint=endpoint, p256dh=p256dh, auth=auth, device=device)

    async def remove_push_subscription(self, session: Session, subscription_id: str) -> dict[str, Any]:
        return await self.devices.remove(session, subscription_id)

    async def test_push_subscription(self, session: Session, subscription_id: str) -> dict[str, Any]:
        return await self.devices.test(session, subscription_id)

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
        resumes = last_event_id is not None and self.board.remembers(last_event_id)
        after = last_event_id if last_event_id is not None and resumes else self.board.last
        missed = last_event_id is not None and not resumes
        yield Event(after, "hello", {"server_time": self._now(), "missed": missed})
        with self.reach.page_of(session.person):
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
            open_reviews=await self.store.open_reviews(),
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

    async def _review(self, review: Review) -> dict[str, Any]:
        envelope = await self.deciding.envelope(review.envelope)
        return review_view(review, await self._row(envelope), await self.store.breakings(review.envelope))

    def _now(self) -> str:
        return utc(self.store.now())

    async def _row(self, envelope: Envelope) -> dict[str, Any]:
        agent = self.directory.agents.get(envelope.agent)
        waits = envelope.state is State.PENDING
        return row_view(
            envelope,
            team=agent.team if agent else None,
            signed=await self._signed(envelope),
            unusual=self.history.unusual(envelope.agent) if waits else None,
        )

    async def _signed(self, envelope: Envelope) -> int:
        """How much of its quorum is there; once it is decided, how many signed."""
        backing = await self._backing(envelope)
        if backing is None:
            return len(signed_by(await self.store.signatures(envelope.id)))
        return len(backing.rights)

    async def _counting(self, envelope: Envelope) -> frozenset[str]:
        """Whose signatures count now; once it is decided, those of all who signed."""
        backing = await self._backing(envelope)
        if backing is None:
            return signed_by(await self.store.signatures(envelope.id))
        return frozenset(given.by for given in backing.everybody)

    async def _backing(self, envelope: Envelope) -> Backing | None:
        """None where it is decided, or nothing is left to ask about."""
        if envelope.state is not State.PENDING or envelope.sealed is None:
            return None
        return await self.deciding.backing(envelope, self.deciding.opened(envelope))

    async def _signatures(
        self, envelope: Envelope, signatures: tuple[Signature, ...]
    ) -> list[dict[str, Any]]:
        known = {c.id: c.name for c in await self.store.credentials()}
        counting = await self._counting(envelope)
        return [
            {
                "person": signature.person,
                "for": _without_id(self.deciding.backers.given(signature).said.get("for")),
                "at": utc(signature.at),
                "credential": known.get(signature.credential_id, ""),
                "counts": signature.person in counting,
            }
            for signature in signatures
        ]

    async def _may(self, session: Session, envelope: Envelope, *, signed: bool) -> dict[str, Any]:
        if envelope.state is not State.PENDING:
            why = "expired" if envelope.state is State.EXPIRED else "decided"
            return {"approve": False, "deny": False, "why": why}
        right = await self.deciding.right(session.person, envelope, self.deciding.opened(envelope))
        return {
            "approve": right.standing == "ok" and not signed,
            "deny": right.standing in MAY_DENY,
            "why": right.standing,
        }

    async def _who(self, envelope: Envelope) -> dict[str, Any]:
        """Who may sign now, who may for somebody who is away, and to whom it goes if nobody does."""
        if envelope.sealed is None:
            return {"approvers": [], "delegates": [], "escalation": []}
        stake = self.deciding.stake(envelope, self.deciding.opened(envelope))
        lent = delegates(self.rules(), self.directory, stake)
        return {
            "approvers": approvers(self.rules(), self.directory, stake),
            "delegates": [{"person": one.delegate, "for": _away(one)} for one in lent],
            "escalation": await self._escalation(envelope, stake),
        }

    async def _escalation(self, envelope: Envelope, stake: Stake) -> list[dict[str, Any]]:
        rules, went = self.rules(), await self.store.escalated(envelope.id)
        return [
            {
                "to": step.to,
                "at": utc(envelope.opened_at + step.after),
                "went_at": utc(went[step.after, step.to]) if (step.after, step.to) in went else None,
                "people": brought_by(rules, self.directory, stake, step),
            }
            for step in rules.settings.approvals.escalate
            if envelope.opened_at + step.after < envelope.expires_at
        ]

    async def _grantable(self, session: Session, envelope: Envelope) -> bool:
        """Whether this person may answer the same in advance, now."""
        act = self.changing.acts.get("grant/envelope")
        if act is None or not envelope.grantable:
            return False
        try:
            await act.plan(session.person, {"envelope": envelope.id, "covers": "intent"})
        except DeskError:
            return False
        return True

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
            "idempotency_key": self.deciding.sent_key(before),
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


def _without_id(away: dict[str, Any] | None) -> dict[str, Any] | None:
    return {"person": away["person"], "until": away["until"]} if away else None


def _away(lent: Delegation) -> dict[str, Any]:
    return {"person": lent.person, "until": utc(lent.until_at)}
