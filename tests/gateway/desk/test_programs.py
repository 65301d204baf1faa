import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import ucan
from gateway.canonical import sha256
from gateway.desk.acts.grants import GrantFromEnvelope
from gateway.desk.contract import DeskError, ProgramAnswer
from gateway.encoding import from_b64u
from gateway.envelopes import Envelope, State
from gateway.errors import Refusal
from gateway.model import Approval, Decision, Effect, Mapped
from gateway.policy import Signing
from gateway.store.writes import Delegate, Move, RevokeProgram
from tests.kit.away import lend
from tests.kit.programs import SoftProgram
from tests.kit.things import KEYS, a_mapped, a_request, a_unit
from tests.kit.world import PlayedPolicy, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    await made.enrol("Noor")
    made.policy.delegates = frozenset({"deny", "route", "delegate"})
    yield made
    await made.close()


@pytest.fixture
async def program(world: World) -> SoftProgram:
    return await SoftProgram(world).register("deny", "route", "delegate")


async def refused(acting: Any, word: str) -> DeskError:
    with pytest.raises(DeskError) as error:
        await acting
    assert error.value.word == word
    return error.value


async def untouched(world: World, envelope: Envelope) -> None:
    told = await world.now(envelope)
    assert (told.state, told.routed_to, told.version) == (State.PENDING, None, envelope.version)
    assert await world.store.program_signatures(envelope.id) == ()
    assert await world.said(decision_method="delegate") == []


async def lapses(world: World, envelope: Envelope) -> None:
    with pytest.raises(Refusal):
        await world.releaser.release(await world.now(envelope), a_request())
    assert (await world.now(envelope)).state is State.LAPSED
    assert await world.said(kind="authorised") == []


# What a program can do. -------------------------------------------------------------------------------------


async def test_a_program_is_shown_what_waits_and_what_it_may_do(world: World, program: SoftProgram) -> None:
    envelope = await world.opened()
    (told,) = await program.list()
    assert (told["id"], told["may"]) == (envelope.id, ["deny", "route", "delegate"])
    assert json.loads(from_b64u(told["sheet"]))["digest"] == envelope.digest
    world.policy.delegates = frozenset({"deny"})
    assert [each["may"] for each in await program.list()] == [["deny"]]
    world.policy.delegates = frozenset()
    assert await program.list() == []


async def test_a_denial_by_a_program_ends_it_as_a_persons_would(world: World, program: SoftProgram) -> None:
    task, envelope = await world.held()
    other = await world.opened(a_request(target="/elsewhere"))
    told = await program.act(envelope, "deny", note="Looks like fraud.")
    assert (told.state, told.decided_by, told.decision_method) == (State.DENIED, "program fraud", "delegate")
    with pytest.raises(Refusal, match="Looks like fraud"):
        await task
    assert (await world.now(other)).state is State.DENIED
    ends = await world.said(kind="end")
    assert {row["decision_method"] for row in ends} == {"delegate"}
    assert {row["person"] for row in ends} == {"program fraud"}


async def test_what_a_program_vouches_for_goes_where_policy_accepts_it(
    world: World, program: SoftProgram
) -> None:
    envelope = await world.opened()
    told = await program.act(envelope, "delegate")
    assert (told.state, told.decided_by, told.decision_method) == (
        State.APPROVED,
        "program fraud",
        "delegate",
    )
    assert told.cosigner_token is not None
    token = ucan.read(told.cosigner_token)
    assert isinstance(token, ucan.Delegation)
    assert token.command == "/delegate/shop/payment/create"
    await world.releaser.release(told, a_request())
    (row,) = await world.said(kind="authorised")
    assert row["decision_method"] == "delegate"
    (vouched,) = await world.said(kind="delegate")
    assert (vouched["person"], vouched["detail"], vouched["reason"]) == (
        "program fraud",
        program.did,
        "delegated",
    )


