import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import ucan
from gateway.canonical import sha256
from gateway.demo.authenticator import SoftPasskey
from gateway.desk.contract import DeskError
from gateway.desk.deciding import MAX_NOTE, clean_note
from gateway.encoding import b64u, from_b64u
from gateway.envelopes import COSIGNER_LIFE, Envelope, State
from gateway.model import Decision, Effect
from gateway.store.writes import Move, RevokePerson, Shred
from tests.kit.clocks import START
from tests.kit.stores import FailingStore
from tests.kit.things import KEYS, a_caller, a_mapped, a_request, a_unit
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    yield made
    await made.close()


async def asked(
    world: World, envelope: Envelope, person: str = "Mika"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The question, and this person's true answer to it."""
    question = await world.deciding.sign(world.session(person), envelope.id)
    return question, world.passkeys[person].sign(question["options"])


async def refused(world: World, deciding: Any, word: str, status: int) -> DeskError:
    with pytest.raises(DeskError) as error:
        await deciding
    assert (error.value.word, error.value.status) == (word, status)
    return error.value


async def still_pending(world: World, envelope: Envelope) -> None:
    told = await world.now(envelope)
    assert told.state is State.PENDING
    assert told.cosigner is None
    assert await world.said(kind="mint") == []
    assert await world.said(kind="signature") == []
    assert await world.store.signatures(envelope.id) == ()


def needing(world: World, quorum: int) -> None:
    world.policy.decision = replace(world.policy.decision, quorum=quorum)


# Approving. ------------------------------------------------------------------------------------------------


async def test_what_is_signed_is_the_sheet_with_the_verb_and_the_signer(world: World) -> None:
    envelope = await world.opened()
    question, _ = await asked(world, envelope)
    payload = from_b64u(question["payload"])
    said = json.loads(payload)
    assert (said["decision"], said["approver"]) == ("approve", "Mika")
    assert (said["envelope"], said["digest"]) == (envelope.id, envelope.digest)
    challenge = from_b64u(question["options"]["challenge"])
    assert challenge[32:] == hashlib.sha256(payload).digest()
    assert question["options"]["userVerification"] == "required"
    assert [c["id"] for c in question["options"]["allowCredentials"]] == [b64u(world.passkeys["Mika"].id)]
    stored = await world.store.challenge(question["challenge_id"])
    assert stored is not None
    assert (stored.person, stored.envelope, stored.kind) == ("Mika", envelope.id, "approval")
    assert stored.expires_at == envelope.expires_at


async def test_a_signature_mints_a_cosigner_for_exactly_this_request(world: World) -> None:
    envelope = await world.opened()
    approved = await world.approve(envelope.id)
    assert (approved.state, approved.decided_by, approved.decision_method) == (
        State.APPROVED,
        "Mika",
        "passkey",
    )
    assert approved.cosigner_expires == START + COSIGNER_LIFE
    assert approved.cosigner_token is not None
    token = ucan.read(approved.cosigner_token)
    assert isinstance(token, ucan.Delegation)
    assert ucan.cid(approved.cosigner_token) == approved.cosigner
    own = ucan.did_key(KEYS.cosigner.public_key())
    invocation = ucan.invoke(
        KEYS.cosigner,
        delegation=ucan.Token(approved.cosigner_token, approved.cosigner or ""),
        subject=own,
        command=token.command,
        arguments={"envelope": "env_other", "request": envelope.digest},
        nonce=b"n" * 16,
        issued=START,
        expires=None,
    )
    made = ucan.read(invocation.bytes)
    assert isinstance(made, ucan.Invocation)
    with pytest.raises(ucan.UcanError):
        ucan.check_invocation(made, token, START)


async def test_the_rows_say_who_signed_with_which_passkey(world: World) -> None:
    envelope = await world.opened()
    approved = await world.approve(envelope.id)
    (signed,) = await world.said(kind="signature")
    (minted,) = await world.said(kind="mint")
    for row in (signed, minted):
        assert (row["person"], row["envelope"], row["decision_method"]) == ("Mika", envelope.id, "passkey")
        assert row["credential_id"] == b64u(world.passkeys["Mika"].id)
        assert row["detail"] is None
    assert (signed["cosigner"], minted["cosigner"]) == (None, approved.cosigner)
    (signature,) = await world.store.signatures(envelope.id)
    payload = KEYS.unseal(envelope.id, signature.sealed_payload)
    assert signature.payload_sha256 == sha256(payload)
    assert json.loads(payload)["approver"] == "Mika"


async def test_another_persons_passkey_does_not_sign_in_ones_session(world: World) -> None:
    envelope = await world.opened()
    question = await world.deciding.sign(world.session("Mika"), envelope.id)
    options = {**question["options"], "allowCredentials": []}
    answer = world.passkeys["Noor"].sign(options)
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), envelope.id, question["challenge_id"], answer),
        "other_person",
        403,
    )
    await still_pending(world, envelope)


