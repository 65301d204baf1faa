"""A gateway without sockets: the real store, desk, waiting and releasing; templates and policy are played.

The played ones answer what a test tells them to, so that a test can change its mind between two questions.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from gateway import passkeys
from gateway.board import Board
from gateway.canonical import sha256
from gateway.decoded import DecodedBody
from gateway.demo.authenticator import SoftPasskey
from gateway.desk.agents import Agents
from gateway.desk.batching import Batching
from gateway.desk.changing import Act, Changing
from gateway.desk.contract import Session
from gateway.desk.deciding import Deciding
from gateway.desk.desk import GatewayDesk
from gateway.desk.devices import Devices
from gateway.desk.glass import BreakingGlass
from gateway.desk.notifying import Notifying
from gateway.desk.people import People
from gateway.desk.programs import Programs
from gateway.desk.signing_in import SigningIn
from gateway.desk.templates import Templates
from gateway.directory import Directory, token_hash
from gateway.encoding import b64u
from gateway.envelopes import Envelope, State
from gateway.gate import Answer, Carried, Outcome, Release
from gateway.granting import Granting
from gateway.grants import Grants
from gateway.history import History
from gateway.inside import Inside
from gateway.keeping import Keeping
from gateway.metrics import Metrics
from gateway.model import Decision, Effect, Mapped, PolicyReason, Request
from gateway.notify.channel import Channel
from gateway.notify.encryption import public_point
from gateway.notify.notifier import Notifier
from gateway.operating import Operating
from gateway.pausing import Pausing
from gateway.payload import utc
from gateway.pipeline import Pipeline
from gateway.policy import Fragment, NoFragment, Signing
from gateway.reach import Reach
from gateway.releasing import Releaser
from gateway.restoring import settle_doubt
from gateway.rules import LastChange, Rules
from gateway.sending import Sender
from gateway.settings import Settings
from gateway.store.contract import Store
from gateway.store.sqlite import SqliteStore
from gateway.store.things import Agent, Invitation, Person, Token
from gateway.store.writes import AddAgent, Configure, Enrol, Invite
from gateway.subscriptions import Subscription
from gateway.timekeeper import recover
from gateway.waiting import Waiting
from tests.kit.clocks import START, FakeTime
from tests.kit.patience import PATIENCE
from tests.kit.things import (
    GATEWAY,
    HOST,
    KEYS,
    ORIGIN,
    PUSH_KEY,
    RP_ID,
    a_mapped,
    a_request,
    body_of,
    with_header,
)

ASK = Decision(Effect.STEP_UP, (PolicyReason("a-person", "A person signs this."),), 1)
ALLOW = Decision(Effect.ALLOW, (PolicyReason("reads-pass"),))
DENY = Decision(Effect.DENY, (PolicyReason("never", "Nobody may."),))


@dataclass
class PlayedLibrary:
    digest: str = "library"
    meaning: Callable[[Request], Mapped] = lambda _request: a_mapped()
    kind: str = "json"
    served: dict[str, str] = field(default_factory=lambda: {HOST: "shop"})
    services: dict[str, object] = field(default_factory=dict)

    def map(self, request: Request) -> Mapped:
        return self.meaning(request)

    def body(self, request: Request) -> DecodedBody:
        return body_of(request, self.kind)

    def loosened(self) -> tuple[()]:
        return ()

    def serves(self, scheme: str, host: str, port: int) -> str | None:
        return self.served.get(host) if (scheme, port) == ("https", 443) else None

    def needs_http1(self, host: str) -> bool:
        return host in self.served


@dataclass
class PlayedPolicy:
    digest: str = "policy"
    decision: Decision = ASK
    at_spend: Effect = Effect.ALLOW
    approvers: frozenset[str] | None = None
    administrators: frozenset[str] = frozenset()
    breakers: frozenset[str] = frozenset()
    broken_by: int | None = None
    """With so many people policy accepts broken glass; None: never."""
    delegates: frozenset[str] = frozenset()
    """Verbs that policy lets programs use; with `delegate` among them it accepts their word."""
    members: dict[str, frozenset[str]] = field(default_factory=dict)
    spent_with: list[int] = field(default_factory=list)
    spent_for: list[str | None] = field(default_factory=list)
    on_grant: Decision | None = None
    permitting: frozenset[str] = frozenset()
    beyond: Any = ()

    def decide(
        self, agent: str, mapped: Mapped, facts: Any, max_quorum: int = 5, beyond: Any = ()
    ) -> Decision:
        self.beyond = beyond
        return self.on_grant if facts.grant and self.on_grant else self.decision

    def fragment(self, text: str) -> Fragment:
        raise NoFragment("The played policy reads no Cedar.")

    def permits(self, text: str, agent: str, mapped: Mapped, facts: Any) -> bool:
        return text in self.permitting

    def authorise(self, agent: str, mapped: Mapped, facts: Any) -> Decision:
        self.spent_with.append(facts.approvals)
        self.spent_for.append(facts.purpose)
        if facts.break_glass:
            accepts = self.broken_by is not None and facts.approvals >= self.broken_by
            return Decision(self.at_spend if accepts else Effect.DENY)
        if facts.delegate:
            return Decision(self.at_spend if "delegate" in self.delegates else Effect.DENY)
        if not facts.cosigner or facts.approvals < self.decision.quorum:
            return Decision(Effect.DENY)
        return Decision(self.at_spend)

    def may_approve(
        self, person: str, *, agent: str, owner: bool, mapped: Mapped, signing: Signing | None = None
    ) -> bool:
        breaks_glass = signing is not None and signing.break_glass
        return self.approvers is None or breaks_glass or person in self.approvers

    def may_delegate(self, program: str, verb: str, *, agent: str, mapped: Mapped, signing: Signing) -> bool:
        return verb in self.delegates

    def limits(self, agent: str) -> dict[str, int]:
        return {"eur": 500}

    def groups(self) -> frozenset[str]:
        return frozenset({"administrators", "approvers"})

    def belongs(self, person: str, group: str) -> bool:
        known = {"administrators": self.administrators, "break_glass": self.breakers, **self.members}
        return person in known.get(group, frozenset())

    def with_directory(self, agents: object, people: object) -> "PlayedPolicy":
        return self


@dataclass
class PlayedCourier:
    """Answers what a test says, and keeps what it was given to send."""

    answer: Carried | None = field(default_factory=lambda: Carried(201, (("X-Upstream", "real"),), b"made"))
    outcome: Outcome = "completed"
    fault: Exception | None = None
    sent: list[Release] = field(default_factory=list)
    to: list[Request] = field(default_factory=list)

    async def carry(self, release: Release, request: Request) -> Carried | None:
        self.sent.append(release)
        self.to.append(request)
        if self.fault is not None:
            raise self.fault
        release.done(self.outcome, self.answer.status if self.answer else None, "")
        return self.answer


def played_explanation(written: str, agent: str | None, *_: Any) -> dict[str, Any]:
    return {"outcome": "allow", "written": written, "agent": agent}


class World:
    """Everything wired as `gateway.service` wires it; `wire` again does what a restart does."""

    def __init__(self, folder: Path) -> None:
        self.time = FakeTime()
        self.folder = folder
        self.sqlite = self._database()
        self.library, self.policy = PlayedLibrary(), PlayedPolicy()
        self.settings = Settings(
            file=folder / "secondsig.yaml", state=folder, policy=folder / "p", entities=folder / "e"
        )
        self.config = "config-1"
        self.courier = PlayedCourier()
        self.passkeys: dict[str, SoftPasskey] = {}
        self.tokens: dict[str, str] = {}
        self.channels: dict[str, Channel] = {}
        self.wire(self.sqlite)

    def _database(self) -> SqliteStore:
        folder = self.folder
        return SqliteStore(folder / "test.db", self.time.clock(), reserve=0, beside=folder / "epoch")

    async def restart(self) -> None:
        """Another process on the same folder."""
        await self.close()
        self.sqlite = self._database()
        await settle_doubt(self.sqlite)
        self.wire(self.sqlite)
        await self.directory.refresh()
        await recover(self.sqlite)

    def wire(self, store: Store) -> None:
        self.store = store
        self.board = Board()
        self.directory = Directory(store)
        self.history = History(store, KEYS, self.board)
        self.releaser = Releaser(store, KEYS, self.directory, self.board, self.rules, RP_ID, self.history)
        self.sender = Sender(store, KEYS, self.directory, self.board, self.releaser, self.courier)
        self.keeping = Keeping(store, KEYS, self.board, GATEWAY)
        self.reach = Reach()
        self.notifier = Notifier(store, self.board, self.rules, self.reach, lambda _settings: self.channels)
        self.waiting = Waiting(
            store,
            KEYS,
            self.directory,
            self.board,
            self.releaser,
            self.keeping,
            GATEWAY,
            RP_ID,
            asyncio.get_running_loop().time,
            self.reach,
            self.notifier.queued,
        )
        self.inside = Inside(store, self.board, self.keeping, b"the CA", GATEWAY)
        self.metrics, self.last_change = Metrics("scrape"), LastChange()
        self.grants = Grants(store)
        self.granting = Granting(
            store, KEYS, self.directory, self.grants, self.rules, RP_ID, self.directory.refresh
        )
        self.pipeline = Pipeline(
            store,
            self.directory,
            self.rules,
            self.waiting,
            self.granting,
            self.inside,
            GATEWAY,
            self.metrics,
            self.history,
        )
        self.signing_in = SigningIn(
            store, KEYS, self.directory, self.rules, GATEWAY, RP_ID, self.directory.refresh
        )
        self.pausing = Pausing(store, self.directory, self.board, self.rules, self.directory.refresh)
        self.deciding = Deciding(
            store, KEYS, self.directory, self.board, self.rules, self.signing_in, RP_ID, self.pausing
        )
        self.batching = Batching(self.deciding, GATEWAY)
        self.glass = BreakingGlass(store, self.deciding, self.rules, self.history)
        self.programs = Programs(store, self.deciding, self.rules, GATEWAY, self.history)
        self.changing = Changing(store, KEYS, self.signing_in, GATEWAY, RP_ID, {})
        self.people = People(store, self.directory, self.rules, self.directory.refresh)
        self.operating = Operating(
            store, self.directory, self.board, self.rules, self.directory.refresh, self.pausing, self.granting
        )
        self.devices = Devices(
            store,
            self.directory,
            public_point(PUSH_KEY),
            lambda: self.settings.notifications.push_services,
            self.try_browser,
        )
        self.desk = GatewayDesk(
            store,
            self.directory,
            self.board,
            self.rules,
            self.signing_in,
            self.deciding,
            self.batching,
            self.glass,
            self.programs,
            self.changing,
            self.people,
            Agents(store, self.directory, self.rules),
            GATEWAY,
            self.metrics,
            self.last_change,
            self.operating,
            self.history,
            self.granting,
            Templates(store, self.directory, self.rules, self.last_change, played_explanation),
            self.reach,
            Notifying(store, self.directory, self.rules, self.notifier),
            self.devices,
        )

    async def try_browser(self, browser: Subscription) -> str | None:
        """A push service that takes messages for phones alone."""
        return None if browser.device == "Phone" else "the push service answered 400"

    def rules(self) -> Rules:
        return Rules(self.settings, cast("Any", self.library), cast("Any", self.policy), self.config)

    def set(self, **approvals: Any) -> None:
        self.settings = replace(self.settings, approvals=replace(self.settings.approvals, **approvals))

    async def open(self) -> "World":
        """An agent, an approver who is not its owner, and a configuration in force."""
        await self.store.apply(Configure(self.config))
        await self.add_agent("ci-bot")
        await self.enrol("Mika")
        return self

    async def add_agent(self, name: str, owner: str | None = None) -> str:
        token = f"ssig_{name}"
        stored = Token(f"tok_{name}", name, None, token_hash(token), START, None)
        await self.store.apply(
            AddAgent(Agent(name, "platform", owner, paused=False, created_at=START), stored)
        )
        await self.directory.refresh()
        self.tokens[name] = token
        return token

    async def enrol(self, name: str, groups: tuple[str, ...] = ("approvers",)) -> SoftPasskey:
        device, credential = self.new_passkey(name)
        await self.store.apply(Invite(Invitation(f"link of {name}", None, groups, START + 10_000_000)))
        person = Person(name, groups, self.store.now(), None)
        await self.store.apply(Enrol(f"link of {name}", person, credential, adopt_agents=False))
        await self.directory.refresh()
        self.passkeys[name] = device
        return device

    def new_passkey(self, name: str) -> tuple[SoftPasskey, passkeys.Credential]:
        device, challenge = SoftPasskey(RP_ID, ORIGIN), b"\x07" * 64
        options = passkeys.registration_options(
            rp_id=RP_ID,
            rp_name="Secondsig",
            user_id=self.signing_in._user_id(name),
            user_name=name,
            challenge=challenge,
            exclude=(),
        )
        made = passkeys.verify_registration(
            device.register(options), challenge=challenge, rp_id=RP_ID, origins=[ORIGIN]
        )
        return device, replace(made, person=name, name=f"{name}'s phone")

    async def second_passkey(self, name: str) -> SoftPasskey:
        """Another device of somebody who is enrolled; no command of this version adds one."""
        device, made = self.new_passkey(name)
        values = (made.id, name, made.public_key, made.sign_count, "[]", made.device_type, 0, "Second", START)
        await self.sqlite._ask(
            lambda db: db.execute(
                "INSERT INTO credentials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", values
            ),
            writes=True,
        )
        await self.directory.refresh()
        return device

    def session(self, person: str) -> Session:
        return Session(sha256(person.encode()), person, self.passkeys[person].id, utc(self.store.now()))

    async def approve(
        self, envelope: str, person: str = "Mika", passkey: SoftPasskey | None = None
    ) -> Envelope:
        session = self.session(person)
        asked = await self.deciding.sign(session, envelope)
        answer = (passkey or self.passkeys[person]).sign(asked["options"])
        return await self.deciding.approve(session, envelope, asked["challenge_id"], answer)

    async def break_glass(
        self, envelope: str, person: str = "Mika", reason: str = "The pager rang and nobody answers"
    ) -> Envelope:
        session = self.session(person)
        asked = await self.glass.begin(session, envelope, reason)
        answer = self.passkeys[person].sign(asked["options"])
        return await self.glass.finish(session, envelope, asked["challenge_id"], answer)

    async def change(
        self,
        kind: str,
        act: Act,
        asked: dict[str, Any],
        person: str = "Mika",
        passkey: SoftPasskey | None = None,
    ) -> dict[str, Any]:
        """This change, asked for and signed."""
        self.changing.acts[kind] = act
        session = self.session(person)
        begun = await self.changing.begin(session, kind, asked)
        answer = (passkey or self.passkeys[person]).sign(begun["options"])
        return await self.changing.finish(session, begun["challenge_id"], answer)

    async def ask(self, request: Request | None = None, gone: asyncio.Event | None = None) -> Release:
        """The request as the pipeline would hand it on after policy asked for a person."""
        told = await self.step_up(request, gone)
        assert isinstance(told, Release), told
        return told

    async def step_up(
        self, request: Request | None = None, gone: asyncio.Event | None = None
    ) -> Release | Answer:
        wanted = request or a_request()
        rules = self.rules()
        mapped = rules.library.map(wanted)
        moment = self.history.moment(wanted, mapped, rules)
        with self.history.holding(moment) as asking:
            return await self.waiting.step_up(
                wanted,
                mapped,
                self.policy.decision,
                moment.names,
                rules,
                gone or asyncio.Event(),
                asking,
            )

    async def promised(self, request: Request | None = None) -> tuple[Envelope, dict[str, Any]]:
        """An async question, and what its agent was told with the 202."""
        asked = with_header(request or a_request(), "Secondsig-Prefer", "respond-async")
        told = await self.step_up(asked)
        assert isinstance(told, Answer), told
        assert told.status == 202
        body: dict[str, Any] = json.loads(told.body)
        envelope = await self.sqlite.envelope(body["envelope"])
        assert envelope is not None
        return envelope, body

    async def send(self) -> None:
        """One look of the sender, to its end."""
        await self.sender.tick()
        await self.sender.settle()
        await self.releaser.settle()

    async def held(
        self, request: Request | None = None, gone: asyncio.Event | None = None
    ) -> tuple["asyncio.Task[Release]", Envelope]:
        """The request waits, and this is what it waits for."""
        before = {e.id: e for e in await self.sqlite.envelopes([State.PENDING])}
        waiting = {name: self.board.waiting(name) for name in before}
        task = asyncio.create_task(self.ask(request, gone))
        async with asyncio.timeout(PATIENCE):
            while True:
                await asyncio.sleep(0.002)
                for envelope in await self.sqlite.envelopes([State.PENDING]):
                    if self.board.waiting(envelope.id) > waiting.get(envelope.id, 0):
                        return task, envelope
                assert not task.done(), await task

    async def opened(self, request: Request | None = None) -> Envelope:
        """An envelope for this request, whose client has left again."""
        gone = asyncio.Event()
        task, envelope = await self.held(request, gone)
        gone.set()
        await asyncio.gather(task, return_exceptions=True)
        return envelope

    async def now(self, envelope: Envelope) -> Envelope:
        current = await self.sqlite.envelope(envelope.id)
        assert current is not None
        return current

    async def said(self, **where: str) -> list[dict[str, Any]]:
        """Rows of the log, oldest first."""
        return [entry.row.columns() for entry in reversed(await self.sqlite.rows(where, None, 1000))]

    async def close(self) -> None:
        self.board.stop()
        await self.releaser.settle()
        await self.sqlite.close()


__all__ = ["ALLOW", "ASK", "DENY", "PlayedLibrary", "PlayedPolicy", "World", "b64u"]
