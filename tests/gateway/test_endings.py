import pytest

from gateway.endings import denial, ended, who_won
from gateway.envelopes import State
from gateway.errors import Reason
from tests.kit.clocks import START
from tests.kit.things import an_envelope

AT = "2027-01-15T08:00:05Z"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.DENIED, f"Mika denied this first, at {AT}."),
        (State.CANCELLED, f"Mika cancelled this first, at {AT}."),
        (State.REVOKED, f"Mika withdrew the approval of this first, at {AT}."),
        (State.APPROVED, f"Mika approved this first, at {AT}."),
        (State.SPENT, f"Mika approved this first, at {AT}."),
        (State.COMPLETED, f"Mika approved this first, at {AT}."),
        (State.UNKNOWN, f"Mika approved this first, at {AT}."),
        (State.LAPSED, f"Mika approved this first, at {AT}."),
        (State.EXPIRED, "Time ran out at 2027-01-15T08:01:00Z: it was refused."),
    ],
)
def test_whoever_is_late_hears_who_decided_what_and_when(state: State, said: str) -> None:
    assert who_won(an_envelope(state=state, decided_at=START + 5, decided_by="Mika"), START + 10) == said


def test_somebody_without_a_name_is_somebody() -> None:
    assert who_won(an_envelope(state=State.DENIED, decided_at=START), START).startswith("Somebody denied")


def test_what_is_open_was_signed_by_another_and_what_is_overdue_ran_out() -> None:
    assert who_won(an_envelope(), START + 59) == "Somebody else signed meanwhile: try again."
    assert who_won(an_envelope(), START + 60) == "Time ran out at 2027-01-15T08:01:00Z: it was refused."


def test_a_denial_carries_its_note_and_the_time_it_lasts() -> None:
    refused = denial(an_envelope(state=State.DENIED, decided_by="Mika", note="No."), retry_after=9)
    assert (refused.reason, refused.retry_after) == (Reason.APPROVAL_DENIED, 9)
    assert "Mika denied this request; nothing was sent. They wrote: “No.”" in refused.detail


def test_what_may_have_happened_is_never_called_refused() -> None:
    refused = ended(an_envelope(state=State.UNKNOWN))
    assert (refused.reason, refused.retryable) == (Reason.UPSTREAM_UNKNOWN, False)
    assert "may have taken effect" in refused.detail
