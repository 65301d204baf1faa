"""Verifies one webhook: SECRET ID TIMESTAMP SIGNATURE NOW, with the raw body on standard input.

In a server, take `webhook-id`, `webhook-timestamp` and `webhook-signature` from the headers, the body as the
bytes that came, and the clock's time; and remember ids for ten minutes, so that none counts twice.
"""

import base64
import hashlib
import hmac
import sys

TOLERANCE = 300


def is_genuine(secret: str, identifier: str, timestamp: str, signatures: str, body: bytes, now: int) -> bool:
    if not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identifier}.{timestamp}.".encode() + body
    wanted = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    return any(hmac.compare_digest(wanted, given.encode()) for given in signatures.split(" "))


if __name__ == "__main__":
    secret, identifier, timestamp, signatures, now = sys.argv[1:]
    genuine = is_genuine(secret, identifier, timestamp, signatures, sys.stdin.buffer.read(), int(now))
    sys.exit(0 if genuine else 1)
