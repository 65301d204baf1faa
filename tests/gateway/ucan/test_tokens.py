import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.ucan import Delegation, Invocation, UcanError, did_key, invoke, mint, read
from gateway.ucan.dag import cid, encode, link
from gateway.ucan.tokens import DELEGATION, INVOCATION, VARSIG

SPEC = Path(__file__).parents[2] / "vectors/ucan/spec/delegation.json"
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
DID = did_key(KEY.public_key())
DELEGATED: dict[str, object] = {
    "iss": DID,
    "aud": DID,
    "sub": DID,
    "cmd": "/a/b",
    "pol": [],
    "nonce": b"n",
    "exp": 100,
}
INVOKED: dict[str, object] = {
    "iss": DID,
    "sub": DID,
    "cmd": "/a/b",
    "args": {},
    "prf": [link(cid(b"proof"))],
    "nonce": b"n",
    "exp": None,
}


def signed(payload, tag=DELEGATION, header=VARSIG, key=KEY):
    second = {"h": header, tag: payload}
    return encode([key.sign(encode(second)), second])


def cosigner(**changes):
    fields: dict[str, Any] = {
        "audience": DID,
        "subject": DID,
        "command": "/cosign/github/repo/put_file",
        "policy": [["==", ".envelope", "env_1"], ["==", ".request", "d1"]],
        "nonce": b"0123456789ab",
        "expires": 400,
        "meta": {"credential_id": "c"},
    }
    return mint(KEY, **(fields | changes))


def test_the_specifications_delegation_is_read():
    case = json.loads(SPEC.read_text())["valid"][0]
    delegation = read(base64.b64decode(case["token"]))
    payload = case["envelope"]["payload"]
    assert isinstance(delegation, Delegation)
    assert delegation.token.cid == case["cid"]
    assert (delegation.issuer, delegation.audience) == (payload["iss"], payload["aud"])
    assert (delegation.command, delegation.expires) == (payload["cmd"], payload["exp"])


def test_minted_delegation_is_read_back_whole():
    token = cosigner(not_before=100)
    delegation = read(token.bytes)
    assert isinstance(delegation, Delegation)
    assert delegation.token == token
    assert delegation.issuer == delegation.audience == delegation.subject == DID
    assert delegation.policy == [["==", ".envelope", "env_1"], ["==", ".request", "d1"]]
    assert (delegation.not_before, delegation.expires) == (100, 400)
    assert delegation.nonce == b"0123456789ab"
    assert delegation.meta == {"credential_id": "c"}


def test_invocation_is_read_back_whole():
    token = cosigner()
    invocation = read(
        invoke(
            KEY,
            delegation=token,
            subject=DID,
            command="/cosign/x",
            arguments={"envelope": "env_1"},
            nonce=b"n",
            issued=101,
            expires=None,
        ).bytes
    )
    assert isinstance(invocation, Invocation)
    assert invocation.proofs == (token.cid,)
    assert invocation.arguments == {"envelope": "env_1"}
    assert (invocation.issued, invocation.expires, invocation.audience) == (101, None, None)


def test_token_of_the_release_candidate_is_read():
    assert isinstance(read(signed(DELEGATED, "ucan/dlg@1.0.0-rc.1")), Delegation)
    assert isinstance(read(signed(INVOKED, "ucan/inv@1.0.0-rc.1")), Invocation)


def test_minting_writes_the_final_versions_tag():
    assert DELEGATION.encode() in cosigner().bytes


def test_forged_signature_is_refused():
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    with pytest.raises(UcanError, match="not its issuer's"):
        read(signed(DELEGATED, key=other))


@given(st.integers(min_value=0), st.integers(1, 255))
def test_altered_token_is_refused(position, flip):
    raw = bytearray(cosigner().bytes)
    raw[position % len(raw)] ^= flip
    with pytest.raises(UcanError):
        read(bytes(raw))


@given(st.binary(max_size=300))
def test_random_bytes_never_raise_another_error(raw):
    with pytest.raises(UcanError):
        read(raw)


