"""What a grant is for, and when it is over, without a store or a clock."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.grants import as_signed, described, fingerprint, grantable, services_of, uncovered
from gateway.model import Approval, Risk
from gateway.rules import Rules
from gateway.settings import Approvals
from gateway.store.things import Grant, GrantedUnit
from tests.gateway.policy.conftest import FACTS, load_policy, make_mapped, make_unit
from tests.kit.clocks import START

UNIT = GrantedUnit("shop", "/shop/order/change", 'Shop::Order::"a1"', ("content",), "step_up", 'Group::"ops"')
ON_GRANT = "permit (principal is Agent, action, resource) when { context.cosigner || context.grant };"


def a_grant(**changes: Any) -> Grant:
    plain: dict[str, Any] = {
        "id": "grt_1",
        "kind": "resource",
        "agent": "ci",
        "signer": "mika",
        "credential_id": b"key",
        "signed_change": "chl_1",
        "made_at": START,
        "expires_at": START + 900,
        "fingerprint": "f" * 64,
        "units": (UNIT,),
        "says": "Do not ask again.",
        "host": "api.shop.test",
    }
    return Grant(**{**plain, **changes})


def rules(policy: str = ON_GRANT, grants_for: Any = (), **templates: str) -> Rules:
    services = {name: SimpleNamespace(digest=digest) for name, digest in templates.items()}
    settings = SimpleNamespace(approvals=Approvals(grants_for=grants_for))
    library = SimpleNamespace(services=services)
    return Rules(cast("Any", settings), cast("Any", library), load_policy(policy), "config")


def test_the_fingerprint_differs_as_soon_as_one_of_the_templates_does() -> None:
    before = fingerprint(["shop", "bank"], rules(shop="a", bank="b"))
    assert before == fingerprint(["bank", "shop", "shop"], rules(shop="a", bank="b", other="c"))
    assert before != fingerprint(["shop", "bank"], rules(shop="a", bank="x"))


def test_what_has_no_template_has_no_fingerprint() -> None:
    assert fingerprint(["shop", "gone"], rules(shop="a")) is None
    assert fingerprint([], rules(shop="a")) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"risk": Risk.FORBID}, "forbidden"),
        ({"approval": Approval(single_use=True)}, "single_use"),
        ({"groups": ("write", "unmatched")}, "No template names"),
        ({"groups": ("payment",)}, "payment"),
        ({"groups": ("content", "destructive")}, "destructive"),
        ({"groups": ("credential",)}, "credential"),
    ],
)
def test_what_no_grant_is_for_says_why(changes: dict[str, Any], why: str) -> None:
    unit = SimpleNamespace(**{**_plain(), **changes})
    assert why in (uncovered(cast("Any", unit), rules()) or "")


def _plain() -> dict[str, Any]:
    unit = make_unit()
    return {"action": unit.action, "risk": unit.risk, "approval": unit.approval, "groups": ("content",)}


def test_the_operator_may_list_a_group_and_only_that() -> None:
    listed = rules(grants_for=("payment",))
    assert uncovered(make_unit(groups=("payment",)), listed) is None
    assert uncovered(make_unit(groups=("payment", "destructive")), listed) is not None


def test_a_grant_answers_only_where_one_signature_would_and_policy_takes_it() -> None:
    mapped, facts = make_mapped(make_unit()), FACTS
    assert grantable("ci", mapped, facts, 1, rules())
    assert not grantable("ci", mapped, facts, 2, rules())
    assert not grantable("ci", mapped, facts, 1, rules(ON_GRANT.replace(" || context.grant", "")))
    assert not grantable("ci", make_mapped(make_unit(), make_unit(groups=("payment",))), facts, 1, rules())


def test_what_is_signed_holds_everything_that_a_grant_is_for() -> None:
    """A member that is not signed could be changed in the store: these alone are made when it is signed."""
    made = {"id", "signer", "credential_id", "signed_change", "made_at", "says"}
    ends = {"ended_at", "ended_why", "ended_by"}
    named = {"covers": "kind", "intent": "intent_key", "templates": "fingerprint", "seconds": "expires_at"}
    signed = {named.get(name, name) for name in described(a_grant())}
    assert signed == set(Grant.__slots__) - made - ends
    assert described(a_grant())["seconds"] == 900
    assert described(a_grant(expires_at=None))["seconds"] is None


def test_who_may_sign_is_asked_about_what_was_signed() -> None:
    mapped = as_signed(a_grant())
    (unit,) = mapped.units
    assert (mapped.service, unit.service, unit.action) == ("shop", "shop", "/shop/order/change")
    assert (unit.risk, unit.groups, unit.approval.approvers) == (Risk.STEP_UP, ("content",), 'Group::"ops"')
    assert str(unit.resource) == UNIT.resource
    assert as_signed(a_grant(units=())).units == ()


def test_a_fragment_names_the_services_of_its_actions() -> None:
    text = 'permit (principal == Agent::"ci", action in Action::"read", resource);'
    assert services_of(load_policy("").fragment(text)) == {"shop"}
