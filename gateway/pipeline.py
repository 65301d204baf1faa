"""One request, top to bottom: who, where, what it means, what policy says, and what follows from that."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from gateway.audit import Kind, Row
from gateway.consents import beyond
from gateway.directory import Directory
from gateway.errors import Reason, Refusal, SecondsigError
from gateway.facts import facts_of
from gateway.gate import Answer, Forward, Release
from gateway.granting import Granting
from gateway.history import History, Moment
from gateway.inside import Inside
from gateway.judge import Judge, is_asked, judge_of
from gateway.metrics import Metrics
from gateway.model import Caller, Decision, Effect, Mapped, Request, ServiceMode
from gateway.policy import Facts
from gateway.problems import Problem, problem
from gateway.rules import Rules
from gateway.store.contract import Store
from gateway.waiting import Waiting

log = structlog.get_logger()

INSIDE = "secondsig.internal"
ROWS_FOR_STRANGERS = 30
"""Rows a minute for requests without a valid token, all of them together."""

WORTH_A_ROW = frozenset({Reason.DUPLICATE, Reason.COSIGNER_INVALID, Reason.APPROVAL_DENIED})
"""Refusals about an envelope that its own rows do not tell; the others would only repeat them."""


@dataclass
class Strangers:
    """Who has no token gets few rows: nobody fills the disk by knocking."""

    minute: int = 0
    rows: int = 0

    def may_have_a_row(self, now: int) -> bool:
        if now // 60 != self.minute:
            self.minute, self.rows = now // 60, 0
        self.rows += 1
        return self.rows <= ROWS_FOR_STRANGERS


@dataclass
class Pipeline:
    """The gate that the proxy asks. Whatever it cannot decide does not pass."""

    store: Store
    directory: Directory
    rules: Callable[[], Rules]
    waiting: Waiting
    granting: Granting
    inside: Inside
    gateway: str
    metrics: Metrics
    history: History

    def __post_init__(self) -> None:
        self._strangers = Strangers()

    def identify(self, proxy_authorization: tuple[str, ...], peer: str) -> Caller:
        return self.directory.identify(proxy_authorization, peer)

    def destination(self, caller: Caller, scheme: str, host: str, port: int) -> None:
        """Refuses what no template serves and no operator trusts, before anything is dialled."""
        rules = self.rules()
        if self.internal(host) and (scheme, port) == ("http", 80):
            return
        trusted = _is_let_through(rules, host) and (scheme, port) == ("https", 443)
        if rules.library.serves(scheme, host, port) or trusted:
            return
        raise Refusal(
            Reason.DESTINATION_REFUSED,
            f"No template covers {scheme}://{host}:{port}, so {caller.agent} may not go there: ask your "
            "operator to add a template for it.",
        )

    def internal(self, host: str) -> bool:
        return host == INSIDE

    def tunnel_untouched(self, host: str) -> bool:
        rules = self.rules()
        service = rules.library.serves("https", host, 443)
        return service is not None and _mode(rules, service) is ServiceMode.OFF

    def tunnel_opened(self, caller: Caller, host: str, port: int) -> None:
        """Pinned clients see the upstream's own certificate; all that we know is that they went there."""
        self.store.note(
            Row(
                Kind.TUNNEL,
                decision="off",
                agent=caller.agent,
                run=caller.run,
                address=caller.peer,
                host=f"{host}:{port}",
                config_digest=self.rules().digest,
            )
        )

    def needs_http1(self, host: str) -> bool:
        return self.rules().library.needs_http1(host)

    def body_limit(self, caller: Caller, host: str) -> int:
        return self.rules().settings.limits.body

    async def decide(self, request: Request, gone: asyncio.Event) -> Answer | Forward | Release:
        """What happens to this request. Raises Refusal; any other exception is a fault, and refuses too."""
        rules = self.rules()
        self.directory.check_not_paused(request.caller.agent)
        if self.internal(request.host):
            return await self.inside.answer(request)
        if not self.store.healthy():
            raise _unwritable()
        service = rules.library.serves(request.scheme, request.host, request.port)
        if service is None:
            return self._let_through(request, rules)
        if _mode(rules, service) is ServiceMode.WATCH:
            return self._watch(request, rules)
        return await self._enforce(request, rules, gone)

    async def _enforce(
        self, request: Request, rules: Rules, gone: asyncio.Event
    ) -> Answer | Forward | Release:
        """Nothing is awaited between a decision and the count of what it was about: see `gateway.history`."""
        mapped = rules.library.map(request)
        moment = self.history.moment(request, mapped, rules)
        decision = self._ask(request, mapped, rules, moment)
        judge = judge_of(rules.settings.judge)
        if decision.effect is Effect.ALLOW and judge is not None and is_asked(request, mapped):
            return await self._judged(request, mapped, decision, rules, gone, moment, judge)
        if decision.effect is Effect.ALLOW:
            self.history.passed(moment)
            self.store.note(_row(request, rules, mapped, decision, "allow"))
            return Forward()
        if decision.effect is Effect.DENY:
            self.history.refused(moment)
            raise _denied(request, rules, mapped, decision)
        if decision.effect is not Effect.STEP_UP:
            raise TypeError(f"policy answered {decision.effect!r}, which is no decision")
        return await self._step_up(request, mapped, decision, rules, gone, moment)

    async def _judged(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        rules: Rules,
        gone: asyncio.Event,
        moment: Moment,
        judge: Judge,
    ) -> Answer | Forward | Release:
        """What it would spend is reserved while the judge thinks: a yes changes nothing, a no asks people."""
        with self.history.holding(moment) as asking:
            if await judge.fits(request, mapped):
                self._check_nothing_changed(request, rules, gone)
                asking.passed()
                self.store.note(_row(request, rules, mapped, decision, "allow"))
                return Forward()
            raised = rules.policy.raise_to_people(request.caller.agent, mapped, self._facts(request, moment))
            if raised.effect is not Effect.STEP_UP:
                raise _denied(request, rules, mapped, raised)
            names = moment.names
            try:
                return await self.waiting.step_up(request, mapped, raised, names, rules, gone, asking)
            except Refusal as refusal:
                raise _recorded(refusal, request, rules, mapped, raised) from refusal

    def _check_nothing_changed(self, request: Request, rules: Rules, gone: asyncio.Event) -> None:
        """A yes came later than the decision that it was about."""
        self.directory.check_not_paused(request.caller.agent)
        if gone.is_set():
            raise Refusal(Reason.CANCELLED, "The client left before the decision.")
        if self.rules().digest != rules.digest:
            raise Refusal(
                Reason.CONFIG_CHANGED,
                "The configuration changed while this was decided; nothing was sent. Send it again.",
                retryable=True,
            )

    async def _step_up(
        self,
        request: Request,
        mapped: Mapped,
        decision: Decision,
        rules: Rules,
        gone: asyncio.Event,
        moment: Moment,
    ) -> Answer | Release:
        with self.history.holding(moment) as asking:
            try:
                names, facts = moment.names, self._facts(request, moment)
                granted = await self.granting.release(request, mapped, decision, names, rules, facts)
                if granted is not None:
                    asking.passed()
                    return granted
                return await self.waiting.step_up(request, mapped, decision, names, rules, gone, asking)
            except Refusal as refusal:
                raise _recorded(refusal, request, rules, mapped, decision) from refusal

    def _ask(self, request: Request, mapped: Mapped, rules: Rules, moment: Moment) -> Decision:
        facts = self._facts(request, moment)
        agent = self.directory.agents.get(request.caller.agent)
        outside = beyond(agent, mapped, facts, rules)
        decision = rules.policy.decide(
            request.caller.agent, mapped, facts, rules.settings.approvals.max_quorum, outside
        )
        self.metrics.decisions[str(decision.effect)] += 1
        return decision

    def _facts(self, request: Request, moment: Moment) -> Facts:
        return facts_of(request, moment.mapped, moment.now, moment)

    def _let_through(self, request: Request, rules: Rules) -> Forward:
        """A host without a template that the operator trusts, or only watches."""
        self.destination(request.caller, request.scheme, request.host, request.port)
        self.store.note(_bare_row(request, rules, decision="watch", reason=str(Reason.UNMAPPED)))
        return Forward()

    def _watch(self, request: Request, rules: Rules) -> Forward:
        """Decided and recorded, and let pass whatever was decided."""
        try:
            mapped = rules.library.map(request)
            moment = self.history.moment(request, mapped, rules)
            decision = self._ask(request, mapped, rules, moment)
            self.history.passed(moment)
            row = _row(request, rules, mapped, decision, "watch")
        except SecondsigError as error:
            reason = str(error.reason) if isinstance(error, Refusal) else None
            row = _bare_row(request, rules, decision="watch", reason=reason)
        self.store.note(row)
        return Forward()

    def refused(self, caller: Caller | None, refusal: Refusal, where: str, request_line: str) -> Answer:
        """The answer to the agent, and the row. Never raises."""
        try:
            self._note_refusal(caller, refusal, where, request_line)
        except Exception as error:  # noqa: BLE001  # a row that cannot be made must not let anything through
            log.error("refusal.not_noted", error=str(error))
        path = request_line.partition(" ")[2]
        return _answer(problem(refusal, pages=self.rules().settings.origin, gateway=self.gateway, path=path))

    def _note_refusal(self, caller: Caller | None, refusal: Refusal, where: str, request_line: str) -> None:
        if refusal.about and refusal.reason not in WORTH_A_ROW:
            return
        if caller is None and not self._strangers.may_have_a_row(self.store.now()):
            return
        method = request_line.partition(" ")[0]
        row = Row(
            Kind.REFUSED,
            decision="deny",
            reason=str(refusal.reason),
            agent=caller.agent if caller else None,
            run=caller.run if caller else None,
            address=caller.peer if caller else None,
            method=method or None,
            host=where or None,
            config_digest=self.rules().digest,
            detail=refusal.detail,
        )
        self.store.note(refusal.row if isinstance(refusal, _Recorded) else row)


