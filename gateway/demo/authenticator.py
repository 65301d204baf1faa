"""A passkey in software: real ES256 signatures, for the demonstration and the tests.

It answers as a browser's `.toJSON()` would. Its knobs make it lie as an attacker's browser or device could;
what it then says is still truly signed, so that only the check under test can refuse it.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import SecondsigError

AAGUID = bytes(16)


class NoSuchPasskey(SecondsigError):
    """A browser would find no passkey to use: it was not asked for, or is enrolled already."""


@dataclass
class SoftPasskey:
    """One passkey on one device, for one site. `challenge` stands in for the one that was asked."""

    rp_id: str
    origin: str
    user_verifies: bool = True
    user_present: bool = True
    backup_eligible: bool = False
    backed_up: bool = False
    cross_origin: bool | None = False
    top_origin: str | None = None
    sign_count: int = 0
    challenge: bytes | None = None
    change_client_data: Callable[[bytes], bytes] | None = None
    user_handle: bytes | None = None
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def register(self, options: Mapping[str, object]) -> dict[str, Any]:
        """The answer to creation options."""
        if encode(self.id) in _ids(options, "excludeCredentials"):
            raise NoSuchPasskey("This passkey is enrolled already.")
        self.user_handle = decode(str(cast("Mapping[str, object]", options["user"])["id"]))
        client_data = self._client_data("webauthn.create", options)
        data = self.authenticator_data(attested=True)
        return self._answer(
            {
                "clientDataJSON": encode(client_data),
                "attestationObject": encode(self.attestation(data, client_data)),
                "authenticatorData": encode(data),
                "publicKey": encode(self._subject_public_key_info()),
                "publicKeyAlgorithm": -7,
                "transports": ["internal"],
            }
        )

    def sign(self, options: Mapping[str, object]) -> dict[str, Any]:
        """The answer to request options; the count goes up by one."""
        allowed = _ids(options, "allowCredentials")
        if allowed and encode(self.id) not in allowed:
            raise NoSuchPasskey("This passkey is not among those asked for.")
        self.sign_count += 1
        client_data = self._client_data("webauthn.get", options)
        data = self.authenticator_data(attested=False)
        signature = self.signature(data + hashlib.sha256(client_data).digest())
        return self._answer(
            {
                "clientDataJSON": encode(client_data),
                "authenticatorData": encode(data),
                "signature": encode(signature),
                "userHandle": None if self.user_handle is None else encode(self.user_handle),
            }
        )

    def signature(self, signed: bytes) -> bytes:
        return self.key.sign(signed, ec.ECDSA(hashes.SHA256()))

    def cose_key(self) -> bytes:
        """The public key as COSE writes it: EC2, ES256, P-256."""
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32) for number in (numbers.x, numbers.y))
        return b"\xa5\x01\x02\x03\x26\x20\x01" + b"\x21\x58\x20" + x + b"\x22\x58\x20" + y

    def attestation(self, data: bytes, client_data: bytes) -> bytes:  # a self-attesting kind signs both
        """An attestation object without attestation, as browsers make it when none was asked for."""
        import dag_cbor

        return dag_cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})

    def authenticator_data(self, *, attested: bool) -> bytes:
        flags = self.user_present | self.user_verifies << 2 | self.backup_eligible << 3 | self.backed_up << 4
        head = hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags | attested << 6])
        count = self.sign_count.to_bytes(4)
        if not attested:
            return head + count
        return head + count + AAGUID + len(self.id).to_bytes(2) + self.id + self.cose_key()

    def _client_data(self, kind: str, options: Mapping[str, object]) -> bytes:
        asked = str(options["challenge"])
        data: dict[str, object] = {
            "type": kind,
            "challenge": asked if self.challenge is None else encode(self.challenge),
            "origin": self.origin,
        }
        if self.cross_origin is not None:
            data["crossOrigin"] = self.cross_origin
        if self.top_origin is not None:
            data["topOrigin"] = self.top_origin
        raw = json.dumps(data, separators=(",", ":")).encode()
        return raw if self.change_client_data is None else self.change_client_data(raw)

    def _answer(self, response: dict[str, object]) -> dict[str, object]:
        return {
            "id": encode(self.id),
            "rawId": encode(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

    def _subject_public_key_info(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def encode(raw: bytes) -> str:
    """Base64url without padding, as WebAuthn's JSON has it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _ids(options: Mapping[str, object], name: str) -> list[object]:
    listed = cast("list[Mapping[str, object]]", options.get(name) or [])
    return [one["id"] for one in listed]
