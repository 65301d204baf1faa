"""Signatures that say what they must not say together, and what each way to approve takes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway import passkeys
from gateway.backing import Backing, Given, method_of, stake_of
from gateway.batches import Head, Part, batch_payload
from gateway.canonical import sha256
from gateway.delegations import Delegation
from gateway.envelopes import Envelope, Signature
from gateway.payload import challenge, for_signer
from gateway.store.things import ProgramSignature
from tests.kit.away import lend
from tests.kit.clocks import START
from tests.kit.programs import SoftProgram
from tests.kit.things import GATEWAY, KEYS, RP_ID, a_mapped, an_envelope
from tests.kit.world import World

NOBODY: tuple[str, ...] = ()
WHY = {"reason": "It burns and nobody answers"}
MIKA, BOTH = ("Mika",), ("Mika", "Noor")


def given(by: str, verb: str, away: str | None = None) -> Given:
    lent = {} if away is None else {"for": {"person": away, "delegation": "del_1", "until": "later"}}
    signature = Signature("env_1", by, b"key", b"", b"", "", {}, START)
    return Given(signature, {"approver": by, "decision": verb, **lent})


def backing(approved: tuple[str, ...], broke: tuple[str, ...], programs: tuple[str, ...]) -> Backing:
    """Where `approved` says Tomo/Mika, Tomo signed for Mika."""
    approvals = (
        given(name.partition("/")[0], "approve", name.partition("/")[2] or None) for name in approved
    )
    breakings = (given(name, "break_glass") for name in broke)
    return Backing((*approvals, *breakings), frozenset(programs))


def flags(
    method: str | None, approved: tuple[str, ...], broke: tuple[str, ...], programs: tuple[str, ...]
) -> dict[str, Any] | None:
    return backing(approved, broke, programs).flags(an_envelope(quorum=2, decision_method=method))


def test_people_count_once_and_only_they_do() -> None:
    assert flags("passkey", BOTH, NOBODY, MIKA) == {"cosigner": True, "approvals": 2}
    assert flags("passkey", MIKA, NOBODY, BOTH) is None
    assert flags("passkey", MIKA, BOTH, NOBODY) is None


def test_broken_glass_counts_everybody_who_signed_once() -> None:
    two = {"cosigner": True, "approvals": 2, "break_glass": True}
    assert flags("break_glass", ("Noor",), MIKA, BOTH) == two
    assert flags("break_glass", NOBODY, BOTH, NOBODY) == two


def test_a_program_is_no_cosigner_and_counts_for_nobody() -> None:
    assert flags("delegate", BOTH, NOBODY, ("fraud",)) == {"delegate": True}


@pytest.mark.parametrize("method", ["break_glass", "delegate", "passkey", None])
def test_a_column_stands_in_for_no_signature(method: str | None) -> None:
    assert flags(method, NOBODY, NOBODY, NOBODY) is None


def test_no_way_is_taken_for_another() -> None:
    assert flags("break_glass", BOTH, NOBODY, MIKA) is None
    assert flags("delegate", BOTH, BOTH, NOBODY) is None


@pytest.mark.parametrize(
    ("column", "method"),
    [("break_glass", "break_glass"), ("delegate", "delegate"), ("timeout", "passkey"), (None, "passkey")],
)
def test_what_is_neither_is_ordinary(column: str | None, method: str) -> None:
    assert method_of(an_envelope(decision_method=column)) == method


# A quorum counts rights. ------------------------------------------------------------------------------------


def test_somebody_away_and_who_stands_in_are_one_of_a_quorum() -> None:
    assert flags("passkey", ("Tomo/Mika", "Mika"), NOBODY, NOBODY) is None
    assert flags("passkey", ("Tomo/Mika", "Priya/Mika"), NOBODY, NOBODY) is None
    assert flags("passkey", ("Tomo/Mika", "Noor"), NOBODY, NOBODY) == {"cosigner": True, "approvals": 2}


def test_who_breaks_glass_and_who_signs_for_them_are_one() -> None:
    assert backing(("Tomo/Mika",), MIKA, NOBODY).with_broken_glass() == 1
    assert backing(("Tomo/Mika", "Noor"), MIKA, NOBODY).with_broken_glass() == 2


def test_who_signed_for_another_and_breaks_glass_is_one() -> None:
    then = backing(("Tomo/Mika",), NOBODY, NOBODY).and_broken_by(given("Tomo", "break_glass"))
    assert then.approvals == ()
    assert then.breakers == {"Tomo"}
    assert then.with_broken_glass() == 1


def test_breaking_glass_twice_is_breaking_it_once() -> None:
    then = backing(NOBODY, MIKA, NOBODY).and_broken_by(given("Mika", "break_glass"))
    assert (len(then.everybody), then.with_broken_glass()) == (1, 1)


def test_how_long_people_were_asked_is_told_of_the_signature_not_of_the_spend() -> None:
    envelope = an_envelope(opened_at=START, routed_to="finance", intent_risk="high")
    stake = stake_of(envelope, a_mapped(), START + 50, START + 20)
    assert (stake.at, stake.waited, stake.intent_risk, stake.routed_to) == (START + 50, 20, "high", "finance")
    assert stake_of(envelope, a_mapped(), START + 50).waited == 50
    assert stake_of(envelope, a_mapped(), START - 5).waited == 0


# What is in the database is verified again. -----------------------------------------------------------------


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Mika and Tomo may break glass; Mika may approve and is away; Tomo signs for her."""
    made = await World(tmp_path).open()
    await made.enrol("Tomo")
    made.policy.approvers = frozenset({"Mika"})
    made.policy.breakers = frozenset({"Mika", "Tomo"})
    made.policy.delegates = frozenset({"delegate"})
    yield made
    await made.close()


