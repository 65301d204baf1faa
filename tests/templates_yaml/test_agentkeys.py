"""The template for payments, credentials, memory and scopes of agents: what the triggers need to know."""

from collections.abc import Mapping

import pytest

from gateway.errors import Refusal
from gateway.model import Caller, Request, Unit
from gateway.templates import Library
from tests.templates_yaml import walk

HOST = "keys.corp.example"
FILE = walk.ROOT / "templates_yaml" / "agentkeys.yaml"
LIBRARY = Library.load([FILE], {"agentkeys": {"hosts": [HOST]}})


def asked(method: str, target: str, body: bytes) -> Unit:
    caller = Caller("agent", "tok_1", None, "127.0.0.1")
    headers = (("Content-Type", "application/json"),)
    (unit,) = LIBRARY.map(Request(caller, method, "https", HOST, 443, target, headers, body)).units
    return unit


def test_without_hosts_it_answers_for_nobody() -> None:
    assert Library.load([FILE]).serves("https", HOST, 443) is None


def attributes(kind: str) -> Mapping[str, str]:
    return LIBRARY.services["agentkeys"].resources.types[kind].attributes


def test_policies_can_ask_what_the_triggers_need() -> None:
    assert attributes("Target") == {"sensitive": "bool"}
    assert attributes("Namespace") == {"family": "bool"}
    assert attributes("Cap") == {"scope_count": "int"}
    unit = asked("POST", "/v1/caps/root/children", b'{"scopes": ["a", "b", "c"]}')
    assert unit.context["scope_count"] == 3


@pytest.mark.parametrize("name", ["GitHub", "GITHUB", "github", "%67itHub"])
def test_a_sensitive_service_in_another_case_is_still_the_sensitive_one(name: str) -> None:
    assert asked("PUT", f"/v1/credentials/{name}", b'{"value": "x"}').resource.id == "github"


@pytest.mark.parametrize("namespace", ["Family", "FAMILY", "f%61mily"])
def test_the_family_in_another_case_is_still_the_family(namespace: str) -> None:
    assert asked("PUT", f"/v1/memory/{namespace}/a", b"{}").resource.id == "family"


@pytest.mark.parametrize("name", ["famıly", "ＦＡＭＩＬＹ", "famİly"])
def test_letters_that_only_look_like_the_family_are_not_folded_into_another_name(name: str) -> None:
    with pytest.raises(Refusal):
        asked("PUT", f"/v1/memory/{name}/a", b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount": 6e2, "currency": "CNY"}',
        b'{"amount": "600", "amount": 1, "currency": "CNY"}',
        b'{"amount": -600, "currency": "CNY"}',
        b'{"amount": 600.001, "currency": "CNY"}',
        b'{"amount": 1, "Amount": 600, "currency": "CNY"}',
        b'{"amount": [600], "currency": "CNY"}',
        b'{"amount": 600, "currency": "C\xd0\x9dY"}',
    ],
)
def test_an_amount_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        asked("POST", "/v1/actors/toy/payments", body)


def test_a_credential_is_never_shown() -> None:
    assert asked("PUT", "/v1/credentials/github", b'{"value": "x"}').secret == ("json:/value",)


def test_each_of_the_four_is_in_its_group() -> None:
    found = {action.id.removeprefix("/agentkeys/"): action.groups for action in LIBRARY.actions()}
    assert found["payment/mint"] == ("payment",)
    assert found["cred/put"] == ("credential",)
    assert found["memory/write"] == ("content",)
    assert found["cap/mint"] == ("access",)


def test_what_it_does_not_know_steps_up() -> None:
    assert asked("DELETE", "/v1/caps/root", b"").risk == "step_up"
