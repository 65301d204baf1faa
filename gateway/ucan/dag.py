"""DAG-CBOR read strictly, and the content identifiers of what it holds."""

from typing import TYPE_CHECKING, cast

from gateway.errors import SecondsigError

if TYPE_CHECKING:
    from dag_cbor import IPLDKind

MAX_BYTES = 65_536
MAX_DEPTH = 32


class UcanError(SecondsigError):
    """A token, a container or what they should be made of is not what it claims to be."""


def encode(value: object) -> bytes:
    import dag_cbor

    try:
        return dag_cbor.encode(cast("IPLDKind", value))  # the library refuses what is not of its kind
    except Exception as error:
        raise UcanError(
            "A token can hold only text, bytes, 64-bit integers, finite numbers, lists and maps."
        ) from error


def decode(raw: bytes, limit: int = MAX_BYTES) -> object:
    """The one value that `raw` encodes canonically; anything else raises UcanError."""
    import dag_cbor

    if len(raw) > limit:
        raise UcanError(f"This is longer than the {limit} bytes that are read.")
    try:
        value: object = dag_cbor.decode(raw)
    except Exception as error:  # the decoder lets errors of several libraries through
        raise UcanError("This is not DAG-CBOR.") from error
    _refuse_depth(value)
    if encode(value) != raw:
        raise UcanError("This is not canonical DAG-CBOR: the same value has another encoding.")
    return value


def cid(raw: bytes) -> str:
    """CIDv1 of DAG-CBOR bytes: sha2-256, written in base32."""
    from multiformats import CID, multihash

    return str(CID("base32", 1, "dag-cbor", multihash.digest(raw, "sha2-256")))


def link(identifier: str) -> object:
    """The value that stands for a CID inside DAG-CBOR."""
    from multiformats import CID

    try:
        return CID.decode(identifier)
    except Exception as error:  # several libraries decode a CID, each with errors of its own
        raise UcanError("This is not a content identifier.") from error


def link_text(value: object) -> str:
    """The base32 text of a CID found inside DAG-CBOR; another value raises UcanError."""
    from multiformats import CID

    if not isinstance(value, CID) or value.version != 1:
        raise UcanError("A proof is named by its content identifier, version 1.")
    return value.encode("base32")


def _refuse_depth(value: object) -> None:
    """Keep every later walk over a decoded value within the interpreter's stack."""
    layer, depth = [value], 0
    while layer:
        if depth > MAX_DEPTH:
            raise UcanError(f"This is nested deeper than {MAX_DEPTH} levels.")
        layer = [child for item in layer for child in _children(item)]
        depth += 1


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
