import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.encoding import b64u, from_b64u
from gateway.notify.encryption import public_point
from gateway.notify.vapid import authorization
from tests.kit.things import PUSH_KEY

# RFC 8292, section 2.4.
EXAMPLE = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE"
    "0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpi"
    "UfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SD"
    "Yic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)


def signed_part(header: str) -> str:
    return header.removeprefix("vapid t=").partition(",")[0].rpartition(".")[0]


def verify(header: str) -> dict[str, object]:
    """As a push service does it."""
    scheme, _, rest = header.partition(" ")
    token, key = (part.strip().partition("=")[2] for part in rest.split(","))
    head, claims, signature = token.split(".")
    assert (scheme, json.loads(from_b64u(head))["alg"]) == ("vapid", "ES256")
    raw = from_b64u(signature)
    assert len(raw) == 64
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_b64u(key))
    numbers = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(numbers, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    said: dict[str, object] = json.loads(from_b64u(claims))
    return said


def test_what_is_signed_is_spelled_as_in_the_example_of_the_standard() -> None:
    ours = authorization(
        PUSH_KEY, audience="https://push.example.net", expires=1453523768, contact="mailto:push@example.com"
    )
    assert signed_part(ours) == signed_part(EXAMPLE)
    assert verify(ours) == verify(EXAMPLE)


def test_a_push_service_can_verify_whom_a_message_is_from() -> None:
    for _ in range(20):
        header = authorization(PUSH_KEY, audience="https://a.example", expires=7, contact=None)
        assert verify(header) == {"aud": "https://a.example", "exp": 7}
        assert header.endswith(f", k={b64u(public_point(PUSH_KEY))}")


def test_another_key_is_not_ours() -> None:
    header = authorization(PUSH_KEY, audience="https://a.example", expires=7, contact=None)
    other = b64u(public_point(ec.derive_private_key(8, ec.SECP256R1())))
    with pytest.raises(InvalidSignature):
        verify(header.partition(", k=")[0] + f", k={other}")