@dataclass(eq=False)
class _Recorded(Refusal):
    """A refusal that knows what the request meant, and so has a better row."""

    row: Row = field(default_factory=lambda: Row(Kind.REFUSED))


def _denied(request: Request, rules: Rules, mapped: Mapped, decision: Decision) -> Refusal:
    """Policy said no, and which policy."""
    why = decision.reasons[0] if decision.reasons else None
    said = f" ({why.id}: {why.reason})" if why and why.reason else f" ({why.id})" if why else ""
    return _Recorded(
        Reason.POLICY_DENIED,
        f"Policy does not allow {mapped.units[0].action} here, and no approval can unlock it{said}. "
        "Do something else or ask your operator.",
        row=_row(request, rules, mapped, decision, "deny"),
    )


def _recorded(
    refusal: Refusal, request: Request, rules: Rules, mapped: Mapped, decision: Decision
) -> Refusal:
    row = replace(
        _row(request, rules, mapped, decision, "deny"),
        kind=Kind.REFUSED,
        reason=str(refusal.reason),
        envelope=refusal.about.envelope if refusal.about else None,
        detail=refusal.detail,
    )
    return _Recorded(
        refusal.reason,
        refusal.detail,
        refusal.retryable,
        refusal.retry_after,
        refusal.about,
        refusal.extra,
        row,
    )


