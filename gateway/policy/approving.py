"""What Cedar is told when it is asked who may approve: the envelope's attributes, and the signature's."""

from typing import Any

from gateway.model import EntityRef, Mapped, Money, Unit
from gateway.policy.world import Entity, uid
from gateway.values import dataclass

ENVELOPE = "Envelope"
_UNKNOWN_CURRENCY = "xxx"
_BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Signing:
    """One signature: how many are asked for, how long people were asked, whose passkey it is, and for what.

    `signer` is None where it is the person's own; otherwise somebody who signs for them while they are away.
    """

    quorum: int = 1
    intent_risk: str = "low"
    waited: int = 0
    signer: str | None = None
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """The money of a whole request. None where it moves some, and how much cannot be told in one number."""

    money: Money | None
    has_money: bool


def amount_of(mapped: Mapped, *, may_move: bool) -> Amount:
    """The sum, if all of it is of one known currency and none is negative: doubt is never a small amount."""
    found = [value for unit in mapped.units for value in unit.context.values() if isinstance(value, Money)]
    if not found:
        return Amount(None, may_move)
    first, total = found[0], sum(money.minor for money in found)
    is_one = all((money.currency, money.exponent) == (first.currency, first.exponent) for money in found)
    is_plain = first.currency != _UNKNOWN_CURRENCY and min(money.minor for money in found) >= 0
    if not (is_one and is_plain and total <= _BIGGEST):
        return Amount(None, has_money=True)
    return Amount(Money(first.currency, total, first.exponent), has_money=True)


def envelope_entity(
    agent: Entity, unit: Unit, groups: frozenset[str], amount: Amount, signing: Signing
) -> Entity:
    """One unit of a question, as `resource` of Action::"approve"."""
    attrs: dict[str, Any] = {
        "action": unit.action,
        "agent": {"__entity": uid(agent.ref)},
        "groups": sorted(groups),
        "has_money": amount.has_money,
        "intent_risk": signing.intent_risk,
        "quorum": signing.quorum,
        "resource": str(unit.resource),
        "risk": unit.risk.value,
        "service": unit.service,
    }
    if amount.money is not None:
        attrs["money"] = {"currency": amount.money.currency, "minor": amount.money.minor}
    teams = [parent for parent in agent.parents if parent.type == "Team"]
    if len(teams) == 1:
        attrs["team"] = {"__entity": uid(teams[0])}
    return Entity(EntityRef(ENVELOPE, "envelope"), attrs=attrs)


def signing_context(person: EntityRef, signing: Signing, *, owner: bool) -> dict[str, Any]:
    signer = person if signing.signer is None else EntityRef("Person", signing.signer)
    return {
        "break_glass": signing.break_glass,
        "owner": owner,
        "signer": {"__entity": uid(signer)},
        "waited": signing.waited,
    }
