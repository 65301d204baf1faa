import base64
import json
from pathlib import Path

import pytest

from gateway.ucan import (
    Delegation,
    Invocation,
    UcanError,
    check_chain,
    check_invocation,
    covers,
    did_key,
    invoke,
    mint,
    read,
)
from gateway.ucan.dag import encode, link
from gateway.ucan.tokens import INVOCATION, VARSIG

SPEC = json.loads((Path(__file__).parents[2] / "vectors/ucan/spec/invocation.json").read_text())
NOW = 1_000
SAID = {
    "InvalidClaim": "proof",
    "UnavailableProof": "other proofs",
    "Expired": "expired",
    "TooEarly": "not valid yet",
    "InvalidAudience": "another than",
    "InvalidSubject": "subject",
    "InvalidSignature": "signature",
    "MatchError": "arguments",
}


def spec_cases(kind):
    return [pytest.param(case, id=case["name"]) for case in SPEC[kind]]


def check_spec_case(case):
    def token(value):
        text = value["/"]["bytes"]
        return read(base64.b64decode(text + "=" * (-len(text) % 4)))

    check_chain(token(case["invocation"]), [token(proof) for proof in case["proofs"]], case["time"])


@pytest.mark.parametrize("case", spec_cases("valid"))
def test_chain_that_the_specification_accepts(case):
    check_spec_case(case)


@pytest.mark.parametrize("case", spec_cases("invalid"))
def test_chain_that_the_specification_refuses(case):
    with pytest.raises(UcanError, match=SAID[case["error"]["name"]]):
        check_spec_case(case)


@pytest.fixture
def cosigner(gateway_key, agent_key):
    """A delegation and an invocation under it, each with changes."""

    def make(delegated=None, invoked=None, key=agent_key):
        gateway, agent = (did_key(one.public_key()) for one in (gateway_key, agent_key))
        delegation = mint(
            gateway_key,
            **{
                "audience": agent,
                "subject": gateway,
                "command": "/cosign/github/repo",
                "policy": [["==", ".envelope", "env_1"], ["==", ".request", "digest"]],
                "nonce": b"nonce",
                "expires": NOW + 300,
                "meta": {},
            }
            | (delegated or {}),
        )
        invocation = invoke(
            key,
            **{
                "delegation": delegation,
                "subject": gateway,
                "command": "/cosign/github/repo/put_file",
                "arguments": {"envelope": "env_1", "request": "digest"},
                "nonce": b"nonce",
                "issued": NOW,
                "expires": NOW + 10,
            }
            | (invoked or {}),
        )
        return read(invocation.bytes), read(delegation.bytes)

    return make


def test_cosigner_is_accepted_while_it_lives(cosigner):
    invocation, delegation = cosigner()
    check_invocation(invocation, delegation, NOW)
    check_invocation(invocation, delegation, NOW + 9)


def test_expired_cosigner_is_refused_at_its_very_second(cosigner):
    invocation, delegation = cosigner(invoked={"expires": None})
    check_invocation(invocation, delegation, NOW + 299)
    with pytest.raises(UcanError, match="expired"):
        check_invocation(invocation, delegation, NOW + 300)


def test_expired_invocation_is_refused(cosigner):
    invocation, delegation = cosigner()
    with pytest.raises(UcanError, match="expired"):
        check_invocation(invocation, delegation, NOW + 10)


def test_cosigner_that_is_not_yet_valid_is_refused(cosigner):
    invocation, delegation = cosigner(delegated={"not_before": NOW + 5})
    check_invocation(invocation, delegation, NOW + 5)
    with pytest.raises(UcanError, match="not valid yet"):
        check_invocation(invocation, delegation, NOW + 4)


def test_cosigner_for_another_audience_is_refused(cosigner, gateway_key):
    invocation, delegation = cosigner(key=gateway_key)
    with pytest.raises(UcanError, match="another than the invoker"):
        check_invocation(invocation, delegation, NOW)


def test_cosigner_for_another_command_is_refused(cosigner):
    invocation, delegation = cosigner(invoked={"command": "/cosign/github/repository"})
    with pytest.raises(UcanError, match="command"):
        check_invocation(invocation, delegation, NOW)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"envelope": "env_1"},
        {"envelope": "env_2", "request": "digest"},
        {"envelope": "env_1", "request": "other"},
    ],
)
def test_cosigner_for_another_request_is_refused(cosigner, arguments):
    invocation, delegation = cosigner(invoked={"arguments": arguments})
    with pytest.raises(UcanError, match="arguments"):
        check_invocation(invocation, delegation, NOW)


def test_cosigner_swapped_for_another_is_refused(cosigner):
    invocation, _ = cosigner()
    _, other = cosigner(delegated={"nonce": b"another"})
    with pytest.raises(UcanError, match="other proofs"):
        check_invocation(invocation, other, NOW)


def test_agent_that_delegates_to_itself_is_refused(cosigner, agent_key, gateway_key):
    agent, gateway = (did_key(one.public_key()) for one in (agent_key, gateway_key))
    forged = mint(
        agent_key,
        audience=agent,
        subject=gateway,
        command="/",
        policy=[],
        nonce=b"n",
        expires=None,
        meta={},
    )
    invocation, _ = cosigner(invoked={"delegation": forged})
    delegation = read(forged.bytes)
    assert isinstance(delegation, Delegation)
    with pytest.raises(UcanError, match="own delegation"):
        check_invocation(invocation, delegation, NOW)


def test_invocation_addressed_to_somebody_else_is_refused(cosigner, agent_key):
    invocation, delegation = cosigner()
    agent = did_key(agent_key.public_key())
    signed = {
        "h": VARSIG,
        INVOCATION: {
            "iss": agent,
            "sub": invocation.subject,
            "aud": agent,
            "cmd": invocation.command,
            "args": dict(invocation.arguments),
            "prf": [link(delegation.token.cid)],
            "nonce": b"n",
            "exp": None,
        },
    }
    rerouted = read(encode([agent_key.sign(encode(signed)), signed]))
    assert isinstance(rerouted, Invocation)
    with pytest.raises(UcanError, match="somebody else"):
        check_invocation(rerouted, delegation, NOW)


@pytest.mark.parametrize(
    ("delegated", "command", "covered"),
    [
        ("/", "/anything/at/all", True),
        ("/crypto", "/crypto/sign", True),
        ("/crypto", "/crypto", True),
        ("/crypto", "/cryptocurrency", False),
        ("/crypto/sign", "/crypto", False),
        ("/crypto", "/", False),
    ],
)
def test_command_covers_segments_and_never_a_longer_word(delegated, command, covered):
    assert covers(delegated, command) is covered
