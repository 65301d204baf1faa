"""UCAN containers: several tokens in one text, for an HTTP header or a file."""

import base64
import binascii
import zlib

from gateway.ucan.dag import MAX_BYTES, UcanError, decode, encode

KEY = "ctn-v1"
MAX_CONTAINER = 16 * MAX_BYTES
_RAW, _BASE64, _BASE64URL = b"@M", b"BO", b"CP"
_GZIPPED = b"MOP"


def to_container(tokens: list[bytes]) -> str:
    """The tokens in base64url, uncompressed, ordered bytewise and without repeats as specified."""
    return "C" + base64.urlsafe_b64encode(encode({KEY: sorted(set(tokens))})).decode().rstrip("=")


def from_container(container: str | bytes) -> list[bytes]:
    """The tokens of a container in any of the specification's six forms; UcanError if it is in none of them.

    The tokens are as they came: each is still to be read.
    """
    data = container.encode(errors="surrogatepass") if isinstance(container, str) else container
    if len(data) > 2 * MAX_CONTAINER:
        raise UcanError("The container is too long.")
    form, content = data[:1], data[1:]
    if not form or form not in _RAW + _BASE64 + _BASE64URL:
        raise UcanError("The container's first byte names no known form.")
    packed = _unbased(form, content)
    return _tokens(decode(_unzipped(packed) if form in _GZIPPED else packed, MAX_CONTAINER))


def _unbased(form: bytes, content: bytes) -> bytes:
    if form in _RAW:
        return content
    encode_base = base64.b64encode if form in _BASE64 else _unpadded
    padding = b"" if form in _BASE64 else b"=" * (-len(content) % 4)
    try:
        raw = base64.b64decode(content + padding, altchars=None if form in _BASE64 else b"-_", validate=True)
    except binascii.Error as error:
        raise UcanError("The container's base64 cannot be read.") from error
    if encode_base(raw) != content:
        raise UcanError("The container's base64 is not in its one spelling.")
    return raw


def _unpadded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unzipped(packed: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        raw = inflater.decompress(packed, MAX_CONTAINER)
    except zlib.error as error:
        raise UcanError("The container's gzip data is broken.") from error
    if not inflater.eof or inflater.unused_data:
        raise UcanError("The container's gzip data is cut off, too long or followed by something else.")
    return raw


def _tokens(value: object) -> list[bytes]:
    match value:
        case {"ctn-v1": list() as tokens, **others} if not others and all(map(_is_bytes, tokens)):
            return tokens
    raise UcanError("The container does not hold tokens.")


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes)
