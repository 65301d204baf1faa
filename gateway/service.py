"""The running gateway: proxy, pages, playground and operator's socket in one process, on one event loop."""

import asyncio
import fcntl
import os
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import certifi
import structlog

from gateway.audit import Kind, Row
from gateway.authoring.pasted import explain_pasted
from gateway.board import Board
from gateway.desk.acts.agents import AddAgent, ResumeAgent, RotateToken
from gateway.desk.acts.agents import Known as KnownAgents
from gateway.desk.acts.config import ApplyConfig
from gateway.desk.acts.consents import ChangeConsent
from gateway.desk.acts.delegations import SetAway
from gateway.desk.acts.grants import GrantFromCedar, GrantFromEnvelope
from gateway.desk.acts.limits import LimitsAct
from gateway.desk.acts.people import AddKey, ConfirmPerson, InvitePerson, NameKey, RecoverPerson
from gateway.desk.acts.people import Known as KnownPeople
from gateway.desk.acts.programs import RegisterProgram, RevokeOne
from gateway.desk.acts.reviews import CloseOne
from gateway.desk.agents import Agents
from gateway.desk.batching import Batching
from gateway.desk.changing import Act, Changing
from gateway.desk.deciding import Deciding
from gateway.desk.desk import GatewayDesk
from gateway.desk.devices import Devices
from gateway.desk.glass import BreakingGlass
from gateway.desk.notifying import Notifying
from gateway.desk.people import People
from gateway.desk.programs import Programs
from gateway.desk.signing_in import SigningIn
from gateway.desk.templates import Templates
from gateway.directory import Directory
from gateway.errors import ConfigError, ConfigErrors, Place, StoreError, UsageError
from gateway.granting import Granting, recover_uses
from gateway.grants import Grants
from gateway.history import History
from gateway.ids import ENTROPY_BYTES, make_id
from gateway.inside import Inside
from gateway.keeping import Keeping
from gateway.keys import load_keys, load_push_key, load_token, private_folder, write_private
from gateway.loading import files_in_force, load_rules, ui_folder
from gateway.metrics import Metrics
from gateway.notify.channel import Channel
from gateway.notify.channels import channels_of, check
from gateway.notify.encryption import public_point
from gateway.notify.message import trial_message
from gateway.notify.notifier import Notifier
from gateway.notify.posting import Poster
from gateway.notify.push import PUSH, Push, PushChannel
from gateway.operating import Operating
from gateway.operator_socket import OperatorSocket
from gateway.pausing import Pausing
from gateway.pipeline import Pipeline
from gateway.playground import Playground
from gateway.playground_tls import HOST as PLAYGROUND_HOST
from gateway.playground_tls import server_context
from gateway.proxy.certificates import CertificateAuthority, load_ca, make_ca
from gateway.proxy.dialer import Dialer
from gateway.proxy.engine import Engine
from gateway.reach import Reach
from gateway.releasing import Releaser
from gateway.reloading import Reloader, stamp
from gateway.restoring import settle_doubt
from gateway.rules import LastChange, RefusedChange, Rules, digest_with_limits, with_directory
from gateway.sending import Sender
from gateway.settings import LOOPBACK, Address, Listen, Notifications, Settings
from gateway.store.clock import Clock
from gateway.store.sqlite import SqliteStore
from gateway.store.writes import Configure
from gateway.subscriptions import Subscription
from gateway.telling import Telling
from gateway.templates import Loosened
from gateway.timekeeper import Timekeeper, recover
from gateway.trust import Candidate, Trust
from gateway.values import dataclass
from gateway.waiting import Waiting
from gateway.web.app import Pages, build_app
from gateway.web.sockets import bind, loopback_sockets

GRACE = 5.0

RESTART = ("state", "listen", "public_url", "trusted_proxy", "pages_tls", "upstream", "ca_hosts")
"""Settings that what is open already was opened with."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Paths:
    """Where things are kept under the state folder."""

    state: Path

    @property
    def database(self) -> Path:
        return self.state / "data" / "secondsig.db"

    @property
    def epoch(self) -> Path:
        """What tells an older copy of the database; not a part of any backup."""
        return self.state / "epoch"

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def ca(self) -> Path:
        return self.keys / "ca"

    @property
    def playground(self) -> Path:
        return self.keys / "playground"

    @property
    def bundle(self) -> Path:
        """The system's roots and ours: what agents are told to trust."""
        return self.state / "ca-bundle.pem"

    @property
    def upstream_roots(self) -> Path:
        return self.state / "upstream-roots.pem"

    @property
    def socket(self) -> Path:
        return self.state / "operator.sock"

    @property
    def metrics_token(self) -> Path:
        """What Prometheus shows to read the metrics."""
        return self.state / "metrics-token"

    @property
    def signed(self) -> Path:
        """The files of a signed configuration, laid out."""
        return self.state / "signed-config"

    @property
    def enrolment(self) -> Path:
        return self.state / "enrolment-link"

    @property
    def lock(self) -> Path:
        return self.state / "lock"


