from gateway.audit import Entry, Kind
from gateway.desk.views import entry_view, row_view
from gateway.history import Unusual
from tests.kit.clocks import START
from tests.kit.things import a_row, an_envelope

NEVER_SHOWN = (
    "sealed",
    "salt",
    "secret_hash",
    "join_key",
    "intent_key",
    "fingerprint",
    "cosigner_token",
    "token_id",
    "digest",
    "invocation",
)


def test_a_row_tells_what_happened_and_nothing_of_what_is_held() -> None:
    told = row_view(
        an_envelope(decided_at=START + 5, decided_by="Mika", cosigner_expires=START + 305, purpose="tea"),
        team="platform",
        signed=1,
    )
    assert told["id"] == an_envelope().id
    assert (told["state"], told["agent"], told["team"]) == ("pending", "ci-bot", "platform")
    assert (told["opened_at"], told["expires_at"], told["ttl"]) == (
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:01:00Z",
        60,
    )
    assert (told["decided_at"], told["cosigner_expires_at"]) == (
        "2027-01-15T08:00:05Z",
        "2027-01-15T08:05:05Z",
    )
    assert (told["signed"], told["quorum"], told["purpose"]) == (1, 1, "tea")
    assert told["summary"] == [{"text": "Pay "}, {"value": "600"}]
    assert not set(NEVER_SHOWN) & set(told)


def test_what_is_not_decided_has_no_time_of_decision() -> None:
    told = row_view(an_envelope(), team=None, signed=0)
    assert (told["decided_at"], told["decided_by"], told["cosigner_expires_at"]) == (None, None, None)


def test_an_entry_of_the_log_is_told_to_the_millisecond() -> None:
    told = entry_view(Entry(7, START * 1000 + 42, a_row(kind=Kind.MINT, detail="d")))
    assert (told["seq"], told["at"], told["kind"]) == (7, "2027-01-15T08:00:00.042Z", "mint")
    assert (told["decision"], told["agent"], told["detail"]) == ("allow", "ci-bot", "d")


def test_an_agent_that_asks_more_than_usual_is_told_with_its_numbers() -> None:
    told = row_view(an_envelope(), team=None, signed=0, unusual=Unusual(14, 2))
    assert told["unusual"] == {"in_10_min": 14, "usual_per_hour": 2}
    assert row_view(an_envelope(), team=None, signed=0)["unusual"] is None