def _mode(rules: Rules, service: str) -> ServiceMode:
    known = rules.settings.templates.get(service)
    return known.mode if known else ServiceMode.ENFORCE


def _is_let_through(rules: Rules, host: str) -> bool:
    return rules.settings.unknown_hosts == "watch" or host in rules.settings.trusted_hosts


def _row(request: Request, rules: Rules, mapped: Mapped, decision: Decision, said: str) -> Row:
    unit = mapped.units[0]
    why = decision.reasons[0].id if decision.reasons else None
    denied = str(Reason.POLICY_DENIED) if decision.effect is Effect.DENY else None
    return Row(
        Kind.DECISION,
        decision=said,
        reason=denied,
        agent=request.caller.agent,
        run=request.caller.run,
        address=request.caller.peer,
        action=unit.action,
        resource=str(unit.resource),
        method=request.method,
        host=request.host,
        config_digest=rules.digest,
        detail=why,
    )


def _bare_row(request: Request, rules: Rules, *, decision: str, reason: str | None) -> Row:
    return Row(
        Kind.DECISION,
        decision=decision,
        reason=reason,
        agent=request.caller.agent,
        run=request.caller.run,
        address=request.caller.peer,
        method=request.method,
        host=request.host,
        config_digest=rules.digest,
    )


def _unwritable() -> Refusal:
    return Refusal(
        Reason.GATEWAY_UNAVAILABLE,
        "The gateway cannot write its log, so it lets nothing through: try again in a minute.",
        retryable=True,
        retry_after=60,
    )


def _answer(made: Problem) -> Answer:
    return Answer(made.status, made.headers, made.body, made.reason_phrase)
