"""The words of a description: a forgotten one must not make anything look harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.authoring.words import WORDS, hides, propose, singular, tokens
from gateway.templates.action import GROUPS


def test_every_group_of_the_format_has_its_words_and_no_other_has() -> None:
    assert set(WORDS) == set(GROUPS)


@pytest.mark.parametrize(
    ("method", "name", "path", "group"),
    [
        ("DELETE", "x", "/things/{id}", "destructive"),
        ("POST", "things/remove", "/x", "destructive"),
        ("POST", "purgeCache", "/x", "destructive"),
        ("POST", "x", "/v1/refunds", "payment"),
        ("POST", "createPayout", "/x", "payment"),
        ("POST", "x", "/charges/{id}/transfer", "payment"),
        ("PUT", "x", "/orgs/{org}/secrets/{secret_name}", "credential"),
        ("POST", "createAPIKey", "/x", "credential"),
        ("PUT", "x", "/repos/{r}/collaborators/{username}", "access"),
        ("POST", "inviteMember", "/x", "access"),
        ("POST", "x", "/policies", "access"),
        ("POST", "x", "/releases", "publish"),
        ("POST", "deployments.create", "/x", "publish"),
        ("POST", "x", "/functions/{f}/invocations", "execute"),
        ("POST", "actions/create-workflow-dispatch", "/x", "execute"),
    ],
)
def test_what_is_risky_asks_for_a_person_and_says_why(method: str, name: str, path: str, group: str) -> None:
    found = propose(method, name, path)
    assert group in found.groups
    assert found.risk == "step_up"
    assert len(found.why) == len(found.groups)
    assert found.why_risk


def test_what_can_be_put_right_is_for_policy() -> None:
    assert propose("POST", "issues/create", "/issues", "Create an issue").risk == "low"
    assert propose("POST", "chat.sendMessage", "/x").groups == ("communicate",)


def test_what_nothing_is_said_of_asks_for_a_person() -> None:
    found = propose("POST", "frobnicate", "/frob")
    assert (found.groups, found.risk) == ((), "step_up")


def test_what_the_description_calls_final_asks_for_a_person() -> None:
    found = propose("PATCH", "issue/lock", "/issues/{n}", "Lock", "This cannot be undone.")
    assert (found.risk, found.irreversible) == ("step_up", True)
    assert "cannot be undone" in found.why_risk


def test_reading_is_low_but_for_secrets_and_whole_exports() -> None:
    assert propose("GET", "listMembers", "/members").risk == "low"
    assert propose("GET", "x", "/tokens/{id}").groups == ("credential",)
    exported = propose("GET", "exportUsers", "/users/export")
    assert (exported.groups, exported.risk) == ((), "step_up")
    assert "export" in exported.why_risk


def test_the_method_in_an_id_and_the_name_of_a_capture_are_no_words() -> None:
    assert propose("POST", "PostThings", "/things/{token}").groups == ()


@pytest.mark.parametrize(
    ("word", "one"),
    [("policies", "policy"), ("branches", "branch"), ("boxes", "box"), ("repos", "repo"), ("keys", "key"),
     ("access", "access"), ("status", "status"), ("ties", "tie"), ("gas", "gas"), ("analysis", "analysis")],
)  # fmt: skip
def test_words_are_compared_in_the_singular(word: str, one: str) -> None:
    assert singular(word) == one


def test_identifiers_are_split_into_words() -> None:
    assert tokens("listAPIKeys-for_users2") == ["list", "api", "key", "for", "user", "2"]


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "apiKey", "accessToken", "cvc", "private_key", "db_password"]
)
def test_a_field_that_is_called_a_secret_is_one(name: str) -> None:
    assert hides(name) == "secret"


@pytest.mark.parametrize(
    "name", ["next_page_token", "max_tokens", "token_type", "idempotency_key", "key", "name", "token_id"]
)
def test_a_field_that_only_sounds_like_a_secret_is_shown(name: str) -> None:
    assert hides(name) is None


def test_a_field_about_a_person_is_redacted() -> None:
    assert [hides("email"), hides("customerEmail"), hides("phone")] == ["redact"] * 3


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=60))
def test_a_write_without_a_group_is_never_low(name: str, path: str, summary: str) -> None:
    found = propose("POST", name, path, summary)
    assert found.groups or found.risk == "step_up"
    hides(name)
