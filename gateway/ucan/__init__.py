"""UCAN 1.0: signed delegations and invocations, their policies and containers. Bytes in, values out."""

from gateway.ucan.checks import check_chain, check_invocation, covers
from gateway.ucan.container import from_container, to_container
from gateway.ucan.dag import UcanError, cid
from gateway.ucan.did import did_key, public_key
from gateway.ucan.tokens import Delegation, Invocation, Token, invoke, mint, read

__all__ = [
    "Delegation",
    "Invocation",
    "Token",
    "UcanError",
    "check_chain",
    "check_invocation",
    "cid",
    "covers",
    "did_key",
    "from_container",
    "invoke",
    "mint",
    "public_key",
    "read",
    "to_container",
]
