"""What a request means, as it is kept with a question, so that policy can be asked about it again."""

from collections.abc import Mapping
from typing import Any

from gateway.model import Approval, ContextValue, EntityRef, Money, Risk, Unit

type Written = dict[str, Any]


def write_unit(unit: Unit) -> Written:
    """All of it that policy reads; how it looks to people stands in the sheet."""
    return {
        "service": unit.service,
        "action": unit.action,
        "title": unit.title,
        "groups": list(unit.groups),
        "access": unit.access,
        "resource": _write_ref(unit.resource),
        "parents": [[_write_ref(ref), [*map(_write_ref, above)]] for ref, above in unit.parents.items()],
        "context": {name: _write_value(value) for name, value in unit.context.items()},
        "risk": str(unit.risk),
        "quorum": unit.approval.quorum,
        "approvers": unit.approval.approvers,
    }


def read_unit(told: Mapping[str, Any]) -> Unit:
    return Unit(
        service=told["service"],
        action=told["action"],
        title=told["title"],
        groups=tuple(told["groups"]),
        access=told["access"],
        resource=_read_ref(told["resource"]),
        parents={_read_ref(ref): tuple(map(_read_ref, above)) for ref, above in told["parents"]},
        context={name: _read_value(value) for name, value in told["context"].items()},
        risk=Risk(told["risk"]),
        summary=(),
        approval=Approval(quorum=told["quorum"], approvers=told["approvers"]),
    )


def _write_ref(ref: EntityRef) -> list[str]:
    return [ref.type, ref.id]


def _read_ref(told: list[str]) -> EntityRef:
    kind, name = told
    return EntityRef(kind, name)


def _write_value(value: ContextValue) -> Written:
    """With its type beside it, so that no value can be read back as another kind; numbers as text."""
    match value:
        case bool():
            return {"bool": value}
        case str():
            return {"text": value}
        case int():
            return {"int": str(value)}
        case Money():
            return {"money": [value.currency, str(value.minor), value.exponent]}
        case tuple():
            return {"set": list(value)}


def _read_value(told: Written) -> ContextValue:
    match told:
        case {"bool": bool(value)}:
            return value
        case {"text": str(text)}:
            return text
        case {"int": str(number)}:
            return int(number)
        case {"money": [str(currency), str(minor), int(exponent)]}:
            return Money(currency, int(minor), exponent)
        case {"set": list(items)}:
            return tuple(items)
        case _:
            raise ValueError("a value of no known kind was kept")
