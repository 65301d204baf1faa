import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ucan import UcanError, did_key, public_key

KNOWN = "did:key:z6MkmT9j6fVZqzXV8u2wVVSu49gYSRYGSQnduWXF6foAJrqz"


@given(st.binary(min_size=32, max_size=32))
def test_key_comes_back_as_it_went(raw):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(raw)
    assert public_key(did_key(key)) == key


def test_known_key_is_read():
    assert did_key(public_key(KNOWN)) == KNOWN


@pytest.mark.parametrize(
    "did",
    [
        pytest.param("", id="nothing"),
        pytest.param("did:key:", id="no key"),
        pytest.param(KNOWN.removeprefix("did:key:"), id="no method"),
        pytest.param(KNOWN + "#" + KNOWN[8:], id="a fragment"),
        pytest.param(KNOWN[:8] + "u7QFqPl2Jf1Lsf2q0ZxZuFfTqXB1VvRkF5wK4uT3c4yNVQA", id="another base"),
        pytest.param("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", id="a P-256 key"),
        pytest.param("did:web:example.com", id="another method"),
    ],
)
def test_issuer_that_is_no_ed25519_key_is_refused(did):
    with pytest.raises(UcanError):
        public_key(did)


@given(st.text())
def test_random_text_never_raises_another_error(text):
    try:
        key = public_key("did:key:" + text)
    except UcanError:
        return
    assert did_key(key) == "did:key:" + text