def answered(world: World, person: str, asked: bytes) -> dict[str, Any]:
    allow = world.directory.people[person].credentials
    return world.passkeys[person].sign(passkeys.assertion_options(rp_id=RP_ID, challenge=asked, allow=allow))


async def backed(
    world: World,
    envelope: Envelope,
    person: str,
    verb: str = "approve",
    away: Delegation | None = None,
    *,
    batched: bool = False,
    says: dict[str, str] | None = None,
) -> Backing:
    """What counts once the database holds this signature, which is truly this person's."""
    unsealed = world.deciding.opened(envelope)
    payload = for_signer(unsealed.shared, decision=verb, approver=person, away=away, says=says)
    head = Head(GATEWAY, RP_ID, person, envelope.expires_at)
    batch = batch_payload(head, [Part(envelope.id, envelope.digest, payload)]) if batched else None
    asked = challenge(b"\x05" * 32, payload if batch is None else batch)
    signature = Signature(
        envelope.id,
        person,
        world.directory.people[person].credentials[0].id,
        asked,
        KEYS.seal(envelope.id, payload),
        sha256(payload),
        answered(world, person, asked),
        world.store.now(),
        None if batch is None else KEYS.seal(envelope.id, batch),
    )
    backers = world.deciding.backers
    counting = backers.counting(envelope, unsealed.mapped, world.rules(), (signature,))
    return Backing(counting, frozenset())


async def test_each_way_to_sign_counts_for_what_it_says(world: World) -> None:
    envelope, lent = await world.opened(), await lend(world)
    assert (await backed(world, envelope, "Mika")).rights == {"Mika"}
    assert (await backed(world, envelope, "Mika", batched=True)).rights == {"Mika"}
    assert (await backed(world, envelope, "Tomo", away=lent)).rights == {"Mika"}
    broken = await backed(world, envelope, "Tomo", "break_glass", says=WHY)
    assert not broken.rights
    assert broken.breakers == {"Tomo"}


async def test_broken_glass_in_a_batch_counts_for_nothing(world: World) -> None:
    told = await backed(world, await world.opened(), "Mika", "break_glass", batched=True, says=WHY)
    assert told.everybody == ()


async def test_broken_glass_for_somebody_who_is_away_counts_for_nothing(world: World) -> None:
    """Also where who signs could break it for themself: what was signed names a right that is not lent."""
    envelope, lent = await world.opened(), await lend(world)
    told = await backed(world, envelope, "Tomo", "break_glass", lent, says=WHY)
    assert told.everybody == ()


async def test_a_right_that_was_lent_counts_in_no_batch(world: World) -> None:
    envelope, lent = await world.opened(), await lend(world)
    assert (await backed(world, envelope, "Tomo", away=lent, batched=True)).everybody == ()


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("verb", ["delegate", "deny", "route", ""])
async def test_a_person_who_signs_the_verb_of_a_program_counts_for_nothing(
    world: World, verb: str, batched: bool
) -> None:
    envelope = await world.opened()
    assert (await backed(world, envelope, "Mika", verb, batched=batched)).everybody == ()


async def test_a_signature_that_breaks_glass_is_no_ordinary_one_also_of_who_may_approve(world: World) -> None:
    told = await backed(world, await world.opened(), "Mika", "break_glass", says=WHY)
    assert not told.rights
    assert told.breakers == {"Mika"}


async def test_the_word_of_a_program_over_a_list_of_requests_counts_for_none(world: World) -> None:
    program = await SoftProgram(world).register("delegate")
    envelope = await world.opened()
    unsealed = world.deciding.opened(envelope)
    payload = for_signer(unsealed.shared, decision="delegate", approver=program.name)
    head = Head(GATEWAY, RP_ID, program.name, envelope.expires_at)
    batch = batch_payload(head, [Part(envelope.id, envelope.digest, payload)])
    alone, listed = (challenge(b"\x05" * 32, signed) for signed in (payload, batch))
    said = [
        ProgramSignature(
            envelope.id,
            program.name,
            "delegate",
            asked,
            KEYS.seal(envelope.id, payload),
            sha256(payload),
            program.key.sign(asked),
            world.store.now(),
        )
        for asked in (alone, listed)
    ]
    delegates = world.deciding.backers._delegates
    rules = world.rules()
    assert [delegates(envelope, each, unsealed.mapped, rules) for each in said] == [True, False]
