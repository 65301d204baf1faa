"""What is minted here verifies with JavaScript implementations that share no code with it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.demo.authenticator import SoftPasskey, encode
from gateway.passkeys import assertion_options, registration_options, verify_registration
from gateway.ucan import did_key, invoke, mint

ORACLES = Path(__file__).parents[2] / "oracles"
NEEDS_NODE = "Install Node.js 20 or later with npm: the independent verifiers run on it."

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def oracle(tmp_path_factory):
    """Ask the JavaScript verifier about something; its packages are installed once a session."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.fail(NEEDS_NODE)
    folder = tmp_path_factory.mktemp("oracles")
    for name in ("package.json", "package-lock.json", "verify.js"):
        shutil.copy(ORACLES / name, folder)
    install = [npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    installed = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if installed.returncode:
        pytest.fail(f"npm could not install the independent verifiers: {installed.stderr[-500:]}")

    def ask(**asked):
        answer = subprocess.run(
            [node, "verify.js"],
            cwd=folder,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return ask


@pytest.fixture
def cosigner(gateway_key, agent_key):
    gateway, agent = (did_key(key.public_key()) for key in (gateway_key, agent_key))
    delegation = mint(
        gateway_key,
        audience=agent,
        subject=gateway,
        command="/cosign/github/repo/put_file",
        policy=[["==", ".envelope", "env_1"], ["==", ".request", "digest"]],
        nonce=b"0123456789ab",
        expires=1_700_000_300,
        meta={"credential_id": "c", "evidence_sha256": "e", "log_origin": "o"},
    )
    invocation = invoke(
        agent_key,
        delegation=delegation,
        subject=gateway,
        command="/cosign/github/repo/put_file",
        arguments={"envelope": "env_1", "request": "digest"},
        nonce=b"ba9876543210",
        issued=1_700_000_000,
        expires=None,
    )
    return delegation, invocation


def test_cosigner_and_its_use_verify_in_javascript(oracle, cosigner):
    found = oracle(tokens=[encode(token.bytes) for token in cosigner])["tokens"]
    delegation, invocation = cosigner
    assert [one["cid"] for one in found] == [delegation.cid, invocation.cid]
    assert [one["tag"] for one in found] == ["ucan/dlg@1.0.0", "ucan/inv@1.0.0"]
    assert all(one["verified"] and one["canonical"] for one in found)
    assert {one["varsig"] for one in found} == {"3401ed01ed011371"}
    assert found[0]["policy"] == [["==", ".envelope", "env_1"], ["==", ".request", "digest"]]
    assert found[0]["expires"] == 1_700_000_300
    assert found[1]["proofs"] == [delegation.cid]


def test_altered_cosigner_does_not_verify_in_javascript(oracle, cosigner):
    altered = cosigner[0].bytes.replace(b"put_file", b"del_file")
    (found,) = oracle(tokens=[encode(altered)])["tokens"]
    assert found["command"] == "/cosign/github/repo/del_file"
    assert not found["verified"]
    assert found["cid"] != cosigner[0].cid


def test_approval_verifies_in_javascript(oracle):
    rp_id, origin, challenge = "localhost", "http://localhost:8443", b"c" * 64
    passkey = SoftPasskey(rp_id, origin)
    registration = passkey.register(
        registration_options(
            rp_id=rp_id, rp_name="S", user_id=b"handle", user_name="mika", challenge=challenge, exclude=[]
        )
    )
    credential = verify_registration(registration, challenge=challenge, rp_id=rp_id, origins=[origin])
    found = oracle(
        passkey={
            "registration": registration,
            "assertion": passkey.sign(
                assertion_options(rp_id=rp_id, challenge=challenge, allow=[credential])
            ),
            "challenge": encode(challenge),
            "rpId": rp_id,
            "origin": origin,
        }
    )["passkey"]
    assert found == {
        "enrolled": True,
        "publicKey": encode(credential.public_key),
        "verified": True,
        "counter": 1,
        "userVerified": True,
    }
