import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@pytest.fixture
def gateway_key():
    return Ed25519PrivateKey.from_private_bytes(b"g" * 32)


@pytest.fixture
def agent_key():
    return Ed25519PrivateKey.from_private_bytes(b"a" * 32)