async def test_a_route_narrows_who_is_asked(world: World, program: SoftProgram) -> None:
    world.policy.members = {"finance": frozenset({"Noor", "Stranger"})}
    envelope = await world.opened()
    await world.deciding.sign(world.session("Mika"), envelope.id)
    routed = await program.act(envelope, "route", group="finance")
    assert routed.routed_to == "finance"
    with pytest.raises(DeskError) as error:
        await world.approve(envelope.id, "Mika")
    assert error.value.word == "not_allowed"
    assert (await world.approve(envelope.id, "Noor")).state is State.APPROVED


async def test_a_route_widens_nothing(world: World, program: SoftProgram) -> None:
    """A member of the group whom policy does not let approve may not for being named."""
    world.policy.members = {"finance": frozenset({"Mika", "Noor"})}
    world.policy.approvers = frozenset({"Noor"})
    envelope = await world.opened()
    await program.act(envelope, "route", group="finance")
    with pytest.raises(DeskError):
        await world.approve(envelope.id, "Mika")


async def test_a_route_is_not_a_way_to_deny_nor_to_route_again(world: World, program: SoftProgram) -> None:
    world.policy.members = {"finance": frozenset({"Noor"}), "board": frozenset({"Mika"})}
    envelope = await world.opened()
    await refused(program.act(envelope, "route", group="empty"), "nobody_there")
    await untouched(world, envelope)
    await program.act(envelope, "route", group="finance")
    await refused(program.act(await world.now(envelope), "route", group="board"), "routed")


async def test_a_signature_given_before_the_route_counts_no_more(world: World, program: SoftProgram) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, quorum=2)
    await world.enrol("Sol")
    world.policy.members = {"finance": frozenset({"Noor", "Sol"})}
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    await program.act(await world.now(envelope), "route", group="finance")
    assert (await world.approve(envelope.id, "Noor")).state is State.PENDING


# What it cannot. --------------------------------------------------------------------------------------------


async def test_a_program_that_approves_is_refused(world: World, program: SoftProgram) -> None:
    envelope = await world.opened()
    await refused(program.act(envelope, "approve"), "bad_request")
    answer = await program.answer("delegate", program.payload(envelope, "approve"))
    await refused(world.programs.act(answer, "delegate", envelope.id, {}), "bad_signature")
    await untouched(world, envelope)


async def test_a_program_lets_nothing_go_where_policy_names_no_delegate(
    world: World, program: SoftProgram
) -> None:
    envelope = await world.opened()
    real = world.policy.authorise
    world.policy.authorise = lambda agent, mapped, facts: real(  # type: ignore[method-assign]
        agent, mapped, replace(facts, delegate=False)
    )
    await refused(program.act(envelope, "delegate"), "not_accepted")
    await untouched(world, envelope)


async def test_a_program_never_counts_as_a_person_beside_people(world: World, program: SoftProgram) -> None:
    world.policy.decision = Decision(Effect.STEP_UP, quorum=2)
    envelope = await world.opened()
    await world.approve(envelope.id, "Mika")
    heard = []
    real = world.policy.authorise

    def listening(agent: str, mapped: Any, facts: Any) -> Decision:
        heard.append((facts.cosigner, facts.approvals, facts.delegate))
        return real(agent, mapped, facts)

    world.policy.authorise = listening  # type: ignore[method-assign]
    told = await program.act(await world.now(envelope), "delegate")
    await world.releaser.release(told, a_request())
    assert heard == [(False, 0, True)] * 2


async def test_a_programs_signature_put_among_those_of_people_counts_for_nobody(
    world: World, program: SoftProgram
) -> None:
    """The database claims an approval by somebody called like the program."""
    envelope = await world.opened()
    approved = await program.act(envelope, "delegate")
    (given,) = await world.store.program_signatures(envelope.id)
    columns = (given.challenge, given.sealed_payload, given.payload_sha256)
    values = (envelope.id, given.program, b"x", *columns, "{}", given.at)
    for statement, told in (
        ("INSERT INTO signatures VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", values),
        ("UPDATE envelopes SET decision_method = 'passkey'", ()),
    ):
        await world.sqlite._ask(lambda db, s=statement, v=told: db.execute(s, v), writes=True)  # type: ignore[misc]  # bound now
    await lapses(world, approved)


