"""What the gateway knows of a request beside its meaning, and how all of it becomes Cedar's context.

An agent's text enters Cedar only as a JSON string inside an object that is built here: `__entity` or `__extn`
in it are letters, never structure.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

from gateway.errors import SecondsigError
from gateway.model import ContextValue, Money, Unit
from gateway.values import dataclass

_BIGGEST = 2**63 - 1
_SMALLEST = -(2**63)
_HOUR, _DAY = 3600, 86400
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday: Monday is 1, Sunday 7


class CannotTell(SecondsigError):
    """Cedar gave no answer that can be relied on, so the answer is deny."""


class Remembered(Protocol):
    """What the gateway remembers of the agent; worked out only where a policy reads it."""

    def intent_risk(self) -> str: ...
    def recent(self, action: str) -> Mapping[str, int]: ...
    def spent(self, unit: Unit) -> Mapping[str, int] | None:
        """None for a unit that carries no money."""
        ...


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """Nothing is remembered: this request is all there ever was of its agent."""

    level: str = "low"

    def intent_risk(self) -> str:
        return self.level

    def recent(self, action: str) -> Mapping[str, int]:
        return dict.fromkeys(
            ("requests_hour", "requests_day", "action_hour", "action_day", "questions_hour"), 1
        )

    def spent(self, unit: Unit) -> Mapping[str, int] | None:
        money = unit.context.get("money")
        if not isinstance(money, Money):
            return None
        return {"hour": max(0, money.minor), "day": max(0, money.minor)}


@dataclass(frozen=True, slots=True)
class Facts:
    """`cosigner` and `approvals` count people; the flags below them never stand in for one."""

    cosigner: bool
    approvals: int
    method: str
    host: str
    requester_ip: str
    now_epoch: int
    purpose: str | None
    remembered: Remembered = FirstRequest()
    delegate: bool = False
    break_glass: bool = False
    grant: bool = False


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """With the limits that people set on the pages, for the agent and for its team."""

    name: str
    team: str | None = None
    owner: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    team_limits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonFacts:
    name: str
    groups: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def _address(text: str) -> Mapping[str, Any]:
    """Cedar reads no zones and no IPv4 written as IPv6; an address of neither kind has no reading."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError as error:
        raise CannotTell(f"The requester's address {text!r} is not an IP address.") from error
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return {"__extn": {"fn": "ip", "arg": str(address)}}


def check_address(text: str) -> None:
    """CannotTell for an address that has no reading, also where no policy reads it."""
    _address(text)


def _clock(epoch: int) -> Mapping[str, int]:
    return {
        "epoch": epoch,
        "hour": epoch % _DAY // _HOUR,
        "day_of_week": (epoch // _DAY + _EPOCH_WEEKDAY) % 7 + 1,
    }


type Teller = Callable[[Unit, Facts, int], Any]

# cosigner and approvals are missing on purpose: each question to Cedar sets its own.
_TELLERS: Mapping[str, Teller] = {
    "delegate": lambda _unit, facts, _units: facts.delegate,
    "break_glass": lambda _unit, facts, _units: facts.break_glass,
    "grant": lambda _unit, facts, _units: facts.grant,
    "risk": lambda unit, _facts, _units: unit.risk.value,
    "intent_risk": lambda _unit, facts, _units: facts.remembered.intent_risk(),
    "method": lambda _unit, facts, _units: facts.method,
    "host": lambda _unit, facts, _units: facts.host,
    "requester_ip": lambda _unit, facts, _units: _address(facts.requester_ip),
    "now": lambda _unit, facts, _units: _clock(facts.now_epoch),
    "purpose": lambda _unit, facts, _units: facts.purpose,
    "recent": lambda unit, facts, _units: _longs(facts.remembered.recent(unit.action)),
    "spent": lambda unit, facts, _units: _longs(facts.remembered.spent(unit)),
    "units": lambda _unit, _facts, units: units,
}
GATEWAY_ATTRIBUTES = frozenset(_TELLERS) | {"cosigner", "approvals"}


PASSING = frozenset({"recent", "spent"})
"""What is another number for the very next request: an answer about it is not worth remembering."""


def _longs(values: Mapping[str, int] | None) -> Mapping[str, int] | None:
    return None if values is None else {name: _long(value) for name, value in values.items()}


def _long(value: int) -> int:
    if not _SMALLEST <= value <= _BIGGEST:
        raise CannotTell("A number of the request is too large for Cedar.")
    return value


def _value(value: ContextValue) -> Any:
    """A template's value as Cedar's JSON; any other type has no reading."""
    match value:
        case bool() | str():
            return value
        case int():
            return _long(value)
        case Money(currency=str(currency), minor=int(minor)):
            return {"currency": currency, "minor": _long(minor)}
        case tuple() if all(isinstance(each, str) for each in value):
            return list(value)
        case _:
            raise CannotTell(f"A value of type {type(value).__name__} has no reading in Cedar.")


def template_values(unit: Unit) -> dict[str, Any]:
    """The action's own attributes; one that bears a name of the gateway's is refused."""
    stolen = GATEWAY_ATTRIBUTES & unit.context.keys()
    if stolen:
        raise CannotTell(f'The template may not set context.{min(stolen)} of "{unit.action}".')
    return {name: _value(value) for name, value in unit.context.items()}


def gateway_values(unit: Unit, facts: Facts, units: int, names: Iterable[str]) -> dict[str, Any]:
    """Those of the gateway's own attributes that are named and known."""
    told = ((name, _TELLERS[name](unit, facts, units)) for name in names if name in _TELLERS)
    return {name: value for name, value in told if value is not None}


def context_json(values: Mapping[str, Any], *, cosigner: bool, approvals: int) -> str:
    """Cedar's context for one question; `cosigner` is always there and always a Bool."""
    return json.dumps({**values, "cosigner": cosigner, "approvals": _long(approvals)})
