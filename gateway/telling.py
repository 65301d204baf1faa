"""Who is to be told of a question: when it is opened, and when more people may sign it than could before."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.backing import stake_of
from gateway.directory import Directory
from gateway.envelopes import Envelope, State
from gateway.keys import Keys
from gateway.model import Mapped
from gateway.questions import unpack
from gateway.reach import Reach, Topic
from gateway.rules import Rules, Stake, approvers, delegates, glass_breakers
from gateway.store.contract import Delivery, Store, Tell


def asked_now(rules: Rules, directory: Directory, stake: Stake) -> list[str]:
    """Who may sign it, in their own name or in somebody's place; if nobody may, who can break glass."""
    signers = approvers(rules, directory, stake)
    lent = [one.delegate for one in delegates(rules, directory, stake)]
    return list(dict.fromkeys([*signers, *lent])) or glass_breakers(rules, directory, stake)


def topic_of(stake: Stake) -> Topic:
    """What the rules of notifications look at."""
    groups = frozenset(group for unit in stake.mapped.units for group in unit.groups)
    return Topic(stake.mapped.service, groups, stake.intent_risk, stake.at)


def may_be_told(reach: Reach, rules: Rules, directory: Directory, stake: Stake, later: list[str]) -> bool:
    """Whether anybody who may sign it, now or later, has a way to hear of it."""
    settings = rules.settings.notifications
    if not settings.channels:
        return True
    people = [*asked_now(rules, directory, stake), *later]
    return reach.anybody(settings, topic_of(stake), people, rules.policy.belongs)


def to_tell(
    reach: Reach, rules: Rules, directory: Directory, envelope: Envelope, stake: Stake
) -> tuple[Delivery, ...]:
    """Everybody who may let it pass now, over each of their channels."""
    settings, now = rules.settings.notifications, stake.at
    if not settings.channels and not reach.personal:
        return ()
    people = asked_now(rules, directory, stake)
    found = reach.told(settings, topic_of(stake), people, rules.policy.belongs)
    return tuple(Delivery(envelope.id, "asked", one.channel, one.person, now, now, now) for one in found)


@dataclass
class Telling:
    """For what waits already."""

    store: Store
    keys: Keys
    directory: Directory
    reach: Reach
    rules: Callable[[], Rules]

    async def again(self, envelope: Envelope) -> None:
        """Whoever may sign it by now and was not told of it is queued to be."""
        if envelope.state is not State.PENDING or envelope.sealed is None:
            return
        mapped = self._mapped(envelope, envelope.sealed)
        stake = stake_of(envelope, mapped, self.store.now())
        tell = to_tell(self.reach, self.rules(), self.directory, envelope, stake)
        if tell:
            await self.store.apply(Tell(tell))

    def _mapped(self, envelope: Envelope, sealed: bytes) -> Mapped:
        return unpack(self.keys.unseal(envelope.id, sealed)).mapped
