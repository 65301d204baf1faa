"""The gateway's own keys: one for each purpose, made once, readable by the operator's account alone."""

import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import ConfigError, Place, StoreError
from gateway.values import dataclass

NONCE_BYTES = 12
KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """`cosigner` signs UCANs, `digest` keys the hashes that join requests, `storage` seals what is held."""

    cosigner: Ed25519PrivateKey
    digest: bytes
    storage: bytes

    def seal(self, envelope: str, data: bytes) -> bytes:
        """Encrypted so that only this gateway opens it, and only as a part of this envelope."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.storage).encrypt(nonce, data, envelope.encode())

    def unseal(self, envelope: str, sealed: bytes) -> bytes:
        try:
            return AESGCM(self.storage).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], envelope.encode())
        except (InvalidTag, ValueError) as error:
            raise StoreError(
                f"What is stored of {envelope} was altered, or sealed with another key."
            ) from error


def load_keys(folder: Path) -> Keys:
    """The keys in this folder; those that are missing are made."""
    private_folder(folder)
    seed = _secret(folder / "cosigner.key")
    return Keys(
        cosigner=Ed25519PrivateKey.from_private_bytes(seed),
        digest=_secret(folder / "digest.key"),
        storage=_secret(folder / "storage.key"),
    )


def load_push_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """What signs messages to push services. Browsers are bound to it: another one reaches none of them."""
    path = folder / "push.key"
    fresh = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(KEY_BYTES)
    data = _private(path, fresh)
    try:
        return ec.derive_private_key(int.from_bytes(_whole(path, data)), ec.SECP256R1())
    except ValueError as error:
        raise ConfigError("this key is damaged: it is no number of its curve.", Place(str(path))) from error


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def private_folder(folder: Path) -> None:
    """The folder exists and nobody else may look into it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(path: Path, data: bytes) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_token(path: Path) -> str:
    """A secret that other programs of the operator's read from its file; made where there was none."""
    return (
        _private(path, (secrets.token_urlsafe(KEY_BYTES) + "\n").encode()).decode("ascii", "replace").strip()
    )


def _private(path: Path, fresh: bytes) -> bytes:
    if not path.exists():
        write_private(path, fresh)
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            "this key can be read by other accounts.", Place(str(path)), f"Make it private: chmod 600 {path}"
        )
    return path.read_bytes()


def _secret(path: Path) -> bytes:
    return _whole(path, _private(path, secrets.token_bytes(KEY_BYTES)))


def _whole(path: Path, data: bytes) -> bytes:
    if len(data) != KEY_BYTES:
        raise ConfigError(f"this key is damaged: it should have {KEY_BYTES} bytes.", Place(str(path)))
    return data
