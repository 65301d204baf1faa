import pytest

from gateway.facts import facts_of
from gateway.policy import Facts, FirstRequest
from tests.kit.clocks import START
from tests.kit.things import a_caller, a_mapped, a_request, a_unit, with_header


def test_before_an_approval_nobody_has_cosigned() -> None:
    request = a_request(caller=a_caller(peer="10.0.0.9"))
    assert facts_of(with_header(request, "Secondsig-Purpose", "tea"), a_mapped(), START) == Facts(
        cosigner=False,
        approvals=0,
        method="POST",
        host="api.shop.test",
        requester_ip="10.0.0.9",
        now_epoch=START,
        purpose="tea",
        remembered=FirstRequest("high"),
        delegate=False,
        break_glass=False,
        grant=False,
    )


@pytest.mark.parametrize("approvals", [1, 2, 5])
def test_people_who_signed_are_counted_and_are_the_cosigner(approvals: int) -> None:
    facts = facts_of(a_request(), a_mapped(a_unit(groups=(), access="read")), START, approvals=approvals)
    assert (facts.cosigner, facts.approvals, facts.remembered.intent_risk()) == (True, approvals, "low")


@pytest.mark.parametrize(
    "name", ["Secondsig-Cosigner", "Secondsig-Approvals", "Secondsig-Delegate", "Secondsig-Break-Glass"]
)
def test_no_header_of_an_agent_claims_an_approval(name: str) -> None:
    assert facts_of(with_header(a_request(), name, "true"), a_mapped(), START) == facts_of(
        a_request(), a_mapped(), START
    )
