import pytest

from tests.clients.conftest import Streets
from tests.clients.front import answering

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

STRIPE = answering({("POST", "/v1/refunds"): {"id": "re_1", "object": "refund"}})


async def test_stripes_sdk_makes_a_refund(streets: Streets) -> None:
    street = await streets("{stripe: }", {"api.stripe.com": STRIPE})
    assert (await street.script("stripe_refund.py")).strip() == "re_1"
    (refund,) = street.signed
    assert refund.action == "/stripe/refund/create"
    assert refund.context["money"] == "600 JPY"
    assert refund.summary.startswith("Refund 600 JPY of ch_1")
    assert street.front.count("POST", "api.stripe.com", "/v1/refunds") == 1