@pytest.mark.parametrize("verb", ["deny", "route", "delegate"])
async def test_a_verb_that_was_not_registered_is_refused(world: World, verb: str) -> None:
    others = [known for known in ("deny", "route", "delegate") if known != verb]
    program = await SoftProgram(world).register(*others)  # type: ignore[arg-type]  # two of the three
    world.policy.members = {"finance": frozenset({"Noor"})}
    envelope = await world.opened()
    said = {"group": "finance"} if verb == "route" else {}
    await refused(program.act(envelope, verb, **said), "not_allowed")
    await untouched(world, envelope)


@pytest.mark.parametrize("verb", ["deny", "delegate"])
async def test_a_verb_that_policy_does_not_permit_is_refused(
    world: World, program: SoftProgram, verb: str
) -> None:
    world.policy.delegates = frozenset({"route"})
    envelope = await world.opened()
    await refused(program.act(envelope, verb), "not_allowed")
    await untouched(world, envelope)


async def test_a_payload_of_another_envelope_decides_nothing(world: World, program: SoftProgram) -> None:
    one, other = await world.opened(), await world.opened(a_request(target="/2"))
    for verb in ("deny", "delegate"):
        answer = await program.answer(verb, program.payload(one, verb))
        await refused(world.programs.act(answer, verb, other.id, {}), "bad_signature")
    await untouched(world, other)


async def test_what_is_said_beside_the_verb_is_signed_too(world: World, program: SoftProgram) -> None:
    world.policy.members = {"finance": frozenset({"Noor"}), "board": frozenset({"Mika"})}
    envelope = await world.opened()
    answer = await program.answer("route", program.payload(envelope, "route", group="finance"))
    await refused(world.programs.act(answer, "route", envelope.id, {"group": "board"}), "bad_signature")
    answer = await program.answer("delegate", program.payload(envelope, "delegate"))
    await refused(world.programs.act(answer, "delegate", envelope.id, {"group": "board"}), "bad_request")
    await untouched(world, envelope)


async def test_a_replayed_nonce_of_a_program_is_refused(world: World, program: SoftProgram) -> None:
    world.policy.members = {"finance": frozenset({"Noor"})}
    one, other = await world.opened(), await world.opened(a_request(target="/2"))
    answer = await program.answer("delegate", program.payload(one, "delegate"))
    await world.programs.act(answer, "delegate", one.id, {})
    for envelope in (one, other):
        await refused(world.programs.act(answer, "delegate", envelope.id, {}), "challenge_used")
    assert (await world.now(other)).state is State.PENDING
    assert await world.store.program_signatures(other.id) == ()


async def test_a_nonce_is_spent_also_by_a_wrong_answer(world: World, program: SoftProgram) -> None:
    envelope = await world.opened()
    good = await program.answer("delegate", program.payload(envelope, "delegate"))
    await refused(
        world.programs.act(replace(good, signature=b"x" * 64), "delegate", envelope.id, {}), "bad_signature"
    )
    await refused(world.programs.act(good, "delegate", envelope.id, {}), "challenge_used")
    await untouched(world, envelope)


async def test_a_nonce_is_for_one_program_and_one_verb(world: World, program: SoftProgram) -> None:
    other = await SoftProgram(world, "second").register("deny", "delegate")
    envelope = await world.opened()
    answer = await program.answer("deny", program.payload(envelope, "delegate"))
    await refused(world.programs.act(answer, "delegate", envelope.id, {}), "challenge_used")
    answer = await other.answer("delegate", program.payload(envelope, "delegate"))
    await refused(
        world.programs.act(replace(answer, program="fraud"), "delegate", envelope.id, {}), "challenge_used"
    )
    await untouched(world, envelope)


