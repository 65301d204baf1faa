"""WebAuthn ceremonies checked strictly: a passkey is enrolled, and signs.

The signature's arithmetic is the webauthn library's; everything that the library leaves open is closed here.
Challenges are arguments: making them single-use, and storing the returned credential with its new count
before acting on it, is the caller's part. Attestation is never taken as evidence of which device it was.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from gateway.errors import SecondsigError
from gateway.values import dataclass

if TYPE_CHECKING:
    from webauthn.registration.verify_registration_response import VerifiedRegistration

ALGORITHMS = (-7, -8, -257)
TRANSPORTS = ("ble", "hybrid", "internal", "nfc", "smart-card", "usb")
TIMEOUT_MS = 120_000
MAX_FIELD = 65_536
MIN_CREDENTIAL_ID, MAX_CREDENTIAL_ID = 16, 1023
MIN_RSA_BITS = 2048
P256 = "secp256r1"
_AUTHENTICATOR_DATA_HEAD = 37
_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


class PasskeyError(SecondsigError):
    """A passkey's answer is refused; the message is one sentence for the person who gave it."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A passkey on record. `device_type` is "single_device" or "multi_device" (one that may be synced).

    `waits_for` names who has to confirm its fingerprint; until then it counts for nothing.
    """

    id: bytes
    person: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    device_type: str
    backed_up: bool
    name: str
    waits_for: str | None = None

    @property
    def fingerprint(self) -> str:
        """What two people read to each other to know that they speak of the same key."""
        whole = hashlib.sha256(self.id + self.public_key).hexdigest()
        return " ".join(whole[at : at + 4] for at in range(0, 16, 4))


def registration_options(
    *, rp_id: str, rp_name: str, user_id: bytes, user_name: str, challenge: bytes, exclude: Sequence[bytes]
) -> dict[str, object]:
    """What a page hands to PublicKeyCredential.parseCreationOptionsFromJSON."""
    return {
        "rp": {"id": rp_id, "name": rp_name},
        "user": {"id": _text(user_id), "name": user_name, "displayName": user_name},
        "challenge": _text(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT_MS,
        "excludeCredentials": [{"type": "public-key", "id": _text(identifier)} for identifier in exclude],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def assertion_options(*, rp_id: str, challenge: bytes, allow: Sequence[Credential]) -> dict[str, object]:
    """What a page hands to PublicKeyCredential.parseRequestOptionsFromJSON."""
    return {
        "rpId": rp_id,
        "challenge": _text(challenge),
        "timeout": TIMEOUT_MS,
        "userVerification": "required",
        "allowCredentials": [
            {"type": "public-key", "id": _text(one.id), "transports": list(one.transports)} for one in allow
        ],
    }


def credential_id(response: Mapping[str, object]) -> bytes:
    """The credential that a response says it is from: to look it up, before anything is proved."""
    identifier = _binary(response, "id")
    if response.get("rawId") != response["id"] or response.get("type") != "public-key":
        raise PasskeyError("The passkey's answer is malformed; reload the page and try again.")
    return identifier


def verify_registration(
    response: Mapping[str, object], *, challenge: bytes, rp_id: str, origins: Sequence[str]
) -> Credential:
    """The enrolled passkey, `person` and `name` left empty; PasskeyError unless every step holds.

    1. The response has its fields, each binary value in its one spelling.
    2. The browser made it for this challenge, on an exact origin of ours, not inside another site's frame.
    3. The authenticator made it for our RP ID, with the person present and verified.
    4. The library accepts the attestation's form and signature.
    5. The credential's id is the one that was attested, and its key is of a kind we asked for.
    """
    identifier = credential_id(response)
    inner = _inner(response, "clientDataJSON", "attestationObject")
    _check_client_data(inner["clientDataJSON"], "webauthn.create", challenge, origins)
    data = _library(lambda: _attested_data(inner["attestationObject"]))
    _check_authenticator_data(data, rp_id, attested=True)
    verified = _library(lambda: _registered(response, inner, challenge, rp_id, origins))
    _library(lambda: _check_key(verified.credential_public_key))
    if verified.credential_id != identifier or not MIN_CREDENTIAL_ID <= len(identifier) <= MAX_CREDENTIAL_ID:
        raise PasskeyError("The passkey's identifier is not the one it attested; enrol again.")
    return Credential(
        id=identifier,
        person="",
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=_transports(response),
        device_type=_device_type(data),
        backed_up=bool(data[32] & _BACKED_UP),
        name="",
    )


def verify_assertion(
    response: Mapping[str, object],
    *,
    challenge: bytes,
    rp_id: str,
    origins: Sequence[str],
    credential: Credential,
    user_handle: bytes | None = None,
) -> Credential:
    """The credential with its new signature count; PasskeyError unless every step holds.

    1. The response is from this very credential and, where `user_handle` is known and the response carries
       one, for that user.
    2. The browser made it for this challenge, on an exact origin of ours, not inside another site's frame.
    3. The authenticator made it for our RP ID, with the person present and verified.
    4. The credential is still of the kind that was enrolled: synced or bound to one device.
    5. The signature is the credential's, and its count has not gone back.
    """
    if not hmac.compare_digest(credential_id(response), credential.id):
        raise PasskeyError("Another passkey answered than the one that was asked; use that one.")
    inner = _inner(response, "clientDataJSON", "authenticatorData", "signature")
    _check_user_handle(response, user_handle)
    _check_client_data(inner["clientDataJSON"], "webauthn.get", challenge, origins)
    _check_authenticator_data(inner["authenticatorData"], rp_id, attested=False)
    if _device_type(inner["authenticatorData"]) != credential.device_type:
        raise PasskeyError("The passkey is of another kind than when it was enrolled; enrol it again.")
    count = _library(lambda: _asserted(response, inner, challenge, rp_id, origins, credential.public_key))
    if (count or credential.sign_count) and count <= credential.sign_count:
        raise PasskeyError("The passkey's count went back, as a copy's would; revoke it and enrol another.")
    backed_up = bool(inner["authenticatorData"][32] & _BACKED_UP)
    return replace(credential, sign_count=count, backed_up=backed_up)


def _check_client_data(raw: bytes, kind: str, challenge: bytes, origins: Sequence[str]) -> None:
    data = _client_data(raw)
    if data.get("type") != kind:
        raise PasskeyError("The passkey answered another kind of question; reload the page and try again.")
    if not hmac.compare_digest(_unbase64(data.get("challenge")), challenge):
        raise PasskeyError(
            "The passkey signed another challenge than this one; reload the page and try again."
        )
    if data.get("origin") not in list(origins):
        raise PasskeyError("The passkey was used on another address; open the gateway's own and try again.")
    if data.get("crossOrigin", False) is not False or "topOrigin" in data:
        raise PasskeyError("The passkey was used inside another site's frame; open the gateway's own page.")


def _client_data(raw: bytes) -> dict[str, object]:
    try:
        data = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_malformed)
    except (ValueError, RecursionError):
        _malformed()
    if not isinstance(data, dict):
        _malformed()
    return data


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise PasskeyError(
            "The browser's data has the same name twice; it can be read in two ways and is refused."
        )
    return dict(pairs)


def _check_authenticator_data(data: bytes, rp_id: str, *, attested: bool) -> None:
    if len(data) < _AUTHENTICATOR_DATA_HEAD:
        _malformed()
    flags = data[32]
    if not hmac.compare_digest(data[:32], hashlib.sha256(rp_id.encode()).digest()):
        raise PasskeyError("The passkey belongs to another site; choose the one for this gateway.")
    if not flags & _USER_PRESENT or not flags & _USER_VERIFIED:
        raise PasskeyError(
            "The passkey did not verify you; unlock it with its PIN, finger or face and try again."
        )
    if flags & _BACKED_UP and not flags & _BACKUP_ELIGIBLE:
        raise PasskeyError("The passkey says it is synced and that it cannot be; use another one.")
    if bool(flags & _ATTESTED) is not attested:
        _malformed()


def _device_type(authenticator_data: bytes) -> str:
    return "multi_device" if authenticator_data[32] & _BACKUP_ELIGIBLE else "single_device"


def _check_user_handle(response: Mapping[str, object], expected: bytes | None) -> None:
    inner = cast("Mapping[str, object]", response["response"])
    if inner.get("userHandle") is None:
        return
    given = _binary(inner, "userHandle")
    if expected is not None and not hmac.compare_digest(given, expected):
        raise PasskeyError("The passkey is another person's; choose your own.")


def _attested_data(attestation: bytes) -> bytes:
    from webauthn.helpers import parse_cbor

    data = parse_cbor(attestation)["authData"]
    return data if isinstance(data, bytes) else _malformed()


def _registered(
    response: Mapping[str, object],
    inner: Mapping[str, bytes],
    challenge: bytes,
    rp_id: str,
    origins: Sequence[str],
) -> "VerifiedRegistration":
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    return verify_registration_response(
        credential=_for_library(response, inner),
        expected_challenge=challenge,
        expected_rp_id=rp_id,
        expected_origin=list(origins),
        require_user_verification=True,
        supported_pub_key_algs=[COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS],
    )


def _check_key(cose: bytes) -> None:
    """Load the key, which the library leaves undone without attestation, and hold it to a known kind."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography

    decoded = decode_credential_public_key(cose)
    match int(decoded.alg), decoded_public_key_to_cryptography(decoded):
        case (-7, EllipticCurvePublicKey() as key) if key.curve.name == P256:
            return
        case (-8, Ed25519PublicKey()):
            return
        case (-257, RSAPublicKey() as key) if key.key_size >= MIN_RSA_BITS:
            return
    raise PasskeyError("The passkey's key is not of a kind that is accepted here; use another passkey.")


