"""RFC 8292: who posts to a push service, signed, so that a subscription takes messages from us alone."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.encoding import b64u
from gateway.notify.encryption import public_point

HALF = 32


def authorization(
    key: ec.EllipticCurvePrivateKey, *, audience: str, expires: int, contact: str | None
) -> str:
    """The header: for the push service of this origin, until `expires`; `contact` is whom it may write to."""
    claims: dict[str, Any] = {"aud": audience, "exp": expires}
    if contact is not None:
        claims["sub"] = contact
    signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"vapid t={signed}.{b64u(r.to_bytes(HALF) + s.to_bytes(HALF))}, k={b64u(public_point(key))}"


def _part(value: dict[str, Any]) -> str:
    return b64u(json.dumps(value, separators=(",", ":")).encode())
