"""What Cedar is told about a request besides its meaning."""

from gateway.envelopes import Envelope
from gateway.intent_risk import intent_risk
from gateway.model import Mapped, Request
from gateway.policy import Facts
from gateway.questions import purpose


def facts_of(request: Request, mapped: Mapped, now: int, *, approvals: int = 0) -> Facts:
    """Without approvals nobody has cosigned; with them these people have."""
    return Facts(
        cosigner=approvals > 0,
        approvals=approvals,
        method=request.method,
        host=request.host,
        requester_ip=request.caller.peer,
        now_epoch=now,
        purpose=purpose(request),
        intent_risk=intent_risk(mapped)[0],
    )


def facts_again(envelope: Envelope, method: str, host: str, now: int) -> Facts:
    """The same of a question that waits, as it was asked then, at this moment."""
    return Facts(
        cosigner=False,
        approvals=0,
        method=method,
        host=host,
        requester_ip=envelope.address,
        now_epoch=now,
        purpose=envelope.purpose,
        intent_risk=envelope.intent_risk,
    )