def _asserted(
    response: Mapping[str, object],
    inner: Mapping[str, bytes],
    challenge: bytes,
    rp_id: str,
    origins: Sequence[str],
    public_key: bytes,
) -> int:
    from webauthn import verify_authentication_response

    verified = verify_authentication_response(
        credential=_for_library(response, inner),
        expected_challenge=challenge,
        expected_rp_id=rp_id,
        expected_origin=list(origins),
        credential_public_key=public_key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    return verified.new_sign_count


def _library[T](check: Callable[[], T]) -> T:
    try:
        return check()
    except PasskeyError:
        raise
    except Exception as error:  # the library lets errors of json, cbor2 and cryptography through
        raise PasskeyError("The passkey's answer does not verify; reload the page and try again.") from error


def _for_library(response: Mapping[str, object], inner: Mapping[str, bytes]) -> dict[str, Any]:
    """Only what was checked: the library's own reading of base64 skips what it does not know."""
    identifier = response["id"]
    fields = {name: _text(value) for name, value in inner.items()}
    return {"id": identifier, "rawId": identifier, "type": "public-key", "response": fields}


def _inner(response: Mapping[str, object], *names: str) -> dict[str, bytes]:
    inner = response.get("response")
    if not isinstance(inner, Mapping):
        _malformed()
    return {name: _binary(inner, name) for name in names}


def _transports(response: Mapping[str, object]) -> tuple[str, ...]:
    """Where the browser says the passkey can be reached: a hint, unsigned, so only known words are kept."""
    given = cast("Mapping[str, object]", response["response"]).get("transports")
    return tuple(word for word in TRANSPORTS if isinstance(given, list) and word in given)


def _binary(fields: Mapping[str, object], name: str) -> bytes:
    return _unbase64(fields.get(name))


def _unbase64(value: object) -> bytes:
    """Unpadded base64url in its one spelling."""
    if not isinstance(value, str) or len(value) > MAX_FIELD:
        _malformed()
    try:
        raw = base64.b64decode(value + "=" * (-len(value) % 4), altchars="-_", validate=True)
    except (ValueError, binascii.Error):
        _malformed()
    if _text(raw) != value:
        _malformed()
    return raw


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _malformed(_: object = None) -> NoReturn:
    raise PasskeyError("The passkey's answer is malformed; reload the page and try again.")
