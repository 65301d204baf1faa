"""How a refusal reaches the agent: problem+json that says what happened and what to do next."""

import json

from gateway.errors import Reason, Refusal
from gateway.values import dataclass

TYPE_PREFIX = "http://secondsig.internal/problems/"

TITLES = {
    Reason.REQUIRES_STEP_UP: "A person must approve this request",
    Reason.APPROVAL_DENIED: "A person denied this request",
    Reason.APPROVAL_TIMEOUT: "Nobody approved this request in time",
    Reason.POLICY_DENIED: "Policy does not allow this request",
    Reason.UNMAPPED: "No template covers this request",
    Reason.RATE_LIMITED: "Too many requests are waiting",
    Reason.AMBIGUOUS_REQUEST: "This request can be read in more than one way",
    Reason.DESTINATION_REFUSED: "This destination is not reachable through the gateway",
    Reason.UNAUTHENTICATED_AGENT: "The gateway does not know this agent",
    Reason.NO_APPROVER_REACHABLE: "Nobody who may approve is enrolled",
    Reason.DUPLICATE: "Another connection waits for the same request",
    Reason.CANCELLED: "The question was cancelled",
    Reason.LAPSED: "The approval can no longer be used",
    Reason.REVOKED: "The approval was withdrawn",
    Reason.CONFIG_CHANGED: "The policy changed after the approval",
    Reason.BODY_TOO_LARGE: "The request is too large",
    Reason.UPSTREAM_UNREACHABLE: "The destination could not be reached",
    Reason.UPSTREAM_UNKNOWN: "The destination never answered",
    Reason.COSIGNER_INVALID: "The cosigner does not fit this request",
    Reason.AGENT_PAUSED: "This agent is paused",
    Reason.GATEWAY_UNAVAILABLE: "The gateway cannot decide now",
}

ERRORS = {
    Reason.REQUIRES_STEP_UP: "ApprovalRequired",
    Reason.APPROVAL_DENIED: "ApprovalDenied",
    Reason.APPROVAL_TIMEOUT: "ApprovalTimeout",
}

DECISIONS = {
    Reason.REQUIRES_STEP_UP: "step_up",
    Reason.NO_APPROVER_REACHABLE: "step_up",
    Reason.DUPLICATE: "step_up",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal as an HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason_phrase: str | None = None


def problem(refusal: Refusal, *, pages: str, gateway: str, path: str = "/") -> Problem:
    """The answer for this refusal; git gets plain text, since it shows nothing else to its user."""
    body = _body(refusal, pages)
    headers = [
        ("Proxy-Status", f'secondsig; error=http_request_denied; details="{refusal.reason}"'),
        ("Secondsig-Gateway", gateway),
        ("Cache-Control", "no-store"),
        ("x-should-retry", "false"),
        ("Stripe-Should-Retry", "false"),
    ]
    if refusal.about:
        headers.append(("Secondsig-Envelope", refusal.about.envelope))
    if refusal.retry_after is not None:
        headers.append(("Retry-After", str(refusal.retry_after)))
    if refusal.status == STATUS_UNAUTHENTICATED:
        headers.append(("Proxy-Authenticate", 'Basic realm="secondsig", charset="UTF-8"'))
    if _is_git(path):
        text = "".join(f"{line}\n" for line in (body["title"], body["detail"], body["approval_url"]) if line)
        return Problem(
            refusal.status, (("Content-Type", "text/plain; charset=utf-8"), *headers), text.encode()
        )
    phrase = refusal.extra.get("reason_phrase")
    encoded = json.dumps(body, ensure_ascii=False, indent=1).encode() + b"\n"
    return Problem(refusal.status, (("Content-Type", "application/problem+json"), *headers), encoded, phrase)


STATUS_UNAUTHENTICATED = 407


def _body(refusal: Refusal, pages: str) -> dict[str, str | int | bool | None]:
    about = refusal.about
    envelope = about.envelope if about else None
    body: dict[str, str | int | bool | None] = {
        "type": TYPE_PREFIX + refusal.reason.replace("_", "-"),
        "title": TITLES[refusal.reason],
        "status": refusal.status,
        "decision": DECISIONS.get(refusal.reason, "deny"),
        "reason": str(refusal.reason),
        "error": ERRORS.get(refusal.reason),
        "detail": refusal.detail,
        "envelope": envelope,
        "approval_url": f"{pages}/approve/{envelope}" if envelope else None,
        "status_url": f"http://secondsig.internal/v1/envelopes/{envelope}" if envelope else None,
        "expires_at": about.expires_at if about else None,
        "retryable": refusal.retryable,
        "note": about.note if about else None,
    }
    if about and about.secret:
        body["envelope_secret"] = about.secret
    return body


def _is_git(path: str) -> bool:
    bare = path.partition("?")[0]
    return bare.endswith(("/info/refs", "/git-upload-pack", "/git-receive-pack"))