async def test_another_persons_challenge_is_not_answered(world: World) -> None:
    envelope = await world.opened()
    question = await world.deciding.sign(world.session("Noor"), envelope.id)
    answer = world.passkeys["Mika"].sign({**question["options"], "allowCredentials": []})
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), envelope.id, question["challenge_id"], answer),
        "challenge_used",
        409,
    )
    await still_pending(world, envelope)


async def test_a_signature_over_one_envelope_does_not_approve_another(world: World) -> None:
    harmless = await world.opened()
    other = await world.opened(a_request(body=b'{"amount":999999}'))
    question, answer = await asked(world, harmless)
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), other.id, question["challenge_id"], answer),
        "challenge_used",
        409,
    )
    await still_pending(world, other)
    await still_pending(world, harmless)


async def test_a_signature_over_one_challenge_does_not_answer_another(world: World) -> None:
    envelope = await world.opened()
    _, answer = await asked(world, envelope)
    second = await world.deciding.sign(world.session("Mika"), envelope.id)
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), envelope.id, second["challenge_id"], answer),
        "passkey_refused",
        403,
    )
    await still_pending(world, envelope)


async def test_a_sign_in_is_not_an_approval(world: World) -> None:
    envelope = await world.opened()
    login = await world.signing_in.login_begin()
    answer = world.passkeys["Mika"].sign(login["options"])
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), envelope.id, login["challenge_id"], answer),
        "challenge_used",
        409,
    )
    await still_pending(world, envelope)


async def test_an_approval_is_not_a_sign_in(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    with pytest.raises(DeskError) as error:
        await world.signing_in.login_finish(question["challenge_id"], answer)
    assert error.value.word == "challenge_used"


async def test_a_challenge_counts_once_also_when_its_answer_was_wrong(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    wrong = {**answer, "id": b64u(b"x" * 32)}
    session = world.session("Mika")
    await refused(
        world,
        world.deciding.approve(session, envelope.id, question["challenge_id"], wrong),
        "unknown_passkey",
        403,
    )
    await refused(
        world,
        world.deciding.approve(session, envelope.id, question["challenge_id"], answer),
        "challenge_used",
        409,
    )
    await still_pending(world, envelope)


async def test_an_answer_sent_twice_at_once_counts_once(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    tries = [
        world.deciding.approve(world.session("Mika"), envelope.id, question["challenge_id"], answer)
        for _ in range(4)
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Envelope) for result in results) == 1
    assert len(await world.said(kind="mint")) == 1


LIES: dict[str, Callable[[SoftPasskey], None]] = {
    "without verifying the user": lambda p: setattr(p, "user_verifies", False),
    "from another origin": lambda p: setattr(p, "origin", "http://localhost:8082"),
    "inside another site's frame": lambda p: setattr(p, "cross_origin", True),
    "for another site": lambda p: setattr(p, "rp_id", "evil.example"),
    "over another challenge": lambda p: setattr(p, "challenge", b"x" * 64),
    "with another key": lambda p: setattr(p, "key", SoftPasskey("x", "y").key),
}


@pytest.mark.parametrize("lie", LIES)
async def test_nobody_signs(world: World, lie: str) -> None:
    envelope = await world.opened()
    LIES[lie](world.passkeys["Mika"])
    question, answer = await asked(world, envelope)
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), envelope.id, question["challenge_id"], answer),
        "passkey_refused",
        403,
    )
    await still_pending(world, envelope)


