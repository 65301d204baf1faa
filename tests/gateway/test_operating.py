import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.directory import MAX_NAME, token_hash
from gateway.envelopes import State
from gateway.errors import Refusal, UsageError
from gateway.operating import INVITATION_LIFE, RUN_LIFE, Operating, check_name
from gateway.operator_socket import COMMANDS
from gateway.store.writes import Move
from tests.kit.clocks import START
from tests.kit.granting import grantable, granted
from tests.kit.stores import FailingStore
from tests.kit.things import a_caller, a_request
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    yield made
    await made.close()


async def stored_hashes(world: World) -> dict[str, str]:
    return {token.hash: token.agent for token in await world.store.tokens()}


# Agents. -------------------------------------------------------------------------------------------------


async def test_an_agent_is_told_its_token_once_and_only_its_hash_is_kept(world: World) -> None:
    told = await world.operating.agent_add("bot", team="ops", owner="Mika")
    assert (told["agent"], told["team"], told["owner"]) == ("bot", "ops", "Mika")
    assert told["proxy"] == f"http://bot:{told['token']}@127.0.0.1:8080"
    assert (await stored_hashes(world))[token_hash(told["token"])] == "bot"
    dumped = await world.sqlite._ask(lambda db: "\n".join(db.iterdump()))
    assert told["token"] not in dumped
    assert world.directory.agents["bot"].owner == "Mika"
    (row,) = await world.said(kind="agent", agent="bot")
    assert (row["decision"], row["decision_method"], row["detail"]) == ("added", "operator", "ops")


@pytest.mark.parametrize(
    "name", ["", "a b", "a:b", "a@b", "a/b", 'a"b', "ä", "a\n", "x" * (MAX_NAME + 1), "a\u202e"]
)
async def test_a_name_cannot_carry_structure(world: World, name: str) -> None:
    with pytest.raises(UsageError, match="An agent's name has 1 to 64"):
        await world.operating.agent_add(name)
    with pytest.raises(UsageError, match="A team's name has 1 to 64"):
        await world.operating.agent_add("fine", team=name)
    assert list(world.directory.agents) == ["ci-bot"]


def test_plain_names_are_names() -> None:
    for name in ("a", "ci-bot", "A.b_c-9", "x" * MAX_NAME):
        check_name(name, "It")


async def test_an_owner_must_be_enrolled(world: World) -> None:
    with pytest.raises(UsageError, match=r"Eve is not enrolled \(enrolled: Mika\)"):
        await world.operating.agent_add("bot", owner="Eve")


async def test_a_name_is_not_taken_over(world: World) -> None:
    with pytest.raises(UsageError, match="There is an agent ci-bot already"):
        await world.operating.agent_add("ci-bot")
    assert (await stored_hashes(world)) == {token_hash("ssig_ci-bot"): "ci-bot"}


async def test_a_rotation_ends_the_old_token_at_once(world: World) -> None:
    told = await world.operating.agent_rotate("ci-bot")
    assert await stored_hashes(world) == {token_hash(told["token"]): "ci-bot"}
    assert [row["decision"] for row in await world.said(kind="agent")] == ["rotated"]


async def test_a_paused_agent_is_stopped_at_once_and_resumed_at_once(world: World) -> None:
    await world.operating.agent_pause("ci-bot")
    with pytest.raises(Refusal):
        world.directory.check_not_paused("ci-bot")
    await world.operating.agent_resume("ci-bot")
    world.directory.check_not_paused("ci-bot")
    assert [row["decision"] for row in await world.said(kind="agent")] == ["paused", "resumed"]


async def test_a_revoked_agent_is_gone_with_its_tokens(world: World) -> None:
    await world.operating.agent_revoke("ci-bot")
    assert world.directory.agents == {}
    assert await stored_hashes(world) == {}
    assert (await world.operating.agent_list()) == {"agents": []}


@pytest.mark.parametrize("verb", ["agent_rotate", "agent_pause", "agent_resume", "agent_revoke", "run_begin"])
async def test_an_agent_that_is_not_there_is_a_sentence(world: World, verb: str) -> None:
    with pytest.raises(UsageError, match="There is no agent ghost"):
        await getattr(world.operating, verb)("ghost")


