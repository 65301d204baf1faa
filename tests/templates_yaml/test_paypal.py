"""PayPal's template against every operation of its public descriptions."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
PAYPAL = walk.Walk("paypal", "api-m.paypal.com", usual=(JSON, b"{}"))
asked = PAYPAL.asked

LOW = {
    "/paypal/webhook/verify": "checks, and changes nothing",
    "/paypal/webhook/resend": "sends again what was sent to an address that was approved",
    "/paypal/page/create": "a style that no page uses yet",
}


class TestPromises(walk.Promises):
    walk = PAYPAL
    least = 160
    low = LOW
    quiet = frozenset(
        {"/paypal/oauth/token", "/paypal/oauth/terminate", "/paypal/order/prepare", "/paypal/invoice/create"}
    )


ORDERS = "api-m.paypal.com/v2/checkout/orders"
UNIT = b'{"amount": {"currency_code": "USD", "value": "12.50"}}'


def test_an_order_that_somebody_must_approve_passes_with_its_money() -> None:
    unit = asked("POST", ORDERS, b'{"intent": "CAPTURE", "purchase_units": [' + UNIT + b"]}")
    assert (unit.action, unit.risk, unit.groups) == ("/paypal/order/prepare", "low", ("payment",))
    assert "12.50 USD" in walk.said(unit)


@pytest.mark.parametrize(
    "body",
    [
        b'{"purchase_units": [' + UNIT + b'], "payment_source": {"token": {"id": "B-1"}}}',
        b'{"purchase_units": [' + UNIT + b"," + UNIT + b"]}",
        b'{"purchase_units": [{"payee": {"email_address": "me@a.test"}}]}',
        b'{"purchase_units": [{"payment_instruction": {"platform_fees": []}}]}',
    ],
)
def test_an_order_that_charges_at_once_or_pays_others_steps_up(body: bytes) -> None:
    assert asked("POST", ORDERS, body).risk == "step_up"


@pytest.mark.parametrize("value", ["12.505", "-1.00", "1e3", "1,000.00", "12.50 "])
def test_an_amount_that_can_be_read_in_two_ways_is_refused(value: str) -> None:
    body = f'{{"amount": {{"value": "{value}", "currency_code": "USD"}}}}'.encode()
    with pytest.raises(Refusal):
        asked("POST", "api-m.paypal.com/v2/payments/captures/2GG/refund", body)


@pytest.mark.parametrize(
    ("value", "currency", "shown"), [("600", "JPY", "600 JPY"), ("5", "TWD", "5 TWD"), ("5", "HUF", "5 HUF")]
)
def test_money_is_written_as_paypal_counts_it(value: str, currency: str, shown: str) -> None:
    body = f'{{"amount": {{"value": "{value}", "currency_code": "{currency}"}}}}'.encode()
    assert shown in walk.said(asked("POST", "api-m.paypal.com/v2/payments/captures/2GG/refund", body))


def test_a_payout_says_how_many_are_paid() -> None:
    item = b'{"receiver": "mika@a.test", "amount": {"value": "5.00", "currency": "EUR"}}'
    unit = asked(
        "POST", "api-m.paypal.com/v1/payments/payouts", b'{"items": [' + b",".join([item] * 3) + b"]}"
    )
    assert walk.said(unit).startswith("Pay 3 people")


def test_acting_for_a_merchant_is_in_the_sentence() -> None:
    unit = asked(
        "POST", "api-m.paypal.com/v2/payments/captures/2GG/refund", b"{}", PayPal_Auth_Assertion="eyJx"
    )
    assert "for merchant eyJx" in walk.said(unit)


def test_a_merchants_credentials_are_not_read_unasked() -> None:
    unit = asked("GET", "api-m.paypal.com/v1/customer/partners/p1/merchant-integrations/credentials")
    assert (unit.risk, unit.groups) == ("step_up", ("credential",))


@pytest.mark.parametrize("name", ["order/create", "order/confirm", "vault/create", "vault/prepare"])
def test_a_cards_number_is_never_shown(name: str) -> None:
    (action,) = (action for action in PAYPAL.library.services["paypal"].actions if action.id == name)
    assert "json:/payment_source/card/number" in action.secret
