"""The key by which a service does a request only once, however often it comes."""

from collections.abc import Iterable

HEADERS = ("idempotency-key", "x-idempotency-key", "paypal-request-id")
MAX_KEY = 512
"""A longer one is nobody's key; cut, it would be of no use."""


def idempotency_key(headers: Iterable[tuple[str, str]]) -> str | None:
    """The header line as the service got it. None where there is none, or more than one."""
    lines = [f"{name}: {value}" for name, value in headers if name.lower() in HEADERS]
    return lines[0] if len(lines) == 1 and len(lines[0]) <= MAX_KEY else None