async def test_a_nonce_ends_after_a_minute(world: World, program: SoftProgram) -> None:
    world.set(ttl=300)
    envelope = await world.opened()
    answer = await program.answer("delegate", program.payload(envelope, "delegate"))
    world.time.advance(60)
    await refused(world.programs.act(answer, "delegate", envelope.id, {}), "challenge_used")


async def test_a_persons_challenge_is_no_nonce_of_a_program(world: World, program: SoftProgram) -> None:
    envelope = await world.opened()
    asked = await world.deciding.sign(world.session("Mika"), envelope.id)
    answer = await program.answer("delegate", program.payload(envelope, "delegate"))
    await refused(
        world.programs.act(replace(answer, challenge_id=asked["challenge_id"]), "delegate", envelope.id, {}),
        "challenge_used",
    )


async def test_a_program_that_nobody_registered_is_told_nothing(world: World) -> None:
    stranger = SoftProgram(world, "stranger")
    await refused(stranger.list(), "unknown_program")
    await refused(world.programs.challenge("fraud", "approve"), "unknown_program")


async def test_a_nonce_is_given_only_for_what_programs_do(world: World, program: SoftProgram) -> None:
    await refused(world.programs.challenge(program.name, "approve"), "bad_request")


async def test_without_a_true_signature_nothing_is_told_of_a_question(
    world: World, program: SoftProgram
) -> None:
    """Also not whether and by whom it was decided."""
    envelope = await world.opened()
    await world.operating.envelope_deny(envelope.id)
    answer = await SoftProgram(world).answer("deny", {})
    await refused(world.desk.program_act(answer, "deny", envelope.id, {}), "bad_signature")
    error = await refused(self_deny(world, program, envelope), "decided")
    assert error.extra == {}


async def self_deny(world: World, program: SoftProgram, envelope: Envelope) -> Any:
    answer = await program.answer("deny", program.payload(envelope, "deny"))
    return await world.desk.program_act(answer, "deny", envelope.id, {})


async def test_a_program_is_answered_with_the_state_and_no_more(world: World, program: SoftProgram) -> None:
    envelope = await world.opened()
    assert await self_deny(world, program, envelope) == {"envelope": envelope.id, "state": "denied"}


# At the spend. ----------------------------------------------------------------------------------------------


async def test_a_revoked_programs_word_lets_nothing_go(world: World, program: SoftProgram) -> None:
    envelope = await program.act(await world.opened(), "delegate")
    await world.store.apply(RevokeProgram("fraud", world.store.now()))
    await world.directory.refresh()
    await lapses(world, envelope)


async def test_a_program_that_policy_permits_no_more_lets_nothing_go(
    world: World, program: SoftProgram
) -> None:
    envelope = await program.act(await world.opened(), "delegate")
    world.policy.delegates = frozenset({"deny"})
    await lapses(world, envelope)


async def test_a_delegate_flag_forged_in_the_database_lets_nothing_go(
    world: World, program: SoftProgram
) -> None:
    """The column says that a program vouched, and no program did."""
    envelope = await world.approve((await world.opened()).id)
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE envelopes SET decision_method = 'delegate', decided_by = 'program fraud'"
        ),
        writes=True,
    )
    await lapses(world, envelope)


@pytest.mark.parametrize("column", ["signature", "verb", "key"])
async def test_a_programs_signature_altered_in_the_database_does_not_count(
    world: World, program: SoftProgram, column: str
) -> None:
    envelope = await program.act(await world.opened(), "delegate")
    other = SoftProgram(world)
    statement, values = {
        "signature": ("UPDATE program_signatures SET signature = ?", (b"x" * 64,)),
        "verb": ("UPDATE program_signatures SET challenge = ?", (b"y" * 64,)),
        "key": ("UPDATE programs SET key = ?", (other.did,)),
    }[column]
    await world.sqlite._ask(lambda db: db.execute(statement, values), writes=True)
    await world.directory.refresh()
    await lapses(world, envelope)