class Service:
    """`start` opens everything or nothing; `stop` refuses what is held and leaves its questions open."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings, self.paths = settings, Paths(settings.state)
        self._as_started = settings
        self._candidates = settings
        self._stamps = stamp(files_in_force(settings))
        self._clock = clock or Clock()
        self.board = Board(self._clock.now_ms())
        self.last_change = LastChange()
        self.playground = Playground()
        self.reach = Reach()
        self.first_link: dict[str, Any] | None = None
        """Where nobody is enrolled; made before operators can ask for another, which replaces it."""
        self._listeners: list[tuple[str, int]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._undo: list[Callable[[], object]] = []

    @property
    def rules(self) -> Rules:
        return self._rules

    async def start(self) -> None:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        await self.open()
        await self._open_network()
        telling = Telling(self.store, self.keys, self.directory, self.reach, self._now_rules)
        timekeeper = Timekeeper(self.store, self.board, self._now_rules, telling.again)
        self.sender = Sender(self.store, self.keys, self.directory, self.board, self.releaser, self.engine)
        self._tasks.append(asyncio.create_task(self.sender.run()))
        self._tasks.append(asyncio.create_task(timekeeper.run()))
        self._tasks.append(asyncio.create_task(telling.run(self.board)))
        self._tasks.append(asyncio.create_task(self.reloader.watch()))
        self._tasks.append(asyncio.create_task(self.granting.run()))
        self._tasks.append(asyncio.create_task(self.notifier.run()))
        self._tasks.append(asyncio.create_task(check(self.notifier.channels())))
        log.info("gateway.started", proxy=str(self.settings.listen.proxy), pages=self.settings.origin)

    async def _begin_trust(self) -> None:
        """Which files decide: those on the disk, or those that were signed."""
        self.trust = Trust(self.settings.file, self.paths.signed, os.environ)
        kept = await self.store.meta("signed_config")
        self.settings = self.trust.begin(self.settings, kept)
        if kept is not None:
            self._as_started = self.settings
            self._told_changed(self._candidates)

    def _told_changed(self, settings: Settings) -> None:
        """Files that changed while nobody looked wait for a signature, and the pages say so."""
        try:
            self.trust.check(settings)
        except ConfigError as error:
            self.last_change.refused = RefusedChange(self.store.now(), (str(error),))

    async def open(self) -> None:
        """Everything but the network: enough for the command line while no gateway runs."""
        for folder in (self.paths.state, self.paths.database.parent, self.paths.keys):
            private_folder(folder)
        self._lock = _lock(self.paths.lock)
        self._undo.append(self._lock.close)
        self.keys = load_keys(self.paths.keys)
        self.push_key = load_push_key(self.paths.keys)
        self.metrics = Metrics(load_token(self.paths.metrics_token))
        self.store = SqliteStore(
            self.paths.database,
            self._clock,
            reserve=self.settings.limits.disk_reserve,
            beside=self.paths.epoch,
        )
        self._undo.append(self._close_store)
        await self._begin_trust()
        if why := await settle_doubt(self.store):
            log.error("store.restored", because=why, then="what was open ended; check agents and approvers")
        self.directory = Directory(self.store)
        await self.directory.refresh()
        self.grants = Grants(self.store)
        await self.grants.refresh()
        rules = load_rules(self.settings, self.directory)
        self._files_digest = rules.digest
        self._rules = replace(rules, digest=self._digest())
        fresh = make_id("gw", secrets.token_bytes(ENTROPY_BYTES))
        self.gateway = await self.store.meta("gateway", fresh) or fresh
        await self._configure(self._rules)
        self._assemble()
        await self.history.load()
        await self.signing_in.load()
        if lost := await recover(self.store) + await recover_uses(self.store):
            log.warning("gateway.recovered", unknown=lost)

    def _digest(self) -> str:
        return digest_with_limits(self._files_digest, self.directory.limits)

    async def _configure(self, rules: Rules) -> None:
        """In the log first: what decides is what the log says decides."""
        digest = rules.digest
        row = Row(Kind.CONFIG, decision="in_force", reason="files", config_digest=digest, person="operator")
        loosened = rules.library.loosened()
        change = Configure(digest, self.trust.taken(rules.settings))
        await self.store.apply(change, [row, *(_loosened(row, found) for found in loosened)])
        for found in loosened:
            log.warning("template.loosened", action=found.action, what=found.what, reason=found.reason)

    def _now_rules(self) -> Rules:
        return self._rules

    def _assemble(self) -> None:
        rp_id = urlsplit(self.settings.origin).hostname or "localhost"
        self.history = History(self.store, self.keys, self.board)
        self.releaser = Releaser(
            self.store, self.keys, self.directory, self.board, self._now_rules, rp_id, self.history
        )
        keeping = Keeping(self.store, self.keys, self.board, self.gateway)
        self.poster = Poster(Dialer(), self.settings.upstream.ca)
        self.notifier = Notifier(self.store, self.board, self._now_rules, self.reach, self._channels)
        waiting = Waiting(
            self.store,
            self.keys,
            self.directory,
            self.board,
            self.releaser,
            keeping,
            self.gateway,
            rp_id,
            time.monotonic,
            self.reach,
            self.notifier.queued,
        )
        self.ca = _authority(self.paths.ca, self.settings.ca_hosts)
        inside = Inside(self.store, self.board, keeping, self.ca.pem, self.gateway)
        self.granting = Granting(
            self.store,
            self.keys,
            self.directory,
            self.grants,
            self._now_rules,
            rp_id,
            self.refresh_directory,
        )
        self.pipeline = Pipeline(
            self.store,
            self.directory,
            self._now_rules,
            waiting,
            self.granting,
            inside,
            self.gateway,
            self.metrics,
            self.history,
        )
        self.signing_in = SigningIn(
            self.store,
            self.keys,
            self.directory,
            self._now_rules,
            self.gateway,
            rp_id,
            self.refresh_directory,
        )
        pausing = Pausing(self.store, self.directory, self.board, self._now_rules, self.refresh_directory)
        deciding = Deciding(
            self.store,
            self.keys,
            self.directory,
            self.board,
            self._now_rules,
            self.signing_in,
            rp_id,
            pausing,
        )
        self.operating = Operating(
            self.store,
            self.directory,
            self.board,
            self._now_rules,
            self.refresh_directory,
            pausing,
            self.granting,
        )
        self.operating.tries = self.notifier
        self.operating.trust, self.operating.last_change = self.trust, self.last_change
        self.desk = GatewayDesk(
            self.store,
            self.directory,
            self.board,
            self._now_rules,
            self.signing_in,
            deciding,
            Batching(deciding, self.gateway),
            BreakingGlass(self.store, deciding, self._now_rules, self.history),
            Programs(self.store, deciding, self._now_rules, self.gateway, self.history),
            self._changing(rp_id, deciding),
            People(self.store, self.directory, self._now_rules, self.refresh_directory),
            Agents(self.store, self.directory, self._now_rules),
            self.gateway,
            self.metrics,
            self.last_change,
            self.operating,
            self.history,
            self.granting,
            Templates(self.store, self.directory, self._now_rules, self.last_change, explain_pasted),
            self.reach,
            Notifying(self.store, self.directory, self._now_rules, self.notifier),
            self._devices(),
        )
        self.reloader = Reloader(
            self.store,
            self.board,
            self.metrics,
            self.last_change,
            self._now_rules,
            self._take,
            self._stamps,
        )

    def _channels(self, settings: Notifications) -> dict[str, Channel]:
        """A notification reaches the gateway's own listeners as little as an agent's request does."""
        self.poster.dialer = Dialer(allowed=settings.allow, denied=self._listeners)
        self.browsers = self._browsers(settings, self.poster)
        self.notifier.add_own(PUSH, self.browsers)
        return channels_of(settings.channels, os.environ, self.poster, self.store.now)

    def _browsers(self, settings: Notifications, poster: Poster) -> PushChannel:
        origin = self.settings.origin
        contact = origin if origin.startswith("https://") else None
        push = Push(poster, self.push_key, contact, settings.push_services, self.store.now)
        return PushChannel(push, self.store, self.directory)

    def _devices(self) -> Devices:
        key = public_point(self.push_key)
        return Devices(
            self.store,
            self.directory,
            key,
            lambda: self._rules.settings.notifications.push_services,
            self._try_browser,
        )

    async def _try_browser(self, browser: Subscription) -> str | None:
        self.notifier.channels()
        name, origin = self.settings.name, self.settings.origin
        message = trial_message(name, origin=origin, now=self.store.now())
        pushed = await self.browsers.one(browser, message)
        return None if pushed.answer == "accepted" else pushed.why

    def _changing(self, rp_id: str, deciding: Deciding) -> Changing:
        known = self.directory, self._now_rules, self.refresh_directory
        granting = deciding, self.grants, self._now_rules
        people = KnownPeople(self.store, *known)
        agents = KnownAgents(*known)
        acts: dict[str, Act] = {
            "agent/add": AddAgent(agents),
            "agent/rotate": RotateToken(agents),
            "agent/resume": ResumeAgent(agents),
            "limits/set": LimitsAct(*known),
            "config/apply": ApplyConfig(
                self.trust, self.directory, self._now_rules, self._digest_of, self._take_signed
            ),
            "person/invite": InvitePerson(people),
            "person/confirm": ConfirmPerson(people),
            "person/recover": RecoverPerson(people),
            "key/add": AddKey(people),
            "key/rename": NameKey(people),
            "agent/consent": ChangeConsent(*known),
            "delegation/set": SetAway(self.directory, self._now_rules, self.board, self.store.now),
            "grant/envelope": GrantFromEnvelope(*granting),
            "grant/cedar": GrantFromCedar(*granting),
            "program/register": RegisterProgram(*known),
            "program/revoke": RevokeOne(*known),
            "review/close": CloseOne(
                self.store, self.directory, self.board, self._now_rules, deciding.backers
            ),
        }
        return Changing(self.store, self.keys, self.signing_in, self.gateway, rp_id, acts)

    async def refresh_directory(self) -> None:
        """Agents or people changed: identity and policy see it from the next request on."""
        await self.directory.refresh()
        rules = self._rules
        policy = with_directory(rules.policy, self.directory)
        self._rules = Rules(rules.settings, rules.library, policy, self._digest())
        if self._rules.digest != rules.digest:
            row = Row(Kind.CONFIG, decision="in_force", reason="limits", config_digest=self._rules.digest)
            await self.store.apply(Configure(self._rules.digest), [row])
        self.board.configured()

    async def reload(self) -> str:
        """The files as they are now, whole; if anything is wrong in them, what was in force stays."""
        return await self.reloader.reload()

    async def _take(self, settings: Settings, rules: Rules) -> None:
        """What was opened at the start stays as it is: the rest is swapped in one step, after its row."""
        self.trust.check(settings)
        if self.trust.is_signed:
            return
        await self._swap(settings, rules)

    async def _take_signed(self, candidate: Candidate) -> None:
        """It is in the log already, with the signature."""
        self.last_change.refused = None
        await self._swap(candidate.rules.settings, candidate.rules, noted=True)
        self.board.configured()

    def _digest_of(self, candidate: Candidate) -> str:
        return digest_with_limits(candidate.rules.digest, self.directory.limits)

    async def _swap(self, settings: Settings, rules: Rules, *, noted: bool = False) -> None:
        waiting = [name for name in RESTART if getattr(settings, name) != getattr(self._as_started, name)]
        if waiting:
            log.warning("config.needs_restart", settings=waiting)
        settings = replace(settings, **{name: getattr(self.settings, name) for name in RESTART})
        self._files_digest = rules.digest
        rules = replace(rules, settings=settings, digest=self._digest())
        if not noted:
            await self._configure(rules)
        policy = with_directory(rules.policy, self.directory)
        self.settings, self._rules = settings, replace(rules, policy=policy)

    async def _open_network(self) -> None:
        proxy = _sockets(self.settings.listen.proxy)
        pages = _sockets(self.settings.listen.pages)
        self._listeners = own = [sock.getsockname()[:2] for sock in (*proxy, *pages)]
        self._use_ports(proxy[0].getsockname()[1], pages[0].getsockname()[1])
        connect_to = {
            _host_port(name): (to.host, to.port) for name, to in self.settings.upstream.connect_to.items()
        }
        if "playground" in self._rules.library.services:
            connect_to[PLAYGROUND_HOST, 443] = ("127.0.0.1", await self._start_playground())
        self._write_roots()
        dialer = Dialer(allowed=self.settings.upstream.allow, connect_to=connect_to, denied=own)
        self.engine = Engine(
            self.pipeline, ca=self.ca, dialer=dialer, upstream_roots=self._extra_roots(), sockets=proxy
        )
        await self.engine.start()
        self._undo.append(lambda: self.engine.stop(GRACE))
        await self._open_pages(pages)
        if not self.directory.people:
            self.first_link = await self.operating.approver_invite()
        operator = OperatorSocket(self.paths.socket, self.operating, self.reload)
        await operator.start()
        self._undo.append(operator.stop)

    def _use_ports(self, proxy: int, pages: int) -> None:
        """Port 0 took any free one; from here on the settings name it."""
        old = self.settings.listen
        listen = Listen(Address(old.proxy.host, proxy), Address(old.pages.host, pages))
        self.settings = replace(self.settings, listen=listen)
        self._rules = replace(self._rules, settings=self.settings)

    async def _start_playground(self) -> int:
        authority = _authority(self.paths.playground, (PLAYGROUND_HOST,))
        port = await self.playground.start(server_context(authority, self.paths.playground))
        self._undo.append(self.playground.stop)
        return port

    def _extra_roots(self) -> Path | None:
        """The engine trusts the public roots by itself."""
        return self.paths.upstream_roots if self.paths.upstream_roots.read_bytes().strip() else None

    def _write_roots(self) -> None:
        """Upstream: the public roots, the operator's, the playground's. Agents: the system's and ours."""
        own = self.settings.upstream.ca.read_bytes() if self.settings.upstream.ca else b""
        playground = self.paths.playground / "ca.pem"
        extra = playground.read_bytes() if playground.exists() else b""
        write_private(self.paths.upstream_roots, b"\n".join((own, extra)))
        write_private(self.paths.bundle, b"\n".join((_system_roots(), self.ca.pem)))

    async def _open_pages(self, sockets: list[socket.socket]) -> None:
        tls = self.settings.pages_tls
        origin = self.settings.origin
        app = build_app(
            self.desk,
            ui=ui_folder(),
            origins=[origin],
            https=origin.startswith("https://"),
            trusted_proxy=self.settings.trusted_proxy,
        )
        pages = Pages(app)
        await pages.start(sockets, _pages_context(self.settings) if tls else None)
        self._undo.append(pages.stop)

    async def stop(self) -> None:
        """Held requests are refused with Retry-After; their envelopes stay; every outcome is written."""
        self.board.stop()
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                log.error("gateway.task_failed", error=f"{type(ended).__name__}: {ended}")
        while self._undo:
            await self._close_one(self._undo.pop())

    async def _close_one(self, undo: Callable[[], object]) -> None:
        """One part that does not close must not keep the others open."""
        try:
            result = undo()
            if asyncio.iscoroutine(result):
                await result
        except (OSError, StoreError, RuntimeError) as error:
            log.error("gateway.close_failed", error=str(error))

    async def _close_store(self) -> None:
        if hasattr(self, "notifier"):
            await self.notifier.settle()
            await self.poster.close()
        if hasattr(self, "sender"):
            await self.sender.settle()
        if hasattr(self, "releaser"):
            await self.releaser.settle()
            await self.granting.settle()
        await self.store.close()


