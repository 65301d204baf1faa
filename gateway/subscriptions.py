"""A browser that wants to be told: what it has to give, and which push services are posted to."""

import re
from collections.abc import Sequence
from dataclasses import field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.values import dataclass

SERVICES = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "web.push.apple.com",
    "*.notify.windows.com",
)
"""Where Chrome, Firefox, Safari and Edge take messages for their browsers."""

MOST_DEVICES = 10
"""So many browsers of one person are told; each costs a message for every question."""

MAX_ENDPOINT, AUTH_BYTES = 2000, 16
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_UNSAFE = frozenset(' "#<>\\^`{|}')


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser of a person's. It ends with the passkey that its session was opened with.

    Whoever has the endpoint and the secrets could write to the browser, if they had our key as well.
    """

    id: str
    person: str
    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)
    device: str
    credential_id: bytes
    created_at: int


def service_of(endpoint: str, own: Sequence[str] = ()) -> str:
    """The push service's host; ValueError unless it is a known one, or one of the `own` origins."""
    if len(endpoint) > MAX_ENDPOINT or not (endpoint.isascii() and endpoint.isprintable()):
        raise _no_service()
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        raise _no_service() from None
    if _UNSAFE & set(endpoint) or not parts.path.startswith("/"):
        raise _no_service()
    if f"{parts.scheme}://{parts.netloc}" in own:
        return parts.netloc
    if parts.scheme != "https" or not _is_known(parts.netloc):
        raise _no_service()
    return parts.netloc


def check_keys(p256dh: bytes, auth: bytes) -> None:
    """ValueError unless a message can be encrypted to them: a point of the curve, a secret of its length."""
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    if p256dh[:1] != b"\x04" or len(auth) != AUTH_BYTES:
        raise ValueError("The keys are not those of a push subscription.")


def _is_known(host: str) -> bool:
    if not _HOST.fullmatch(host):
        return False
    return any(host.endswith(known[1:]) if known[0] == "*" else host == known for known in SERVICES)


def _no_service() -> ValueError:
    return ValueError("The endpoint is not one of a push service that this gateway posts to.")
