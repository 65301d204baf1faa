"""What the operator may do: manage agents, deny and cancel, read the log, invite the first approver.

The account that owns the state folder is the operator. Approving is nowhere in here.
"""

import asyncio
import base64
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.audit import Kind, Row, parse_filter
from gateway.board import Board
from gateway.canonical import sha256
from gateway.desk.notifying import Tries
from gateway.desk.views import consent_view, entry_view, grant_view, row_view
from gateway.directory import MAX_NAME, Directory, how_to_connect, is_name, issue
from gateway.endings import who_won
from gateway.envelopes import Envelope, State, Step, signed_by
from gateway.errors import UsageError
from gateway.granting import Granting
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.pausing import By, Pausing
from gateway.releasing import row_of
from gateway.rules import LastChange, Rules, agent_facts
from gateway.store.contract import Done, Lost, Store
from gateway.store.things import Agent, Invitation, Token
from gateway.store.writes import AddAgent, AddToken, Invite, Move, RemoveAgent, RevokePerson, RevokeTokens
from gateway.trust import Trust

INVITATION_LIFE = 600
RUN_LIFE = 86_400
OPERATOR = "operator"
BY_OPERATOR = By(OPERATOR, "operator")
FIRST_GROUPS = ("administrators", "approvers")


@dataclass
class Operating:
    """Every method takes plain words and gives plain JSON."""

    store: Store
    directory: Directory
    board: Board
    rules: Callable[[], Rules]
    refreshed: Callable[[], Awaitable[None]]
    pausing: Pausing
    granting: Granting
    trust: Trust | None = None
    tries: Tries | None = None
    last_change: LastChange = field(default_factory=LastChange)

    async def agent_add(self, name: str, team: str | None = None, owner: str | None = None) -> dict[str, Any]:
        self._check_may_loosen("agents")
        check_name(name, "An agent's name")
        if team is not None:
            check_name(team, "A team's name")
        if owner is not None and owner not in self.directory.people:
            known = ", ".join(self.directory.people) or "nobody yet"
            raise UsageError(
                f"{owner} is not enrolled (enrolled: {known}): leave --owner out or enrol them first."
            )
        now = self.store.now()
        token, stored = self._token(name, None, None)
        change = AddAgent(Agent(name, team, owner, paused=False, created_at=now), stored)
        applied = await self.store.apply(change, [self._row(Kind.AGENT, "added", agent=name, detail=team)])
        if isinstance(applied, Lost):
            raise UsageError(f"There is an agent {name} already: rotate its token, or choose another name.")
        await self.refreshed()
        return {"agent": name, "team": team, "owner": owner, "token": token, **self._lines(name, token)}

    async def agent_list(self) -> dict[str, Any]:
        await self.directory.refresh()
        facts = {
            name: agent_facts(agent, self.directory.limits) for name, agent in self.directory.agents.items()
        }
        return {
            "agents": [
                {
                    **_agent_view(agent),
                    "limits": dict(facts[name].limits),
                    "team_limits": dict(facts[name].team_limits),
                }
                for name, agent in self.directory.agents.items()
            ]
        }

    async def agent_rotate(self, name: str) -> dict[str, Any]:
        self._check_may_loosen("agents")
        self._known(name)
        token, stored = self._token(name, None, None)
        await self.store.apply(
            AddToken(stored, replaces_others=True), [self._row(Kind.AGENT, "rotated", agent=name)]
        )
        await self.refreshed()
        return {"agent": name, "token": token, **self._lines(name, token)}

    async def agent_pause(self, name: str) -> dict[str, Any]:
        """What waits for people is cancelled with it."""
        self._known(name)
        cancelled = await self.pausing.pause(name, BY_OPERATOR)
        return {"agent": name, "paused": True, "cancelled": cancelled}

    async def agent_resume(self, name: str) -> dict[str, Any]:
        self._check_may_loosen("agents")
        self._known(name)
        await self.pausing.resume(name, BY_OPERATOR)
        return {"agent": name, "paused": False}

    async def agent_revoke(self, name: str) -> dict[str, Any]:
        self._known(name)
        await self.store.apply(
            RemoveAgent(name, self.store.now()), [self._row(Kind.AGENT, "revoked", agent=name)]
        )
        await self.refreshed()
        return {"agent": name, "revoked": True}

    async def config_show(self) -> dict[str, Any]:
        """What is in force, whose word it took, and whether the files say something else."""
        signed = self.trust.signed if self.trust else None
        refused = self.last_change.refused
        return {
            "config": self.rules().digest,
            "trust": "signed" if signed else "files",
            "files": signed.digest if signed else None,
            "refused": list(refused.why) if refused else [],
            "page": f"{self.rules().settings.origin}/app/config",
        }

    async def config_diff(self) -> dict[str, Any]:
        """Line by line what the files say now and did not when they were signed."""
        if self.trust is None or not self.trust.is_signed:
            return {"diff": "", "trust": "files"}
        candidate = await asyncio.to_thread(self.trust.candidate)
        return {"diff": candidate.diff, "trust": "signed"}

    def _check_may_loosen(self, page: str) -> None:
        """Under a signed configuration the command line reads, denies, cancels, pauses and revokes."""
        if self.trust is not None and self.trust.is_signed:
            raise UsageError(
                "Under config_trust: signed an administrator does this with a passkey, on "
                f"{self.rules().settings.origin}/app/{page}."
            )

    async def run_begin(self, agent: str) -> dict[str, Any]:
        """A token for one run of `secondsig run`."""
        self._known(agent)
        run = make_id("run", secrets.token_bytes(ENTROPY_BYTES))
        token, stored = self._token(agent, run, self.store.now() + RUN_LIFE)
        await self.store.apply(AddToken(stored), [self._row(Kind.AGENT, "run_began", agent=agent, run=run)])
        await self.refreshed()
        return {"agent": agent, "run": run, "token": token, **self._lines(agent, token)}

    async def run_end(self, agent: str, run: str) -> dict[str, Any]:
        row = self._row(Kind.AGENT, "run_ended", agent=agent, run=run)
        await self.store.apply(RevokeTokens(agent, self.store.now(), run), [row])
        await self.refreshed()
        return {"run": run}

    async def approver_invite(self) -> dict[str, Any]:
        """The first link. Once somebody is enrolled, an invitation is a matter for passkeys."""
        if await self.store.people():
            raise UsageError(
                "Somebody was enrolled already, so the command line may not invite: an administrator does, "
                f"with a passkey, on {self.rules().settings.origin}/app/people."
            )
        token = secrets.token_urlsafe(32)
        expires = self.store.now() + INVITATION_LIFE
        await self.store.apply(
            Invite(Invitation(sha256(token.encode()), None, FIRST_GROUPS, expires)),
            [self._row(Kind.PERSON, "invited", detail="first approver")],
        )
        return {"url": f"{self.rules().settings.origin}/enrol#{token}", "minutes": INVITATION_LIFE // 60}

    async def approver_list(self) -> dict[str, Any]:
        await self.directory.refresh()
        return {
            "approvers": [
                {
                    "name": name,
                    "groups": list(known.person.groups),
                    "passkeys": [c.name for c in known.credentials],
                }
                for name, known in self.directory.people.items()
            ]
        }

    async def approver_revoke(self, name: str) -> dict[str, Any]:
        row = self._row(Kind.PERSON, "revoked", person=name)
        if isinstance(await self.store.apply(RevokePerson(name, self.store.now()), [row]), Lost):
            raise UsageError(f"{name} is not enrolled.")
        await self.refreshed()
        return {"approver": name, "revoked": True}

    async def envelope_list(self, *, everything: bool = False) -> dict[str, Any]:
        states = None if everything else [State.PENDING, State.APPROVED, State.SPENT]
        return {"envelopes": [await self._view(envelope) for envelope in await self.store.envelopes(states)]}

    async def envelope_show(self, envelope: str) -> dict[str, Any]:
        found = await self._envelope(envelope)
        rows = await self.store.rows_of([envelope])
        return {
            "envelope": await self._view(found),
            "earlier_configuration": found.config_digest != self.rules().digest,
            "rows": [entry_view(entry) for entry in rows],
        }

    async def envelope_held(self, envelope: str) -> dict[str, Any]:
        """What is sealed in it, still sealed: only the account that has the key can read it."""
        found = await self._envelope(envelope)
        if found.sealed is None:
            raise UsageError(f"What {envelope} asked was erased when its retention ended.")
        return {"envelope": envelope, "sealed": base64.b64encode(found.sealed).decode()}

    async def envelope_deny(self, envelope: str, note: str | None = None) -> dict[str, Any]:
        return await self._end(envelope, Step.DENY, "approval_denied", note)

    async def envelope_cancel(self, envelope: str) -> dict[str, Any]:
        return await self._end(envelope, Step.CANCEL, "cancelled", None)

    async def grant_list(self, *, everything: bool = False) -> dict[str, Any]:
        uses = await self.store.grant_uses()
        grants = await self.store.grants()
        if everything:
            grants += await self.store.ended_grants(1000)
        return {"grants": [grant_view(grant, uses.get(grant.id)) for grant in grants]}

    async def grant_revoke(self, grant: str) -> dict[str, Any]:
        if await self.granting.revoke(grant, BY_OPERATOR) is None:
            raise UsageError(f"There is no live grant {grant}: secondsig grant list shows them.")
        return {"grant": grant, "revoked": True}

    async def notify_test(self, channel: str) -> dict[str, Any]:
        """One message over one channel; nobody is asked anything."""
        if self.tries is None:
            raise UsageError("This gateway sends no notifications.")
        return await self.tries.test(channel)

    async def stop_all(self) -> dict[str, Any]:
        """The kill switch: every agent paused, everything that waits denied."""
        return dict(await self.pausing.stop_all(BY_OPERATOR))

    async def audit_list(
        self, chosen: str | None = None, before: int | None = None, limit: int = 50
    ) -> dict[str, Any]:
        try:
            where = parse_filter(chosen or "")
        except ValueError as error:
            raise UsageError(str(error)) from error
        return {"rows": [entry_view(entry) for entry in await self.store.rows(where, before, limit)]}

    async def _end(self, envelope_id: str, step: Step, reason: str, note: str | None) -> dict[str, Any]:
        envelope = await self._envelope(envelope_id)
        if envelope.state is not State.PENDING:
            won = who_won(envelope, self.store.now())
            raise UsageError(f"{envelope_id} is {envelope.state} already: nothing changed. {won}")
        row = row_of(
            envelope, Kind.END, decision="step_up", reason=reason, person=OPERATOR, decision_method="operator"
        )
        move = Move(envelope.id, envelope.version, step, self.store.now(), OPERATOR, "operator", note)
        applied = await self.store.apply(move, [row])
        if not isinstance(applied, Done) or applied.envelope is None:
            current = applied.envelope if isinstance(applied, Lost) else None
            raise UsageError(f"Nothing changed. {who_won(current or envelope, self.store.now())}")
        self.board.changed(applied.envelope)
        if step is Step.DENY:
            await self.pausing.after_denial(envelope.agent)
        return {"envelope": await self._view(applied.envelope)}

    async def _envelope(self, envelope_id: str) -> Envelope:
        envelope = await self.store.envelope(envelope_id)
        if envelope is None:
            raise UsageError(f"There is no envelope {envelope_id}: secondsig envelope list shows what waits.")
        return envelope

    async def _view(self, envelope: Envelope) -> dict[str, Any]:
        agent = self.directory.agents.get(envelope.agent)
        signed = signed_by(await self.store.signatures(envelope.id))
        return row_view(envelope, team=agent.team if agent else None, signed=len(signed))

    def _known(self, name: str) -> Agent:
        agent = self.directory.agents.get(name)
        if agent is None:
            raise UsageError(f"There is no agent {name}: secondsig agent list shows them.")
        return agent

    def _token(self, agent: str, run: str | None, expires_at: int | None) -> tuple[str, Token]:
        return issue(agent, run, self.store.now(), expires_at)

    def _lines(self, name: str, token: str) -> dict[str, str]:
        return how_to_connect(name, token, self.rules().settings)

    def _row(
        self,
        kind: Kind,
        decision: str,
        *,
        agent: str | None = None,
        run: str | None = None,
        person: str | None = None,
        detail: str | None = None,
    ) -> Row:
        return Row(
            kind,
            decision=decision,
            agent=agent,
            run=run,
            person=person,
            decision_method="operator",
            config_digest=self.rules().digest,
            detail=detail,
        )


def _agent_view(agent: Agent) -> dict[str, Any]:
    view = asdict(agent)
    view["consent"] = consent_view(agent, agent.consent) if agent.consent else None
    return view


def check_name(name: str, what: str) -> None:
    if not is_name(name):
        raise UsageError(
            f"{what} has 1 to {MAX_NAME} letters, digits, dots, dashes or underscores, not {name!r}."
        )
