"""Whether one action is at least as strict as another. What cannot be shown to be is looser."""

from collections.abc import Callable, Iterator
from typing import Literal

from gateway.model import Approval, Mode, Risk
from gateway.templates.action import Action

USUAL_TTL = 60
"""Seconds that a question lives where neither template nor operator says otherwise."""


def looser(before: Action, after: Action) -> list[str]:
    """Each way in which `after` asks or binds less than `before`, in words."""
    found = [
        *_ranks(before, after),
        *_asking(before.asking.approval, after.asking.approval),
        *_binding(before, after),
        *_losses(before, after),
    ]
    if after.asking.batch is not None and after.asking.batch != before.asking.batch:
        found.append("its requests may be approved in a batch")
    return found


def risk_lowered(before: Risk, after: Risk) -> str | None:
    order = list(Risk)
    return f"its risk is {after}, not {before}" if order.index(after) < order.index(before) else None


def _ranks(before: Action, after: Action) -> Iterator[str]:
    risk = risk_lowered(before.risk, after.risk)
    if risk is not None:
        yield risk
    if before.access == "write" and after.access == "read":
        yield "it counts as a read, not a write"
    if after.accepts_opaque and not before.accepts_opaque:
        yield "it accepts opaque ids"
    if after.resource != before.resource:
        yield "it is about another resource"


def _asking(before: Approval, after: Approval) -> Iterator[str]:
    if after.quorum < before.quorum:
        yield f"{after.quorum} must sign, not {before.quorum}"
    longer, shorter = after.ttl or USUAL_TTL, before.ttl or USUAL_TTL
    if longer > shorter:
        yield f"its ttl is {longer}s, longer than {shorter}s"
    if after.hold_for != before.hold_for and not _shorter(after.hold_for, before.hold_for):
        yield "its hold_for is not shorter"
    if after.mode is not before.mode and after.mode is not Mode.REJECT:
        yield f"its mode is {after.mode or 'the usual one'}"
    if before.approvers is not None and after.approvers != before.approvers:
        yield "others may approve it"
    if before.single_use and not after.single_use:
        yield "it is no longer single_use"


def _shorter(after: int | Literal["auto"] | None, before: int | Literal["auto"] | None) -> bool:
    """None holds for as long as the question lives; how long `auto` is depends on the client."""
    if isinstance(after, int) and isinstance(before, int):
        return after <= before
    return before is None


def _binding(before: Action, after: Action) -> Iterator[str]:
    if after.bind.body == "decoded" and before.bind.body == "exact":
        yield "its body is bound as decoded, not exactly"
    added = set(after.bind.volatile) - set(before.bind.volatile)
    if added:
        yield f"{_named(added)} may change after the approval"
    if after.bind.credential not in {"whole", before.bind.credential}:
        yield "only a part of the credential is bound"


def _losses(before: Action, after: Action) -> Iterator[str]:
    """What policies and pages rely on and would not find any more."""
    kept: dict[str, Callable[[Action], set[str]]] = {
        "it is not in the group": lambda action: set(action.groups),
        "it has no context": lambda action: {each.name for each in action.fields},
        "it does not hide": lambda action: set(action.secret),
    }
    for what, of in kept.items():
        lost = of(before) - of(after)
        if lost:
            yield f"{what} {_named(lost)}"
    shown = set(before.redact) - set(after.redact) - set(after.secret)
    if shown:
        yield f"it does not redact {_named(shown)}"


def _named(words: set[str]) -> str:
    return ", ".join(f'"{word}"' for word in sorted(words))
