import hashlib
import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.demo.authenticator import SoftPasskey, decode, encode
from gateway.passkeys import (
    PasskeyError,
    assertion_options,
    credential_id,
    registration_options,
    verify_assertion,
    verify_registration,
)

RP_ID, ORIGIN = "localhost", "http://localhost:8443"
CHALLENGE = b"c" * 64
MIKA = b"user-handle-of-mika"


@pytest.fixture
def passkey():
    return SoftPasskey(RP_ID, ORIGIN)


def creation():
    return registration_options(
        rp_id=RP_ID, rp_name="Secondsig", user_id=MIKA, user_name="mika", challenge=CHALLENGE, exclude=[]
    )


def enrol(passkey, **changes):
    expected = {"challenge": CHALLENGE, "rp_id": RP_ID, "origins": [ORIGIN]} | changes
    return verify_registration(passkey.register(creation()), **expected)


def asked(*allow):
    return assertion_options(rp_id=RP_ID, challenge=CHALLENGE, allow=allow)


def check(response, credential, **changes):
    expected = {"challenge": CHALLENGE, "rp_id": RP_ID, "origins": [ORIGIN], "user_handle": MIKA}
    return verify_assertion(response, credential=credential, **(expected | changes))


@pytest.fixture
def credential(passkey):
    return enrol(passkey)


def test_enrolled_passkey_is_described(passkey):
    credential = enrol(passkey)
    assert credential.id == passkey.id
    assert credential.public_key == passkey.cose_key()
    assert (credential.person, credential.name, credential.sign_count) == ("", "", 0)
    assert (credential.device_type, credential.backed_up) == ("single_device", False)
    assert credential.transports == ("internal",)


def test_synced_passkey_says_so():
    credential = enrol(SoftPasskey(RP_ID, ORIGIN, backup_eligible=True, backed_up=True))
    assert (credential.device_type, credential.backed_up) == ("multi_device", True)


def test_assertion_counts_up_and_keeps_the_rest(passkey, credential):
    named = replace(credential, person="mika", name="laptop")
    after = check(passkey.sign(asked(named)), named)
    assert after == replace(named, sign_count=1)
    assert check(passkey.sign(asked(named)), after).sign_count == 2


def test_passkey_that_does_not_count_is_accepted_again(passkey, credential):
    passkey.sign_count = -1
    assert check(passkey.sign(asked()), credential).sign_count == 0


def test_backup_state_is_brought_up_to_date():
    passkey = SoftPasskey(RP_ID, ORIGIN, backup_eligible=True)
    credential = enrol(passkey)
    passkey.backed_up = True
    assert check(passkey.sign(asked()), credential).backed_up


