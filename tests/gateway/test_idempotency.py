import pytest

from gateway.idempotency import MAX_KEY, idempotency_key


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        ((("Host", "x"), ("Idempotency-Key", "k-1")), "Idempotency-Key: k-1"),
        ((("x-idempotency-key", "k-1"),), "x-idempotency-key: k-1"),
        ((("PayPal-Request-Id", "7b92"),), "PayPal-Request-Id: 7b92"),
        ((("Host", "x"),), None),
        ((), None),
        ((("Idempotency-Key", "a"), ("idempotency-key", "b")), None),
        ((("Idempotency-Key", "a"), ("PayPal-Request-Id", "b")), None),
        ((("Idempotency-Key", "a" * (MAX_KEY - 17)),), "Idempotency-Key: " + "a" * (MAX_KEY - 17)),
        ((("Idempotency-Key", "a" * (MAX_KEY - 16)),), None),
    ],
)
def test_a_key_is_told_whole_or_not_at_all(headers: tuple[tuple[str, str], ...], line: str | None) -> None:
    assert idempotency_key(headers) == line
