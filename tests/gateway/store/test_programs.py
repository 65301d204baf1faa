from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.envelopes import State, Step
from gateway.store.contract import Applied, Done, Lost
from gateway.store.things import Program, ProgramSignature, ProgramVerb
from gateway.store.writes import AddProgram, ByProgram, Delegate, Move, Open, RevokeProgram, Route
from tests.kit.clocks import START
from tests.kit.stores import TimedStore, with_people
from tests.kit.things import an_envelope, caps

ENVELOPE = an_envelope().id
FRAUD = Program("fraud", "did:key:z1", ("deny", "delegate"), START)
CHANGES: dict[ProgramVerb, Move | Route | Delegate] = {
    "deny": Move(ENVELOPE, 1, Step.DENY, START, "program fraud", "delegate"),
    "route": Route(ENVELOPE, 1, "finance"),
    "delegate": Delegate(ENVELOPE, 1, "fraud", START, "bafy", b"token", START + 300),
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[TimedStore]:
    made = TimedStore(tmp_path / "test.db")
    await with_people(made)
    await made.apply(Open(an_envelope(), caps(20)))
    await made.apply(AddProgram(FRAUD))
    yield made
    await made.close()


async def act(store: TimedStore, verb: ProgramVerb, key: str = FRAUD.key) -> Applied:
    signature = ProgramSignature(ENVELOPE, "fraud", verb, b"c", b"sealed", "sha", b"signature", START)
    return await store.apply(ByProgram(CHANGES[verb], signature, key))


async def test_programs_are_kept_with_what_they_may(store: TimedStore) -> None:
    assert await store.programs() == [FRAUD]
    assert isinstance(await store.apply(AddProgram(FRAUD)), Lost)
    assert isinstance(await store.apply(RevokeProgram("fraud", START)), Done)
    assert isinstance(await store.apply(RevokeProgram("fraud", START)), Lost)
    assert await store.programs() == []
    assert isinstance(await store.apply(AddProgram(FRAUD)), Lost)


@pytest.mark.parametrize(
    ("verb", "state", "routed"),
    [("deny", State.DENIED, None), ("route", State.PENDING, "finance"), ("delegate", State.APPROVED, None)],
)
async def test_what_a_program_does_is_kept_with_its_signature(
    store: TimedStore, verb: ProgramVerb, state: State, routed: str | None
) -> None:
    done = await act(store, verb)
    assert isinstance(done, Done)
    assert done.envelope is not None
    assert (done.envelope.state, done.envelope.routed_to, done.envelope.version) == (state, routed, 2)
    (signature,) = await store.program_signatures(ENVELOPE)
    assert (signature.program, signature.verb, signature.signature) == ("fraud", verb, b"signature")


@pytest.mark.parametrize("verb", ["deny", "route", "delegate"])
async def test_a_program_that_is_revoked_or_has_another_key_changes_nothing(
    store: TimedStore, verb: ProgramVerb
) -> None:
    assert isinstance(await act(store, verb, "did:key:z2"), Lost)
    await store.apply(RevokeProgram("fraud", START))
    assert isinstance(await act(store, verb), Lost)
    await nothing_happened(store)


async def nothing_happened(store: TimedStore) -> None:
    envelope = await store.envelope(ENVELOPE)
    assert envelope is not None
    assert (envelope.state, envelope.routed_to, envelope.version) == (State.PENDING, None, 1)
    assert await store.program_signatures(ENVELOPE) == ()


@pytest.mark.parametrize("verb", ["deny", "route", "delegate"])
async def test_what_comes_second_is_lost_with_its_signature(store: TimedStore, verb: ProgramVerb) -> None:
    await store.apply(Move(ENVELOPE, 1, Step.DENY, START, "Mika", "session"))
    assert isinstance(await act(store, verb), Lost)
    assert await store.program_signatures(ENVELOPE) == ()


async def test_a_program_vouches_for_nothing_whose_time_is_up(store: TimedStore) -> None:
    await store.sql("UPDATE envelopes SET expires_at = ?", (START,))
    assert isinstance(await act(store, "delegate"), Lost)
    await nothing_happened(store)


async def test_who_is_asked_is_named_once(store: TimedStore) -> None:
    await store.sql("UPDATE envelopes SET routed_to = 'finance'")
    assert isinstance(await act(store, "route"), Lost)
