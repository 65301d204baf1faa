"""Whether delegations allow an invocation.

Whether it was used before is the caller's to record, by its CID.
"""

from collections.abc import Sequence
from itertools import pairwise

from gateway.ucan.dag import UcanError
from gateway.ucan.policy import compile_policy
from gateway.ucan.tokens import Delegation, Invocation


def check_invocation(invocation: Invocation, delegation: Delegation, now: int) -> None:
    """The subject itself is asked, under one delegation of its own; UcanError unless all of it holds."""
    if invocation.audience not in {None, invocation.subject}:
        raise UcanError("The invocation is addressed to somebody else.")
    check_chain(invocation, (delegation,), now)


def check_chain(invocation: Invocation, proofs: Sequence[Delegation], now: int) -> None:
    """UCAN 1.0's validation of an invocation at `now` (Unix seconds); UcanError unless every step holds.

    1. `proofs` are the delegations that the invocation names, in its order, the root first.
    2. The invocation and every proof are in time; at the second of `exp` a token has expired.
    3. The chain leads from the subject to the invoker about one subject, each audience the next issuer.
    4. Each proof's command covers the invocation's, segment by segment.
    5. Each proof's policy holds for the invocation's arguments.
    """
    if invocation.proofs != tuple(proof.token.cid for proof in proofs):
        raise UcanError("The invocation names other proofs than those at hand.")
    _in_time(invocation.expires, None, now)
    for proof in proofs:
        _in_time(proof.expires, proof.not_before, now)
    _aligned(invocation, proofs)
    for proof in proofs:
        if not covers(proof.command, invocation.command):
            raise UcanError("The invocation's command is not one that was delegated.")
        if not compile_policy(proof.policy)(dict(invocation.arguments)):
            raise UcanError("The invocation's arguments are not those that were delegated.")


def covers(delegated: str, command: str) -> bool:
    """`/crypto` covers `/crypto/sign` but not `/cryptocurrency`; `/` covers everything."""
    return delegated in {"/", command} or command.startswith(f"{delegated}/")


def _in_time(expires: int | None, not_before: int | None, now: int) -> None:
    if expires is not None and now >= expires:
        raise UcanError("The token has expired.")
    if not_before is not None and now < not_before:
        raise UcanError("The token is not valid yet.")


def _aligned(invocation: Invocation, proofs: Sequence[Delegation]) -> None:
    if not proofs:
        if invocation.issuer != invocation.subject:
            raise UcanError("The invocation has no proof, and its issuer is not its subject.")
        return
    if proofs[0].issuer != invocation.subject or proofs[0].subject is None:
        raise UcanError("The first proof is not the subject's own delegation.")
    if any(proof.subject not in {None, invocation.subject} for proof in proofs):
        raise UcanError("A proof is about another subject.")
    if any(before.audience != after.issuer for before, after in pairwise(proofs)):
        raise UcanError("A proof was issued by another than the audience of the proof before it.")
    if proofs[-1].audience != invocation.issuer:
        raise UcanError("The last proof was given to another than the invoker.")
