from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Place
from gateway.model import Approval, Bind, Mode, Risk
from gateway.templates.action import Action
from gateway.templates.asking import Asking
from gateway.templates.strictness import looser, risk_lowered


def an_action(**changes: Any) -> Action:
    plain = Action(
        id="refund",
        name="/shop/refund",
        title="Refund",
        place=Place("shop.yaml", 1, 1),
        match=None,
        resource="Order",
        groups=("payment",),
        access="write",
        risk=Risk.STEP_UP,
        redact=("json:/note",),
        secret=("json:/card",),
    )
    return replace(plain, **changes)


def asked(**approval: Any) -> Action:
    return an_action(asking=Asking(Approval(**approval)))


def test_an_action_is_as_strict_as_itself() -> None:
    assert looser(an_action(), an_action()) == []


@pytest.mark.parametrize(
    "after",
    [
        an_action(risk=Risk.FORBID),
        an_action(groups=("payment", "destructive")),
        an_action(redact=("json:/note", "json:/name")),
        an_action(redact=(), secret=("json:/card", "json:/note")),
        asked(quorum=2),
        asked(ttl=59),
        asked(ttl=60),
        asked(mode=Mode.REJECT),
        asked(hold_for=5),
        asked(hold_for="auto"),
        asked(single_use=True),
        asked(approvers='Group::"platform"'),
    ],
)
def test_what_asks_more_is_not_looser(after: Action) -> None:
    assert looser(an_action(), after) == []


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (an_action(), an_action(risk=Risk.LOW), "its risk is low, not step_up"),
        (an_action(), an_action(access="read"), "counts as a read"),
        (an_action(), an_action(accepts_opaque=True), "opaque"),
        (an_action(), an_action(resource="Host"), "another resource"),
        (an_action(), an_action(groups=()), 'not in the group "payment"'),
        (an_action(), an_action(redact=()), 'does not redact "json:/note"'),
        (an_action(), an_action(secret=()), 'does not hide "json:/card"'),
        (an_action(), an_action(redact=("json:/note", "json:/card"), secret=()), "does not hide"),
        (asked(quorum=3), asked(quorum=2), "2 must sign, not 3"),
        (asked(ttl=30), asked(ttl=31), "31s, longer than 30s"),
        (asked(ttl=30), asked(), "60s, longer than 30s"),
        (asked(), asked(ttl=61), "61s, longer than 60s"),
        (asked(hold_for=5), asked(hold_for=6), "hold_for"),
        (asked(hold_for=5), asked(), "hold_for"),
        (asked(hold_for=5), asked(hold_for="auto"), "hold_for"),
        (asked(hold_for="auto"), asked(hold_for=5), "hold_for"),
        (asked(mode=Mode.REJECT), asked(mode=Mode.HOLD), "mode is hold"),
        (asked(mode=Mode.REJECT), asked(), "the usual one"),
        (asked(), asked(mode=Mode.HOLD), "mode is hold"),
        (asked(), asked(mode=Mode.ASYNC), "mode is async"),
        (asked(approvers='Group::"a"'), asked(approvers='Group::"b"'), "others may approve"),
        (asked(approvers='Group::"a"'), asked(), "others may approve"),
        (asked(single_use=True), asked(), "single_use"),
        (an_action(), an_action(bind=Bind(body="decoded")), "bound as decoded"),
        (an_action(), an_action(bind=Bind(volatile=("header:X",))), '"header:X" may change'),
        (an_action(), an_action(bind=Bind(credential="header:X")), "part of the credential"),
        (
            an_action(bind=Bind(credential="header:Y")),
            an_action(bind=Bind(credential="header:X")),
            "part of the credential",
        ),
    ],
)
def test_what_asks_less_is_named(before: Action, after: Action, why: str) -> None:
    (found,) = looser(before, after)
    assert why in found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Bind(body="decoded"), Bind()),
        (Bind(volatile=("header:X",)), Bind()),
        (Bind(credential="header:X"), Bind()),
    ],
)
def test_binding_more_is_not_looser(before: Bind, after: Bind) -> None:
    assert looser(an_action(bind=before), an_action(bind=after)) == []


def test_risks_are_ordered_by_strictness() -> None:
    assert risk_lowered(Risk.FORBID, Risk.STEP_UP) == "its risk is step_up, not forbid"
    assert [risk_lowered(risk, risk) for risk in Risk] == [None, None, None]
    assert risk_lowered(Risk.LOW, Risk.FORBID) is None