async def test_a_denial_that_a_program_signed_does_not_stand_for_its_word(
    world: World, program: SoftProgram
) -> None:
    envelope = await program.act(await world.opened(), "delegate")
    payload = program.payload(envelope, "deny")
    from gateway.canonical import jcs
    from gateway.payload import challenge

    signed = challenge(b"n" * 32, jcs(payload))
    values = (signed, KEYS.seal(envelope.id, jcs(payload)), sha256(jcs(payload)), program.key.sign(signed))
    await world.sqlite._ask(
        lambda db: db.execute(
            "UPDATE program_signatures SET challenge = ?, sealed_payload = ?, payload_sha256 = ?, "
            "signature = ?",
            values,
        ),
        writes=True,
    )
    await lapses(world, envelope)


async def test_a_program_revoked_in_the_moment_of_its_word_changes_nothing(
    world: World, program: SoftProgram
) -> None:
    """The directory has not heard of it yet; the transaction has."""
    envelope = await world.opened()
    await world.store.apply(RevokeProgram("fraud", world.store.now()))
    await refused(program.act(envelope, "delegate"), "changed")
    assert (await world.now(envelope)).state is State.PENDING


async def test_a_program_does_not_say_one_thing_twice(world: World, program: SoftProgram) -> None:
    envelope = await world.opened()
    await program.act(envelope, "delegate")
    await refused(program.act(envelope, "delegate"), "decided")


def test_what_programs_change_carries_their_signature() -> None:
    """The store takes neither a route nor a delegate by itself."""
    from typing import get_args

    from gateway.store.writes import Change, Route

    assert not {Route, Delegate} & set(get_args(Change.__value__))
    assert Move in get_args(Change.__value__)


# Beside rights that are lent, and batches. ------------------------------------------------------------------


async def test_what_was_routed_is_not_signed_with_the_right_of_somebody_outside_the_group(
    world: World, program: SoftProgram
) -> None:
    """Tomo is of the group and may approve nothing himself; Mika, who lends, is not."""
    await world.enrol("Tomo")
    world.policy.approvers = frozenset({"Mika", "Noor"})
    world.policy.members = {"finance": frozenset({"Noor", "Tomo"})}
    await lend(world, "Mika", "Tomo")
    envelope = await world.opened()
    await program.act(envelope, "route", group="finance")
    await refused(world.approve(envelope.id, "Tomo"), "not_allowed")
    assert await world.store.signatures(envelope.id) == ()


async def test_who_stands_in_for_one_of_the_group_signs_what_was_routed(
    world: World, program: SoftProgram
) -> None:
    await world.enrol("Tomo")
    world.policy.approvers = frozenset({"Mika", "Noor"})
    world.policy.members = {"finance": frozenset({"Noor"})}
    await lend(world, "Noor", "Tomo")
    envelope = await world.opened()
    await program.act(envelope, "route", group="finance")
    approved = await world.approve(envelope.id, "Tomo")
    await world.releaser.release(approved, a_request())
    assert len(await world.said(kind="authorised")) == 1


async def test_a_right_lent_by_somebody_outside_the_group_counts_no_more_after_the_route(
    world: World, program: SoftProgram
) -> None:
    await world.enrol("Tomo")
    world.policy.decision = Decision(Effect.STEP_UP, quorum=2)
    world.policy.approvers = frozenset({"Mika", "Noor", "Sol"})
    await world.enrol("Sol")
    world.policy.members = {"finance": frozenset({"Noor", "Sol"})}
    await lend(world, "Mika", "Tomo")
    envelope = await world.opened()
    await world.approve(envelope.id, "Tomo")
    await program.act(envelope, "route", group="finance")
    assert (await world.approve(envelope.id, "Noor")).state is State.PENDING
    assert (await world.approve(envelope.id, "Sol")).state is State.APPROVED


