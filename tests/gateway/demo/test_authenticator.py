import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.demo.authenticator import NoSuchPasskey, SoftPasskey, decode, encode
from gateway.passkeys import assertion_options, registration_options, verify_assertion, verify_registration

RP_ID, ORIGIN = "localhost", "http://localhost:8443"


def creation(exclude=()):
    return registration_options(
        rp_id=RP_ID, rp_name="S", user_id=b"handle", user_name="mika", challenge=b"c" * 32, exclude=exclude
    )


@pytest.fixture
def passkey():
    return SoftPasskey(RP_ID, ORIGIN)


def test_answers_are_json_as_a_browser_writes_it(passkey):
    registered = passkey.register(creation())
    signed = passkey.sign(assertion_options(rp_id=RP_ID, challenge=b"c", allow=[]))
    assert json.loads(json.dumps([registered, signed])) == [registered, signed]
    assert set(registered["response"]) >= {"clientDataJSON", "attestationObject", "publicKey", "transports"}
    assert set(signed["response"]) == {"clientDataJSON", "authenticatorData", "signature", "userHandle"}
    assert decode(signed["response"]["userHandle"]) == b"handle"


def test_public_key_is_the_one_that_signs(passkey):
    registered = passkey.register(creation())
    assert load_der_public_key(decode(registered["response"]["publicKey"])) == passkey.key.public_key()


def test_signatures_count_and_verify(passkey):
    expected: dict[str, Any] = {"challenge": b"c" * 32, "rp_id": RP_ID, "origins": [ORIGIN]}
    credential = verify_registration(passkey.register(creation()), **expected)
    for count in (1, 2):
        options = assertion_options(rp_id=RP_ID, challenge=b"c" * 32, allow=[credential])
        credential = verify_assertion(passkey.sign(options), credential=credential, **expected)
        assert credential.sign_count == count


def test_passkey_that_was_not_asked_for_does_not_answer(passkey):
    options = {
        "challenge": encode(b"c"),
        "allowCredentials": [{"type": "public-key", "id": encode(b"other")}],
    }
    with pytest.raises(NoSuchPasskey):
        passkey.sign(options)


def test_passkey_that_is_enrolled_already_does_not_enrol_again(passkey):
    with pytest.raises(NoSuchPasskey):
        passkey.register(creation([passkey.id]))


def test_knobs_change_what_is_signed_not_the_signature(passkey):
    passkey.origin, passkey.cross_origin, passkey.top_origin = (
        "http://evil.example",
        True,
        "http://top.example",
    )
    passkey.challenge = b"other"
    signed = passkey.sign({"challenge": encode(b"c")})
    data = json.loads(decode(signed["response"]["clientDataJSON"]))
    assert data == {
        "type": "webauthn.get",
        "challenge": encode(b"other"),
        "origin": "http://evil.example",
        "crossOrigin": True,
        "topOrigin": "http://top.example",
    }


def test_cross_origin_can_be_left_out_and_client_data_changed(passkey):
    passkey.cross_origin = None
    passkey.change_client_data = lambda raw: raw + b" "
    raw = decode(passkey.sign({"challenge": encode(b"c")})["response"]["clientDataJSON"])
    assert raw.endswith(b" ")
    assert "crossOrigin" not in json.loads(raw)
