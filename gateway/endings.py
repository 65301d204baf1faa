"""How a question ended, in words: for its agent, and for whoever wanted to decide it too late."""

from gateway.envelopes import Envelope, State
from gateway.errors import About, Reason, Refusal
from gateway.payload import utc

DENIED_RETRY = "Do not send it again; ask your operator or change the request."


def denial(envelope: Envelope, retry_after: int | None = None) -> Refusal:
    note = f" They wrote: “{envelope.note}”" if envelope.note else ""
    return Refusal(
        Reason.APPROVAL_DENIED,
        f"{envelope.decided_by or 'A person'} denied this request; nothing was sent.{note} {DENIED_RETRY}",
        retry_after=retry_after,
        about=About(envelope.id, utc(envelope.expires_at), note=envelope.note),
    )


def ended(envelope: Envelope) -> Refusal:
    """Why an envelope that is over lets nothing through."""
    about = About(envelope.id, utc(envelope.expires_at), note=envelope.note)
    match envelope.state:
        case State.DENIED:
            return denial(envelope)
        case State.EXPIRED:
            return Refusal(
                Reason.APPROVAL_TIMEOUT,
                "Nobody approved this request in time, so it was refused; nothing was sent. Ask again only "
                "if it is still needed.",
                retryable=True,
                about=about,
            )
        case State.CANCELLED:
            return Refusal(
                Reason.CANCELLED, "An operator cancelled this request; nothing was sent.", about=about
            )
        case State.REVOKED:
            return Refusal(
                Reason.REVOKED,
                "The approval was withdrawn before it was used; nothing was sent.",
                about=about,
            )
        case State.UNKNOWN:
            return Refusal(
                Reason.UPSTREAM_UNKNOWN,
                "The request was sent once, and no answer came. It may have taken effect: look first. The "
                "gateway does not repeat it.",
                about=about,
            )
        case State.LAPSED:
            return Refusal(
                Reason.LAPSED,
                "The approval was not used in time, or no longer holds.",
                retryable=True,
                about=about,
            )
        case _:
            return Refusal(
                Reason.DUPLICATE,
                "This request was approved once and has gone upstream through another connection.",
                about=about,
            )


def who_won(envelope: Envelope, now: int) -> str:
    """For whoever decides too late: what was decided first, by whom, and when."""
    if envelope.state is State.PENDING and now < envelope.expires_at:
        return "Somebody else signed meanwhile: try again."
    if envelope.state in {State.PENDING, State.EXPIRED} or envelope.decided_at is None:
        return f"Time ran out at {utc(envelope.expires_at)}: it was refused."
    verb = {
        State.DENIED: "denied this",
        State.CANCELLED: "cancelled this",
        State.REVOKED: "withdrew the approval of this",
    }.get(envelope.state, "approved this")
    return f"{envelope.decided_by or 'Somebody'} {verb} first, at {utc(envelope.decided_at)}."
