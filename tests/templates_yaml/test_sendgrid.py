"""SendGrid's template against every operation of its public descriptions."""

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from gateway.templates import ExampleResult
from tests.templates_yaml import walk

JSON = "application/json"
SENDGRID = walk.Walk("sendgrid", "api.sendgrid.com", usual=(JSON, b"{}"))
LIBRARY = SENDGRID.library

LOW = {
    "/sendgrid/sender/verify_again": "asks the same address once more",
    "/sendgrid/domain/validate": "looks at public records",
}


def asked(method: str, url: str, body: bytes = b"", kind: str = JSON, **headers: str) -> Unit:
    host, _, path = url.partition("/")
    sent = (("Content-Type", kind),) if body else ()
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    caller = Caller("agent", "tok_1", None, "127.0.0.1")
    (unit,) = LIBRARY.map(Request(caller, method, "https", host, 443, f"/{path}", sent + more, body)).units
    return unit


def said(unit: Unit) -> str:
    return "".join(part.text for part in unit.summary)


@pytest.mark.parametrize("example", LIBRARY.examples(), ids=lambda example: f"line{example.place.line}")
def test_every_example_holds(example: ExampleResult) -> None:
    assert example.wrong == ()


def test_the_whole_description_is_walked() -> None:
    assert sum(1 for _ in SENDGRID.operations()) >= 390


def test_every_change_that_it_can_make_has_a_name() -> None:
    assert walk.unmapped(SENDGRID) == []


def test_every_read_has_a_name() -> None:
    assert walk.unmapped_reads(SENDGRID) == []


def test_nothing_risky_is_low_because_it_was_forgotten() -> None:
    assert walk.forgotten(SENDGRID, LOW) == []
    assert walk.needless(SENDGRID, LOW) == []


@pytest.mark.parametrize("disguise", walk.DISGUISES)
def test_a_disguised_change_never_passes_unasked(disguise: walk.Change) -> None:
    assert walk.moved(disguise, SENDGRID) == []


@pytest.mark.parametrize("group", ["destructive", "payment", "credential", "access", "publish", "execute"])
def test_every_dangerous_group_steps_up(group: str) -> None:
    low = {action.id for action in LIBRARY.actions() if group in action.groups and action.risk == "low"}
    assert low == set()


MAIL = b'{"personalizations": [{"to": [{"email": "a@a.test"}], "bcc": [{"email": "spy@a.test"}]}], "subject": "Hi"}'


def test_a_hidden_copy_is_in_the_sentence() -> None:
    assert "hidden copies to spy@a.test" in said(asked("POST", "api.sendgrid.com/v3/mail/send", MAIL))


def test_acting_for_a_subuser_is_the_resource_and_in_the_sentence() -> None:
    unit = asked("DELETE", "api.sendgrid.com/v3/api_keys/k1", On_Behalf_Of="shop")
    assert unit.resource.id == "shop:k1"
    assert "as shop" in said(unit)
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
    (action,) = (action for action in LIBRARY.services["sendgrid"].actions if action.id == name)
    assert any("password" in selector for selector in action.secret)
