"""Twilio's template against every operation of its official SDK."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

FORM = "application/x-www-form-urlencoded"
TWILIO = walk.Walk("twilio", "api.twilio.com", usual=(FORM, b"FriendlyName=a"))
asked = TWILIO.asked

LOW = {
    "/twilio/oauth/token": "exchanges the caller's own secret, which it has",
    "/twilio/sync/write": "an app's data, whose items have a key",
}


class TestPromises(walk.Promises):
    walk = TWILIO
    least = 1570
    low = LOW
    quiet = frozenset({"/twilio/oauth/token", "/twilio/verify/check"})


CORE = "api.twilio.com/2010-04-01/Accounts/AC1"


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_a_message_is_a_message_in_every_form_of_answer(suffix: str) -> None:
    unit = asked("POST", f"{CORE}/Messages{suffix}", b"To=%2B1&Body=Hi")
    assert (unit.action, unit.risk) == ("/twilio/message/send", "step_up")


@pytest.mark.parametrize("suffix", [".csv", ".xml", ".JSON", ".json.json"])
def test_an_answer_in_another_form_is_asked_about_all_the_same(suffix: str) -> None:
    assert asked("POST", f"{CORE}/Messages{suffix}", b"To=%2B1&Body=Hi").risk == "step_up"


def test_the_form_of_the_answer_is_no_part_of_the_resource() -> None:
    with_form, without = (asked("DELETE", f"{CORE}/Keys/SK1{suffix}") for suffix in (".json", ""))
    assert with_form.resource == without.resource


@pytest.mark.parametrize(
    "body", [b"To=%2B1&To=%2B2", b"To=%2B1&to=%2B2", b"To=%2B1&To[]=%2B2", b"To[0]=%2B1"]
)
def test_a_message_to_two_people_at_once_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", f"{CORE}/Messages.json", body)


def test_a_message_with_its_addressee_in_the_query_too_is_refused() -> None:
    with pytest.raises(Refusal):
        asked("POST", f"{CORE}/Messages.json?To=%2B2", b"To=%2B1")


@pytest.mark.parametrize("path", ["Accounts.json", "Accounts", "Accounts/AC1.json", "Accounts/AC1"])
def test_the_accounts_token_is_not_read_unasked(path: str) -> None:
    unit = asked("GET", f"api.twilio.com/2010-04-01/{path}")
    assert (unit.access, unit.risk, unit.groups) == ("write", "step_up", ("credential",))


@pytest.mark.parametrize(
    "path", ["Messages.json", "Messages/SM1", "Recordings/RE1.mp3", "Recordings/RE1.wav"]
)
def test_what_people_said_is_not_read_unasked(path: str) -> None:
    assert asked("GET", f"{CORE}/{path}").risk == "step_up"


def test_two_accounts_have_no_resource_in_common() -> None:
    first, second = (
        asked("DELETE", f"api.twilio.com/2010-04-01/Accounts/{name}/Calls/CA1") for name in ("AC1", "AC2")
    )
    assert first.resource != second.resource


def test_a_secret_of_functions_is_never_shown() -> None:
    path = "serverless.twilio.com/v1/Services/ZS1/Environments/ZE1/Variables"
    unit = asked("POST", path, b"Key=TOKEN&Value=x")
    assert unit.groups == ("credential",)
    assert "arg:Value" in unit.secret
    assert asked("GET", path).risk == "step_up"
