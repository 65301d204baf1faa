"""The scope that a request to AWS was signed for: which service, in which region."""

import re
from collections.abc import Iterable

from gateway.errors import ambiguous
from gateway.values import dataclass

_ALGORITHMS = {"AWS4-HMAC-SHA256": 5, "AWS4-ECDSA-P256-SHA256": 4}
"""By algorithm, of how many parts the credential is made: the second signs for a set of regions."""
_MARK = re.compile(r"(?:^|[\s,])aws4-", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{8}")
_KEY = re.compile(r"[A-Za-z0-9_+=.@-]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_REGIONS = re.compile(r"[A-Za-z0-9*-]{1,64}(,[A-Za-z0-9*-]{1,64}){0,31}")
_FIELDS = {"Credential", "SignedHeaders", "Signature"}


@dataclass(frozen=True, slots=True)
class Scope:
    """`region` is a comma-separated set where the signature covers more than one."""

    service: str
    region: str


@dataclass(frozen=True, slots=True)
class _Signed:
    algorithm: str
    credential: str


def scope(headers: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]]) -> Scope | None:
    """What the request was signed for, None without an AWS signature; refused if it says two things."""
    headers, query = tuple(headers), tuple(query)
    in_header, in_query = _from_headers(headers), _from_query(query)
    if in_header and in_query and in_header != in_query:
        raise ambiguous(
            "The request is signed twice, for different scopes; sign it in the header or in the URL."
        )
    if in_query and not in_header and _values(headers, "authorization"):
        raise ambiguous("The request has a signed URL and another Authorization header; send one of them.")
    signed = in_header or in_query
    return _scope(signed, _regions(headers, query)) if signed else None


def _values(pairs: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in pairs if key.lower() == name]


def _one(values: list[str], what: str) -> str | None:
    if len(values) > 1:
        raise ambiguous(f"The request carries {what} twice; send it once.")
    return values[0].strip(" \t") if values else None


def _from_headers(headers: tuple[tuple[str, str], ...]) -> _Signed | None:
    values = _values(headers, "authorization")
    if not any(_MARK.search(value) for value in values):
        return None
    value = _one(values, "Authorization") or ""
    algorithm, _, rest = value.partition(" ")
    fields = [part.strip(" \t").partition("=") for part in rest.split(",")]
    names = [name for name, _, _ in fields]
    if len(set(names)) != len(names) or set(names) != _FIELDS:
        raise ambiguous(
            "The AWS signature names something twice or not at all; send each of its three fields once."
        )
    return _Signed(algorithm, next(value for name, _, value in fields if name == "Credential"))


def _from_query(query: tuple[tuple[str, str], ...]) -> _Signed | None:
    for key, _ in query:
        if key.lower() in {"x-amz-credential", "x-amz-algorithm"} and key not in {
            "X-Amz-Credential",
            "X-Amz-Algorithm",
        }:
            raise ambiguous("The URL spells X-Amz-Credential or X-Amz-Algorithm unusually; write it so.")
    credential = _one(_values(query, "x-amz-credential"), "X-Amz-Credential")
    algorithm = _one(_values(query, "x-amz-algorithm"), "X-Amz-Algorithm")
    if credential is None and algorithm is None:
        return None
    return _Signed(algorithm or "", credential or "")


def _regions(headers: tuple[tuple[str, str], ...], query: tuple[tuple[str, str], ...]) -> str:
    values = _values(headers, "x-amz-region-set") + _values(query, "x-amz-region-set")
    return _one(values, "X-Amz-Region-Set") or ""


def _scope(signed: _Signed, regions: str) -> Scope:
    parts = signed.credential.split("/")
    if len(parts) != _ALGORITHMS.get(signed.algorithm):
        raise ambiguous("The AWS signature's algorithm or credential scope is not one that AWS defines.")
    key, date, *region, service, end = parts
    one_region = region[0] if region else regions
    known = _NAME if region else _REGIONS
    if (
        end != "aws4_request"
        or not _KEY.fullmatch(key)
        or not _DATE.fullmatch(date)
        or not _NAME.fullmatch(service)
        or not known.fullmatch(one_region)
    ):
        raise ambiguous("The AWS credential scope is not <key>/<date>/<region>/<service>/aws4_request.")
    return Scope(service, one_region)
