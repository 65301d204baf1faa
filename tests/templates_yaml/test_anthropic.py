"""Anthropic's template against every operation of its official SDK."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
ANTHROPIC = walk.Walk("anthropic", "api.anthropic.com", usual=(JSON, b"{}"))
asked = ANTHROPIC.asked

LOW = {
    "/anthropic/message/count": "counts",
    "/anthropic/external_key/validate": "tries a key, and changes nothing",
    "/anthropic/plugin_marketplace/validate": "checks, and stores nothing",
}


class TestPromises(walk.Promises):
    walk = ANTHROPIC
    least = 270
    low = LOW
    quiet = frozenset({"/anthropic/external_key/validate", "/anthropic/session/message"})


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
    assert "vlt_1, vlt_2" in walk.said(asked("POST", "api.anthropic.com/v1/sessions", body))


def test_a_tunnels_token_is_not_revealed_unasked() -> None:
    unit = asked("POST", "api.anthropic.com/v1/tunnels/t1/reveal_token")
    assert (unit.risk, unit.groups) == ("step_up", ("credential",))


def test_what_is_not_known_is_asked_about_even_if_it_only_reads() -> None:
    assert asked("GET", "api.anthropic.com/v1/organizations/new_secrets").risk == "step_up"


def test_inference_passes() -> None:
    assert asked("POST", "api.anthropic.com/v1/messages", b'{"model": "m"}').risk == "low"


def test_a_stored_credential_is_never_shown() -> None:
    assert "json:/auth" in asked("POST", "api.anthropic.com/v1/vaults/v1/credentials", b"{}").secret
