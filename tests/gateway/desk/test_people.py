from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.desk.contract import DeskError
from gateway.encoding import b64u
from gateway.payload import utc
from gateway.store.things import Recovery, StoredSession
from gateway.store.writes import StartRecovery
from tests.kit.clocks import START
from tests.kit.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World(tmp_path).open()
    made.policy.administrators = frozenset({"Mika", "Tomo"})
    await made.enrol("Noor")
    yield made
    await made.close()


async def test_everybody_is_shown_with_their_keys(world: World) -> None:
    view = await world.people.view(world.session("Noor"))
    assert (view["me"], view["administrator"], view["groups"]) == (
        "Noor",
        False,
        ["administrators", "approvers"],
    )
    mika, noor = view["people"]
    assert (mika["name"], mika["administrator"], noor["administrator"]) == ("Mika", True, False)
    (key,) = noor["keys"]
    assert (key["id"], key["waits_for"]) == (b64u(world.passkeys["Noor"].id), None)
    assert (key["since"], key["last_used_at"]) == (utc(START), None)
    assert "public_key" not in key


async def test_a_revoked_person_is_gone_with_every_session(world: World) -> None:
    tab = StoredSession("c", "t", "Noor", world.passkeys["Noor"].id, START, START + 999)
    await world.sqlite._ask(
        lambda db: db.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
            (tab.token_hash, tab.tab_hash, tab.person, tab.credential_id, tab.created_at, tab.expires_at),
        ),
        writes=True,
    )
    assert await world.people.revoke_person(world.session("Mika"), "Noor") == {
        "person": "Noor",
        "revoked": True,
    }
    assert "Noor" not in world.directory.people
    assert await world.store.sessions() == []
    (row,) = await world.said(kind="person", decision="revoked")
    assert (row["person"], row["decision_method"], row["detail"]) == ("Mika", "session", "Noor")


async def test_a_key_says_when_it_signed_last(world: World) -> None:
    world.time.advance(60)
    begun = await world.signing_in.login_begin()
    await world.signing_in.login_finish(begun["challenge_id"], world.passkeys["Noor"].sign(begun["options"]))
    _, noor = (await world.people.view(world.session("Mika")))["people"]
    assert noor["keys"][0]["last_used_at"] == utc(START + 60)


async def test_what_a_revoked_person_signed_lets_nothing_go(world: World) -> None:
    task, envelope = await world.held()
    await world.people.revoke_person(world.session("Mika"), "Noor")
    with pytest.raises(DeskError):
        await world.approve(envelope.id, "Noor")
    task.cancel()


async def test_only_administrators_revoke_somebody_else(world: World) -> None:
    with pytest.raises(DeskError, match="Only an administrator"):
        await world.people.revoke_person(world.session("Noor"), "Mika")
    with pytest.raises(DeskError, match="Only an administrator"):
        await world.people.revoke_key(world.session("Noor"), b64u(world.passkeys["Mika"].id))


async def test_anybody_leaves_by_themself(world: World) -> None:
    await world.people.revoke_person(world.session("Noor"), "Noor")
    assert "Noor" not in world.directory.people


async def test_the_last_administrator_is_not_revoked_on_the_pages(world: World) -> None:
    with pytest.raises(DeskError, match="only administrator"):
        await world.people.revoke_person(world.session("Mika"), "Mika")
    with pytest.raises(DeskError, match="only administrator"):
        await world.people.revoke_key(world.session("Mika"), b64u(world.passkeys["Mika"].id))
    await world.enrol("Tomo")
    await world.people.revoke_person(world.session("Mika"), "Mika")
    assert "Mika" not in world.directory.people


async def test_one_key_of_two_is_revoked(world: World) -> None:
    second = await world.second_passkey("Mika")
    await world.people.revoke_key(world.session("Mika"), b64u(second.id))
    assert [key.id for key in world.directory.people["Mika"].credentials] == [world.passkeys["Mika"].id]
    (row,) = await world.said(kind="person", decision="key_revoked")
    assert row["detail"].startswith("Mika, passkey ")


async def test_an_administrator_revokes_a_lost_key(world: World) -> None:
    await world.people.revoke_key(world.session("Mika"), b64u(world.passkeys["Noor"].id))
    assert not world.directory.has_passkey("Noor")


async def test_nobody_and_no_key_is_a_sentence(world: World) -> None:
    with pytest.raises(DeskError, match="Nobody of that name"):
        await world.people.revoke_person(world.session("Mika"), "Ghost")
    with pytest.raises(DeskError, match="no such passkey"):
        await world.people.revoke_key(world.session("Mika"), "AAAA")


async def test_anybody_cancels_a_recovery_once(world: World) -> None:
    await world.store.apply(StartRecovery(Recovery("Noor", "Mika", START)))
    assert (await world.people.view(world.session("Noor")))["recoveries"][0]["person"] == "Noor"
    await world.people.cancel_recovery(world.session("Noor"), "Noor")
    with pytest.raises(DeskError, match="meanwhile"):
        await world.people.cancel_recovery(world.session("Noor"), "Noor")
