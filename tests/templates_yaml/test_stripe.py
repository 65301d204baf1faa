"""Stripe's template against every operation of its official SDK."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=B"


def part(name: str, value: str) -> bytes:
    return f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--B--\r\n'.encode()


STRIPE = walk.Walk(
    "stripe",
    "api.stripe.com",
    usual=(FORM, b"metadata[a]=b"),
    bodies={
        ("POST", "/v1/transfers"): (FORM, b"destination=acct_2"),
        ("POST", "/v1/webhook_endpoints"): (FORM, b"url=https://a.test/"),
        ("POST", "/v1/files"): (PARTS, part("purpose", "dispute_evidence")),
    },
)
asked = STRIPE.asked

LOW = {
    "/stripe/charge/update": "changes notes, not money",
    "/stripe/payout/update": "changes metadata, not money",
    "/stripe/transfer/update": "changes the description, not money",
    "/stripe/transfer_reversal/update": "changes metadata, not money",
    "/stripe/application_fee_refund/update": "changes metadata, not money",
    "/stripe/refund/update": "changes metadata, not money",
    "/stripe/payment_intent/prepare": "charges nothing until it is confirmed, which steps up",
    "/stripe/payment_intent/cancel": "takes nothing from anybody; a new one can be made",
    "/stripe/payment_record/report_details": "describes a payment made elsewhere",
    "/stripe/setup_intent/prepare": "stores nothing until it is confirmed, which steps up",
    "/stripe/setup_intent/cancel": "stores nothing; a new one can be made",
    "/stripe/payout_setup/cancel": "stores nothing; a new one can be made",
    "/stripe/three_d_secure/cancel": "the payment does not happen",
    "/stripe/payment_method_domain/validate": "checks a domain once more",
    "/stripe/meter_event/create": "many a second; bills what a meter counts, in the group payment",
    "/stripe/feedback_option/deactivate": "a word in a form",
    "/stripe/invoice_template/archive": "undone by unarchive",
    "/stripe/invoice_template/unarchive": "undone by archive",
    "/stripe/shipping_rate/update": "a label and whether it is offered; its name holds the word token",
    "/stripe/radar/evaluate": "asks, and changes nothing",
    "/stripe/reader/cancel": "the reader goes back to its start",
    "/stripe/issuing_transaction/update": "changes metadata",
    "/stripe/money/describe": "changes a description",
    "/stripe/money/refresh_receipt": "fetches a document",
    "/stripe/test_clock/delete": "test mode only",
    "/stripe/test/confirmation_token": "test mode only",
    "/stripe/test/expire_refund": "test mode only",
    "/stripe/test/authorization": "test mode only",
    "/stripe/test/card_design": "test mode only",
    "/stripe/test/card_transaction": "test mode only",
    "/stripe/test/treasury": "test mode only",
    "/stripe/test/reader": "test mode only",
}


def risk_of(method: str, url: str, body: bytes) -> str:
    try:
        return asked(method, url, body).risk
    except Refusal:
        return "refused"


class TestPromises(walk.Promises):
    walk = STRIPE
    least = 650
    low = LOW
    quiet = frozenset(
        {
            "/stripe/payment_intent/prepare",
            "/stripe/checkout_session/prepare",
            "/stripe/quote/create",
            "/stripe/quote/update",
            "/stripe/meter_event/create",
            "/stripe/meter_event/stream",
            "/stripe/setup_intent/prepare",
        }
    )


@pytest.mark.parametrize(
    "more",
    [
        b"confirm=true",
        b"confirm=TRUE",
        b"confirm=1",
        b"transfer_data[destination]=acct_2",
        b"on_behalf_of=acct_2",
        b"application_fee_amount=1",
        b"setup_future_usage=off_session",
    ],
)
def test_a_prepared_payment_that_does_more_is_not_merely_prepared(more: bytes) -> None:
    url = "api.stripe.com/v1/payment_intents"
    assert risk_of("POST", url, b"amount=1&currency=usd&" + more) in {"step_up", "refused"}
    assert risk_of("POST", url, b"amount=1&currency=usd") == "low"


@pytest.mark.parametrize("mode", ["subscription", "setup", "Payment", ""])
def test_a_checkout_that_charges_again_later_steps_up(mode: str) -> None:
    unit = asked("POST", "api.stripe.com/v1/checkout/sessions", f"mode={mode}".encode())
    assert (unit.action, unit.risk) == ("/stripe/checkout_session/create", "step_up")


def test_an_account_named_in_either_header_is_the_resource_and_in_the_sentence() -> None:
    by_account = asked("POST", "api.stripe.com/v1/payouts", b"amount=1&currency=usd", Stripe_Account="acct_9")
    by_context = asked("POST", "api.stripe.com/v1/payouts", b"amount=1&currency=usd", Stripe_Context="acct_9")
    assert by_account.resource.id == by_context.resource.id == "acct_9"
    assert all(any("acct_9" in part.text for part in unit.summary) for unit in (by_account, by_context))


def test_one_id_in_two_accounts_is_two_resources() -> None:
    first, second = (
        asked("DELETE", "api.stripe.com/v1/coupons/gold", Stripe_Account=account) for account in ("a", "b")
    )
    assert first.resource != second.resource
    assert [str(parent) for parent in first.parents[first.resource]] == ['Stripe::Account::"a"']


@pytest.mark.parametrize("expand", ["expand[]=data.number", "expand%5B0%5D=number", "expand=number"])
@pytest.mark.parametrize("path", ["v1/issuing/cards", "v1/issuing/cards/ic_1"])
def test_a_card_number_is_not_listed_unasked(path: str, expand: str) -> None:
    unit = asked("GET", f"api.stripe.com/{path}?{expand}")
    assert (unit.action, unit.risk) == ("/stripe/issuing_card/reveal", "step_up")


@pytest.mark.parametrize(
    "target",
    [
        "v1/treasury/financial_accounts/fa_1?expand[]=financial_addresses.aba.account_number",
        "v1/treasury/financial_accounts?expand[]=data.financial_addresses.aba.account_number",
        "v2/money_management/financial_addresses/fa_1?include[0]=credentials.us_bank_account.account_number",
        "v1/identity/verification_sessions/vs_1?expand[]=verified_outputs.id_number",
        "v1/identity/verification_reports/vr_1",
        "v1/forwarding/requests/fwdreq_1",
        "v1/tokens/tok_1",
        "v1/reporting/report_runs/frr_1",
        "v1/files/file_1",
    ],
)
def test_a_read_that_hands_out_what_is_secret_steps_up(target: str) -> None:
    assert asked("GET", f"api.stripe.com/{target}").risk == "step_up"


SECRETS = [
    ("payment_method/create", "arg:account[individual][id_number]"),
    ("account/create", "arg:individual[ssn_last_4]"),
    ("account/update", "arg:external_account[account_number]"),
    ("person/create", "arg:id_number"),
    ("bank_account/create", "arg:account_number"),
    ("outbound_payment/create", "arg:destination_payment_method_data[us_bank_account][account_number]"),
    ("issuing_card/create", "arg:pin"),
    ("app_secret/create", "arg:payload"),
    ("oauth/token", "arg:client_secret"),
    ("terminal_configuration/update", "arg:wifi[personal_psk][password]"),
]


@pytest.mark.parametrize(("name", "selector"), SECRETS)
def test_what_is_secret_is_hidden(name: str, selector: str) -> None:
    (action,) = (action for action in STRIPE.library.services["stripe"].actions if action.id == name)
    assert selector in action.secret


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("500", "isk", "5.00 ISK"),
        ("500", "ugx", "5.00 UGX"),
        ("500", "jpy", "500 JPY"),
        ("500", "bhd", "0.500 BHD"),
    ],
)
def test_money_is_written_as_stripe_counts_it(amount: str, currency: str, shown: str) -> None:
    body = f"amount={amount}&currency={currency}".encode()
    unit = asked("POST", "api.stripe.com/v1/topups", body)
    assert any(part.text == shown for part in unit.summary)


def test_only_these_hosts_are_stripes() -> None:
    assert STRIPE.library.serves("https", "api.stripe.com.evil.test", 443) is None
    assert STRIPE.library.serves("https", "xn--stripe-api.com", 443) is None
    for host in ("api", "files", "connect", "meter-events"):
        assert STRIPE.library.serves("https", f"{host}.stripe.com", 443) == "stripe"


@pytest.mark.parametrize("value", ["true", "True", "1", "yes"])
def test_a_file_that_is_published_at_once_steps_up(value: str) -> None:
    body = part("file_link_data[create]", value)
    unit = asked("POST", "files.stripe.com/v1/files", body, PARTS)
    assert (unit.action, unit.risk, unit.groups) == ("/stripe/file/upload_public", "step_up", ("publish",))


def test_a_file_that_stays_private_passes() -> None:
    for body in (part("purpose", "dispute_evidence"), part("file_link_data[create]", "false")):
        assert asked("POST", "files.stripe.com/v1/files", body, PARTS).risk == "low"
