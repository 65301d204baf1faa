"""Who is to be told of a question: when it is opened, and when more people may sign it than could before."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.backing import stake_of
from gateway.board import Board
from gateway.directory import Directory
from gateway.envelopes import Envelope, State
from gateway.errors import StoreError
from gateway.keys import Keys
from gateway.model import Mapped
from gateway.questions import unpack
from gateway.reach import Reach, Topic
from gateway.rules import Rules, Stake, approvers, delegates, glass_breakers
from gateway.store.contract import Store
from gateway.store.things import Delivery
from gateway.store.writes import Tell

MANY = 10_000

log = structlog.get_logger()


def asked(rules: Rules, directory: Directory, stake: Stake, signers: list[str]) -> list[str]:
    """The signers and who signs in somebody's place; if nobody is left, who can break glass."""
    lent = [one.delegate for one in delegates(rules, directory, stake)]
    return list(dict.fromkeys([*signers, *lent])) or glass_breakers(rules, directory, stake)


def topic_of(stake: Stake) -> Topic:
    """What the rules of notifications look at."""
    groups = frozenset(group for unit in stake.mapped.units for group in unit.groups)
    return Topic(stake.mapped.service, groups, stake.intent_risk, stake.at)


def may_be_told(reach: Reach, rules: Rules, directory: Directory, stake: Stake, signers: list[str]) -> bool:
    """Whether anybody who may let it pass, now or later, has a way to hear of it."""
    settings = rules.settings.notifications
    if not settings.channels:
        return True
    people = asked(rules, directory, stake, signers)
    return reach.anybody(settings, topic_of(stake), people, rules.policy.belongs)


def to_tell(
    reach: Reach, rules: Rules, directory: Directory, envelope: str, stake: Stake, signers: list[str]
) -> tuple[Delivery, ...]:
    """Everybody who may let it pass now, over each of their channels."""
    settings, now = rules.settings.notifications, stake.at
    if not settings.channels and not reach.personal:
        return ()
    people = asked(rules, directory, stake, signers)
    found = reach.told(settings, topic_of(stake), people, rules.policy.belongs)
    return tuple(Delivery(envelope, "asked", one.channel, one.person, now, now, now) for one in found)


@dataclass
class Telling:
    """For what waits already."""

    store: Store
    keys: Keys
    directory: Directory
    reach: Reach
    rules: Callable[[], Rules]

    async def run(self, board: Board) -> None:
        """Until the gateway stops. Whoever may sign by a right that was lent, or a new rule, is told too."""
        covered = board.last
        while not board.stopping.is_set():
            async for change in board.watch(covered):
                if change.envelope is None and change.id > covered:
                    covered = board.last
                    await self._all_again()

    async def _all_again(self) -> None:
        """Nobody is told twice; a question that cannot be read keeps none of the others from being told."""
        if not (self.rules().settings.notifications.channels or self.reach.personal):
            return
        try:
            waiting = await self.store.envelopes([State.PENDING], MANY)
        except StoreError as error:
            log.error("telling.failed", error=str(error))
            return
        for envelope in waiting:
            try:
                await self.again(envelope)
            except StoreError as error:
                log.error("telling.failed", envelope=envelope.id, error=str(error))
            await asyncio.sleep(0)  # each is some milliseconds of work, and requests wait

    async def again(self, envelope: Envelope) -> None:
        """Whoever may sign it by now and was not told of it is queued to be."""
        if envelope.state is not State.PENDING or envelope.sealed is None:
            return
        mapped = self._mapped(envelope, envelope.sealed)
        stake = stake_of(envelope, mapped, self.store.now())
        rules = self.rules()
        signers = approvers(rules, self.directory, stake)
        tell = to_tell(self.reach, rules, self.directory, envelope.id, stake, signers)
        if tell:
            await self.store.apply(Tell(tell))

    def _mapped(self, envelope: Envelope, sealed: bytes) -> Mapped:
        return unpack(self.keys.unseal(envelope.id, sealed)).mapped
