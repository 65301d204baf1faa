"""Anthropic's template against every operation of its official SDK."""

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from gateway.templates import ExampleResult
from tests.templates_yaml import walk

JSON = "application/json"
ANTHROPIC = walk.Walk("anthropic", "api.anthropic.com", usual=(JSON, b"{}"))
LIBRARY = ANTHROPIC.library

LOW = {
    "/anthropic/message/count": "counts",
    "/anthropic/external_key/validate": "tries a key, and changes nothing",
    "/anthropic/plugin_marketplace/validate": "checks, and stores nothing",
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
    assert sum(1 for _ in ANTHROPIC.operations()) >= 270


def test_every_change_that_it_can_make_has_a_name() -> None:
    assert walk.unmapped(ANTHROPIC) == []


def test_every_read_has_a_name() -> None:
    assert walk.unmapped_reads(ANTHROPIC) == []


def test_nothing_risky_is_low_because_it_was_forgotten() -> None:
    assert walk.forgotten(ANTHROPIC, LOW) == []
    assert walk.needless(ANTHROPIC, LOW) == []


@pytest.mark.parametrize("disguise", walk.DISGUISES)
def test_a_disguised_change_never_passes_unasked(disguise: walk.Change) -> None:
    assert walk.moved(disguise, ANTHROPIC) == []


@pytest.mark.parametrize("group", ["destructive", "payment", "credential", "access", "publish", "execute"])
def test_every_dangerous_group_steps_up(group: str) -> None:
    low = {action.id for action in LIBRARY.actions() if group in action.groups and action.risk == "low"}
    assert low <= {"/anthropic/external_key/validate", "/anthropic/session/message"}


@pytest.mark.parametrize("body", [b'{"role": "user", "role": "admin"}', b'{"role": "user", "Role": "admin"}'])
def test_a_role_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", "api.anthropic.com/v1/organizations/invites", body)


def test_a_role_in_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(Refusal):
        asked("POST", "api.anthropic.com/v1/organizations/invites", b'{"role": "admin"}', kind="text/plain")


@pytest.mark.parametrize(
    "events",
    [
        b'[{"type": "user.message"}, {"type": "user.tool_confirmation", "result": "allow"}]',
        b'[{"type": "user.tool_confirmation", "result": "allow"}]',
        b'[{"type": "User.Message"}]',
        b"[]",
    ],
)
def test_a_tool_is_not_allowed_behind_a_message(events: bytes) -> None:
    unit = asked("POST", "api.anthropic.com/v1/sessions/s1/events", b'{"events": ' + events + b"}")
    assert (unit.action, unit.risk) == ("/anthropic/session/send", "step_up")


def test_a_single_message_passes() -> None:
    unit = asked("POST", "api.anthropic.com/v1/sessions/s1/events", b'{"events": [{"type": "user.message"}]}')
    assert (unit.action, unit.risk) == ("/anthropic/session/message", "low")


def test_the_vaults_of_an_agent_are_in_its_sentence() -> None:
    body = b'{"agent": "a", "environment_id": "env_1", "vault_ids": ["vlt_1", "vlt_2"]}'
    assert "vlt_1, vlt_2" in said(asked("POST", "api.anthropic.com/v1/sessions", body))


def test_a_tunnels_token_is_not_revealed_unasked() -> None:
    unit = asked("POST", "api.anthropic.com/v1/tunnels/t1/reveal_token")
    assert (unit.risk, unit.groups) == ("step_up", ("credential",))


def test_what_is_not_known_is_asked_about_even_if_it_only_reads() -> None:
    assert asked("GET", "api.anthropic.com/v1/organizations/new_secrets").risk == "step_up"


def test_inference_passes() -> None:
    assert asked("POST", "api.anthropic.com/v1/messages", b'{"model": "m"}').risk == "low"


def test_a_stored_credential_is_never_shown() -> None:
    assert "json:/auth" in asked("POST", "api.anthropic.com/v1/vaults/v1/credentials", b"{}").secret
