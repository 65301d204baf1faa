"""Public keys of programs as did:key, Ed25519 or P-256, and what they have signed."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import SecondsigError

PREFIX = "did:key:"
ED25519, P256 = bytes.fromhex("ed01"), bytes.fromhex("8024")

type PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey


class ProgramKeyError(SecondsigError):
    """A key or a signature of a program is not what it should be."""


def write_key(key: PublicKey) -> str:
    """The one spelling of a key."""
    from multiformats import multibase

    if isinstance(key, Ed25519PublicKey):
        raw = ED25519 + key.public_bytes_raw()
    else:
        raw = P256 + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return PREFIX + multibase.encode(raw, "base58btc")


def read_key(did: str) -> PublicKey:
    """The key that a did:key names; ProgramKeyError unless it is of a known kind in its one spelling."""
    from multiformats import multibase

    try:
        raw = multibase.decode(did.removeprefix(PREFIX))
        key = _of(raw)
    except Exception as error:  # the base decoders raise errors of several libraries
        raise ProgramKeyError("This is not a did:key of an Ed25519 or P-256 key.") from error
    if write_key(key) != did:
        raise ProgramKeyError("This did:key is not written in its one spelling.")
    return key


def _of(raw: bytes) -> PublicKey:
    if raw.startswith(ED25519):
        return Ed25519PublicKey.from_public_bytes(raw.removeprefix(ED25519))
    if raw.startswith(P256):
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw.removeprefix(P256))
    raise ValueError("a key of another kind")


def verify(did: str, signature: bytes, signed: bytes) -> None:
    """ProgramKeyError unless this key signed exactly this: Ed25519 plain, P-256 with SHA-256 in DER."""
    key = read_key(did)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise ProgramKeyError("The signature is not this program's over exactly this.") from error
