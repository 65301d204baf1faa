"""Ed25519 public keys written as did:key, and read back."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.ucan.dag import UcanError

PREFIX = "did:key:"
ED25519 = bytes.fromhex("ed01")


def did_key(public: Ed25519PublicKey) -> str:
    from multiformats import multibase

    return PREFIX + multibase.encode(ED25519 + public.public_bytes_raw(), "base58btc")


def public_key(did: str) -> Ed25519PublicKey:
    """The key that a did:key names; UcanError unless it is Ed25519 and written the one canonical way."""
    from multiformats import multibase

    try:
        raw = multibase.decode(did.removeprefix(PREFIX))
        key = Ed25519PublicKey.from_public_bytes(raw.removeprefix(ED25519))
    except Exception as error:  # the base decoders raise errors of several libraries
        raise UcanError("The issuer is not a did:key that can be read.") from error
    if did_key(key) != did:
        raise UcanError("The issuer is not an Ed25519 did:key in its one spelling.")
    return key
