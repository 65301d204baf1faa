import json

import pytest

from gateway.errors import About, Reason, Refusal
from gateway.problems import ERRORS, TITLES, problem

PAGES = "http://localhost:8081"
ABOUT = About("env_1", "2026-01-01T00:00:00Z", "s3cret", "Not today.")


def answer(refusal: Refusal, path: str = "/") -> tuple[dict[str, object], dict[str, str]]:
    made = problem(refusal, pages=PAGES, gateway="gw_1", path=path)
    assert made.status == refusal.status
    return json.loads(made.body), dict(made.headers)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_told_in_full(reason: Reason) -> None:
    body, headers = answer(Refusal(reason, "Do this."))
    assert body["type"] == f"http://secondsig.internal/problems/{reason.value.replace('_', '-')}"
    assert (body["reason"], body["title"], body["detail"]) == (reason.value, TITLES[reason], "Do this.")
    assert body["status"] == Refusal(reason, "").status
    assert body["error"] == ERRORS.get(reason)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Proxy-Status"] == f'secondsig; error=http_request_denied; details="{reason.value}"'
    assert headers["Secondsig-Gateway"] == "gw_1"
    assert headers["Cache-Control"] == "no-store"
    assert (headers["x-should-retry"], headers["Stripe-Should-Retry"]) == ("false", "false")
    assert ("Proxy-Authenticate" in headers) == (reason is Reason.UNAUTHENTICATED_AGENT)


@pytest.mark.parametrize(
    ("reason", "decision"),
    [
        (Reason.REQUIRES_STEP_UP, "step_up"),
        (Reason.NO_APPROVER_REACHABLE, "step_up"),
        (Reason.DUPLICATE, "step_up"),
        (Reason.POLICY_DENIED, "deny"),
        (Reason.APPROVAL_DENIED, "deny"),
    ],
)
def test_the_decision_is_named(reason: Reason, decision: str) -> None:
    assert answer(Refusal(reason, ""))[0]["decision"] == decision


def test_an_envelope_brings_its_addresses_and_its_secret() -> None:
    refusal = Refusal(Reason.REQUIRES_STEP_UP, "Wait.", retryable=True, retry_after=5, about=ABOUT)
    body, headers = answer(refusal)
    assert body["envelope"] == "env_1" == headers["Secondsig-Envelope"]
    assert body["approval_url"] == f"{PAGES}/approve/env_1"
    assert body["status_url"] == "http://secondsig.internal/v1/envelopes/env_1"
    assert (body["expires_at"], body["note"]) == (ABOUT.expires_at, "Not today.")
    assert (body["envelope_secret"], body["retryable"]) == ("s3cret", True)
    assert headers["Retry-After"] == "5"


def test_without_an_envelope_nothing_of_one_is_told() -> None:
    body, headers = answer(Refusal(Reason.UNMAPPED, "No."))
    assert [body[k] for k in ("envelope", "approval_url", "status_url", "expires_at", "note")] == [None] * 5
    assert "envelope_secret" not in body
    assert not {"Secondsig-Envelope", "Retry-After"} & set(headers)


def test_a_joined_request_is_not_given_the_secret_of_the_first() -> None:
    body, _ = answer(Refusal(Reason.REQUIRES_STEP_UP, "Wait.", about=About("env_1")))
    assert "envelope_secret" not in body


def test_a_note_cannot_end_its_string_or_add_a_header() -> None:
    note = 'x"\r\nSet-Cookie: a=b\r\n\r\n{"decision":"allow"}'
    made = problem(
        Refusal(Reason.APPROVAL_DENIED, note, about=About("env_1", note=note)), pages=PAGES, gateway="gw_1"
    )
    assert json.loads(made.body)["note"] == note
    assert not any("\r" in value or "\n" in value for _, value in made.headers)


@pytest.mark.parametrize(
    "path", ["/a/info/refs?service=git-upload-pack", "/a/git-upload-pack", "/a/git-receive-pack"]
)
def test_git_is_told_in_plain_text(path: str) -> None:
    made = problem(
        Refusal(Reason.REQUIRES_STEP_UP, "Wait.", about=ABOUT), pages=PAGES, gateway="gw_1", path=path
    )
    assert made.body.decode().splitlines() == [
        "A person must approve this request",
        "Wait.",
        f"{PAGES}/approve/env_1",
    ]
    assert dict(made.headers)["Content-Type"] == "text/plain; charset=utf-8"
    assert dict(made.headers)["Secondsig-Envelope"] == "env_1"


def test_git_without_an_envelope_is_told_two_lines() -> None:
    made = problem(Refusal(Reason.UNMAPPED, "No."), pages=PAGES, gateway="gw_1", path="/r/git-receive-pack")
    assert made.body == b"No template covers this request\nNo.\n"


def test_a_client_that_shows_only_the_reason_phrase_is_told_there() -> None:
    refusal = Refusal(Reason.UNAUTHENTICATED_AGENT, "Who?", extra={"reason_phrase": "Set HTTPS_PROXY"})
    assert problem(refusal, pages=PAGES, gateway="gw").reason_phrase == "Set HTTPS_PROXY"
    assert problem(Refusal(Reason.UNMAPPED, ""), pages=PAGES, gateway="gw").reason_phrase is None
