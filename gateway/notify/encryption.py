"""RFC 8291: a message that one browser alone can read, and that its push service carries unread."""

import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD = 4096
"""Bytes of the one record that a push service takes at least."""

LAST = b"\x02"
CEK_BYTES, NONCE_BYTES, IKM_BYTES = 16, 12, 32


def encrypt(
    message: bytes,
    *,
    p256dh: bytes,
    auth: bytes,
    sender: ec.EllipticCurvePrivateKey,
    salt: bytes,
    length: int,
) -> bytes:
    """The body to post, as long as one of a message of `length` bytes, so that its length says nothing.

    `sender` and `salt` are new for every message.
    """
    if len(message) > length:
        raise ValueError("the message is longer than what it is padded to")
    own = public_point(sender)
    receiver = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    shared = sender.exchange(ec.ECDH(), receiver)
    ikm = _derive(shared, auth, b"WebPush: info\0" + p256dh + own, IKM_BYTES)
    key = _derive(ikm, salt, b"Content-Encoding: aes128gcm\0", CEK_BYTES)
    nonce = _derive(ikm, salt, b"Content-Encoding: nonce\0", NONCE_BYTES)
    padded = message + LAST + bytes(length - len(message))
    head = salt + struct.pack("!IB", RECORD, len(own)) + own
    return head + AESGCM(key).encrypt(nonce, padded, None)


def public_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, as browsers write it: 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
