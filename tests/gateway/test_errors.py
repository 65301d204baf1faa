import pytest

from gateway.errors import (
    ConfigError,
    ConfigErrors,
    Place,
    Reason,
    Refusal,
    SecondsigError,
    StoreError,
    UsageError,
    ambiguous,
)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("a.yaml"), "a.yaml"),
        (Place("a.yaml", 3), "a.yaml:3"),
        (Place("a.yaml", 3, 7), "a.yaml:3:7"),
    ],
)
def test_a_place_reads_as_editors_jump_to_it(place: Place, text: str) -> None:
    assert str(place) == text


def test_a_config_error_is_one_sentence_with_its_place_and_its_way_out() -> None:
    assert str(ConfigError("it is wrong.", Place("a", 1, 2), "Mend it.")) == "a:1:2: it is wrong. Mend it."
    assert str(ConfigError("it is wrong.")) == "it is wrong."


def test_all_errors_of_a_reading_are_told_at_once() -> None:
    errors = ConfigErrors((ConfigError("one."), ConfigError("two.")))
    assert str(errors) == "one.\ntwo."


@pytest.mark.parametrize("error", [ConfigError("x"), ConfigErrors(()), UsageError("x"), StoreError("x")])
def test_every_error_stands_in_one_tree(error: Exception) -> None:
    assert isinstance(error, SecondsigError)
    assert not isinstance(error, Refusal)


STATUSES = {
    Reason.UNAUTHENTICATED_AGENT: 407,
    Reason.BODY_TOO_LARGE: 413,
    Reason.UPSTREAM_UNREACHABLE: 502,
    Reason.UPSTREAM_UNKNOWN: 502,
    Reason.GATEWAY_UNAVAILABLE: 503,
}


@pytest.mark.parametrize("reason", list(Reason))
def test_no_refusal_looks_like_a_success(reason: Reason) -> None:
    refusal = Refusal(reason, "A sentence.")
    assert refusal.status == STATUSES.get(reason, 403)
    assert str(refusal) == "A sentence."
    assert not refusal.retryable


def test_what_can_be_read_two_ways_is_not_retried() -> None:
    refusal = ambiguous("Twice.")
    assert (refusal.reason, refusal.detail, refusal.retryable) == (Reason.AMBIGUOUS_REQUEST, "Twice.", False)
