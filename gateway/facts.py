"""What Cedar is told about a request besides its meaning."""

from gateway.intent_risk import Noticed, intent_risk, unread
from gateway.model import Mapped, Request
from gateway.policy import Facts, FirstRequest, Remembered
from gateway.questions import purpose


def plainly_noticed(request: Request, mapped: Mapped) -> Noticed:
    """What stands out about a request of an agent whose past nobody knows."""
    return Noticed(no_purpose=purpose(request) is None, path=unread(mapped, request.target))


def facts_of(
    request: Request, mapped: Mapped, now: int, remembered: Remembered | None = None, *, approvals: int = 0
) -> Facts:
    """Without approvals nobody has cosigned; with them these people have."""
    if remembered is None:
        remembered = FirstRequest(intent_risk(mapped, plainly_noticed(request, mapped))[0])
    return Facts(
        cosigner=approvals > 0,
        approvals=approvals,
        method=request.method,
        host=request.host,
        requester_ip=request.caller.peer,
        now_epoch=now,
        purpose=purpose(request),
        remembered=remembered,
    )