def test_options_ask_for_a_verified_person():
    options = creation()
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert options["attestation"] == "none"
    assert [kind["alg"] for kind in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert asked()["userVerification"] == "required"


def test_options_name_the_credentials(credential):
    named = encode(credential.id)
    assert asked(credential)["allowCredentials"] == [
        {"type": "public-key", "id": named, "transports": ["internal"]}
    ]
    excluding = registration_options(
        rp_id=RP_ID, rp_name="S", user_id=MIKA, user_name="m", challenge=CHALLENGE, exclude=[credential.id]
    )
    assert excluding["excludeCredentials"] == [{"type": "public-key", "id": named}]
    assert json.loads(json.dumps(excluding)) == excluding


# Attacks that both ceremonies must stop


@dataclass
class Lie:
    """What a lying browser or device changes, and the words that it is refused with."""

    knobs: dict[str, object]
    said: str
    expected: dict[str, object] = field(default_factory=dict)


LIES = {
    "without_user_verification": Lie({"user_verifies": False}, "did not verify you"),
    "without_user_presence": Lie({"user_present": False}, "did not verify you"),
    "wrong_origin": Lie({"origin": "http://evil.example:8443"}, "another address"),
    "origin_with_another_port": Lie({"origin": "http://localhost:8444"}, "another address"),
    "origin_without_its_port": Lie({"origin": "http://localhost"}, "another address"),
    "origin_with_a_trailing_slash": Lie({"origin": ORIGIN + "/"}, "another address"),
    "wrong_rp": Lie({"rp_id": "evil.example"}, "another site"),
    "cross_origin_frame": Lie({"cross_origin": True}, "another site's frame"),
    "cross_origin_as_a_word": Lie({"cross_origin": "false"}, "another site's frame"),
    "cross_origin_as_zero": Lie({"cross_origin": 0}, "another site's frame"),
    "top_origin": Lie({"top_origin": "http://evil.example"}, "another site's frame"),
    "swapped_challenge": Lie({"challenge": b"d" * 64}, "another challenge"),
    "shortened_challenge": Lie({"challenge": CHALLENGE[:-1]}, "another challenge"),
    "synced_but_not_syncable": Lie({"backed_up": True}, "synced"),
    "duplicate_challenge": Lie(
        {"change_client_data": lambda raw: raw[:-1] + b',"challenge":"' + encode(b"x").encode() + b'"}'},
        "same name twice",
    ),
    "duplicate_origin_within": Lie(
        {"change_client_data": lambda raw: raw[:-1] + b',"extra":{"a":1,"a":2}}'}, "same name twice"
    ),
    "client_data_with_a_byte_order_mark": Lie(
        {"change_client_data": lambda raw: b"\xef\xbb\xbf" + raw}, "malformed"
    ),
    "client_data_in_utf_16": Lie(
        {"change_client_data": lambda raw: raw.decode().encode("utf-16-le")}, "malformed"
    ),
    "client_data_with_nan": Lie({"change_client_data": lambda raw: raw[:-1] + b',"n":NaN}'}, "malformed"),
    "client_data_too_deep": Lie({"change_client_data": lambda raw: b"[" * 20_000}, "malformed"),
    "client_data_as_a_list": Lie({"change_client_data": lambda raw: b"[]"}, "malformed"),
    "client_data_without_a_challenge": Lie(
        {"change_client_data": lambda raw: raw.replace(b'"challenge"', b'"challenges"')}, "malformed"
    ),
    "client_data_of_the_payment_ceremony": Lie(
        {"change_client_data": lambda raw: raw.replace(b'"type":"webauthn.', b'"type":"payment.')},
        "another kind of question",
    ),
    "client_data_with_a_list_of_origins": Lie(
        {"change_client_data": lambda raw: raw.replace(f'"{ORIGIN}"'.encode(), f'["{ORIGIN}"]'.encode())},
        "another address",
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_approval_with_a_lie_is_refused(passkey, credential, lie):
    for name, value in lie.knobs.items():
        setattr(passkey, name, value)
    with pytest.raises(PasskeyError, match=lie.said):
        check(passkey.sign(asked()), credential)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_enrolment_with_a_lie_is_refused(lie):
    with pytest.raises(PasskeyError, match=lie.said):
        enrol(SoftPasskey(**({"rp_id": RP_ID, "origin": ORIGIN} | lie.knobs)))


# Attacks on an approval


def test_approval_by_another_credential_is_refused(credential):
    other = SoftPasskey(RP_ID, ORIGIN)
    with pytest.raises(PasskeyError, match="Another passkey"):
        check(other.sign(asked()), credential)


def test_another_credentials_signature_under_this_ones_name_is_refused(passkey, credential):
    thief = SoftPasskey(RP_ID, ORIGIN, id=passkey.id)
    with pytest.raises(PasskeyError, match="does not verify"):
        check(thief.sign(asked()), credential)


def test_enrolment_replayed_as_an_approval_is_refused(passkey, credential):
    response = passkey.register(creation())
    response["response"]["signature"] = encode(b"x")
    with pytest.raises(PasskeyError, match="another kind of question"):
        check(response, credential)


def test_altered_client_data_is_refused(passkey, credential):
    response = passkey.sign(asked())
    raw = decode(response["response"]["clientDataJSON"])
    response["response"]["clientDataJSON"] = encode(raw[:-1] + b',"extra":1}')
    with pytest.raises(PasskeyError, match="does not verify"):
        check(response, credential)


def test_altered_authenticator_data_is_refused(passkey, credential):
    response = passkey.sign(asked())
    raw = bytearray(decode(response["response"]["authenticatorData"]))
    raw[-1] += 1
    response["response"]["authenticatorData"] = encode(bytes(raw))
    with pytest.raises(PasskeyError, match="does not verify"):
        check(response, credential)


def test_replayed_counter_is_refused(passkey, credential):
    response = passkey.sign(asked())
    after = check(response, credential)
    with pytest.raises(PasskeyError, match="count went back"):
        check(response, after)


def test_counter_that_falls_to_zero_is_refused(passkey, credential):
    passkey.sign_count = -1
    with pytest.raises(PasskeyError, match="count went back"):
        check(passkey.sign(asked()), replace(credential, sign_count=5))


def test_count_that_went_back_without_a_signature_says_only_that_it_does_not_verify(passkey, credential):
    response = passkey.sign(asked())
    response["response"]["signature"] = encode(b"forged")
    with pytest.raises(PasskeyError, match="does not verify"):
        check(response, replace(credential, sign_count=5))


def test_bound_passkey_that_became_a_synced_one_is_refused(passkey, credential):
    passkey.backup_eligible = True
    with pytest.raises(PasskeyError, match="another kind than"):
        check(passkey.sign(asked()), credential)


def test_approval_with_another_persons_user_handle_is_refused(passkey, credential):
    passkey.user_handle = b"user-handle-of-noor"
    with pytest.raises(PasskeyError, match="another person's"):
        check(passkey.sign(asked()), credential)


def test_user_handle_that_is_left_out_or_unknown_is_no_obstacle(passkey, credential):
    assert check(passkey.sign(asked()), credential, user_handle=None)
    passkey.user_handle = None
    assert check(passkey.sign(asked()), replace(credential, sign_count=1))


def test_malformed_user_handle_is_refused_even_where_none_is_known(passkey, credential):
    response = passkey.sign(asked())
    response["response"]["userHandle"] = "=="
    with pytest.raises(PasskeyError, match="malformed"):
        check(response, credential, user_handle=None)


def test_assertion_that_carries_a_new_key_is_refused(passkey, credential):
    response = passkey.sign(asked())
    attested = passkey.authenticator_data(attested=True)
    response["response"]["authenticatorData"] = encode(attested)
    signed = attested + hashlib.sha256(decode(response["response"]["clientDataJSON"])).digest()
    response["response"]["signature"] = encode(passkey.signature(signed))
    with pytest.raises(PasskeyError, match="malformed"):
        check(response, credential)


def test_short_authenticator_data_is_refused(passkey, credential):
    response = passkey.sign(asked())
    response["response"]["authenticatorData"] = encode(b"x" * 36)
    with pytest.raises(PasskeyError, match="malformed"):
        check(response, credential)


def test_key_on_record_that_is_no_key_is_refused(passkey, credential):
    with pytest.raises(PasskeyError, match="does not verify"):
        check(passkey.sign(asked()), replace(credential, public_key=b""))


# Attacks on an enrolment


def test_enrolment_under_another_identifier_is_refused(passkey):
    response = passkey.register(creation())
    response["id"] = response["rawId"] = encode(b"i" * 32)
    with pytest.raises(PasskeyError, match="not the one it attested"):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


@pytest.mark.parametrize("size", [15, 1024])
def test_identifier_of_a_suspect_size_is_refused(size):
    with pytest.raises(PasskeyError, match="not the one it attested"):
        enrol(SoftPasskey(RP_ID, ORIGIN, id=b"i" * size))


def test_approval_replayed_as_an_enrolment_is_refused(passkey, credential):
    response = passkey.sign(asked())
    response["response"]["attestationObject"] = encode(passkey.attestation(b"x" * 37, b""))
    with pytest.raises(PasskeyError, match="another kind of question"):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


def test_unsigned_transports_keep_only_known_words(passkey):
    response = passkey.register(creation())
    response["response"]["transports"] = ["usb", "<script>", {"a": 1}, "internal"]
    enrolled = verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])
    assert enrolled.transports == ("internal", "usb")


@dataclass
class WithCose(SoftPasskey):
    """An authenticator that attests whatever public key it is given."""

    cose: bytes = b""

    def cose_key(self):
        return self.cose


def ec2(key, algorithm=-7, curve=1):
    numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
    return cbor2.dumps(
        {1: 2, 3: algorithm, -1: curve, -2: numbers.x.to_bytes(size), -3: numbers.y.to_bytes(size)}
    )


def rs256(key):
    numbers = key.public_key().public_numbers()
    return cbor2.dumps({1: 3, 3: -257, -1: numbers.n.to_bytes(key.key_size // 8), -2: b"\x01\x00\x01"})


WRONG_KEYS = {
    "another_curve": lambda: ec2(ec.generate_private_key(ec.SECP384R1()), curve=2),
    "another_algorithm": lambda: ec2(ec.generate_private_key(ec.SECP256R1()), algorithm=-36),
    "point_off_the_curve": lambda: cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"\x01" * 32, -3: b"\x02" * 32}),
    "short_rsa": lambda: rs256(rsa.generate_private_key(65537, 1024)),
    "eddsa_algorithm_on_p256": lambda: ec2(ec.generate_private_key(ec.SECP256R1()), algorithm=-8),
    "no_key_at_all": lambda: b"\x04",
    "text": lambda: cbor2.dumps("key"),
}


@pytest.mark.parametrize("make", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_enrolment_of_a_weak_or_unusable_key_is_refused(make):
    with pytest.raises(PasskeyError, match=r"not of a kind|does not verify"):
        enrol(WithCose(RP_ID, ORIGIN, cose=make()))


@dataclass
class Ed25519Passkey(SoftPasskey):
    ed25519: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def cose_key(self):
        return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: self.ed25519.public_key().public_bytes_raw()})

    def signature(self, signed):
        return self.ed25519.sign(signed)


@dataclass
class RsaPasskey(SoftPasskey):
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def cose_key(self):
        return rs256(self.private)

    def signature(self, signed):
        return self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("kind", [Ed25519Passkey, RsaPasskey])
def test_other_accepted_algorithms_work(kind):
    passkey = kind(RP_ID, ORIGIN)
    credential = enrol(passkey)
    assert check(passkey.sign(asked(credential)), credential).sign_count == 1


@dataclass
class SelfAttesting(SoftPasskey):
    forged: bool = False

    def attestation(self, data, client_data):
        signed = data + hashlib.sha256(b"other" if self.forged else client_data).digest()
        statement = {"alg": -7, "sig": self.signature(signed)}
        return cbor2.dumps({"fmt": "packed", "attStmt": statement, "authData": data})


def test_self_attestation_is_accepted_and_proves_no_device():
    passkey = SelfAttesting(RP_ID, ORIGIN)
    assert enrol(passkey) == replace(enrol(passkey), person="", name="")


def test_forged_self_attestation_is_refused():
    with pytest.raises(PasskeyError, match="does not verify"):
        enrol(SelfAttesting(RP_ID, ORIGIN, forged=True))


@pytest.mark.parametrize(
    "attestation",
    [
        b"",
        b"\x00",
        cbor2.dumps({}),
        cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": "text"}),
        cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": b"short"}),
    ],
)
def test_broken_attestation_object_is_refused(passkey, attestation):
    response = passkey.register(creation())
    response["response"]["attestationObject"] = encode(attestation)
    with pytest.raises(PasskeyError):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


def test_unknown_attestation_format_is_refused(passkey):
    response = passkey.register(creation())
    data = passkey.authenticator_data(attested=True)
    response["response"]["attestationObject"] = encode(
        cbor2.dumps({"fmt": "made-up", "attStmt": {}, "authData": data})
    )
    with pytest.raises(PasskeyError, match="does not verify"):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


# Everything that is not an answer


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "a=="},
        {"id": "+/+/"},
        {"id": "AB"},
        {"id": "A"},
        {"id": "é"},
        {"id": "A" * 70_000},
        {"rawId": "AAAA"},
        {"type": "password"},
        {"response": None},
        {"response": {}},
    ],
)
def test_malformed_response_is_refused(passkey, credential, changes):
    response = passkey.sign(asked()) | changes
    with pytest.raises(PasskeyError):
        check(response, credential)
    with pytest.raises(PasskeyError):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


def test_credential_id_is_read_before_anything_is_proved(passkey):
    assert credential_id(passkey.sign(asked())) == passkey.id


junk = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | st.just("AAAA"),
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["clientDataJSON", "authenticatorData", "signature", "attestationObject", "userHandle"]
        ),
        inner,
    ),
)


@given(st.dictionaries(st.sampled_from(["id", "rawId", "type", "response"]), junk | st.just("public-key")))
def test_random_response_never_raises_another_error(response):
    with pytest.raises(PasskeyError):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


SETTLED = SoftPasskey(RP_ID, ORIGIN)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["clientDataJSON", "attestationObject"]), st.integers(min_value=0), st.binary(max_size=6)
)
def test_random_change_of_an_enrolment_never_raises_another_error(name, position, patch):
    response = SETTLED.register(creation())
    raw = decode(response["response"][name])
    at = position % len(raw)
    response["response"][name] = encode(raw[:at] + patch + raw[at + len(patch) :])
    with suppress(PasskeyError):
        verify_registration(response, challenge=CHALLENGE, rp_id=RP_ID, origins=[ORIGIN])


def test_importing_is_quick():
    """The command line's help must not wait for the WebAuthn library."""
    script = "import sys, gateway.passkeys; print('webauthn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
