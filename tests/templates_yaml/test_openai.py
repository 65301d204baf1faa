"""OpenAI's template against every operation of its official SDK."""

import pytest

from gateway.errors import Refusal
from tests.templates_yaml import walk

JSON = "application/json"
OPENAI = walk.Walk("openai", "api.openai.com", usual=(JSON, b"{}"))
asked = OPENAI.asked

LOW = {
    "/openai/chat/close": "ends one chat; its secret is short-lived",
    "/openai/eval/cancel_run": "stops work that costs",
    "/openai/external_key/validate": "tries a key, and changes nothing",
    "/openai/response/count": "counts",
    "/openai/response/cancel": "stops one answer",
    "/openai/thread/update": "goes on with a thread; to stop a run is a part of that",
    "/openai/upload/cancel": "nothing was stored yet",
    "/openai/vector_store/cancel_batch": "stops work that costs",
    "/openai/webhook/test": "sends a test event to an address that was approved",
}


class TestPromises(walk.Promises):
    walk = OPENAI
    least = 380
    low = LOW
    quiet = frozenset({"/openai/external_key/validate", "/openai/container/create"})


@pytest.mark.parametrize("role", ["owner", "OWNER", "reader"])
def test_a_role_is_given_only_where_somebody_looked(role: str) -> None:
    unit = asked("POST", "api.openai.com/v1/organization/users/user_1", f'{{"role": "{role}"}}'.encode())
    assert (unit.risk, unit.groups) == ("step_up", ("access",))
    assert role in walk.said(unit)


@pytest.mark.parametrize(
    "body", [b'{"role": "reader", "role": "owner"}', b'{"role": "reader", "Role": "owner"}']
)
def test_a_role_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", "api.openai.com/v1/organization/invites", body)


def test_a_role_in_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(Refusal):
        asked("POST", "api.openai.com/v1/organization/invites", b'{"role": "owner"}', kind="text/plain")


def test_what_is_not_known_is_asked_about_even_if_it_only_reads() -> None:
    assert asked("GET", "api.openai.com/v1/organization/new_secrets").risk == "step_up"


def test_inference_passes() -> None:
    for path in ("responses", "chat/completions", "embeddings"):
        assert asked("POST", f"api.openai.com/v1/{path}", b'{"model": "m"}').risk == "low"


def test_the_audit_log_is_not_exported_unasked() -> None:
    assert asked("GET", "api.openai.com/v1/organization/audit_logs").risk == "step_up"


def test_a_project_is_the_resource_of_what_changes_it() -> None:
    unit = asked("POST", "api.openai.com/v1/organization/projects/proj_1/archive")
    assert str(unit.resource) == 'OpenAI::Project::"proj_1"'