@given(
    st.dictionaries(
        st.sampled_from(
            ["iss", "aud", "sub", "cmd", "args", "pol", "prf", "nonce", "exp", "nbf", "iat", "meta"]
        ),
        st.none() | st.integers(-(2**60), 2**60) | st.text(max_size=5) | st.binary(max_size=5) | st.just([]),
    ),
    st.sampled_from([DELEGATION, INVOCATION]),
)
def test_random_payloads_never_raise_another_error(changes, tag):
    base = DELEGATED if tag == DELEGATION else INVOKED
    try:
        token = read(signed(base | changes, tag))
    except UcanError:
        return
    assert token.issuer == DID


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(encode({}), id="a map"),
        pytest.param(encode([b"x" * 64]), id="a signature alone"),
        pytest.param(encode([b"x" * 63, {"h": VARSIG, DELEGATION: DELEGATED}]), id="a short signature"),
        pytest.param(encode([b"x" * 64, "signed"]), id="text was signed"),
        pytest.param(signed(DELEGATED, header=bytes.fromhex("34ed0171")), id="an older signature header"),
        pytest.param(signed(DELEGATED, header="x"), id="a header of text"),
        pytest.param(signed(DELEGATED, "ucan/dlg@1.1.0"), id="a later version"),
        pytest.param(signed(DELEGATED, "ucan/dlg@1.0.0-rc.2"), id="another release candidate"),
        pytest.param(signed(DELEGATED, "ucan/rvk@1.0.0"), id="another kind"),
        pytest.param(signed("payload"), id="a payload of text"),
    ],
)
def test_envelope_of_another_kind_is_refused(raw):
    with pytest.raises(UcanError):
        read(raw)


def test_envelope_with_two_payloads_is_refused():
    second = {"h": VARSIG, DELEGATION: DELEGATED, INVOCATION: INVOKED}
    with pytest.raises(UcanError, match="neither"):
        read(encode([KEY.sign(encode(second)), second]))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "mika"},
        {"aud": None},
        {"sub": "did:key:a b"},
        {"cmd": "a/b"},
        {"cmd": ""},
        {"cmd": "/a/"},
        {"cmd": "//a"},
        {"cmd": "/A"},
        {"cmd": 5},
        {"pol": {}},
        {"pol": [["surely", ".a", 1]]},
        {"nonce": "text"},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 2**53},
        {"exp": 1.5},
        {"nbf": None},
        {"meta": []},
        {"surprise": 1},
        {"iss": 7},
        {"iss": "did:web:example.com"},
    ],
)
def test_delegation_with_a_wrong_field_is_refused(changes):
    with pytest.raises(UcanError):
        read(signed(DELEGATED | changes))


@pytest.mark.parametrize("missing", sorted(DELEGATED))
def test_delegation_that_lacks_a_field_is_refused(missing):
    with pytest.raises(UcanError):
        read(signed({name: value for name, value in DELEGATED.items() if name != missing}))


@pytest.mark.parametrize(
    "changes",
    [{"prf": "x"}, {"prf": ["bafy"]}, {"args": []}, {"sub": None}, {"iat": "now"}, {"aud": 5}, {"pol": []}],
)
def test_invocation_with_a_wrong_field_is_refused(changes):
    with pytest.raises(UcanError):
        read(signed(INVOKED | changes, INVOCATION))


def test_optional_fields_are_read():
    invocation = read(signed(INVOKED | {"aud": DID, "iat": 7, "meta": {"a": 1}}, INVOCATION))
    assert isinstance(invocation, Invocation)
    assert (invocation.audience, invocation.issued, invocation.meta) == (DID, 7, {"a": 1})


def test_delegation_without_a_subject_is_read_as_that():
    delegation = read(signed(DELEGATED | {"sub": None, "cmd": "/"}))
    assert isinstance(delegation, Delegation)
    assert delegation.subject is None


@pytest.mark.parametrize(
    "changes", [{"command": "Cosign"}, {"policy": [["?"]]}, {"meta": {"a": float("nan")}}]
)
def test_what_could_not_be_read_is_not_minted(changes):
    with pytest.raises(UcanError):
        cosigner(**changes)
