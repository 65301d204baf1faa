import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.batches import MOST, Head, Part, alike, batch_payload, covers, listed
from gateway.canonical import jcs, sha256
from gateway.model import Approval, Decision, Effect, EntityRef, Mapped, PolicyReason
from gateway.payload import challenge
from tests.kit.clocks import START
from tests.kit.things import a_mapped, a_unit

HEAD = Head("gw", "localhost", "Mika", START)
PARTS = [Part(f"env_{n}", f"{n}" * 64, f"payload {n}".encode()) for n in range(3)]
ASK = Decision(Effect.STEP_UP, (PolicyReason("a-person", "A person signs."),), 1)


def named(name: str | None = "acme", **changes: Any) -> Mapped:
    return a_mapped(a_unit(approval=Approval(batch=name), **changes))


def bound(batch: bytes) -> bytes:
    return challenge(b"n" * 32, batch)


def covered(batch: bytes, part: Part = PARTS[0], approver: str = "Mika", rp_id: str = "localhost") -> bool:
    return covers(batch, bound(batch), part, approver=approver, rp_id=rp_id)


# What belongs together. ------------------------------------------------------------------------------------


def test_like_requests_differ_in_what_they_are_about_and_in_nothing_else() -> None:
    other = named(resource=EntityRef("Shop::Account", "acct_9"), context={})
    assert alike("ci-bot", named(), ASK, "tea") == alike("ci-bot", other, ASK, "tea")


DIFFERENT: dict[str, Callable[[], bytes | None]] = {
    "another agent": lambda: alike("other", named(), ASK, "tea"),
    "another action": lambda: alike("ci-bot", named(action="/shop/payment/refund"), ASK, "tea"),
    "another name": lambda: alike("ci-bot", named("umbrella"), ASK, "tea"),
    "another purpose": lambda: alike("ci-bot", named(), ASK, "coffee"),
    "no purpose": lambda: alike("ci-bot", named(), ASK, None),
    "more people": lambda: alike("ci-bot", named(), replace(ASK, quorum=2), "tea"),
    "another policy": lambda: alike("ci-bot", named(), replace(ASK, reasons=(PolicyReason("b"),)), "tea"),
    "other approvers": lambda: alike(
        "ci-bot", a_mapped(a_unit(approval=Approval(batch="acme", approvers='Group::"x"'))), ASK, "tea"
    ),
    "another service": lambda: alike("ci-bot", replace(named(), service="bank"), ASK, "tea"),
    "two things at once": lambda: alike("ci-bot", a_mapped(*named().units, *named().units), ASK, "tea"),
}


@pytest.mark.parametrize("which", DIFFERENT)
def test_this_is_not_alike(which: str) -> None:
    made = DIFFERENT[which]()
    assert made is not None
    assert made != alike("ci-bot", named(), ASK, "tea")


def test_one_thing_that_no_template_names_keeps_the_whole_request_alone() -> None:
    assert alike("ci-bot", named(None), ASK, "tea") is None
    assert alike("ci-bot", a_mapped(*named().units, a_unit()), ASK, "tea") is None


# What is signed. -------------------------------------------------------------------------------------------


def test_the_list_names_each_payload_by_its_hash_in_order() -> None:
    entries = listed(batch_payload(HEAD, PARTS))
    assert [entry["envelope"] for entry in entries] == ["env_0", "env_1", "env_2"]
    assert [entry["payload"] for entry in entries] == [sha256(part.payload) for part in PARTS]
    assert [entry["digest"] for entry in entries] == [part.digest for part in PARTS]


def test_the_bytes_are_canonical() -> None:
    batch = batch_payload(HEAD, PARTS)
    assert jcs(json.loads(batch)) == batch
    assert MOST == 50


def test_a_batch_covers_each_of_its_list() -> None:
    batch = batch_payload(HEAD, PARTS)
    assert all(covered(batch, part) for part in PARTS)


def changed(**members: object) -> bytes:
    return jcs({**json.loads(batch_payload(HEAD, PARTS)), **members})


def with_entry(**members: object) -> bytes:
    first, *others = listed(batch_payload(HEAD, PARTS))
    return changed(envelopes=[{**first, **members}, *others])


@pytest.mark.parametrize(
    "batch",
    [
        changed(type="secondsig/approval"),
        changed(version=2),
        changed(decision="deny"),
        changed(approver="Noor"),
        changed(rp_id="evil.example"),
        changed(envelopes=[]),
        changed(envelopes=[PARTS[0].listed(), PARTS[0].listed()]),
        with_entry(payload="0" * 64),
        with_entry(digest="f" * 64),
        with_entry(envelope="env_9"),
        with_entry(more="x"),
    ],
)
def test_a_list_that_says_anything_else_covers_nothing(batch: bytes) -> None:
    assert not covered(batch)


def test_a_list_that_the_challenge_does_not_bind_covers_nothing() -> None:
    batch = batch_payload(HEAD, PARTS)
    other = bound(batch_payload(HEAD, PARTS[:2]))
    assert not covers(batch, other, PARTS[0], approver="Mika", rp_id="localhost")


def test_a_payload_swapped_for_that_of_another_in_the_list_is_not_covered() -> None:
    batch = batch_payload(HEAD, PARTS)
    assert not covered(batch, replace(PARTS[0], payload=PARTS[1].payload))
    assert not covered(batch, replace(PARTS[0], envelope="env_1"))