async def test_a_route_to_those_who_only_stand_in_reaches_nobody(world: World, program: SoftProgram) -> None:
    await world.enrol("Tomo")
    world.policy.approvers = frozenset({"Mika"})
    world.policy.members = {"finance": frozenset({"Tomo"})}
    await lend(world, "Mika", "Tomo")
    envelope = await world.opened()
    await refused(program.act(envelope, "route", group="finance"), "nobody_there")
    await untouched(world, envelope)


async def test_what_was_routed_away_is_not_granted_by_those_it_was_taken_from(
    world: World, program: SoftProgram
) -> None:
    world.policy.members = {"finance": frozenset({"Noor"})}
    envelope = await world.opened()
    await program.act(envelope, "route", group="finance")
    act = GrantFromEnvelope(world.deciding, world.grants, world.rules)
    asked = {"envelope": envelope.id, "covers": "intent"}
    await refused(act.plan("Mika", asked), "not_allowed")


async def alike(world: World) -> list[Envelope]:
    """Two requests that can be signed as one batch."""
    world.library.meaning = lambda _request: a_mapped(a_unit(approval=Approval(batch="tea")))
    return [await world.opened(a_request(target=f"/{n}")) for n in (1, 2)]


async def test_what_a_program_vouched_for_meanwhile_is_not_signed_with_the_batch(
    world: World, program: SoftProgram
) -> None:
    one, other = await alike(world)
    session = world.session("Mika")
    asked = await world.batching.begin(session, [one.id, other.id])
    answer = world.passkeys["Mika"].sign(asked.options)
    await program.act(one, "delegate")
    decided = await world.batching.approve(session, asked.challenge.id, answer)
    assert [envelope.id for envelope in decided.done] == [other.id]
    assert [left.envelope for left in decided.left_out] == [one.id]
    assert await world.store.signatures(one.id) == ()
    assert (await world.now(one)).decided_by == "program fraud"


async def test_what_was_routed_away_meanwhile_is_not_signed_with_the_batch(
    world: World, program: SoftProgram
) -> None:
    world.policy.members = {"finance": frozenset({"Noor"})}
    one, other = await alike(world)
    session = world.session("Mika")
    asked = await world.batching.begin(session, [one.id, other.id])
    answer = world.passkeys["Mika"].sign(asked.options)
    await program.act(one, "route", group="finance")
    await refused(world.batching.approve(session, asked.challenge.id, answer), "not_allowed")
    assert await world.store.signatures(one.id) == await world.store.signatures(other.id) == ()


async def test_the_signature_of_a_batch_is_no_answer_of_a_program(world: World, program: SoftProgram) -> None:
    one, other = await alike(world)
    asked = await world.batching.begin(world.session("Mika"), [one.id, other.id])
    signature = program.key.sign(asked.challenge.challenge)
    answer = ProgramAnswer(program.name, asked.challenge.id, signature)
    await refused(world.programs.act(answer, "delegate", one.id, {}), "challenge_used")
    assert (await world.now(one)).state is State.PENDING


async def test_a_program_is_asked_about_the_risk_and_the_quorum_of_the_question(
    world: World, program: SoftProgram
) -> None:
    heard: list[Any] = []

    class Hearing(PlayedPolicy):
        def may_delegate(
            self, program: str, verb: str, *, agent: str, mapped: Mapped, signing: Signing
        ) -> bool:
            heard.append((verb, signing.quorum, signing.intent_risk, signing.break_glass))
            return True

    world.policy = Hearing(decision=Decision(Effect.STEP_UP, quorum=2), delegates=frozenset({"delegate"}))
    envelope = await world.opened()
    told = await program.act(envelope, "delegate")
    await world.releaser.release(told, a_request())
    assert heard == [("delegate", 2, envelope.intent_risk, False)] * 2
