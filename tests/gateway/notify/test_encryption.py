"""Against the example of RFC 8291, and read back as a browser reads it."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.encoding import from_b64u
from gateway.notify.encryption import RECORD, encrypt, public_point
from tests.kit.push import A_BROWSER, PushBrowser

# RFC 8291, section 5 and appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_b64u(text)), ec.SECP256R1())


def test_the_example_of_the_standard_comes_out_byte_for_byte() -> None:
    body = encrypt(
        PLAINTEXT,
        p256dh=from_b64u(P256DH),
        auth=from_b64u(AUTH),
        sender=key(SENDER),
        salt=from_b64u(SALT),
        length=len(PLAINTEXT),
    )
    assert body == from_b64u(BODY)
    browser = PushBrowser(key(RECEIVER), from_b64u(AUTH))
    assert public_point(browser.key) == from_b64u(P256DH)
    assert browser.read(body) == PLAINTEXT


def sent(message: bytes, length: int = 3000, salt: bytes = b"s" * 16) -> bytes:
    return encrypt(
        message,
        p256dh=A_BROWSER.p256dh,
        auth=A_BROWSER.auth,
        sender=ec.generate_private_key(ec.SECP256R1()),
        salt=salt,
        length=length,
    )


@settings(max_examples=25)
@given(st.binary(max_size=3000))
def test_what_is_sent_is_read_and_its_length_says_nothing(message: bytes) -> None:
    body = sent(message)
    assert A_BROWSER.read(body) == message
    assert len(body) == len(sent(b"")) <= RECORD


def test_nobody_else_can_read_or_change_it() -> None:
    body = sent(b"Write to main")
    other = PushBrowser(ec.generate_private_key(ec.SECP256R1()), A_BROWSER.auth)
    guessing = PushBrowser(A_BROWSER.key, b"x" * 16)
    altered = body[:-1] + bytes([body[-1] ^ 1])
    for browser, received in ((other, body), (guessing, body), (A_BROWSER, altered)):
        with pytest.raises(InvalidTag):
            browser.read(received)
    assert b"main" not in body


def test_a_message_that_is_too_long_is_not_sent_in_part() -> None:
    with pytest.raises(ValueError, match="longer"):
        sent(b"x" * 3001)
