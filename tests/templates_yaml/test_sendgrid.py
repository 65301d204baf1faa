"""SendGrid's template against every operation of its public descriptions."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
SENDGRID = walk.Walk("sendgrid", "api.sendgrid.com", usual=(JSON, b"{}"))
asked = SENDGRID.asked

LOW = {
    "/sendgrid/sender/verify_again": "asks the same address once more",
    "/sendgrid/domain/validate": "looks at public records",
}


class TestPromises(walk.Promises):
    walk = SENDGRID
    least = 390
    low = LOW


MAIL = (
    b'{"personalizations": [{"to": [{"email": "a@a.test"}], "bcc": [{"email": "spy@a.test"}]}],'
    b' "subject": "Hi"}'
)


def test_a_hidden_copy_is_in_the_sentence() -> None:
    assert "hidden copy spy@a.test" in walk.said(asked("POST", "api.sendgrid.com/v3/mail/send", MAIL))


def test_acting_for_a_subuser_is_the_resource_and_in_the_sentence() -> None:
    unit = asked("DELETE", "api.sendgrid.com/v3/api_keys/k1", On_Behalf_Of="shop")
    assert unit.resource.id == "shop:k1"
    assert "as shop" in walk.said(unit)
    assert [parent.id for parent in unit.parents[unit.resource]] == ["shop"]


@pytest.mark.parametrize("body", [MAIL[:-1] + b', "subject": "x"}', MAIL[:-1] + b', "Subject": "x"}'])
def test_a_mail_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", "api.sendgrid.com/v3/mail/send", body)


def test_a_mail_in_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(Refusal):
        asked("POST", "api.sendgrid.com/v3/mail/send", MAIL, kind="text/plain")


@pytest.mark.parametrize("path", ["marketing/contacts/exports", "contactdb/exports", "messages/download/x1"])
def test_an_export_is_not_downloaded_unasked(path: str) -> None:
    assert asked("GET", f"api.sendgrid.com/v3/{path}").risk == "step_up"


def test_a_sender_is_not_confirmed_by_a_read() -> None:
    unit = asked("GET", "api.sendgrid.com/v3/verified_senders/verify/t0ken")
    assert (unit.access, unit.risk) == ("write", "step_up")


@pytest.mark.parametrize("name", ["user/password", "subuser/create"])
def test_a_password_is_never_shown(name: str) -> None:
    (action,) = (action for action in SENDGRID.library.services["sendgrid"].actions if action.id == name)
    assert any("password" in selector for selector in action.secret)