async def test_a_cloned_passkey_that_is_behind_does_not_sign(world: World) -> None:
    first = await world.opened()
    await world.approve(first.id)
    second = await world.opened(a_request(target="/2"))
    world.passkeys["Mika"].sign_count = 0
    question, answer = await asked(world, second)
    with pytest.raises(DeskError):
        await world.deciding.approve(world.session("Mika"), second.id, question["challenge_id"], answer)
    assert (await world.now(second)).state is State.PENDING


# Who may. --------------------------------------------------------------------------------------------------


async def owned(world: World) -> Envelope:
    await world.add_agent("owned", owner="Mika")
    return await world.opened(a_request(caller=a_caller("owned")))


async def test_an_owner_does_not_approve_their_own_agent(world: World) -> None:
    envelope = await owned(world)
    await refused(world, world.deciding.sign(world.session("Mika"), envelope.id), "own_request", 403)
    assert (await world.approve(envelope.id, "Noor")).state is State.APPROVED


async def test_an_owner_who_was_let_when_asked_and_not_when_answering_does_not_approve(world: World) -> None:
    world.set(owner_may_approve=True)
    envelope = await owned(world)
    question, answer = await asked(world, envelope)
    world.set(owner_may_approve=False)
    await refused(
        world,
        world.deciding.approve(world.session("Mika"), envelope.id, question["challenge_id"], answer),
        "own_request",
        403,
    )
    await still_pending(world, envelope)


async def test_where_owners_may_approve_every_row_says_so(world: World) -> None:
    world.set(owner_may_approve=True)
    envelope = await owned(world)
    await world.approve(envelope.id)
    rows = [*await world.said(kind="signature"), *await world.said(kind="mint")]
    assert len(rows) == 2
    assert all("owner_may_approve" in row["detail"] for row in rows)


async def test_an_owner_never_counts_where_two_are_needed(world: World) -> None:
    world.set(owner_may_approve=True)
    needing(world, 2)
    await world.enrol("Third")
    envelope = await owned(world)
    await refused(world, world.deciding.sign(world.session("Mika"), envelope.id), "own_request", 403)


async def test_somebody_outside_the_group_neither_asks_answers_nor_denies(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope, "Noor")
    world.policy.approvers = frozenset({"Mika"})
    noor = world.session("Noor")
    await refused(world, world.deciding.sign(noor, envelope.id), "not_allowed", 403)
    await refused(
        world, world.deciding.approve(noor, envelope.id, question["challenge_id"], answer), "not_allowed", 403
    )
    await refused(world, world.deciding.deny(noor, envelope.id, None), "not_allowed", 403)
    await still_pending(world, envelope)