async def test_the_list_of_agents_tells_no_token(world: World) -> None:
    told = await world.operating.agent_list()
    assert told["agents"] == [
        {"name": "ci-bot", "team": "platform", "owner": None, "paused": False, "created_at": START}
        | {"consent": None, "limits": {}, "team_limits": {}}
    ]


async def test_a_run_has_a_token_of_its_own_that_ends_with_it(world: World) -> None:
    begun = await world.operating.run_begin("ci-bot")
    (token,) = [token for token in await world.store.tokens() if token.run]
    assert (token.run, token.hash) == (begun["run"], token_hash(begun["token"]))
    assert token.expires_at == START + RUN_LIFE
    await world.operating.run_end("ci-bot", begun["run"])
    assert [token.run for token in await world.store.tokens()] == [None]
    assert [row["decision"] for row in await world.said(run=begun["run"])] == ["run_began", "run_ended"]


# People. -------------------------------------------------------------------------------------------------


async def test_the_first_link_is_in_the_fragment_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    told = await world.operating.approver_invite()
    address, _, token = told["url"].partition("#")
    assert address == "http://localhost:8081/enrol"
    assert told["minutes"] == INVITATION_LIFE // 60
    dumped = await world.sqlite._ask(lambda db: "\n".join(db.iterdump()))
    assert token not in dumped
    assert len(token) >= 43
    await world.close()


async def test_once_somebody_is_enrolled_the_command_line_invites_nobody(world: World) -> None:
    with pytest.raises(UsageError, match="Somebody was enrolled already"):
        await world.operating.approver_invite()
    assert await world.sqlite._all("SELECT * FROM invitations WHERE used_at IS NULL") == []


async def test_revoking_everybody_does_not_let_the_command_line_invite_itself(world: World) -> None:
    await world.operating.approver_revoke("Mika")
    assert world.directory.people == {}
    with pytest.raises(UsageError, match="may not invite"):
        await world.operating.approver_invite()


async def test_approvers_are_listed_and_revoked(world: World) -> None:
    told = await world.operating.approver_list()
    assert [(a["name"], a["groups"], len(a["passkeys"])) for a in told["approvers"]] == [
        ("Mika", ["approvers"], 1)
    ]
    await world.operating.approver_revoke("Mika")
    assert world.directory.people == {}
    with pytest.raises(UsageError, match="Mika is not enrolled"):
        await world.operating.approver_revoke("Mika")
    assert [row["decision"] for row in await world.said(kind="person")] == ["revoked"]


# Envelopes. ------------------------------------------------------------------------------------------------


async def test_an_operator_denies_with_a_note_and_the_agent_hears_it(world: World) -> None:
    task, envelope = await world.held()
    told = await world.operating.envelope_deny(envelope.id, "Not on a Friday.")
    assert (told["envelope"]["state"], told["envelope"]["decided_by"]) == ("denied", "operator")
    with pytest.raises(Refusal, match=r"operator denied this request.*Not on a Friday"):
        await task
    (row,) = await world.said(reason="approval_denied")
    assert (row["person"], row["decision_method"]) == ("operator", "operator")


async def test_an_operator_cancels(world: World) -> None:
    task, envelope = await world.held()
    await world.operating.envelope_cancel(envelope.id)
    with pytest.raises(Refusal, match="An operator cancelled"):
        await task


@pytest.mark.parametrize("verb", ["envelope_deny", "envelope_cancel"])
async def test_what_is_decided_stays_decided(world: World, verb: str) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    with pytest.raises(UsageError, match="is approved already: nothing changed"):
        await getattr(world.operating, verb)(envelope.id)
    with pytest.raises(UsageError, match="There is no envelope env_x"):
        await getattr(world.operating, verb)("env_x")


async def test_there_is_no_way_for_an_operator_to_approve(world: World) -> None:
    names = {name for name in dir(Operating) if not name.startswith("_")}
    assert not any("approve" in name and not name.startswith("approver_") for name in names)
    envelope = await world.opened()
    for name in sorted(names):
        member = getattr(world.operating, name)
        if callable(member) and name.startswith("envelope_"):
            try:
                await member(envelope.id)
            except (UsageError, TypeError):
                continue
    assert (await world.now(envelope)).state is not State.APPROVED


