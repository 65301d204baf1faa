"""Ways to sign more than what was shown, or for somebody else, with one signature over many."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.batches import MOST
from gateway.desk.batching import Decided
from gateway.desk.contract import DeskError
from gateway.encoding import from_b64u
from gateway.envelopes import Envelope, State
from gateway.errors import Refusal
from gateway.model import Approval, Decision, Effect, EntityRef, Request
from gateway.store.writes import Change, PauseAgent, SignBatch
from tests.kit.away import lend
from tests.kit.clocks import START
from tests.kit.stores import FailingStore
from tests.kit.things import GATEWAY, KEYS, RP_ID, a_caller, a_mapped, a_request, a_unit
from tests.kit.world import World


def like(request: Request) -> Any:
    """Payments to whom the body says, signed together for each shop that it says."""
    body = json.loads(request.body)
    approval = Approval(batch=body.get("shop", "tea"))
    return a_mapped(a_unit(resource=EntityRef("Shop::Account", body["to"]), approval=approval))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.library.meaning = like
    await made.enrol("Noor")
    yield made
    await made.close()


def payment(to: str, **more: str) -> Request:
    return a_request(body=json.dumps({"to": to, **more}).encode())


async def opened(world: World, count: int) -> list[Envelope]:
    return [await world.opened(payment(f"acct_{n}")) for n in range(count)]


def ids(envelopes: list[Envelope]) -> list[str]:
    return [envelope.id for envelope in envelopes]


async def sign(world: World, envelopes: list[Envelope], person: str = "Mika") -> Decided:
    session = world.session(person)
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys[person].sign(asked.options)
    return await world.batching.approve(session, asked.challenge.id, answer)


async def refused(doing: Any, word: str) -> DeskError:
    with pytest.raises(DeskError) as error:
        await doing
    assert error.value.word == word
    return error.value


async def all_wait(world: World, envelopes: list[Envelope]) -> None:
    """Nothing was decided, and no row says so."""
    for envelope in envelopes:
        assert (await world.now(envelope)).state is State.PENDING
        assert await world.store.signatures(envelope.id) == ()
    assert await world.said(kind="signature") == []
    assert await world.said(kind="mint") == []


# What is asked. --------------------------------------------------------------------------------------------


async def test_what_is_signed_lists_what_one_would_sign_for_each_alone(world: World) -> None:
    envelopes = await opened(world, 3)
    asked = await world.batching.begin(world.session("Mika"), ids(envelopes))
    said = json.loads(asked.payload)
    assert {name: said[name] for name in ("type", "version", "gateway", "rp_id", "decision", "approver")} == {
        "type": "secondsig/batch",
        "version": 1,
        "gateway": GATEWAY,
        "rp_id": RP_ID,
        "decision": "approve",
        "approver": "Mika",
    }
    for envelope, entry in zip(envelopes, said["envelopes"], strict=True):
        alone = from_b64u((await world.deciding.sign(world.session("Mika"), envelope.id))["payload"])
        assert entry == {
            "envelope": envelope.id,
            "digest": envelope.digest,
            "payload": hashlib.sha256(alone).hexdigest(),
        }
    assert asked.challenge.challenge[32:] == hashlib.sha256(asked.payload).digest()
    stored = await world.store.challenge(asked.challenge.id)
    assert stored is not None
    assert (stored.kind, stored.person, stored.envelope) == ("batch", "Mika", None)
    assert KEYS.unseal(stored.id, stored.sealed_payload) == asked.payload


async def test_a_request_of_another_kind_slipped_into_a_batch_is_refused(world: World) -> None:
    envelopes = await opened(world, 2)
    other = await world.opened(payment("acct_9", shop="coffee"))
    await refused(world.batching.begin(world.session("Mika"), ids([*envelopes, other])), "not_alike")
    await all_wait(world, [*envelopes, other])


async def test_a_request_of_another_agent_slipped_into_a_batch_is_refused(world: World) -> None:
    envelopes = await opened(world, 2)
    await world.add_agent("other")
    foreign = await world.opened(replace(payment("acct_9"), caller=a_caller("other")))
    await refused(world.batching.begin(world.session("Mika"), ids([*envelopes, foreign])), "not_alike")


async def test_what_no_template_lets_be_signed_together_is_signed_alone(world: World) -> None:
    world.library.meaning = lambda _request: a_mapped()
    first, second = await world.opened(payment("a")), await world.opened(payment("b"))
    assert (first.batch_key, second.batch_key) == (None, None)
    assert await world.batching.alike(world.session("Mika"), first) == []
    for envelopes in ([first, second], [first]):
        await refused(world.batching.begin(world.session("Mika"), ids(envelopes)), "not_alike")


async def test_fifty_one_requests_are_too_many_for_one_signature(world: World) -> None:
    many = [f"env_{n:026d}" for n in range(MOST + 1)]
    for asking in (
        world.batching.begin(world.session("Mika"), many),
        world.batching.deny(world.session("Mika"), many, None),
        world.batching.begin(world.session("Mika"), []),
    ):
        await refused(asking, "bad_batch")


async def test_a_request_listed_twice_is_refused(world: World) -> None:
    (envelope,) = await opened(world, 1)
    await refused(world.batching.begin(world.session("Mika"), [envelope.id] * 2), "bad_batch")


async def test_what_is_too_large_to_be_shown_together_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelopes = await opened(world, 2)
    monkeypatch.setattr("gateway.desk.batching.MOST_BYTES", 2000)
    await refused(world.batching.begin(world.session("Mika"), ids(envelopes)), "too_large")


async def test_what_waits_and_could_be_signed_together_is_known(world: World) -> None:
    world.policy.decision = replace(world.policy.decision, quorum=2)
    envelopes = await opened(world, 3)
    await world.opened(payment("acct_9", shop="coffee"))
    assert await world.batching.alike(world.session("Mika"), envelopes[1]) == ids(envelopes)
    await world.approve(envelopes[0].id, "Mika")
    assert await world.batching.alike(world.session("Mika"), envelopes[1]) == ids(envelopes[1:])
    assert await world.batching.alike(world.session("Noor"), envelopes[1]) == ids(envelopes)
    await refused(world.batching.begin(world.session("Mika"), ids(envelopes)), "signed")


async def test_what_is_overdue_cannot_be_signed_with_the_others(world: World) -> None:
    (first,) = await opened(world, 1)
    world.time.advance(30)
    second = await world.opened(payment("acct_9"))
    world.time.advance(30)
    assert (await world.now(first)).state is State.PENDING
    assert await world.batching.alike(world.session("Mika"), second) == [second.id]


# Approving. ------------------------------------------------------------------------------------------------


async def test_one_signature_approves_each_with_its_own_cosigner_and_rows(world: World) -> None:
    envelopes = await opened(world, 5)
    decided = await sign(world, envelopes)
    assert [done.id for done in decided.done] == ids(envelopes)
    assert decided.left_out == ()
    assert len({done.cosigner for done in decided.done}) == 5
    for kind in ("signature", "mint"):
        rows = await world.said(kind=kind)
        assert [row["envelope"] for row in rows] == ids(envelopes)
        assert {(row["person"], row["detail"]) for row in rows} == {("Mika", "signed in a batch")}
    (credential,) = await world.store.credentials("Mika")
    assert credential.sign_count == 1


async def test_an_unticked_request_stays_pending(world: World) -> None:
    envelopes = await opened(world, 5)
    await sign(world, envelopes[:4])
    left = await world.now(envelopes[4])
    assert (left.state, left.decided_by) == (State.PENDING, None)
    assert [row["kind"] for row in await world.said(envelope=left.id)] == ["decision"]


async def test_two_people_must_sign_a_batch_that_needs_two(world: World) -> None:
    world.policy.decision = replace(world.policy.decision, quorum=2)
    envelopes = await opened(world, 3)
    first = await sign(world, envelopes, "Mika")
    assert {(done.state, done.cosigner) for done in first.done} == {(State.PENDING, None)}
    second = await sign(world, envelopes, "Noor")
    assert {done.state for done in second.done} == {State.APPROVED}
    for envelope in envelopes:
        assert [s.person for s in await world.store.signatures(envelope.id)] == ["Mika", "Noor"]


async def test_the_answer_to_one_batch_does_not_answer_another(world: World) -> None:
    envelopes = await opened(world, 4)
    session = world.session("Mika")
    first = await world.batching.begin(session, ids(envelopes[:2]))
    second = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(first.options)
    await refused(world.batching.approve(session, second.challenge.id, answer), "passkey_refused")
    await all_wait(world, envelopes)


async def test_one_challenge_is_good_for_one_batch_once(world: World) -> None:
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    await world.batching.approve(session, asked.challenge.id, answer)
    await refused(world.batching.approve(session, asked.challenge.id, answer), "challenge_used")
    assert len(await world.said(kind="mint")) == 2


async def test_the_signature_of_a_batch_approves_no_other_envelope(world: World) -> None:
    envelopes = await opened(world, 3)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes[:2]))
    answer = world.passkeys["Mika"].sign(asked.options)
    alone = world.deciding.approve(session, envelopes[2].id, asked.challenge.id, answer)
    await refused(alone, "challenge_used")
    await all_wait(world, envelopes)


async def test_the_signature_of_one_envelope_approves_no_batch(world: World) -> None:
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    question = await world.deciding.sign(session, envelopes[0].id)
    answer = world.passkeys["Mika"].sign(question["options"])
    await refused(world.batching.approve(session, question["challenge_id"], answer), "challenge_used")
    await all_wait(world, envelopes)


async def test_another_persons_batch_is_not_answered(world: World) -> None:
    envelopes = await opened(world, 2)
    asked = await world.batching.begin(world.session("Noor"), ids(envelopes))
    answer = world.passkeys["Mika"].sign({**asked.options, "allowCredentials": []})
    approving = world.batching.approve(world.session("Mika"), asked.challenge.id, answer)
    await refused(approving, "challenge_used")
    await all_wait(world, envelopes)


async def test_another_persons_passkey_signs_no_batch_in_ones_session(world: World) -> None:
    envelopes = await opened(world, 2)
    asked = await world.batching.begin(world.session("Mika"), ids(envelopes))
    answer = world.passkeys["Noor"].sign({**asked.options, "allowCredentials": []})
    approving = world.batching.approve(world.session("Mika"), asked.challenge.id, answer)
    await refused(approving, "other_person")
    await all_wait(world, envelopes)


async def test_when_one_of_five_is_overdue_nothing_is_signed(world: World) -> None:
    first = await world.opened(payment("acct_a"))
    world.time.advance(30)
    envelopes = [first, *await opened(world, 4)]
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    assert asked.challenge.expires_at == first.expires_at < envelopes[1].expires_at
    answer = world.passkeys["Mika"].sign(asked.options)
    world.time.advance(first.expires_at - START - 30)
    await refused(world.batching.approve(session, asked.challenge.id, answer), "expired")
    await all_wait(world, envelopes)
    await refused(world.batching.begin(session, ids(envelopes)), "expired")


async def test_what_was_decided_meanwhile_is_left_out_and_told(world: World) -> None:
    envelopes = await opened(world, 5)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    await world.deciding.deny(world.session("Noor"), envelopes[1].id, None)
    decided = await world.batching.approve(session, asked.challenge.id, answer)
    assert [done.id for done in decided.done] == ids([envelopes[0], *envelopes[2:]])
    (left,) = decided.left_out
    assert (left.envelope, left.word, left.detail) == (
        envelopes[1].id,
        "decided",
        "Noor denied this first, at 2027-01-15T08:00:00Z.",
    )


@pytest.mark.parametrize(("quorum", "word"), [(1, "decided"), (3, "changed")])
async def test_what_is_lost_in_the_last_moment_costs_the_others_nothing(
    world: World, quorum: int, word: str
) -> None:
    world.policy.decision = replace(world.policy.decision, quorum=quorum)
    await world.enrol("Ayo")
    envelopes = await opened(world, 3)
    failing = FailingStore(world.sqlite)

    async def meanwhile(change: Change) -> None:
        if isinstance(change, SignBatch):
            failing.before_apply = None
            await world.approve(envelopes[1].id, "Noor")

    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    failing.before_apply = meanwhile
    world.deciding.store = failing
    decided = await world.batching.approve(session, asked.challenge.id, answer)
    assert [done.id for done in decided.done] == [envelopes[0].id, envelopes[2].id]
    assert [(left.envelope, left.word) for left in decided.left_out] == [(envelopes[1].id, word)]
    assert [s.person for s in await world.store.signatures(envelopes[1].id)] == ["Noor"]
    assert [row["envelope"] for row in await world.said(kind="signature", person="Mika")] == [
        envelopes[0].id,
        envelopes[2].id,
    ]


async def test_a_batch_of_which_nothing_waits_any_more_signs_nothing(world: World) -> None:
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    await world.batching.deny(world.session("Noor"), ids(envelopes), None)
    decided = await world.batching.approve(session, asked.challenge.id, answer)
    assert decided.done == ()
    assert [left.envelope for left in decided.left_out] == ids(envelopes)
    assert await world.said(kind="signature") == []


async def test_a_passkey_used_meanwhile_signs_nothing_of_the_batch(world: World) -> None:
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    failing = FailingStore(world.sqlite)

    async def meanwhile(change: Change) -> None:
        if isinstance(change, SignBatch):
            await world.sqlite._ask(
                lambda db: db.execute("UPDATE credentials SET sign_count = 9"), writes=True
            )

    failing.before_apply = meanwhile
    world.deciding.store = failing
    await refused(world.batching.approve(session, asked.challenge.id, answer), "passkey_used")
    await all_wait(world, envelopes)


async def test_nobody_signs_a_batch_of_an_agent_of_their_own(world: World) -> None:
    await world.add_agent("own", owner="Mika")
    own = [await world.opened(replace(payment(f"a{n}"), caller=a_caller("own"))) for n in range(2)]
    await refused(world.batching.begin(world.session("Mika"), ids(own)), "own_request")
    asked = await world.batching.begin(world.session("Noor"), ids(own))
    assert len(asked.parts) == 2


async def test_standing_lost_after_the_batch_was_shown_signs_nothing(world: World) -> None:
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    world.policy.approvers = frozenset({"Noor"})
    await refused(world.batching.approve(session, asked.challenge.id, answer), "not_allowed")
    await all_wait(world, envelopes)


async def test_what_is_redacted_in_one_of_them_is_revealed_first(world: World) -> None:
    world.library.meaning = lambda request: a_mapped(
        replace(like(request).units[0], redact=("json:/to",), summary=())
    )
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    await world.deciding.reveal(session, envelopes[0].id, "json:/to")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    await refused(world.batching.approve(session, asked.challenge.id, answer), "not_revealed")
    await all_wait(world, envelopes)
    await world.deciding.reveal(session, envelopes[1].id, "json:/to")
    assert len((await sign(world, envelopes)).done) == 2


async def test_a_payload_that_is_not_the_one_in_the_list_is_not_signed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelopes = await opened(world, 2)
    session = world.session("Mika")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Mika"].sign(asked.options)
    swapped = replace(asked.parts[0], payload=asked.parts[1].payload)
    monkeypatch.setattr(world.batching, "_part", lambda _person, _envelope: swapped)
    await refused(world.batching.approve(session, asked.challenge.id, answer), "changed")
    await all_wait(world, envelopes)


# The spend. ------------------------------------------------------------------------------------------------


async def spent(world: World, envelope: Envelope, request: Request) -> None:
    await world.releaser.release(await world.now(envelope), request)


async def test_each_request_of_a_batch_is_released_by_the_one_signature(world: World) -> None:
    envelopes = await opened(world, 3)
    await sign(world, envelopes)
    for n, envelope in enumerate(envelopes):
        await spent(world, envelope, payment(f"acct_{n}"))
        assert (await world.now(envelope)).state is State.SPENT


def other_list(batch: bytes) -> bytes:
    return batch.replace(b'"version":1', b'"version":2')


def other_byte(batch: bytes) -> bytes:
    return batch.replace(b'"payload":"', b'"payload":"0', 1)


def other_person(batch: bytes) -> bytes:
    return batch.replace(b'"Mika"', b'"Noor"')


@pytest.mark.parametrize("change", [other_list, other_byte, other_person])
async def test_a_batch_with_one_byte_changed_releases_nothing(
    world: World, change: Callable[[bytes], bytes]
) -> None:
    envelopes = await opened(world, 2)
    await sign(world, envelopes)
    (signature,) = await world.store.signatures(envelopes[0].id)
    assert signature.sealed_batch is not None
    batch = KEYS.unseal(envelopes[0].id, signature.sealed_batch)
    assert change(batch) != batch
    await store_batch(world, envelopes[0], KEYS.seal(envelopes[0].id, change(batch)))
    with pytest.raises(Refusal, match="no longer counts"):
        await spent(world, envelopes[0], payment("acct_0"))
    assert (await world.now(envelopes[0])).state is State.LAPSED


async def test_the_signature_of_a_batch_replayed_for_another_envelope_releases_nothing(world: World) -> None:
    """Whoever can write the database moves the signature to an envelope that the batch does not list."""
    envelopes = await opened(world, 3)
    await sign(world, envelopes[:2])
    await world.approve(envelopes[2].id)
    (stolen,) = await world.store.signatures(envelopes[0].id)
    assert stolen.sealed_batch is not None
    batch = KEYS.unseal(envelopes[0].id, stolen.sealed_batch)
    values = (stolen.challenge, json.dumps(stolen.assertion), envelopes[2].id)
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE signatures SET challenge = ?, assertion = ? WHERE envelope = ?", values
        ),
        writes=True,
    )
    await store_batch(world, envelopes[2], KEYS.seal(envelopes[2].id, batch))
    with pytest.raises(Refusal, match="no longer counts"):
        await spent(world, envelopes[2], payment("acct_2"))


async def test_the_signature_of_a_batch_without_its_list_releases_nothing(world: World) -> None:
    envelopes = await opened(world, 2)
    await sign(world, envelopes)
    await store_batch(world, envelopes[0], None)
    with pytest.raises(Refusal, match="no longer counts"):
        await spent(world, envelopes[0], payment("acct_0"))


async def store_batch(world: World, envelope: Envelope, sealed: bytes | None) -> None:
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE signatures SET sealed_batch = ? WHERE envelope = ?", (sealed, envelope.id)
        ),
        writes=True,
    )


# Denying. --------------------------------------------------------------------------------------------------


async def test_denying_a_batch_denies_each_by_the_signed_in_person(world: World) -> None:
    envelopes = await opened(world, 3)
    decided = await world.batching.deny(world.session("Mika"), ids(envelopes[:2]), "Wrong target.")
    assert {(done.state, done.decided_by, done.note) for done in decided.done} == {
        (State.DENIED, "Mika", "Wrong target.")
    }
    assert (await world.now(envelopes[2])).state is State.PENDING
    assert len(await world.said(reason="approval_denied")) == 2


async def test_what_means_the_same_is_denied_once_and_told_as_denied(world: World) -> None:
    first = await world.opened(payment("acct_1", memo="a"))
    second = await world.opened(payment("acct_1", memo="b"))
    decided = await world.batching.deny(world.session("Mika"), ids([first, second]), None)
    assert ([done.id for done in decided.done], decided.left_out) == (ids([first, second]), ())


async def test_one_denial_of_many_pauses_the_agent_only_after_all_were_denied(world: World) -> None:
    envelopes = await opened(world, 6)
    decided = await world.batching.deny(world.session("Mika"), ids(envelopes), None)
    assert {done.state for done in decided.done} == {State.DENIED}
    assert len(await world.said(kind="agent", decision="paused")) == 1


async def test_what_was_decided_before_the_denial_is_told(world: World) -> None:
    envelopes = await opened(world, 2)
    await world.approve(envelopes[0].id, "Noor")
    decided = await world.batching.deny(world.session("Mika"), ids(envelopes), None)
    assert [done.id for done in decided.done] == [envelopes[1].id]
    assert [(left.envelope, left.word) for left in decided.left_out] == [(envelopes[0].id, "decided")]


async def test_whoever_may_not_decide_denies_nothing(world: World) -> None:
    envelopes = await opened(world, 2)
    world.policy.approvers = frozenset({"Noor"})
    decided = await world.batching.deny(world.session("Mika"), ids(envelopes), None)
    assert decided.done == ()
    assert {left.word for left in decided.left_out} == {"not_allowed"}
    await all_wait(world, envelopes)


async def test_a_paused_agents_batch_is_not_released(world: World) -> None:
    envelopes = await opened(world, 2)
    await sign(world, envelopes)
    await world.store.apply(PauseAgent("ci-bot", True, START))
    await world.directory.refresh()
    with pytest.raises(Refusal):
        await spent(world, envelopes[0], payment("acct_0"))


# Beside rights that are lent. -------------------------------------------------------------------------------


async def test_a_right_that_was_lent_signs_no_batch(world: World) -> None:
    world.policy.approvers = frozenset({"Mika"})
    await lend(world, "Mika", "Noor")
    envelopes = await opened(world, 2)
    await refused(world.batching.begin(world.session("Noor"), ids(envelopes)), "away")
    assert (await world.approve(envelopes[0].id, "Noor")).state is State.APPROVED


async def test_a_right_of_ones_own_that_was_lost_is_not_replaced_by_a_lent_one(world: World) -> None:
    """What was shown named no right but hers."""
    await lend(world, "Mika", "Noor")
    envelopes, session = await opened(world, 2), world.session("Noor")
    asked = await world.batching.begin(session, ids(envelopes))
    answer = world.passkeys["Noor"].sign(asked.options)
    world.policy.approvers = frozenset({"Mika"})
    await refused(world.batching.approve(session, asked.challenge.id, answer), "away")
    assert await world.store.signatures(envelopes[0].id) == ()


async def test_a_batch_and_who_stands_in_for_its_signer_are_one_of_a_quorum(world: World) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, quorum=2)
    world.policy.approvers = frozenset({"Mika", "Sol"})
    await world.enrol("Sol")
    await lend(world, "Mika", "Noor")
    envelopes = await opened(world, 2)
    await sign(world, envelopes)
    await refused(world.approve(envelopes[0].id, "Noor"), "counted")
    await sign(world, envelopes, "Sol")
    assert (await world.now(envelopes[0])).state is State.APPROVED
