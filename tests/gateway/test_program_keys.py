import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.program_keys import ProgramKeyError, read_key, verify, write_key

EDWARDS = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
NIST = ec.derive_private_key(7, ec.SECP256R1())


def test_a_key_of_either_kind_is_read_back_as_it_was_written() -> None:
    assert write_key(EDWARDS.public_key()).startswith("did:key:z6Mk")
    assert write_key(NIST.public_key()).startswith("did:key:zDn")
    for key in (EDWARDS, NIST):
        assert write_key(read_key(write_key(key.public_key()))) == write_key(key.public_key())


def test_what_a_key_signed_verifies_and_nothing_else_does() -> None:
    signatures = {
        write_key(EDWARDS.public_key()): EDWARDS.sign(b"this"),
        write_key(NIST.public_key()): NIST.sign(b"this", ec.ECDSA(hashes.SHA256())),
    }
    for did, signature in signatures.items():
        verify(did, signature, b"this")
        for wrong, signed in ((signature, b"that"), (b"", b"this"), (signature + b"x", b"this")):
            with pytest.raises(ProgramKeyError, match="not this program's"):
                verify(did, wrong, signed)
    one, other = signatures
    with pytest.raises(ProgramKeyError):
        verify(one, signatures[other], b"this")


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:",
        "did:web:example.com",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
        "did:key:z6Mk",
        write_key(EDWARDS.public_key()) + " ",
        write_key(EDWARDS.public_key()).replace("did:key:", ""),
    ],
)
def test_what_is_no_key_of_a_known_kind_in_its_one_spelling_is_refused(did: str) -> None:
    with pytest.raises(ProgramKeyError):
        read_key(did)


def test_a_point_that_is_not_on_the_curve_is_no_key() -> None:
    from multiformats import multibase

    raw = bytes.fromhex("8024") + b"\x02" + b"\xff" * 32
    with pytest.raises(ProgramKeyError):
        read_key("did:key:" + multibase.encode(raw, "base58btc"))


@given(st.text())
def test_no_text_is_anything_but_a_key_or_refused(text: str) -> None:
    with pytest.raises(ProgramKeyError):
        read_key("did:key:z" + text)