async def test_a_revoked_person_with_an_old_session_decides_nothing(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    mika = world.session("Mika")
    await refused(world, world.deciding.sign(mika, envelope.id), "no_passkey", 403)
    with pytest.raises(DeskError):
        await world.deciding.approve(mika, envelope.id, question["challenge_id"], answer)
    with pytest.raises(DeskError):
        await world.deciding.deny(mika, envelope.id, None)
    await still_pending(world, envelope)


async def test_a_passkey_revoked_while_its_answer_is_checked_does_not_sign(world: World) -> None:
    """The directory still knows it; the store does not."""
    envelope = await world.opened()
    failing = FailingStore(world.sqlite)
    world.deciding.store = failing

    async def revoke(change: object) -> None:
        if type(change).__name__ == "Sign":
            failing.before_apply = None
            await world.sqlite.apply(RevokePerson("Mika", START))

    failing.before_apply = revoke
    with pytest.raises(DeskError):
        await world.approve(envelope.id)
    await still_pending(world, envelope)


# Redacted values. ------------------------------------------------------------------------------------------


def redacting(world: World) -> None:
    world.library.meaning = lambda _request: a_mapped(a_unit(redact=("json:/to", "json:/currency")))


async def test_nobody_signs_what_they_have_not_seen(world: World) -> None:
    redacting(world)
    envelope = await world.opened()
    mika = world.session("Mika")
    await world.deciding.reveal(mika, envelope.id, "json:/to")
    await world.deciding.reveal(world.session("Noor"), envelope.id, "json:/currency")
    question, answer = await asked(world, envelope)
    error = await refused(
        world,
        world.deciding.approve(mika, envelope.id, question["challenge_id"], answer),
        "not_revealed",
        403,
    )
    assert "json:/currency" in error.detail
    assert "json:/to" not in error.detail
    await still_pending(world, envelope)
    await world.deciding.reveal(mika, envelope.id, "json:/currency")
    assert (await world.approve(envelope.id)).state is State.APPROVED


async def test_a_reveal_proves_its_value_and_is_a_row_before_it_is_told(world: World) -> None:
    redacting(world)
    envelope = await world.opened()
    told = await world.deciding.reveal(world.session("Mika"), envelope.id, "json:/to")
    question, _ = await asked(world, envelope)
    shown = dict(json.loads(from_b64u(question["payload"]))["request"]["body"]["fields"])
    expected = sha256(bytes.fromhex(told["salt"]) + told["value"].encode())
    assert told["value"] == "acct_tea"
    assert shown["json:/to"]["redacted"]["commitment"] == expected
    (row,) = await world.said(kind="reveal")
    assert (row["person"], row["detail"], row["envelope"]) == ("Mika", "json:/to", envelope.id)
    assert "acct_tea" not in json.dumps([{**r, "resource": None} for r in await world.said()])


async def test_a_reveal_that_cannot_be_recorded_is_not_told(world: World) -> None:
    redacting(world)
    envelope = await world.opened()
    failing = FailingStore(world.sqlite)
    failing.fails = lambda _number, name: name == "apply Reveal"
    world.deciding.store = failing
    with pytest.raises(type(failing.error)):
        await world.deciding.reveal(world.session("Mika"), envelope.id, "json:/to")


async def test_only_who_may_sign_may_see(world: World) -> None:
    redacting(world)
    envelope = await world.opened()
    world.policy.approvers = frozenset({"Mika"})
    await refused(
        world, world.deciding.reveal(world.session("Noor"), envelope.id, "json:/to"), "not_allowed", 403
    )
    assert await world.said(kind="reveal") == []


@pytest.mark.parametrize("selector", ["json:/amount", "header:authorization", "json:/", "", "hidden_salt"])
async def test_nothing_but_what_was_redacted_is_revealed(world: World, selector: str) -> None:
    redacting(world)
    envelope = await world.opened()
    await refused(world, world.deciding.reveal(world.session("Mika"), envelope.id, selector), "absent", 404)


# Time and order. -------------------------------------------------------------------------------------------


async def test_after_its_time_nothing_is_signed_or_denied(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    world.time.advance(60)
    mika = world.session("Mika")
    error = await refused(
        world, world.deciding.approve(mika, envelope.id, question["challenge_id"], answer), "expired", 409
    )
    assert error.extra["envelope"].id == envelope.id
    assert error.detail == "Time ran out at 2027-01-15T08:01:00Z: it was refused."
    await refused(world, world.deciding.sign(mika, envelope.id), "expired", 409)
    await refused(world, world.deciding.deny(mika, envelope.id, None), "expired", 409)
    await still_pending(world, envelope)


async def test_time_that_runs_out_while_the_answer_is_checked_counts(world: World) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    passing = FailingStore(world.sqlite)

    def time_passes(_number: int, name: str) -> bool:
        if name == "revealed":
            world.time.advance(60)
        return False

    passing.fails = time_passes
    world.deciding.store = passing
    mika = world.session("Mika")
    await refused(
        world, world.deciding.approve(mika, envelope.id, question["challenge_id"], answer), "expired", 409
    )
    assert passing.calls[-1] == "apply Sign"
    await still_pending(world, envelope)


@pytest.mark.parametrize("first", ["deny", "cancel", "approve"])
async def test_whoever_comes_second_is_told_who_was_first(world: World, first: str) -> None:
    envelope = await world.opened()
    question, answer = await asked(world, envelope)
    if first == "approve":
        await world.approve(envelope.id, "Noor")
    elif first == "deny":
        await world.deciding.deny(world.session("Noor"), envelope.id, None)
    else:
        await world.operating.envelope_cancel(envelope.id)
    who = "operator" if first == "cancel" else "Noor"
    mika = world.session("Mika")
    error = await refused(
        world, world.deciding.approve(mika, envelope.id, question["challenge_id"], answer), "decided", 409
    )
    verb = {"deny": "denied", "cancel": "cancelled", "approve": "approved"}[first]
    assert error.detail == f"{who} {verb} this first, at 2027-01-15T08:00:00Z."
    assert error.extra["envelope"].decided_by == who
    await refused(world, world.deciding.deny(mika, envelope.id, None), "decided", 409)


async def test_a_denial_in_the_same_moment_wins_or_loses_whole(world: World) -> None:
    envelope = await world.opened()
    failing = FailingStore(world.sqlite)
    world.deciding.store = failing

    async def deny_first(change: object) -> None:
        if type(change).__name__ == "Sign":
            failing.before_apply = None
            await world.sqlite.apply(Move(envelope.id, envelope.version, "deny", START, "Noor", "session"))  # type: ignore[arg-type]  # the step's own word

    failing.before_apply = deny_first
    with pytest.raises(DeskError) as error:
        await world.approve(envelope.id)
    assert error.value.word == "decided"
    assert (await world.now(envelope)).state is State.DENIED
    assert await world.said(kind="mint") == []


# Quorum. ---------------------------------------------------------------------------------------------------


async def test_a_quorum_of_two_needs_two_people(world: World) -> None:
    needing(world, 2)
    envelope = await world.opened()
    first = await world.approve(envelope.id, "Mika")
    assert (first.state, first.cosigner) == (State.PENDING, None)
    assert await world.said(kind="mint") == []
    second = await world.approve(envelope.id, "Noor")
    assert second.state is State.APPROVED
    (minted,) = await world.said(kind="mint")
    assert minted["person"] == "Noor"


async def test_two_passkeys_of_one_person_are_one_signature(world: World) -> None:
    needing(world, 2)
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    laptop = await world.second_passkey("Mika")
    with pytest.raises(DeskError):
        await world.approve(envelope.id, "Mika", laptop)
    told = await world.now(envelope)
    assert (told.state, told.cosigner) == (State.PENDING, None)
    assert len(await world.store.signatures(envelope.id)) == 1
    assert await world.said(kind="mint") == []


async def test_two_who_sign_at_once_are_both_counted_or_asked_again(world: World) -> None:
    needing(world, 2)
    envelope = await world.opened()
    results = await asyncio.gather(
        world.approve(envelope.id, "Mika"), world.approve(envelope.id, "Noor"), return_exceptions=True
    )
    for name, result in zip(("Mika", "Noor"), results, strict=True):
        if isinstance(result, DeskError):
            assert result.word == "changed"
            await world.approve(envelope.id, name)
    assert (await world.now(envelope)).state is State.APPROVED
    assert len(await world.said(kind="mint")) == 1


async def test_one_denial_ends_what_another_has_signed(world: World) -> None:
    needing(world, 2)
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    await world.deciding.deny(world.session("Noor"), envelope.id, "No.")
    assert (await world.now(envelope)).state is State.DENIED


async def test_a_signature_of_somebody_revoked_since_completes_no_quorum(world: World) -> None:
    """Rule 3: valid at the decision and at the spend."""
    needing(world, 2)
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    await world.store.apply(RevokePerson("Mika", START))
    await world.directory.refresh()
    await world.approve(envelope.id, "Noor")
    told = await world.now(envelope)
    assert (told.state, told.cosigner) == (State.PENDING, None)
    assert await world.said(kind="mint") == []


# Denying and withdrawing. ----------------------------------------------------------------------------------


async def test_a_denial_names_who_and_how_they_were_signed_in(world: World) -> None:
    envelope = await world.opened()
    denied = await world.deciding.deny(world.session("Mika"), envelope.id, "  Not\n today. ")
    assert (denied.state, denied.decided_by, denied.decision_method) == (State.DENIED, "Mika", "session")
    assert denied.note == "Not today."
    (row,) = await world.said(reason="approval_denied")
    assert (row["person"], row["decision_method"]) == ("Mika", "session")
    assert row["credential_id"] == b64u(world.passkeys["Mika"].id)
    assert row["detail"] == "signed in at 2027-01-15T08:00:00Z"


async def test_a_denial_ends_every_question_that_means_the_same(world: World) -> None:
    """No shopping among questions that were open already: one more header does not find a kinder approver."""
    envelope = await world.opened()
    alike = await world.opened(a_request(target="/v1/payments?dry=1"))
    await world.add_agent("other")
    others = await world.opened(a_request(caller=a_caller("other")))
    world.library.meaning = lambda _request: a_mapped(a_unit(context={}))
    unlike = await world.opened(a_request(target="/unlike"))
    await world.deciding.deny(world.session("Mika"), envelope.id, "No.")
    told = await world.now(alike)
    assert (told.state, told.decided_by, told.note) == (State.DENIED, "Mika", "No.")
    assert (await world.said(envelope=alike.id))[-1]["detail"] == f"denied as {envelope.id}"
    assert (await world.now(unlike)).state is State.PENDING
    assert (await world.now(others)).state is State.PENDING


async def test_an_owner_may_always_deny(world: World) -> None:
    envelope = await owned(world)
    assert (await world.deciding.deny(world.session("Mika"), envelope.id, None)).state is State.DENIED


async def test_a_signer_takes_a_signature_back_before_the_quorum(world: World) -> None:
    needing(world, 2)
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    told = await world.deciding.withdraw(world.session("Mika"), envelope.id)
    assert told.state is State.PENDING
    assert await world.store.signatures(envelope.id) == ()
    await world.approve(envelope.id, "Noor")
    assert (await world.now(envelope)).state is State.PENDING
    await world.approve(envelope.id, "Mika")
    assert (await world.now(envelope)).state is State.APPROVED


async def test_a_signer_takes_an_approval_back_until_it_is_spent(world: World) -> None:
    envelope = await world.opened()
    approved = await world.approve(envelope.id)
    told = await world.deciding.withdraw(world.session("Mika"), envelope.id)
    assert (told.state, told.cosigner_token, told.decided_by) == (State.REVOKED, None, "Mika")
    (row,) = await world.said(reason="withdrawn")
    assert (row["person"], row["cosigner"]) == ("Mika", approved.cosigner)


async def test_what_was_spent_cannot_be_taken_back(world: World) -> None:
    task, envelope = await world.held()
    await world.approve(envelope.id)
    await task
    await refused(world, world.deciding.withdraw(world.session("Mika"), envelope.id), "decided", 409)
    assert (await world.now(envelope)).state is State.SPENT


async def test_nobody_withdraws_what_another_signed(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    await refused(world, world.deciding.withdraw(world.session("Noor"), envelope.id), "not_signed", 403)
    assert (await world.now(envelope)).state is State.APPROVED


# The rest. -------------------------------------------------------------------------------------------------


async def test_what_is_not_there_is_absent(world: World) -> None:
    mika = world.session("Mika")
    for deciding in (
        world.deciding.sign(mika, "env_x"),
        world.deciding.approve(mika, "env_x", "chl_x", {}),
        world.deciding.deny(mika, "env_x", None),
        world.deciding.withdraw(mika, "env_x"),
        world.deciding.reveal(mika, "env_x", "json:/a"),
        world.deciding.mismatch(mika, "env_x", "a", "b"),
    ):
        await refused(world, deciding, "absent", 404)


async def test_what_was_shredded_cannot_be_opened(world: World) -> None:
    redacting(world)
    envelope = await world.opened()
    await world.operating.envelope_deny(envelope.id)
    await world.store.apply(Shred(START + 1000, START + 1000))
    await refused(
        world, world.deciding.reveal(world.session("Mika"), envelope.id, "json:/to"), "shredded", 410
    )


async def test_a_page_that_shows_something_else_is_recorded_and_cut_short(world: World) -> None:
    envelope = await world.opened()
    await world.deciding.mismatch(world.session("Mika"), envelope.id, "a" * 500, "b" * 500)
    (row,) = await world.said(kind="mismatch")
    assert (row["person"], row["reason"]) == ("Mika", "display_mismatch")
    assert row["detail"] == f"expected {'a' * 64}, shown {'b' * 64}"


async def test_a_mismatch_is_not_a_reveal(world: World) -> None:
    envelope = await world.opened()
    await world.deciding.mismatch(world.session("Mika"), envelope.id, "a", "b")
    assert await world.store.revealed(envelope.id, "Mika") == frozenset()


async def test_everybody_is_told_of_a_decision(world: World) -> None:
    envelope = await world.opened()
    before = world.board.last
    await world.approve(envelope.id)
    assert world.board.last == before + 1


def failing_at(call: str) -> Callable[[int, str], bool]:
    return lambda _number, name: name == call


async def test_a_store_that_fails_approves_nothing(world: World) -> None:
    envelope = await world.opened()
    calls = ("envelope", "credential", "revealed", "signatures", "program_signatures")
    for call in ("apply UseChallenge", *calls, "apply Sign"):
        failing = FailingStore(world.sqlite)
        question, answer = await asked(world, envelope)
        world.deciding.store = world.signing_in.store = failing
        failing.fails = failing_at(call)
        with pytest.raises(type(failing.error)):
            await world.deciding.approve(world.session("Mika"), envelope.id, question["challenge_id"], answer)
        assert call in failing.calls
        world.deciding.store = world.signing_in.store = world.sqlite
        await still_pending(world, envelope)


@pytest.mark.parametrize(
    ("written", "note"),
    [
        (None, None),
        ("", None),
        (" \n ", None),
        ("a\nb\tc", "a b c"),
        ("a\u202eb\x00\u200bc", "abc"),
        ("x" * 400, "x" * MAX_NOTE),
    ],
)
def test_a_note_is_one_line_of_visible_text(written: str | None, note: str | None) -> None:
    assert clean_note(written) == note


@given(st.text())
def test_a_note_never_carries_a_control_character(text: str) -> None:
    note = clean_note(text)
    assert note is None or (note.isprintable() and 0 < len(note) <= MAX_NOTE)


async def test_a_quorum_that_policy_never_asked_for_is_not_needed(world: World) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, (), 1)
    envelope = await world.opened()
    assert envelope.quorum == 1