def _loosened(row: Row, found: Loosened) -> Row:
    return replace(row, decision="loosened", action=found.action, detail=f"{found.what}. Why: {found.reason}")


def _authority(folder: Path, hosts: tuple[str, ...]) -> CertificateAuthority:
    private_folder(folder)
    return load_ca(folder) if (folder / "ca.pem").exists() else make_ca(folder, hosts)


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if host else (text, 443)


def _sockets(address: Address) -> list[socket.socket]:
    if address.host in LOOPBACK:
        return list(loopback_sockets(address.port))
    return [bind(address.host, address.port)]


def _system_roots() -> bytes:
    """What this machine trusts already, so that clients lose nothing by using our bundle."""
    path = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    system = Path(path).read_bytes() if path and Path(path).exists() else b""
    return system or Path(certifi.where()).read_bytes()


def _pages_context(settings: Settings) -> ssl.SSLContext:
    tls = settings.pages_tls
    if tls is None:
        raise ConfigError("the pages have no certificate.", Place(str(settings.file)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the pages' certificate cannot be used ({error}).", Place(str(tls.certificate))
        ) from error
    return context


def _lock(path: Path) -> IO[str]:
    """Only one gateway works on a state folder."""
    file = path.open("a", encoding="utf-8")
    path.chmod(0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UsageError(
            f"Another gateway works on {path.parent} already: stop it, or use another state folder."
        ) from error
    return file


__all__ = ["ConfigErrors", "Paths", "Service"]
