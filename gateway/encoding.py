"""base64url without padding, as WebAuthn writes it."""

import base64
import binascii


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_b64u(text: str) -> bytes:
    """Raises ValueError for anything that is not the one spelling of some bytes."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
    if b64u(data) != text:
        raise ValueError("not the canonical base64url of its bytes")
    return data