async def test_envelopes_are_listed_and_shown_with_their_rows(world: World) -> None:
    envelope = await world.opened()
    listed = await world.operating.envelope_list()
    assert [e["id"] for e in listed["envelopes"]] == [envelope.id]
    shown = await world.operating.envelope_show(envelope.id)
    assert shown["envelope"]["team"] == "platform"
    assert [row["reason"] for row in shown["rows"]] == ["requires_step_up"]
    await world.operating.envelope_deny(envelope.id)
    assert (await world.operating.envelope_list())["envelopes"] == []
    assert len((await world.operating.envelope_list(everything=True))["envelopes"]) == 1
    json.dumps(shown)


# The kill switch. ------------------------------------------------------------------------------------------


async def test_the_kill_switch_pauses_every_agent_and_denies_all_that_waits(world: World) -> None:
    await world.add_agent("other")
    first = await world.opened()
    second = await world.opened(a_request(target="/v1/payments?dry=1"))
    told = await world.operating.stop_all()
    assert told["paused"] == ["ci-bot", "other"]
    assert set(told["denied"]) == {first.id, second.id}
    assert all(agent.paused for agent in world.directory.agents.values())
    assert {e.state for e in await world.store.envelopes()} == {State.DENIED}


async def test_what_was_approved_before_the_kill_switch_is_not_sent_after_it(world: World) -> None:
    envelope = await world.opened()
    await world.approve(envelope.id)
    await world.operating.stop_all()
    with pytest.raises(Refusal):
        await world.ask()
    assert (await world.now(envelope)).state is not State.SPENT


async def test_the_kill_switch_does_not_stop_at_one_that_was_decided_in_that_moment(world: World) -> None:
    for n in range(3):
        await world.opened(a_request(target=f"/{n}"))
    failing = FailingStore(world.sqlite)
    world.operating.store = failing

    async def deny_first(change: Any) -> None:
        if isinstance(change, Move):
            failing.before_apply = None
            await world.sqlite.apply(change)

    failing.before_apply = deny_first
    await world.operating.stop_all()
    assert await world.sqlite.envelopes([State.PENDING]) == []


# The log. --------------------------------------------------------------------------------------------------


async def test_the_log_is_filtered_and_paged(world: World) -> None:
    await world.opened()
    told = await world.operating.audit_list("decision:step_up agent:ci-bot", None, 5)
    assert [row["reason"] for row in told["rows"]] == ["requires_step_up"]
    assert (await world.operating.audit_list(None, 1, 5))["rows"] == []
    with pytest.raises(UsageError, match="is not a filter"):
        await world.operating.audit_list("nonsense")


async def test_a_token_of_one_agent_is_not_anothers(world: World) -> None:
    told = await world.operating.agent_add("bot")
    import base64

    header = "Basic " + base64.b64encode(f"ci-bot:{told['token']}".encode()).decode()
    with pytest.raises(Refusal):
        world.directory.identify((header,), "127.0.0.1")
    assert a_caller("bot").agent == "bot"


async def test_what_is_sealed_stays_sealed_on_its_way_to_the_command_line(world: World) -> None:
    task, envelope = await world.held()
    told = await world.operating.envelope_held(envelope.id)
    assert base64.b64decode(told["sealed"]) == envelope.sealed
    assert b"acct_tea" not in base64.b64decode(told["sealed"])
    await world.sqlite._ask(lambda db: db.execute("UPDATE envelopes SET sealed = NULL"), writes=True)
    with pytest.raises(UsageError, match="was erased when its retention ended"):
        await world.operating.envelope_held(envelope.id)
    task.cancel()


async def test_grants_are_listed_and_revoked_from_the_command_line(world: World) -> None:
    grantable(world)
    made = await granted(world)
    (listed,) = (await world.operating.grant_list())["grants"]
    assert (listed["id"], listed["uses"], listed["last_used_at"]) == (made["id"], 0, None)
    assert await world.operating.grant_revoke(made["id"]) == {"grant": made["id"], "revoked": True}
    assert (await world.operating.grant_list())["grants"] == []
    (ended,) = (await world.operating.grant_list(everything=True))["grants"]
    assert (ended["ended_why"], ended["ended_by"]) == ("revoked", "operator")
    with pytest.raises(UsageError, match="no live grant"):
        await world.operating.grant_revoke(made["id"])


async def test_the_command_line_makes_no_grants() -> None:
    assert {name for name in COMMANDS if "grant" in name} == {"grant_list", "grant_revoke"}
